"""Whom linkage takes for somebody else in populations that are made for it; long: `make deep`.

What was linked of each seed is kept in SOONER_HOSTILE (a file of counts, by default in the temporary folder, one for
each `parameters.toml`), so that an interrupted run goes on where it stopped. A run ends after
SOONER_HOSTILE_MINUTES and judges the seeds that are done; the next one goes on. Widen it by SOONER_HOSTILE_SEEDS.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from charter.vault.key import Key
from features.intake.database import give_rows, open_database
from features.linking.parameters import Parameters
from tests.generative.hostile_people import make_population
from tests.unit.features.linking.said import link_said

FILE = Path(
    os.environ.get(
        "SOONER_HOSTILE", f"{tempfile.gettempdir()}/sooner_hostile_{os.getuid()}_{Parameters.load().sha256[:8]}.jsonl"
    )
)
SEEDS = int(os.environ.get("SOONER_HOSTILE_SEEDS", "40"))
MINUTES = float(os.environ.get("SOONER_HOSTILE_MINUTES", "45"))
FEWEST = 5
"""Seeds that a run does whatever the time: fewer say nothing."""


def _link_seed(seed: int, references: int) -> dict[str, object]:
    """Return how many references each group has, and how many are with somebody else by links that nobody reviews."""
    population = make_population(seed, references)
    with open_database(Key(b"k" * 32), 1) as database:
        linkage = link_said(database, give_rows(database, population))
    rows = {row["ref"]: row for row in population.to_pylist()}
    by_person: dict[str, list[str]] = {}
    for ref in rows:
        by_person.setdefault(linkage.representative[ref], []).append(ref)
    wrong: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    certain = Parameters.load().certain
    for refs in by_person.values():
        most = Counter(rows[ref]["person"] for ref in refs).most_common(1)[0][0]
        weights = [linkage.links[ref].weight for ref in refs if linkage.links[ref].weight is not None]
        for ref in refs:
            if rows[ref]["person"] != most:
                weak = any(weight < certain for weight in weights)
                (unsure if weak else wrong)[rows[ref]["hard"]] += 1
    return {
        "seed": seed,
        "references": dict(Counter(row["hard"] for row in rows.values())),
        "wrong": dict(wrong),
        "marked": dict(unsure),
    }


def _link_seeds(seeds: int) -> list[dict[str, object]]:
    """Return the counts of the seeds that are done when all are, or time is up."""
    done = {}
    if FILE.exists():
        done = {row["seed"]: row for row in map(json.loads, FILE.read_text(encoding="utf-8").splitlines())}
    until = time.monotonic() + 60 * MINUTES
    with FILE.open("a", encoding="utf-8") as file:
        for seed in range(seeds):
            if seed in done:
                continue
            if len(done) >= FEWEST and time.monotonic() > until:
                break
            size = random.Random(seed).randrange(200, 2000)  # noqa: S311 a made-up town has no secret
            done[seed] = _link_seed(seed, size)
            file.write(json.dumps(done[seed]) + "\n")
            file.flush()
    return [done[seed] for seed in sorted(done) if seed < seeds]


@pytest.mark.deep
def test_hardly_anybody_is_taken_for_somebody_else_without_being_marked() -> None:
    found = _link_seeds(SEEDS)
    references, wrong = Counter(), Counter()
    for row in found:
        references.update(row["references"])
        wrong.update(row["wrong"])
    total = sum(references.values())
    assert len(found) >= min(FEWEST, SEEDS)
    assert total > 500 * len(found)
    assert sum(wrong.values()) <= max(2, total / 2_500), (dict(wrong), dict(references))
