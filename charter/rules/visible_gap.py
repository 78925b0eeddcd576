"""How large a gap would have failed, and how much more data an answer needs: power, by the rule that decides.

The smallest gap that would fail four times in five is one at which, with as many people on both sides as this finding
rests on, `measure_distance` reaches the group's criterion in 80 of 100 draws. It is worked out backwards:

    1. how many independent people each figure is worth, from the width of its own interval (Wilson's, solved for n)
    2. which figures of the group would fail, beside what everyone else's might have come out as: the interval of a
       ratio or difference is put together from both sides' (Newcombe, Statistics in Medicine 1998, 17:873-890; Donner
       and Zou, Statistical Methods in Medical Research 2012, 21:347-359)
    3. which true figure of the group comes out as one of those in 80 of 100 draws (an arcsine makes a share's spread
       the same everywhere)

A recall of 30 % of 1,000 beside a group of 100, and a limit of 0.8: alone, the group fails four times in five from a
ratio of 0.41 down; one of five groups, from 0.35 down, for then its criterion is 2.58 instead of 1.96. Of 40 people and
a recall of 8 %, no ratio does: even where nobody at all is reached, chance explains it too often.

Averages are no shares of people: theirs spread as they do in the finding, wherever they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any

from charter.rules.failing import Z, is_beyond
from charter.rules.questions import NOT_SHARES, Gate

__all__ = ["POWER", "find_needed_data", "find_visible_gap"]

POWER = 0.8
"""How often a visible gap would have failed: four times in five."""

_BEYOND = NormalDist().inv_cdf(POWER)
_DRAWS = tuple(NormalDist().inv_cdf((place + 0.5) / 15) for place in range(15))
"""What everyone else's figure may come out as, in standard errors: fifteen values, equally likely."""

_HALVINGS = 50


@dataclass(frozen=True)
class _Side:
    """A share, and how many independent people it is worth."""

    share: float
    people: float

    @property
    def spread(self) -> float:
        """The standard error of its logarithm, squared."""
        return (1 - self.share) / (self.share * self.people)

    def draw(self, errors: float) -> _Side:
        """Return what the share comes out as, so many standard errors from what it is."""
        error = math.sqrt(self.share * (1 - self.share) / self.people)
        return _Side(min(max(self.share + errors * error, 1e-9), 1 - 1e-9), self.people)

    def ends(self) -> tuple[float, float]:
        """Return the ends of its own interval: Wilson's."""
        middle = (self.share + Z**2 / (2 * self.people)) / (1 + Z**2 / self.people)
        half = Z / (1 + Z**2 / self.people)
        half *= math.sqrt(self.share * (1 - self.share) / self.people + Z**2 / (4 * self.people**2))
        return max(min(middle - half, self.share), 0.0), min(max(middle + half, self.share), 1.0)


def find_visible_gap(gate: Gate, finding: Mapping[str, Any], criterion: float) -> float | None:
    """Return the smallest true gap (ratio or difference) that would fail four times in five, at this precision.

    `criterion` is how far beyond the limit the group must be to fail, in standard errors. None where no gap would,
    however large, or where the finding has no interval to tell by.
    """
    sides = _sides(gate, finding)
    if sides is not None:
        return _visible_gap_of_shares(gate, *sides, criterion)
    error = _standard_error(gate, finding)
    return None if error is None else _visible_gap_of_averages(gate, error, criterion)


def find_needed_data(gate: Gate, finding: Mapping[str, Any], criterion: float) -> float:
    """Return how many times the finding's data an answer needs, at least 1; infinity where it cannot be told.

    An answer of what: so that a group without any gap would pass four times in five, and so that this group's figure,
    if it is right, could be told from the limit. Standard errors fall with the square root of the data.
    """
    error, value = _standard_error(gate, finding), finding[gate.statistic]
    if error is None or value is None:
        return math.inf
    if gate.statistic == "ratio":
        room, distance = abs(math.log(gate.limit)), abs(math.log(value / gate.limit))
    else:
        room, distance = abs(gate.limit), abs(value - gate.limit)
    certain = ((criterion if is_beyond(gate, value) else Z) * error / distance) ** 2 if distance else math.inf
    fair = ((Z + _BEYOND) * _fair_error(gate, finding, error) / room) ** 2
    return max(fair, certain, 1.0)


def _sides(gate: Gate, finding: Mapping[str, Any]) -> tuple[_Side, _Side] | None:
    """Return the group and everyone else as shares of people; None for an average, or a figure without an interval."""
    if gate.measure in NOT_SHARES:
        return None
    sides = []
    for side in (finding, finding.get("rest") or {}):
        share, interval = side.get("estimate"), side.get("interval")
        if share is None or interval is None:
            return None
        sides.append(_Side(share, _count_people(share, interval[1] - interval[0])))
    group, rest = sides
    return (group, rest) if 0 < rest.share < 1 else None


