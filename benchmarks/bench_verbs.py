"""What each verb of the path costs, from extracts to a list: seconds, processor seconds, memory, rows, and bare work.

A fictional borough goes from extracts to a list, each verb a process of its own (`sooner demo` is the same steps in
one), then every verb is run once more with nothing to do. Beside each stands the work that it rests on
(benchmarks/bare_work.py). Figures of a verb are the whole process's by the operating system; the bare work's are its
own processor seconds, without start and imports, which favours the peer.

The figure is processor seconds: by the clock, the same work takes several times as long where a machine is shared.

    SOONER_BENCH_HOMES="3000 10000" python -m benchmarks verbs     other sizes than 3,000, 10,000 and 110,000
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bare_work import BARE
from benchmarks.results import Row
from benchmarks.verb_sections import SHARED, bound_verb, measure_start, run_in_sections
from benchmarks.whole_process import Cost, run_process
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation

HOMES = "3000 10000 110000"
PATH = ("pull", "link", "build", "train", "audit", "decide", "promote", "rank")
"""The verbs, in order."""
GOALS = {"pull": 2.0, "link": 0.6, "train": 1.15}
"""At most so many times the bare work."""
AUDIT = 10.0
"""Processor seconds of an audit, of any size."""
CLOCK = {3_000: 15, 10_000: 45, 110_000: 240}
"""Seconds by the clock from pull to rank, by homes."""
MEMORY = 6_144
"""MiB that no verb goes beyond."""
UNCHANGED = 0.5
"""Processor seconds of a verb that has nothing to do."""
REFERRED = 15
KEY = "5a" * 32
"""A key of the benchmark's own: its borough is fictional."""


@dataclass(frozen=True)
class Profile:
    """What one verb cost the first time and again, on how many rows, and the bare work's processor seconds."""

    verb: str
    first: Cost
    again: Cost
    rows: int
    bare: float | None
    sections: Mapping[str, float]


def profile_borough(root: Path, homes: int) -> list[Profile]:
    """Take a borough of so many homes from extracts to a list, verb by verb; then each verb once more."""
    first: dict[str, Cost] = {}
    bare: dict[str, float] = {}
    sections: dict[str, dict[str, float]] = {}
    run_verb(root, "synth", "--households", str(homes))
    sign_as_all(root, "charter")
    for verb in PATH:
        if verb == "promote":
            sign_as_all(root, "decision")
        if verb in SHARED:
            first[verb], sections[verb] = run_in_sections(root, verb, ending=(0, REFERRED))
        else:
            first[verb] = run_verb(root, verb)
        if verb in BARE:
            printed = run_process(["-m", "benchmarks.bare_work", verb, str(root)]).printed
            bare[verb] = float(printed.split()[-1])
    again = {verb: run_verb(root, verb) for verb in PATH}
    rows = _count_rows(Workspace(root, open_borough(root).programme))
    return [
        Profile(verb, first[verb], again[verb], rows.get(verb, 0), bare.get(verb), sections.get(verb, {}))
        for verb in PATH
    ]


def open_borough(root: Path) -> Invocation:
    """Return the invocation of a made-up borough's workspace."""
    return Invocation.open(None, "", root, quiet=True)


def sign_as_all(root: Path, what: str) -> None:
    """Sign the charter or the decision in each role that must, marked `demo`."""
    for role in open_borough(root).policy.signers(what):
        run_verb(root, "sign", "--what", what, "--role", role.id, "--demo")


def run_verb(root: Path, *words: str) -> Cost:
    """Run a verb on a workspace in a process of its own and return what it cost."""
    return run_process(["-m", "sooner", *words, "--quiet", "--workspace", str(root)], ending=(0, REFERRED))


def _count_rows(files: Workspace) -> Mapping[str, int]:
    """Return how many rows each verb read or made: delivered rows, references, matrix rows, scored and listed ones."""
    import numpy as np
    import pyarrow.parquet as pq

    from charter.contracts.files import find_current, read_json

    snapshot, run = files.snapshot(), find_current(files.scores)
    matrix = find_current(files.matrix)
    if run is None or matrix is None:
        raise FileNotFoundError("no run")
    pulled = sum(row["rows"] for row in read_json(snapshot / "manifest.json")["sources"])
    built = sum(day["rows"] for day in read_json(matrix / "manifest.json")["as_of"].values())
    ranked = max(files.matrix.glob("*/as_of=*/entity.npy"), key=lambda path: path.parent.name)
    return {
        "pull": pulled,
        "link": pq.read_metadata(snapshot / "tables" / "links.parquet").num_rows,
        "build": built,
        "train": built,
        "audit": pq.read_metadata(run / "scores.parquet").num_rows,
        "rank": len(np.load(ranked, mmap_mode="r")),
    }


