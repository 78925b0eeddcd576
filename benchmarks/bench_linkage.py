"""The linkage of a borough: how right, for whom, and its time and memory beside plain Splink with the same model.

The borough of 110,000 homes (about 250,000 people at a time) is made, pulled and linked; the truth beside its extracts
judges. Plain Splink scores every reference with the same settings and clusters at the same threshold; ours first joins
what is exactly the same, keeps the rules that Splink has no words for, and scores the rest. Both start from the same
evidence, each in a process of its own.

    python -m benchmarks linkage              the whole work
    python -m benchmarks.bench_linkage 20000  so many homes, printed and not recorded
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Row
from borough.synth import make_borough
from charter.contracts.files import writer_lock
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from charter.vault.key import Key
from features.intake.database import compute_rows, open_database, read_parquet
from features.linking.accuracy import Accuracy, measure_accuracy, read_truth
from features.linking.link import link_records
from features.pull import pull_sources

HOUSEHOLDS = 110_000
SEED = 1
KEY = "5a" * 32
"""A key of the benchmark's own: its borough is fictional."""
GROUPS = ("ethnicity", "sex", "ethnicity_recorded")
FEWEST = 1000
"""Pairs below which a group's recall says little."""
_WITHOUT_TAX = ", references of other services than council tax"


def workspace(households: int) -> Invocation:
    """Return the borough's workspace, made and pulled first if it isn't there."""
    os.environ.setdefault("SOONER_KEY", KEY)
    root = Path(__file__).parent / "workspace" / f"linkage_{households}_{SEED}"
    council = Council.load(Path(__file__).parents[1] / "council")
    invocation = Invocation(council, "early_help", Workspace(root, "early_help"), quiet=True)
    if not root.exists():
        make_borough(root / "extracts", council, households, SEED)
    with writer_lock(root):
        pull_sources(invocation)
    return invocation


def judged(invocation: Invocation) -> tuple[Accuracy, Accuracy, Mapping[str, Accuracy]]:
    """Return how right all links are, exact matching alone, and each group's links."""
    files, truth = invocation.workspace, invocation.workspace.extracts / "truth"
    key = Key.load(invocation.council, files)
    with open_database(key) as database:
        real = compute_rows(
            database,
            "select t.*, p.ethnicity, p.sex, if(t.person in (select person from truth "
            "join characteristics using (ref) where characteristic = 'ethnicity'), 'recorded', 'not recorded') "
            "as ethnicity_recorded from truth t join real_people p using (person)",
            truth=read_truth(database, key, truth / "references.parquet"),
            real_people=read_parquet(database, truth / "people.parquet"),
            characteristics=read_parquet(database, files.snapshot() / "records" / "protected.parquet"),
        )
        links = read_parquet(database, files.snapshot() / "tables" / "links.parquet")
        exact = links.select("ref, if(method in ('key', 'name and date'), other_ref, ref) as person_id")
        elsewhere = compute_rows(
            database,
            "select r.* from real r join links l using (ref) where l.service <> 'council_tax'",
            real=real,
            links=links,
        )
        groups: dict[str, Accuracy] = {}
        for name, one in measure_accuracy(database, links, elsewhere, "ethnicity_recorded").items():
            groups[f"{name}{_WITHOUT_TAX}"] = one
        for group in GROUPS:
            groups |= measure_accuracy(database, links, real, group)
        overall, exact_alone = (measure_accuracy(database, rows, real)["all"] for rows in (links, exact))
        return overall, exact_alone, groups


_GATHERED = """
import resource, sys, time
from pathlib import Path
from benchmarks.bench_linkage import workspace
from charter.vault.key import Key
from charter.council.register import Register
from charter.vault.vault import Vault
from features.linking.evidence import gather_evidence
from features.linking.parameters import Parameters
from features.intake.database import open_database

invocation = workspace(int(sys.argv[1]))
files = invocation.workspace
register, key = invocation.register, Key.load(invocation.council, files)
database, parameters = open_database(key), Parameters.load()
evidence = gather_evidence(database, Vault.open(files.vault, key), files.snapshot(), register)
began, worked = time.perf_counter(), time.process_time()
"""
_OURS = """
from features.linking.joining import people

compare_pairs, compared = people._score_records, [0.0]


def compare_timed(*of, **named):
    started = time.perf_counter()
    scored = compare_pairs(*of, **named)
    compared[0] += time.perf_counter() - started
    return scored


people._score_records = compare_timed
people.link_people(database, evidence, register, parameters)
print(compared[0])
"""
"""Prints the seconds of comparing pairs and learning what traits are worth: the work that plain Splink does too."""
_PLAIN = """
from benchmarks.bare_work import cluster_plainly
cluster_plainly(database, evidence, parameters)
"""
_MEASURED = """
print(time.perf_counter() - began, time.process_time() - worked,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds, and peak MiB; of ours also the wall seconds of comparing pairs."""

    wall: float
    cpu: float
    memory: float
    compared: float = 0.0


