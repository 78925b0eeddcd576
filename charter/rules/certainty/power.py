"""How often a question could find a group that is worse off, and pass a fair list; and the best that any test could.

    ours            the rule that decides, in every outcome that both sides' counts could have, by how likely each is
    the best        of any test with the same error: Neyman and Pearson's, which knows beforehand which group it is, and
                    everyone else's share too, but for the one that makes telling hardest

A group of 100 in need beside 1,000 others of whom 15 % were listed before: were its share half of that, the rule with a
limit of 0.8 would find it 38 times in 100, as one of five groups 37, and no test that blocks 5 of 100 lists at the
limit could more than 42.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from charter.rules.certainty.failing import ERROR, FAIL, Z, stand_average
from charter.rules.certainty.fair_chances import Null
from charter.rules.certainty.outcomes import Outcomes, Sizes
from charter.rules.questions import Gate

__all__ = [
    "OFTEN",
    "find_best_pass",
    "find_best_power",
    "find_pass_chance",
    "find_power",
    "find_power_of_average",
    "find_worse",
]

Floats = NDArray[np.float64]

OFTEN = 0.5
"""A group is worth asking about where a large gap would be found more often than not."""

_STEPS = 2001
_HARDEST = 9
"""Everyone else's shares under which the limit holds that the best test is tried against."""


def find_worse(gate: Gate) -> float:
    """Return the gap that a question should find: half or double of everyone else's, and well beyond the limit."""
    if gate.statistic == "difference":
        return 3 * gate.limit
    return min(0.5, gate.limit * 0.625) if gate.at_least else max(2.0, gate.limit * 1.6)


def find_power(gate: Gate, sizes: Sizes, gap: float, rarity: float) -> float:
    """Return how often a group with this true gap would fail, where failing asks for so rare a figure.

    `rarity` is that of everything the gate asks (`charter.rules.certainty.fair_chances.Chances`).
    """
    share = _share_at(gate, gap, sizes.share)
    if not 0 <= share <= 1:
        return math.nan
    outcomes = Outcomes.of(sizes, share, sizes.share)
    distance, apart = (outcomes.harm(gate, limit) for limit in (gate.limit, gate.neutral))
    return outcomes.chance((distance >= FAIL) & (apart >= Null.of_counts(gate, sizes).find_criterion(rarity)))


def find_power_of_average(gate: Gate, error: float, households: int, gap: float, rarity: float) -> float:
    """Return the same of an average with this standard error (of a ratio its logarithm's), of so few households."""
    away = np.linspace(-5, 5, _STEPS)
    chances = np.exp(-(away**2) / 2)
    true = abs(math.log(gap)) if gate.statistic == "ratio" else abs(gap)
    distance, apart = (stand_average(gate, limit, error, true / error + away) for limit in (gate.limit, gate.neutral))
    criterion = Null.of_average(gate, error, households).find_criterion(rarity)
    return float(chances[(distance >= Z) & (apart >= criterion)].sum() / chances.sum())


def find_pass_chance(gate: Gate, sizes: Sizes) -> float:
    """Return how often a group without any gap would pass."""
    outcomes = Outcomes.of(sizes, sizes.share, sizes.share)
    return outcomes.chance(-outcomes.harm(gate, gate.limit) >= Z)


def find_best_power(gate: Gate, sizes: Sizes, gap: float, error: float = ERROR) -> float:
    """Return how often any test at all could find a group with this true gap, that blocks so few at the limit."""
    return _find_best(gate, sizes, _share_at(gate, gap, sizes.share), error)


def find_best_pass(gate: Gate, sizes: Sizes) -> float:
    """Return how often any test at all could pass a group without a gap, that passes so few at the limit."""
    return _find_best(gate, sizes, sizes.share, 1 - NormalDist().cdf(Z))


def _find_best(gate: Gate, sizes: Sizes, share: float, error: float) -> float:
    """Return the power of the most powerful test against the hardest pair of shares at the limit."""
    if not 0 < share < 1:
        return math.nan
    # Everyone else's share beside which this group is just at the limit; the hardest is between it and the true one.
    furthest = share / gate.limit if gate.statistic == "ratio" else share - gate.limit
    best = 1.0
    for step in np.linspace(0, 1, _HARDEST):
        rest = sizes.share + step * (furthest - sizes.share)
        limit_share = _share_at(gate, gate.limit, rest)
        if 0 < limit_share < 1 and 0 < rest < 1:
            best = min(best, _compare_pairs(sizes, (share, sizes.share), (limit_share, rest), error))
    return best


def _compare_pairs(sizes: Sizes, true: tuple[float, float], limit: tuple[float, float], error: float) -> float:
    """Return how often the likelihood ratio finds one pair of shares that takes the other for it `error` times."""

    def weigh(outcomes: Outcomes) -> Floats:
        parts = [
            count * math.log(a / b) + (people - count) * math.log((1 - a) / (1 - b))
            for count, people, a, b in (
                (outcomes.counted, sizes.people, true[0], limit[0]),
                (outcomes.others, sizes.rest, true[1], limit[1]),
            )
        ]
        return np.round((parts[0] + parts[1]).ravel(), 9)

    under, over = Outcomes.of(sizes, *limit), Outcomes.of(sizes, *true)
    ratios, chances = weigh(under), under.likely.ravel()
    falling = np.argsort(-ratios)
    reached = int(np.searchsorted(np.cumsum(chances[falling]), error))
    threshold = ratios[falling[min(reached, len(falling) - 1)]]
    at, above = chances[ratios == threshold].sum(), chances[ratios > threshold].sum()
    here, likely = weigh(over), over.likely.ravel()
    drawn = (error - above) / at if at > 0 else 0.0
    return float(likely[here > threshold].sum() + likely[here == threshold].sum() * min(max(drawn, 0.0), 1.0))


def _share_at(gate: Gate, gap: float, rest: float) -> float:
    return gap * rest if gate.statistic == "ratio" else rest + gap
