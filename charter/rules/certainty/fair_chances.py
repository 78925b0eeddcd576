"""Chance over one whole gate: how often some group of some question would fail, were all groups alike.

    Null       one group of one question, treated as everyone else: how far apart chance may put it, how often, and how
               often it would then be beyond its limit, or its own figure beyond its bound
    rarity     how often chance puts it as far from everyone else as it is. Of counts it is added up over all that both
               sides' may be: where a handful are counted, the normal curve promises too much
    Chances    how often any group of any question would fail that asks for so rare a figure: the sum over all of
               them (Bonferroni's inequality, of what each could do at all, as Tarone 1990 and Gilbert 2005 do). A group
               that chance can bring neither so far nor beyond its limit adds nothing and weakens nobody

Of 27 groups of 10 questions one is so far apart as chance puts it in 4 of 1,000 lists. In 15 others chance takes nobody
beyond the limit, in 12 it does so in 3 of the 4: some group would fail in 36 of 1,000 fair lists, so this one fails.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.certainty.failing import (
    ERROR,
    FAIL,
    Z,
    count_households,
    find_standard_error,
    is_beyond_bound,
    stand_average,
)
from charter.rules.certainty.outcomes import Outcomes, Sizes
from charter.rules.certainty.score_test import bisect, find_scale
from charter.rules.measures import MEASURES
from charter.rules.questions import NOT_SHARES, Gate

__all__ = ["Chances", "Null", "find_null"]

Floats = NDArray[np.float64]

_NEAR = 0.7
"""Standard errors from everyone else within which a group is every fourth time: nobody asks how rare that is."""
_RAREST = 1e-9
_ROUNDED = 9
_FURTHEST, _STEP = 15.0, 0.005


@dataclass(frozen=True)
class Null:
    """One group of one question, were it as everyone else: arrays (outcomes,), those furthest apart first.

    `apart` in standard errors; `rarity` how often chance puts it at least so far; `fails` how often so far and beyond
    the limit or the bound as well.
    """

    apart: Floats
    rarity: Floats
    fails: Floats

    @classmethod
    def of_counts(cls, gate: Gate, sizes: Sizes) -> Null:
        """Return that of a share or a rate: over everything that both sides' counts may come out as."""
        return _weigh_outcomes(gate, sizes)

    @classmethod
    def of_average(cls, gate: Gate, error: float, households: int) -> Null:
        """Return that of an average with this standard error (of a ratio its logarithm's), of so few households.

        Student's curve stands for what the households' own spread adds: of 30 of them 2.9 standard errors come up in 4
        of 1,000 lists and not in 2.
        """
        away = np.arange(_FURTHEST, 0, -_STEP)
        freedom = max(households - 1, 1)
        density = (1 + away**2 / freedom) ** (-(freedom + 1) / 2)
        scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
        rarity = np.cumsum(density) * scale * _STEP
        apart, distance = (stand_average(gate, against, error, away) for against in (gate.neutral, gate.limit))
        return cls(apart, rarity, np.where(distance >= Z, rarity, rarity[distance >= Z].max(initial=0.0)))

    def find_rarity(self, apart: float) -> float:
        """Return how often chance puts the group at least so far apart; 1 where it is near everyone else."""
        if apart <= _NEAR or not len(self.apart):
            return 1.0
        place = int(np.searchsorted(-self.apart, -round(apart, _ROUNDED), side="right")) - 1
        return float(self.rarity[place]) if place >= 0 else 0.0

    def find_criterion(self, rarity: float) -> float:
        """Return how far apart it must be to be so rare; infinity where nothing that may come out is."""
        place = self._find_place(rarity)
        return float(self.apart[place]) if place >= 0 else math.inf

    def find_fail_chance(self, rarity: float) -> float:
        """Return how often it fails by chance where failing asks for something so rare."""
        place = self._find_place(rarity)
        return float(self.fails[place]) if place >= 0 else 0.0

    def _find_place(self, rarity: float) -> int:
        return int(np.searchsorted(self.rarity, rarity * (1 + _RAREST), side="right")) - 1


@dataclass(frozen=True)
class Chances:
    """All that one gate asks: every group of every question, were all treated alike."""

    nulls: Sequence[Null]

    def find_fail_chance(self, rarity: float) -> float:
        """Return how often any of them fails by chance where failing asks for something so rare."""
        return sum(null.find_fail_chance(rarity) for null in self.nulls)

    def count_groups(self, rarity: float) -> int:
        """Return how many of them could fail by chance at all, where failing asks for something so rare."""
        return sum(null.find_fail_chance(rarity) > 0 for null in self.nulls)

    @cached_property
    def rarity(self) -> float:
        """How rare a group must be for it to fail: so rare that a fair list is blocked 5 times in 100, all together."""
        if self.find_fail_chance(ERROR) <= ERROR:
            return ERROR
        holds = lambda power: self.find_fail_chance(math.exp(power)) <= ERROR  # noqa: E731
        return math.exp(bisect(holds, math.log(_RAREST), math.log(ERROR), halvings=40))


@lru_cache(maxsize=256)
def _weigh_outcomes(gate: Gate, sizes: Sizes) -> Null:
    """Add up what both sides' counts may come out as where both have the share of everybody."""
    outcomes = Outcomes.of(sizes, sizes.share, sizes.share)
    apart = np.round(outcomes.harm(gate, gate.neutral), _ROUNDED)
    there = apart > _NEAR
    beyond = outcomes.harm(gate, gate.limit) >= FAIL
    if not is_beyond_bound(gate, sizes.share / find_scale(gate)):
        beyond = beyond | outcomes.beyond_bound(gate)
    beyond = beyond[there]
    apart, likely = apart[there], outcomes.likely[there]
    falling = np.argsort(-apart)
    apart, likely, failing = apart[falling], likely[falling], (likely * beyond)[falling]
    last = np.flatnonzero(np.diff(apart, append=-np.inf) != 0)
    return Null(apart[last], np.cumsum(likely)[last], np.cumsum(failing)[last])


def find_null(gate: Gate, finding: Mapping[str, Any]) -> Null | None:
    """Return what chance alone could make of a finding; None where there are no figures to stand by."""
    interval = finding[f"{gate.statistic}_interval"]
    if finding[gate.statistic] is None or interval is None:
        return None
    sizes = Sizes.of_everybody(gate, finding)
    if sizes is not None:
        return Null.of_counts(gate, sizes)
    error = find_standard_error(gate, finding)
    if error is None or gate.measure not in NOT_SHARES or MEASURES[gate.measure].rate:
        return None
    return Null.of_average(gate, error, min(count_households(finding), count_households(finding["rest"])))
