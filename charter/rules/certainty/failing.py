"""When a group fails a question: how far beyond the limit it is, and that it is no chance difference.

    distance    how far beyond the limit, in standard errors. Were the group exactly at the limit, 1.70 would come up
                4.5 times in 100 (FAIL): a group fails from there on
    apart       how far from everyone else, the harmful way. One gate asks about several groups in several questions,
                and of all of them, were they alike, some group is far away by chance: failing asks for what comes up in
                5 of 100 fair lists, over the whole gate (`charter.rules.certainty.fair_chances`)
    passing     asks for no less than before: the whole 95 % interval keeps the limit, 2.5 times in 100 by chance

So a gate blocks a fair list, and a question one with a group exactly at the limit, at most 5 times in 100.

Of shares and rates both are score tests of the two sides' own figures. An average's interval is an approximation, read
from the end that faces the limit, and the fewer and the more uneven the households the rougher: at 1.70 a group of 30
exactly at the limit would fail 7 times in 100 (days that fall off as chance has it) or 9 (half of them short). So an
average fails where its whole 95 % interval is beyond the limit (1.96): 5 and 6 times in 100, from 60 households on 5 at
most (`test_averages_at_the_limit.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter.rules.certainty.score_test import measure_score, read_sides
from charter.rules.measures import MEASURES
from charter.rules.questions import Gate

__all__ = [
    "ERROR",
    "FAIL",
    "Standing",
    "Z",
    "compare_bound",
    "count_households",
    "find_overall_rate",
    "find_standard_error",
    "is_beyond",
    "is_beyond_bound",
    "keeps_limit",
    "measure_standing",
    "pool_sides",
    "stand_average",
]

Floats = NDArray[np.float64]

ERROR = 0.05
"""How often one gate may block a list that treats everybody alike, and one question a group exactly at its limit."""

FAIL = NormalDist().inv_cdf(1 - 0.9 * ERROR)
"""Standard errors beyond the limit from which on a group fails; a tenth of the error is left to the other groups."""

Z = NormalDist().inv_cdf(0.975)
"""Standard errors from a figure to either end of its 95 % interval."""


class Standing(NamedTuple):
    """Where a group stands, in standard errors: beyond the limit, and apart from everyone else; -inf where unknown.

    `criterion` is how far beyond the limit it must be to fail.
    """

    distance: float
    apart: float
    criterion: float = FAIL

    @property
    def is_beyond(self) -> bool:
        """Whether it is beyond the limit by more than chance, were it the only group."""
        return self.distance >= self.criterion


def measure_standing(gate: Gate, finding: Mapping[str, Any]) -> Standing:
    """Return where a group stands; unknown where it has no interval."""
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    if value is None or interval is None:
        return Standing(-math.inf, -math.inf)
    sides = read_sides(gate, finding)
    if sides is None:
        distance, apart = (_read_distance(gate, against, value, interval) for against in (gate.limit, gate.neutral))
        return Standing(distance, apart, Z)
    group, rest = sides
    counts = (np.array(group.share * group.people), np.array(group.people))
    others = (np.array(rest.share * rest.people), np.array(rest.people))
    sign = -1.0 if gate.at_least else 1.0
    return Standing(
        *(sign * float(measure_score(gate, limit, *counts, *others)) for limit in (gate.limit, gate.neutral))
    )


def _read_distance(gate: Gate, against: float, value: float, interval: Sequence[float | None]) -> float:
    """Return how far on the harmful side of a value an average is, by the end of its interval that faces it."""
    low, high = interval
    facing, beyond = (high, against - value) if gate.at_least else (low, value - against)
    if facing is None or beyond <= 0:
        return -math.inf
    width = abs(facing - value)
    return math.inf if width == 0 else Z * beyond / width


def stand_average(gate: Gate, against: float, error: float, away: Floats) -> Floats:
    """Return how far beyond a value an average is that is so many standard errors on the harmful side of equality.

    `error` is the standard error, of a ratio its logarithm's: its interval is `value * exp(-+ Z error)`.
    """
    sign = -1.0 if gate.at_least else 1.0
    if gate.statistic == "difference":
        return np.asarray(away - sign * against / error)
    value = np.exp(sign * error * away)
    return np.asarray(Z * sign * (value - against) / (value * abs(math.expm1(-sign * Z * error))))


def find_standard_error(gate: Gate, finding: Mapping[str, Any]) -> float | None:
    """Return the gap's standard error, of a ratio its logarithm's; None where the interval does not bound it."""
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    low, high = interval or (None, None)
    if value is None or low is None or high is None:
        return None
    if gate.statistic == "difference":
        return float(high - low) / (2 * Z)
    return math.log(high / low) / (2 * Z) if low > 0 and value > 0 else None


def is_beyond(gate: Gate, value: float) -> bool:
    """Whether a gap is worse than the limit, whatever its interval."""
    return value < gate.limit if gate.at_least else value > gate.limit


def is_beyond_bound(gate: Gate, value: float) -> bool:
    """Whether a figure is worse than the gate's bound, whatever its interval; of an unknown bound none is."""
    return value < gate.bound if gate.at_least else value > gate.bound


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
        return pool_sides(finding)
    same = ("characteristic", "group", "component", "model", "at")
    for other in findings:
        if other["measure"] == measure.overall and all(other.get(key) == finding.get(key) for key in same):
            return pool_sides(other)
    return None


def pool_sides(finding: Mapping[str, Any]) -> float | None:
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