def measured(work: str, households: int) -> Cost:
    """Run one contender on the gathered evidence in a process of its own."""
    code = _GATHERED + work + _MEASURED
    done = subprocess.run([sys.executable, "-c", code, str(households)], check=True, capture_output=True, text=True)
    *compared, wall, cpu, memory = map(float, done.stdout.split())
    return Cost(wall, cpu, memory, sum(compared))


def rows_of(households: int) -> list[Row]:
    """Link the borough and measure it."""
    invocation = workspace(households)
    began = time.perf_counter()
    with writer_lock(invocation.workspace.root):
        result = link_records(invocation)
    whole = time.perf_counter() - began
    overall, exact, groups = judged(invocation)
    without = {name: one.recall for name, one in groups.items() if name.endswith(_WITHOUT_TAX)}
    recalls = {name: one.recall for name, one in groups.items() if one.true >= FEWEST and name not in without}
    recorded = {name: recalls.pop(name) for name in ("recorded", "not recorded")}
    gap, unrecorded = (100 * (max(each.values()) - min(each.values())) for each in (recalls, recorded))
    ours, plain = measured(_OURS, households), measured(_PLAIN, households)
    size = f"{households:,} homes, {result.references:,} references, {overall.true:,} pairs"
    return [
        Row(
            "linkage: pairwise F1",
            round(overall.f1, 4),
            "",
            "0.97 or more, where exact matching alone recalls 0.85 at most",
            overall.f1 >= 0.97 and exact.recall <= 0.85,
            {"exact matching alone, recall": round(exact.recall, 4), "exact matching alone, F1": round(exact.f1, 4)},
            f"{size}; precision {overall.precision:.4f}, recall {overall.recall:.4f}",
        ),
        Row(
            "linkage: the worst group's recall under the best",
            round(gap, 2),
            "points",
            "2 or less",
            gap <= 2,
            {name: round(recall, 4) for name, recall in recalls.items()},
            f"groups of {FEWEST:,} pairs or more, by what people are, whatever was recorded",
        ),
        Row(
            "linkage: recall where no service recorded ethnicity, under where one did",
            round(unrecorded, 2),
            "points",
            "2 or less",
            unrecorded <= 2,
            {name: round(recall, 4) for name, recall in recorded.items()}
            | {f"bound: {name}": round(recall, 4) for name, recall in without.items()},
            "most of these are known to council tax alone, by a name and an address: see docs/decisions/0037",
        ),
        Row(
            "linkage: time against plain Splink with the same model",
            round(ours.wall / plain.wall, 2),
            "times",
            "1.3 or less",
            ours.wall <= 1.3 * plain.wall,
            {
                "ours, s": round(ours.wall, 1),
                "plain Splink, s": round(plain.wall, 1),
                "by CPU, times": round(ours.cpu / plain.cpu, 2),
                "bound: comparing pairs and learning their worth alone, s": round(ours.compared, 1),
            },
            f"{size}; `sooner link` whole{', with the tables' if result.made else ' (done before)'}: {whole:.0f} s",
        ),
        Row(
            "linkage: peak memory against plain Splink with the same model",
            round(ours.memory / plain.memory, 2),
            "times",
            None,
            None,
            {"ours, MiB": round(ours.memory), "plain Splink, MiB": round(plain.memory)},
            "both with the evidence in memory: it may not spill to disk",
        ),
    ]


def run() -> list[Row]:
    """Measure all of it."""
    return rows_of(HOUSEHOLDS)


if __name__ == "__main__":
    for row in rows_of(int(sys.argv[1])):
        print(f"{row.name}: {row.figure:g} {row.unit} ({row.goal}) {dict(row.peers)} {row.note}")
