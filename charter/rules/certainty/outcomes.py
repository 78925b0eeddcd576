"""What both sides' counts may come out as, and how likely each pair is.

    Sizes       how many independent people the group is worth, and everyone else, and everyone else's own share
    Outcomes    every pair of counts that is not too unlikely; of many, neighbours stand for each other

A group of 100 and 1,000 others, a share of 15 % on both sides: the group's count is between 0 and 43, the others'
between 76 and 225, and 15 beside 150 is the likeliest pair.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.certainty.score_test import find_scale, find_share_ends, measure_score, read_sides
from charter.rules.questions import Gate

__all__ = ["Outcomes", "Sizes"]

Floats = NDArray[np.float64]

_POINTS = 100
"""Outcomes of one side that are told apart at most; neighbours stand for each other beyond."""


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
        people, rest = (max(round(side.people), 1) for side in sides)
        return cls(people, rest, sides[1].share)

    @classmethod
    def of_everybody(cls, gate: Gate, finding: Mapping[str, Any]) -> Sizes | None:
        """Return the same with everybody's share, the group's and everyone else's together."""
        sides = read_sides(gate, finding)
        if sides is None:
            return None
        share = sum(side.counted for side in sides) / sum(side.people for side in sides)
        people, rest = (max(round(side.people), 1) for side in sides)
        return cls(people, rest, share) if 0 < share < 1 else None

    def grown(self, factor: float) -> Sizes:
        """Return the sizes of so many times the data."""
        return replace(self, people=max(round(self.people * factor), 1), rest=max(round(self.rest * factor), 1))


@dataclass(frozen=True)
class Outcomes:
    """What both sides' counts may come out as, (group, rest), and how likely each pair is."""

    sizes: Sizes
    counted: Floats
    others: Floats
    likely: Floats

    @classmethod
    def of(cls, sizes: Sizes, share: float, rest: float) -> Outcomes:
        """Return them where so large a share of the group is counted, and of everyone else."""
        counted, chances = _list_counts(sizes.people, share)
        others, other_chances = _list_counts(sizes.rest, rest)
        return cls(sizes, counted[:, None], others[None, :], chances[:, None] * other_chances[None, :])

    def harm(self, gate: Gate, limit: float) -> Floats:
        """Return how far on the harmful side of a limit each outcome is, in standard errors."""
        people, rest = np.array(self.sizes.people), np.array(self.sizes.rest)
        score = measure_score(gate, limit, self.counted, people, self.others, rest)
        return -score if gate.at_least else score

    def beyond_bound(self, gate: Gate) -> NDArray[np.bool_]:
        """Return in which outcomes the group's own figure is wholly beyond the gate's bound; (group, 1)."""
        bound, people = gate.bound * find_scale(gate), self.sizes.people
        if math.isnan(bound):
            return np.zeros(self.counted.shape, dtype=np.bool_)
        low, high = find_share_ends(self.counted / people, people)
        return high < bound if gate.at_least else low > bound

    def chance(self, where: NDArray[np.bool_]) -> float:
        """Return how likely the outcomes are that are marked, (group, rest)."""
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
