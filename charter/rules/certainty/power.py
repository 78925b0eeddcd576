"""How often a question could find a group that is worse off, and pass a fair list; and the best that any test could.

    Sizes           how many independent people the group is worth, and everyone else, and everyone else's own share
    ours            the rule that decides, in every outcome that both sides' counts could have, by how likely each is
    the best        of any test with the same error: Neyman and Pearson's, which knows beforehand which group it is, and
                    everyone else's share too, but for the one that makes telling hardest

A group of 100 in need beside 1,000 others of whom 15 % were listed before: were its share half of that, the rule with a
limit of 0.8 would find it 38 times in 100, as one of five groups 37, and no test that blocks 5 of 100 lists at the
limit could more than 42.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.certainty.failing import ERROR, FAIL, Z, find_apart_criterion
from charter.rules.certainty.score_test import measure_score, read_sides
from charter.rules.questions import Gate

__all__ = [
    "OFTEN",
    "Sizes",
    "count_groups",
    "find_best_pass",
    "find_best_power",
    "find_pass_chance",
    "find_power",
    "find_worse",
]

Floats = NDArray[np.float64]

OFTEN = 0.5
"""A group is worth asking about where a large gap would be found more often than not."""

_POINTS = 160
"""Outcomes of one side that are told apart at most; neighbours stand for each other beyond."""
_HARDEST = 9
"""Everyone else's shares under which the limit holds that the best test is tried against."""


@dataclass(frozen=True)
class Sizes:
    """How many independent people each side is worth, and the share of everyone else that is counted."""

    people: float
    rest: float
    share: float

    @classmethod
    def of(cls, gate: Gate, finding: Mapping[str, Any]) -> Sizes | None:
        """Read them from a finding; None where it has no figures, or is an average."""
        sides = read_sides(gate, finding)
        if sides is None or not 0 < sides[1].share < 1:
            return None
        return cls(max(round(sides[0].people), 1), max(round(sides[1].people), 1), sides[1].share)

    def grown(self, factor: float) -> Sizes:
        """Return the sizes of so many times the data."""
        return replace(self, people=max(round(self.people * factor), 1), rest=max(round(self.rest * factor), 1))


def count_groups(gate: Gate, sizes: Sequence[Sizes]) -> int:
    """Return among how many of these groups one may be apart by chance: those that could be so far apart at all."""
    furthest = []
    for size in sizes:
        counted = np.array(0.0 if gate.at_least else size.people)
        others = np.array(size.share * size.rest)
        score = measure_score(gate, gate.neutral, counted, np.array(size.people), others, np.array(size.rest))
        furthest.append(-float(score) if gate.at_least else float(score))
    several = range(1, len(furthest) + 1)
    return next((k for k in several if sum(apart >= find_apart_criterion(k) for apart in furthest) <= k), 1)


def find_worse(gate: Gate) -> float:
    """Return the gap that a question should find: half or double of everyone else's, and well beyond the limit."""
    if gate.statistic == "difference":
        return 3 * gate.limit
    return min(0.5, gate.limit * 0.625) if gate.at_least else max(2.0, gate.limit * 1.6)


def find_power(gate: Gate, sizes: Sizes, gap: float, groups: int) -> float:
    """Return how often a group with this true gap would fail, as one of so many groups."""
    share = _share_at(gate, gap, sizes.share)
    if not 0 <= share <= 1:
        return math.nan
    outcomes = _Outcomes.of(sizes, share, sizes.share)
    sign = -1.0 if gate.at_least else 1.0
    distance, apart = (sign * outcomes.score(gate, limit) for limit in (gate.limit, gate.neutral))
    return outcomes.chance((distance >= FAIL) & (apart >= find_apart_criterion(groups)))


def find_pass_chance(gate: Gate, sizes: Sizes) -> float:
    """Return how often a group without any gap would pass."""
    outcomes = _Outcomes.of(sizes, sizes.share, sizes.share)
    sign = 1.0 if gate.at_least else -1.0
    return outcomes.chance(sign * outcomes.score(gate, gate.limit) >= Z)


def find_best_power(gate: Gate, sizes: Sizes, gap: float, error: float = ERROR) -> float:
    """Return how often any test at all could find a group with this true gap, that blocks so few at the limit."""
    return _find_best(gate, sizes, _share_at(gate, gap, sizes.share), error)


def find_best_pass(gate: Gate, sizes: Sizes) -> float:
    """Return how often any test at all could pass a group without a gap, that passes so few at the limit."""
    return _find_best(gate, sizes, sizes.share, 1 - NormalDist().cdf(Z))


@dataclass(frozen=True)
class _Outcomes:
    """What both sides' counts may come out as, (group, rest), and how likely each pair is."""

    sizes: Sizes
    counted: Floats
    others: Floats
    likely: Floats

    @classmethod
    def of(cls, sizes: Sizes, share: float, rest: float) -> _Outcomes:
        counted, chances = _list_counts(sizes.people, share)
        others, other_chances = _list_counts(sizes.rest, rest)
        return cls(sizes, counted[:, None], others[None, :], chances[:, None] * other_chances[None, :])

    def score(self, gate: Gate, limit: float) -> Floats:
        people, rest = np.array(self.sizes.people), np.array(self.sizes.rest)
        return measure_score(gate, limit, self.counted, people, self.others, rest)

    def chance(self, where: NDArray[np.bool_]) -> float:
        return float(self.likely[where].sum())


def _list_counts(people: float, share: float) -> tuple[Floats, Floats]:
    """Return the counts of a binomial that are not too unlikely, and their chances; neighbours together where many."""
    if share <= 0 or share >= 1:
        return np.array([people * share]), np.ones(1)
    spread = math.sqrt(people * share * (1 - share))
    low = max(0, math.floor(people * share - 6 * spread - 6))
    high = min(people, math.ceil(people * share + 6 * spread + 6))
    if high - low > 100 * _POINTS:
        # So many that the normal curve is the binomial.
        z = np.linspace(-5, 5, _POINTS)
        weight = np.exp(-(z**2) / 2)
        return people * share + z * spread, weight / weight.sum()
    counts = np.arange(low, high + 1, dtype=np.float64)
    steps = np.log((people - counts[:-1]) / (counts[:-1] + 1)) + math.log(share / (1 - share))
    logs = np.r_[0.0, np.cumsum(steps)]
    chances = np.exp(logs - logs.max())
    chances /= chances.sum()
    together = -(-len(counts) // _POINTS)
    if together == 1:
        return counts, chances
    pad = -len(counts) % together
    counts, chances = np.pad(counts, (0, pad), mode="edge"), np.pad(chances, (0, pad))
    parts, weights = counts.reshape(-1, together), chances.reshape(-1, together)
    return (parts * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-300), weights.sum(axis=1)


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

    def weigh(outcomes: _Outcomes) -> Floats:
        parts = [
            count * math.log(a / b) + (people - count) * math.log((1 - a) / (1 - b))
            for count, people, a, b in (
                (outcomes.counted, sizes.people, true[0], limit[0]),
                (outcomes.others, sizes.rest, true[1], limit[1]),
            )
        ]
        return np.round((parts[0] + parts[1]).ravel(), 9)

    under, over = _Outcomes.of(sizes, *limit), _Outcomes.of(sizes, *true)
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