def _count_people(share: float, width: float) -> float:
    """Return among how many people a share would have an interval of this width: the more, the narrower."""

    def is_wider(people: float) -> bool:
        low, high = _Side(share, people).ends()
        return high - low > width

    return math.exp(_bisect(lambda size: is_wider(math.exp(size)), 0.0, math.log(1e9)))


def _visible_gap_of_shares(gate: Gate, group: _Side, rest: _Side, criterion: float) -> float | None:
    worst, limit = (0.0 if gate.at_least else 1.0), _share_at(gate, gate.limit, rest.share)
    if not 0 < limit < 1:
        return None
    # For each draw of everyone else: the last share of the group, from the worst towards the limit, that still fails.
    failing = []
    for errors in _DRAWS:
        fails = partial(_fails, gate, group.people, rest.draw(errors), criterion)
        if fails(worst):
            failing.append(_bisect(fails, worst, limit))

    def is_visible(share: float) -> bool:
        """Whether a group of this true share fails often enough."""
        sign = 1 if gate.at_least else -1
        return POWER * len(_DRAWS) <= sum(
            NormalDist().cdf(sign * 2 * math.sqrt(group.people) * (_arcsine(last) - _arcsine(share)))
            for last in failing
        )

    if not is_visible(worst):
        return None
    share = _bisect(is_visible, worst, limit)
    return share / rest.share if gate.statistic == "ratio" else share - rest.share


def _share_at(gate: Gate, gap: float, rest: float) -> float:
    return gap * rest if gate.statistic == "ratio" else rest + gap


def _arcsine(share: float) -> float:
    return math.asin(math.sqrt(share))


def _fails(gate: Gate, people: float, rest: _Side, criterion: float, share: float) -> bool:
    """Whether a group's share of so many people is far enough beyond, by the interval's end that faces the limit."""
    group = _Side(share, people)
    value = group.share / rest.share if gate.statistic == "ratio" else group.share - rest.share
    beyond = gate.limit - value if gate.at_least else value - gate.limit
    return beyond > 0 and Z * beyond >= criterion * abs(_facing_end(gate, group, rest) - value)


def _facing_end(gate: Gate, group: _Side, rest: _Side) -> float:
    """Return the end of the gap's interval that faces the limit, put together from both sides' own intervals."""
    (low, high), (rest_low, rest_high) = group.ends(), rest.ends()
    end, other = (high, rest_low) if gate.at_least else (low, rest_high)
    sign = 1 if gate.at_least else -1
    if gate.statistic == "difference":
        return group.share - rest.share + sign * math.hypot(end - group.share, rest.share - other)
    # Beside nobody at all a ratio has no end; a share this small stands for it.
    other = max(other, 1e-12)
    product, below = group.share * rest.share, other * (2 * rest.share - other)
    return (product + sign * math.sqrt(max(product**2 - end * (2 * group.share - end) * below, 0.0))) / below


def _standard_error(gate: Gate, finding: Mapping[str, Any]) -> float | None:
    """Return the gap's standard error, of a ratio its logarithm's; None where the interval does not bound it."""
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    low, high = interval or (None, None)
    if value is None or low is None or high is None:
        return None
    if gate.statistic == "difference":
        return float(high - low) / (2 * Z)
    return math.log(high / low) / (2 * Z) if low > 0 and value > 0 else None


def _fair_error(gate: Gate, finding: Mapping[str, Any], error: float) -> float:
    """Return the standard error that the gap would have if the group's figure were everyone else's."""
    sides = _sides(gate, finding)
    if sides is None:
        return error
    group, rest = sides
    spread = _Side(rest.share, group.people).spread + rest.spread
    return math.sqrt(spread) * (1 if gate.statistic == "ratio" else rest.share)


def _visible_gap_of_averages(gate: Gate, error: float, criterion: float) -> float | None:
    """Return the gap from which on four of five draws are beyond the limit by the criterion; each spreads by `error`.

    A ratio's interval is `value * exp(-+ Z error)`: its end that faces the limit is a fixed part of it away.
    """
    sign = -1 if gate.at_least else 1
    if gate.statistic == "difference":
        return gate.limit + sign * (criterion + _BEYOND) * error
    away = 1 - criterion / Z * (1 - math.exp(-sign * Z * error))
    return gate.limit / away * math.exp(sign * _BEYOND * error) if away > 0 else None


def _bisect(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return the last value from `inside`, where `holds` is true, towards `outside` at which it still is."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside
