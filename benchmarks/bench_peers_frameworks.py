"""Peers that make features for a living: Triage, timeseriesflattener, featuretools, each on a size it finishes.

Each does less than ours, as its own script under `peers/` says; the rows say what was left out.

    SOONER_PEER=featuretools python -m benchmarks peers_frameworks     those alone whose name holds the word
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks import borough_at_scale
from benchmarks.peers.contest import Contender, alternate, ours, peer, ready
from benchmarks.results import Row

_DATES = 24
_FEW = (20, 3_640)
"""Households and events: what ours takes for nothing but beginning, reading and writing."""


def run() -> list[Row]:
    """Alternate ours with each peer whose environment is there; say which is not."""
    ten, thin, two = (10_000, 1_820_000), (2_500, 45_000), (2_000, 364_000)
    contests = [
        (
            "triage 6", "triage", (), ten, 10.0,
            "knowledge date only: no versions, choices, coverage, dated membership or different details; 128 columns "
            "and their imputation flags; loading and indexing not counted; CPU includes the whole database server",
        ),
        (
            "timeseriesflattener, our time rule", "timeseriesflattener", ("--our-rule",), ten, 8.0,
            "160 columns: no days since, no change; its different details count the missing as one",
        ),
        (
            "timeseriesflattener, as shipped", "timeseriesflattener", (), thin, 1.0,
            "128 columns by event time alone: no versions, choices, coverage or dated membership",
        ),
        (
            "featuretools, cutoff times", "featuretools", (), two, 100.0,
            "160 columns by event time alone; all households share each cutoff, which is its fastest use",
        ),
    ]  # fmt: skip
    wanted = os.environ.get("SOONER_PEER", "")
    return [_contest(*contest) for contest in contests if wanted in contest[0]]


def _contest(
    name: str, environment: str, arguments: tuple[str, ...], size: tuple[int, int], goal: float, less: str
) -> Row:
    if not ready(environment):
        note = f"not run: `python -m benchmarks.peers.set_up {environment}` makes its environment"
        return Row(f"peer: {name}", 0.0, "x our time", f"{goal:g}x or more", False, {}, note)
    tables: Path = borough_at_scale.make(*size)
    contender: Contender = peer(name, environment, "run.py", *arguments, keeps=False)
    contest = alternate([ours(), contender], tables, _DATES)
    ratio = contest.ratio(name, "sooner")
    words = contest.words() | {"CPU": f"{contest.ratio(name, 'sooner', 'cpu'):.1f} x ours"}
    if ratio < goal:
        words["bound: ours on 20 households, the same dates"] = alternate(
            [ours()], borough_at_scale.make(*_FEW), _DATES
        ).words()["sooner"]
    work = f"{size[0]:,} households, {size[1]:,} events, {_DATES} dates"
    return Row(
        f"peer: {name}", round(ratio, 2), "x our time", f"{goal:g}x or more", ratio >= goal,
        words, f"{work}; {less}",
    )  # fmt: skip
