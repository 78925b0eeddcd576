"""Whom linkage takes for somebody else in populations that are made for it; long: `make deep`.

What was linked of each seed is kept in SOONER_HOSTILE (a file of counts, by default in the temporary folder, one for
each `parameters.toml`), so that an interrupted run goes on where it stopped. A run ends after
SOONER_HOSTILE_MINUTES and judges the seeds that are done; the next one goes on. Widen it by SOONER_HOSTILE_SEEDS, and
by SOONER_HOSTILE_SIZE (references of each; by default 200 to 2,000).
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from charter.vault.key import Key
from features.intake.database import give_rows, open_database
from features.linking.parameters import Parameters
from tests.generative.hostile_people import make_population
from tests.unit.features.linking.said import link_said

SIZE = int(os.environ.get("SOONER_HOSTILE_SIZE", "0"))
FILE = Path(
    os.environ.get(
        "SOONER_HOSTILE",
        f"{tempfile.gettempdir()}/sooner_hostile_{os.getuid()}_{Parameters.load().sha256[:8]}_{SIZE}.jsonl",
    )
)
SEEDS = int(os.environ.get("SOONER_HOSTILE_SEEDS", "40"))
MINUTES = float(os.environ.get("SOONER_HOSTILE_MINUTES", "45"))
FEWEST = 5
"""Seeds that a run does whatever the time: fewer say nothing."""


def link_seed(seed: int, references: int) -> dict[str, Any]:
    """Return by group how many references there are, how many are with somebody else, and pairs found and there.

    `wrong`: by links that nobody is asked to look at; `marked`: by some that are said to be uncertain. `namesakes`: of
    both, those of whom nothing could tell: somebody else there has their forename, surname and date of birth (twins
    of one forename). `asked`: pairs of one person that are not joined, and that a person is asked about.
    """
    population = make_population(seed, references)
    with open_database(Key(b"k" * 32), 1) as database:
        linkage = link_said(database, give_rows(database, population))
    rows = {row["ref"]: row for row in population.to_pylist()}
    people, linked = _gather(rows, {ref: row["person"] for ref, row in rows.items()}), linkage.representative
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("wrong", "marked", "namesakes", "found", "true")}
    certain = Parameters.load().certain
    for refs in _gather(rows, linked).values():
        each = Counter(rows[ref]["person"] for ref in refs)
        (most, _), *_ = each.most_common(1)
        weights = [linkage.links[ref].weight for ref in refs]
        weak = any(weight is not None and weight < certain for weight in weights)
        for ref in refs:
            if rows[ref]["person"] != most:
                counts["marked" if weak else "wrong"][rows[ref]["hard"]] += 1
                others = {_name(rows[of]) for of in refs if rows[of]["person"] != rows[ref]["person"]}
                counts["namesakes"][rows[ref]["hard"]] += _name(rows[ref]) in others
        for person, count in each.items():
            counts["found"][rows[people[person][0]]["hard"]] += count * (count - 1) // 2
    review = {frozenset((linked[pair.one], linked[pair.other])) for pair in linkage.review}
    asked = 0
    for refs in people.values():
        counts["true"][rows[refs[0]]["hard"]] += len(refs) * (len(refs) - 1) // 2
        asked += sum(frozenset((linked[one], linked[other])) in review for one, other in combinations(refs, 2))
    return {
        "seed": seed,
        "references": dict(Counter(row["hard"] for row in rows.values())),
        **{name: dict(count) for name, count in counts.items()},
        "asked": asked,
        "review": len(linkage.review),
    }


def _name(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the whole name and date of birth that a record says."""
    return row["forename"].lower(), row["surname"].lower(), row["birth_date"]


def _gather(refs: Iterable[str], whose: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the references of each person."""
    of: dict[str, list[str]] = {}
    for ref in refs:
        of.setdefault(whose[ref], []).append(ref)
    return of


def link_seeds(seeds: int) -> list[dict[str, Any]]:
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
            size = SIZE or random.Random(seed).randrange(200, 2000)  # noqa: S311 a made-up town has no secret
            done[seed] = link_seed(seed, size)
            file.write(json.dumps(done[seed]) + "\n")
            file.flush()
    return [done[seed] for seed in sorted(done) if seed < seeds]


@pytest.mark.deep
def test_hardly_anybody_is_taken_for_somebody_else() -> None:
    """Marked or not; what is shown is `python -m benchmarks linkage_hostile`, this only holds it."""
    found = link_seeds(SEEDS)
    references, wrong = Counter(), Counter()
    for row in found:
        references.update(row["references"])
        wrong.update(row["wrong"])
        wrong.update(row["marked"])
    total = sum(references.values())
    assert len(found) >= min(FEWEST, SEEDS)
    assert total > 500 * len(found)
    assert sum(wrong.values()) <= max(3, total / 5_000), (dict(wrong), dict(references))
