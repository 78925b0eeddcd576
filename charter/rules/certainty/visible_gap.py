"""How large a gap would have failed, and how much more data an answer needs: power, by the rule that decides.

The smallest gap that would fail four times in five is one at which, with as many independent people on both sides as
this finding rests on, the rule fails in 80 of 100 draws of both sides' counts (`charter/rules/power.py`).

A recall of 30 % of 1,000 beside a group of 100, and a limit of 0.8: the group fails four times in five from a ratio of
0.44 down. Of 40 people and a recall of 8 %, no ratio does: even where nobody at all is reached, chance explains it too
often.

Averages are no shares of people: theirs spread as they do in the finding, wherever they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

from charter.rules.certainty.failing import FAIL, Z, find_standard_error, is_beyond
from charter.rules.certainty.fair_chances import find_null
from charter.rules.certainty.outcomes import Sizes
from charter.rules.certainty.power import find_power
from charter.rules.certainty.score_test import bisect
from charter.rules.questions import Gate

__all__ = ["POWER", "find_needed_data", "find_visible_gap"]

POWER = 0.8
"""How often a visible gap would have failed: four times in five."""

_BEYOND = NormalDist().inv_cdf(POWER)
_ALMOST_NOBODY = 1e-9


def find_visible_gap(gate: Gate, finding: Mapping[str, Any], rarity: float) -> float | None:
    """Return the smallest true gap (ratio or difference) that fails four times in five, where so rare a figure fails.

    `rarity` is that of everything the gate asks (`charter.rules.certainty.fair_chances.Chances`). None where no gap
    would, however large, or where the finding has no interval to tell by.
    """
    sizes = Sizes.of(gate, finding)
    if sizes is not None:
        return _find_gap_of_shares(gate, sizes, rarity)
    error, null = find_standard_error(gate, finding), find_null(gate, finding)
    return None if error is None or null is None else _find_gap_of_averages(gate, error, null.find_criterion(rarity))


def _find_gap_of_shares(gate: Gate, sizes: Sizes, rarity: float) -> float | None:
    whole = 1 - _ALMOST_NOBODY
    if gate.statistic == "ratio":
        worst = _ALMOST_NOBODY if gate.at_least else whole / sizes.share
    else:
        worst = _ALMOST_NOBODY - sizes.share if gate.at_least else whole - sizes.share
    if (worst >= gate.limit) if gate.at_least else (worst <= gate.limit):
        return None

    def is_visible(gap: float) -> bool:
        return find_power(gate, sizes, gap, rarity) >= POWER

    # From a rate's limit to its worst is a long way: towards it in steps first.
    if gate.statistic == "ratio" and not gate.at_least:
        worst = next(
            (gap for gap in (gate.limit * 1.5**n for n in range(1, 12)) if gap > worst or is_visible(gap)), worst
        )
        worst = min(worst, whole / sizes.share)
    return bisect(is_visible, worst, gate.limit, halvings=18) if is_visible(worst) else None


def find_needed_data(gate: Gate, finding: Mapping[str, Any]) -> float:
    """Return how many times the finding's data an answer needs, at least 1; infinity where it cannot be told.

    An answer of what: so that a group without any gap would pass four times in five, and so that this group's figure,
    if it is right, could be told from the limit. Standard errors fall with the square root of the data.
    """
    error, value = find_standard_error(gate, finding), finding[gate.statistic]
    if error is None or value is None:
        return math.inf
    if gate.statistic == "ratio":
        room, distance = abs(math.log(gate.limit)), abs(math.log(value / gate.limit))
    else:
        room, distance = abs(gate.limit), abs(value - gate.limit)
    criterion = FAIL if is_beyond(gate, value) and Sizes.of(gate, finding) is not None else Z
    certain = (criterion * error / distance) ** 2 if distance else math.inf
    fair = ((Z + _BEYOND) * _find_fair_error(gate, finding, error) / room) ** 2
    return max(fair, certain, 1.0)


def _find_fair_error(gate: Gate, finding: Mapping[str, Any], error: float) -> float:
    """Return the standard error that the gap would have if the group's figure were everyone else's."""
    sizes = Sizes.of(gate, finding)
    if sizes is None:
        return error
    spread = (1 - sizes.share) / sizes.share * (1 / sizes.people + 1 / sizes.rest)
    return math.sqrt(spread) * (1 if gate.statistic == "ratio" else sizes.share)


def _find_gap_of_averages(gate: Gate, error: float, criterion: float) -> float | None:
    """Return the gap from which on four of five draws fail; each spreads by `error`.

    A ratio's interval is `value * exp(-+ Z error)`: its end that faces the limit is a fixed part of it away.
    """
    sign = -1 if gate.at_least else 1
    if gate.statistic == "difference":
        furthest = sign * max(sign * gate.limit + Z * error, criterion * error)
        return furthest + sign * _BEYOND * error
    # Where it is Z beyond the limit, and where it is `criterion` from equal: the further of the two.
    away = [1 - needed / Z * (1 - math.exp(-sign * Z * error)) for needed in (Z, criterion)]
    if min(away) <= 0:
        return None
    gaps = [gate.limit / away[0], gate.neutral / away[1]]
    return (min(gaps) if gate.at_least else max(gaps)) * math.exp(sign * _BEYOND * error)