def _rows_of(homes: int, profiles: Sequence[Profile], start: float) -> list[Row]:
    rows = []
    for profile in profiles:
        cost, bare, goal = profile.first, profile.bare, GOALS.get(profile.verb)
        times = None if not bare else cost.processor / bare
        peers: dict[str, float | str] = {
            "by the clock, s": round(cost.clock, 1),
            "memory, MiB": round(cost.mib),
            "rows": profile.rows,
            "again, nothing changed, processor s": round(profile.again.processor, 2),
        }
        if bare is not None and times is not None:
            peers |= {"bare work, processor s": round(bare, 2), "times the bare work": round(times, 2)}
            peers |= bound_verb(profile.verb, profile.sections, bare) if profile.sections else {}
        wanted = None if goal is None or times is None else f"{goal:g} times the bare work or less"
        met = None if goal is None or times is None else times <= goal
        if profile.verb == "audit" and bare is not None:
            wanted, met = f"under {AUDIT:g} s", cost.processor < AUDIT
            peers["bound: the bare work alone, processor s"] = round(bare, 2)
        note = "the whole process; the bare work without its start"
        name, seconds = f"verb/{homes:,} homes, {profile.verb}", round(cost.processor, 1)
        rows.append(Row(name, seconds, "s of processor time", wanted, met, peers, note))
    return [*rows, *_whole_path(homes, profiles), _unchanged(homes, profiles, start)]


def _whole_path(homes: int, profiles: Sequence[Profile]) -> list[Row]:
    clock, memory = sum(one.first.clock for one in profiles), max(one.first.mib for one in profiles)
    total, bare = sum(one.first.processor for one in profiles), sum(one.bare or 0.0 for one in profiles)
    peers: dict[str, float | str] = {"by the clock, s": round(clock, 1), "memory, MiB": round(memory)}
    path, note = f"verb/{homes:,} homes, pull to rank", "a process for each verb, without synth and the weeks in shadow"
    return [
        Row(path, round(total, 1), "s of processor time", None, None, peers, note),
        *judge_path(homes, clock, memory, bare),
    ]


def judge_path(homes: int, clock: float, memory: float, bare: float) -> list[Row]:
    """Return the rows of the whole path beside its goals, where its size has one.

    `clock` in seconds, `memory` in MiB of the largest verb; `bare`: processor seconds of the bare work of all verbs.
    """
    most = "memory of the largest verb"
    rows = [
        Row(f"verb/{homes:,} homes, {most}", round(memory), "MiB", "under 6 GiB", memory < MEMORY, {}, "by the system")
    ]
    if homes in CLOCK:
        peers: dict[str, float | str] = {"bound: the bare work of its verbs alone, processor s": round(bare, 1)}
        name, goal = f"verb/{homes:,} homes, pull to rank by the clock", CLOCK[homes]
        note = "a process for each verb, without synth and the weeks in shadow"
        rows.append(Row(name, round(clock, 1), "s", f"under {goal} s", clock < goal, peers, note))
    return rows


def _find_slowest(profiles: Sequence[Profile]) -> Profile:
    return max(profiles, key=lambda one: one.again.processor)


def _unchanged(homes: int, profiles: Sequence[Profile], start: float) -> Row:
    slowest = _find_slowest(profiles)
    peers: dict[str, float | str] = {one.verb: round(one.again.processor, 2) for one in profiles}
    peers[f"bound: starting, and importing what {slowest.verb} then holds, s"] = round(start, 2)
    return Row(
        f"verb/{homes:,} homes, the slowest verb with nothing to do",
        round(slowest.again.processor, 2),
        "s of processor time",
        f"{UNCHANGED} or less",
        slowest.again.processor <= UNCHANGED,
        peers,
        f"{slowest.verb}; every verb of the path, run once more",
    )


def run() -> list[Row]:
    """Measure every verb at each size."""
    os.environ.setdefault("SOONER_KEY", KEY)
    rows: list[Row] = []
    for homes in map(int, os.environ.get("SOONER_BENCH_HOMES", HOMES).split()):
        with tempfile.TemporaryDirectory(prefix="sooner-verbs-") as folder:
            root = Path(folder) / "workspace"
            profiles = profile_borough(root, homes)
            start = measure_start(root, _find_slowest(profiles).verb, (0, REFERRED))
        for profile in profiles:
            print(json.dumps({"homes": homes, "verb": profile.verb, "processor": round(profile.first.processor, 1)}))
        rows += _rows_of(homes, profiles, start)
    return rows
