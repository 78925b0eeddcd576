"""When a group fails a gate: how far it is beyond the limit, how far it must be, and what its own figure may be.

    distance    how far beyond the limit, in standard errors: 1.96 is the whole 95 % interval beyond, exactly
    criterion   how far it must be. Within one gate several groups are asked about, and one in forty fair ones would
                be 1.96 beyond by chance: failing follows Holm's step-down rule (Scandinavian Journal of Statistics
                1979, 6:65-70) at 2.5 %, one-sided, over the gate's groups

Of four groups at distances 3.1, 2.3, 0.4 and minus infinity, the first must be 2.50 beyond (one of four) and is; the
second then 2.39 (one of three) and is not, nor are the others. A group's criterion is thus set by the others that fail
whatever it does itself: 2.39 for all but the first, whose others do not fail, 2.50 for that one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from charter.rules.measures import MEASURES
from charter.rules.questions import Gate

__all__ = [
    "Z",
    "compare_bound",
    "count_households",
    "find_criterion",
    "find_overall_rate",
    "is_beyond",
    "keeps_limit",
    "list_criteria",
    "measure_distance",
]

Z = NormalDist().inv_cdf(0.975)
"""Standard errors from a figure to either end of its 95 % interval."""


def measure_distance(gate: Gate, finding: Mapping[str, Any]) -> float:
    """Return how far the group is beyond the limit, in standard errors; minus infinity where it cannot be told.

    The standard error is that of the end of the interval that faces the limit.
    """
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    rest = finding.get("rest") or {}
    if (
        value is None
        or interval is None
        or min(count_households(finding), count_households(rest)) < gate.minimum_positives
    ):
        return -math.inf
    low, high = interval
    facing, beyond = (high, gate.limit - value) if gate.at_least else (low, value - gate.limit)
    if facing is None or beyond <= 0:
        return -math.inf
    width = abs(facing - value)
    return math.inf if width == 0 else Z * beyond / width


def list_criteria(distances: Sequence[float]) -> list[float]:
    """Return the distance from which on each group fails, given those of the others; all of one gate's groups."""
    order = sorted(range(len(distances)), key=lambda i: -distances[i])
    criteria = [0.0] * len(distances)
    for group in range(len(distances)):
        failing = 0
        for other in order:
            if other != group and distances[other] < find_criterion(len(distances) - failing):
                break
            failing += other != group
        criteria[group] = find_criterion(len(distances) - failing)
    return criteria


def find_criterion(groups: int) -> float:
    """Return the distance that one of so many groups must be beyond."""
    return NormalDist().inv_cdf(1 - 0.025 / groups)


def is_beyond(gate: Gate, value: float) -> bool:
    """Whether a gap is worse than the limit, whatever its interval."""
    return value < gate.limit if gate.at_least else value > gate.limit


def keeps_limit(gate: Gate, value: float, interval: Sequence[float | None]) -> bool:
    """Whether the figure and its whole interval keep the limit; an end that is not bounded keeps none."""
    end = interval[0] if gate.at_least else interval[1]
    if end is None:
        return False
    return min(value, end) >= gate.limit if gate.at_least else max(value, end) <= gate.limit


def find_overall_rate(gate: Gate, finding: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the overall rate that the gate's bound follows, from the findings of the same audit; None where unknown.

    Of a measure of lists it is the share of everybody who was listed: the places alone decide it, so that no model can
    lower its own bar. Of 8,000 people 40 are listed: 0.005, and of those with a later need a lot would list as many.
    """
    measure = MEASURES[gate.measure]
    if measure.overall == gate.measure:
        return _pool_sides(finding)
    same = ("characteristic", "group", "component", "model", "at")
    for other in findings:
        if other["measure"] == measure.overall and all(other.get(key) == finding.get(key) for key in same):
            return _pool_sides(other)
    return None


def _pool_sides(finding: Mapping[str, Any]) -> float | None:
    """Return the figure of the group and everyone else together; None where one side has none."""
    sides = [side for side in (finding, finding.get("rest") or {}) if side.get("n")]
    if not sides or any(side.get("estimate") is None for side in sides):
        return None
    return float(sum(side["estimate"] * side["n"] for side in sides) / sum(side["n"] for side in sides))


def compare_bound(gate: Gate, side: Mapping[str, Any]) -> str:
    """Compare one side's figure with the gate's bound: pass, fail or insufficient, as where the bound is not known."""
    estimate, interval = side.get("estimate"), side.get("interval")
    if estimate is None or interval is None:
        return "insufficient"
    if math.isnan(gate.bound):
        return "insufficient"
    low, high = interval
    if gate.at_least:
        return "fail" if high < gate.bound else "pass" if low >= gate.bound else "insufficient"
    return "fail" if low > gate.bound else "pass" if high <= gate.bound else "insufficient"


def count_households(side: Mapping[str, Any]) -> int:
    """Return how many clusters the figure rests on; rows where the table has no clusters."""
    clusters = side.get("clusters")
    return int(side.get("n") or 0) if clusters is None else int(clusters)
