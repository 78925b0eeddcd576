"""What a trial's outcomes say, within each list: the difference, its interval, the lot's own test, who took the offer.

Every comparison is within lists, because lots were drawn within them. With a constant for each list,
least squares of the outcome y on the arm z (1 listed, 0 held out) has the slope

    d = sum(z~ y~) / sum(z~^2)          z~, y~: less their list's mean

so a list of n of which p are listed weighs as n p (1 - p). Its variance is HC2 (MacKinnon and White 1985), whose
leverages are here 1 / n + z~^2 / sum(z~^2); the interval uses Student's t. The lot's own test needs no model: had help
changed nobody, the number listed with a need in each list is hypergeometric, which gives the variance of sum(z y~)
(Cochran, Mantel and Haenszel) and its whole distribution exactly, as if every possible lot were drawn. The complier
effect is two-stage least squares of y on the offer, by z, with a constant for each list and White's robust variance;
its honest interval, also where offers hardly differ, holds every effect b at which the difference of y - b times the
offer is no further from nought than the difference itself may be (Anderson and Rubin 1949).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

__all__ = [
    "BOTH",
    "WEAK",
    "Difference",
    "LotTest",
    "TrialRows",
    "bound_compliers",
    "compare_with_lots",
    "estimate_compliers",
    "estimate_difference",
    "hold_family",
    "judge_interval",
]

Floats = NDArray[np.float64]

WEAK = 10.0
"""The first stage's F below which offers differ too little between the arms (Staiger and Stock 1997)."""
BOTH = "The interval holds both no difference and one that would matter."
"""Why an interval that lies on neither side cannot tell."""


@dataclass(frozen=True)
class TrialRows:
    """Households on which a lot decided, once each: arrays (households,).

    `listed` is the arm, 1 or 0; `need` the outcome, 1 or 0; `offered` whether help was offered, 1 or 0; `stratum` the
    list as a whole number.
    """

    listed: Floats
    need: Floats
    offered: Floats
    stratum: NDArray[np.int64]

    def choose(self, which: NDArray[np.bool_]) -> TrialRows:
        """Return some of the rows."""
        return TrialRows(self.listed[which], self.need[which], self.offered[which], self.stratum[which])

    def with_both_arms(self) -> TrialRows:
        """Return the rows of the lists in which both arms are: no other list compares anything."""
        _, of = np.unique(self.stratum, return_inverse=True)
        share = np.bincount(of, self.listed) / np.maximum(np.bincount(of), 1)
        return self.choose((share[of] > 0) & (share[of] < 1))

    @cached_property
    def _lists(self) -> tuple[NDArray[np.int64], Floats]:
        _, of = np.unique(self.stratum, return_inverse=True)
        return of.astype(np.int64), np.bincount(of).astype(np.float64)

    def centre(self, values: Floats) -> Floats:
        """Return values (households,) less the mean of their list."""
        of, size = self._lists
        return np.asarray(values - (np.bincount(of, values) / size)[of])

    @property
    def lists(self) -> int:
        """How many lists there are."""
        return len(self._lists[1])

    @property
    def list_sizes(self) -> Floats:
        """How many households the list of each row has, (households,)."""
        of, size = self._lists
        return size[of]

    def count_tables(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return of each list its households, those listed and those with a need, (lists,)."""
        of, size = self._lists
        return (
            size.astype(np.int64),
            np.bincount(of, self.listed).astype(np.int64),
            np.bincount(of, self.need).astype(np.int64),
        )


@dataclass(frozen=True)
class Difference:
    """An estimate with its standard error and degrees of freedom; infinite for a normal reference."""

    estimate: float
    error: float
    freedom: float

    def interval(self, level: float, critical: float | None = None) -> tuple[float, float]:
        """Return the interval of 1 - `level`, or the one of so many standard errors."""
        times = stats.t.ppf(1 - level / 2, self.freedom) if critical is None else critical
        return self.estimate - times * self.error, self.estimate + times * self.error

    @property
    def p_value(self) -> float:
        """The two-sided p value against no difference."""
        return float(2 * stats.t.sf(abs(self.estimate / self.error), self.freedom)) if self.error else 1.0


@dataclass(frozen=True)
class LotTest:
    """The lot's own test; `z` is below 0 where the listed have fewer needs.

    Of all lots that could have been drawn `p_value` is the share as far from their mean, `fewer` the share with as few
    needs among the listed, `more` with as many.
    """

    z: float
    p_value: float
    fewer: float
    more: float


def estimate_difference(rows: TrialRows) -> Difference | None:
    """Return the share of listed with a need less that of those held out, within lists; None where nothing compares.

    Two lists of four, two listed in each: needs 0 and 0 against 1 and 0, 1 and 0 against 1 and 1, so z~ is 1/2 or -1/2,
    sum(z~ y~) is -1/2 - 1/2 and sum(z~^2) 2: the difference is -1/2.
    """
    rows = rows.with_both_arms()
    freedom = len(rows.listed) - rows.lists - 1
    if freedom < 1:
        return None
    arm, need = rows.centre(rows.listed), rows.centre(rows.need)
    spread = float(arm @ arm)
    slope = float(arm @ need) / spread
    leverage = 1 / rows.list_sizes + arm**2 / spread
    left = need - slope * arm
    variance = float(np.sum(arm**2 * left**2 / np.maximum(1 - leverage, 1e-12))) / spread**2
    return Difference(slope, float(np.sqrt(variance)), float(freedom))


def estimate_compliers(rows: TrialRows) -> tuple[Difference | None, float]:
    """Return what an offer changed for those whom the lot gave one, and the first stage's F.

    None where F is below WEAK: the arms were offered too nearly the same.
    """
    rows = rows.with_both_arms()
    if len(rows.listed) - rows.lists - 1 < 1:
        return None, 0.0
    arm, need, offered = (rows.centre(values) for values in (rows.listed, rows.need, rows.offered))
    first = estimate_difference(TrialRows(rows.listed, rows.offered, rows.offered, rows.stratum))
    strength = (first.estimate / first.error) ** 2 if first and first.error else np.inf
    moved = float(arm @ offered)
    if not moved or strength < WEAK:
        return None, float(strength if moved else 0.0)
    slope = float(arm @ need) / moved
    left = need - slope * offered
    return Difference(slope, float(np.sqrt(np.sum((arm * left) ** 2))) / abs(moved), np.inf), float(strength)


def bound_compliers(rows: TrialRows, level: float) -> tuple[float, float] | None:
    """Return the Anderson-Rubin interval of what an offer changed for those whom the lot gave one.

    None where offers do not differ between the arms by a test of that `level`: then no effect at all is ruled out on
    at least one side, and none may be named. With s and f the slopes of need and offer on the arm, it holds all b for
    which (s - b f)^2 is at most t^2 times the HC2 variance of s - b f, which is quadratic in b.
    """
    rows = rows.with_both_arms()
    freedom = len(rows.listed) - rows.lists - 1
    if freedom < 1:
        return None
    arm, need, offer = (rows.centre(values) for values in (rows.listed, rows.need, rows.offered))
    spread = float(arm @ arm)
    weight = arm**2 / np.maximum(1 - 1 / rows.list_sizes - arm**2 / spread, 1e-12) / spread**2
    slope, lift = float(arm @ need) / spread, float(arm @ offer) / spread
    need_apart, offer_apart = need - slope * arm, offer - lift * arm
    times = float(stats.t.ppf(1 - level / 2, freedom)) ** 2
    square = lift**2 - times * float(weight @ offer_apart**2)
    if not square > 0:
        return None
    middle = (slope * lift - times * float(weight @ (need_apart * offer_apart))) / square
    rest = (slope**2 - times * float(weight @ need_apart**2)) / square
    half = max(middle**2 - rest, 0.0) ** 0.5
    return middle - half, middle + half


def compare_with_lots(rows: TrialRows) -> LotTest | None:
    """Return the lot's own test of no effect on anybody; None where no other lot could have come out differently.

    Needs are 0 or 1. Of a list of eight, four listed, three with a need, the lot gives the listed 0 to 3 of them with
    the chances 5, 30, 30 and 5 of 70. The chances of the sum over lists are those of each list, folded one into the
    other.
    """
    rows = rows.with_both_arms()
    size, listed, needed = rows.count_tables()
    if not len(size):
        return None
    expected = listed * needed / size
    variance = float(np.sum(expected * (1 - needed / size) * (size - listed) / np.maximum(size - 1, 1)))
    if not variance > 0:
        return None
    chances = np.ones(1)
    for (all_of, winners, with_need), times in zip(*_count_alike(size, listed, needed), strict=True):
        of_list = stats.hypergeom.pmf(np.arange(with_need + 1), all_of, with_need, winners)
        for _ in range(times):
            chances = np.convolve(chances, of_list)
    total, mean = int(rows.listed @ rows.need), float(expected.sum())
    fewer, more = float(chances[: total + 1].sum()), float(chances[total:].sum())
    far = np.abs(np.arange(len(chances)) - mean) >= abs(total - mean) - 1e-9
    return LotTest((total - mean) / variance**0.5, *(min(1.0, p) for p in (float(chances[far].sum()), fewer, more)))


def _count_alike(*columns: NDArray[np.int64]) -> tuple[list[tuple[int, ...]], list[int]]:
    tables, times = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    return [tuple(row) for row in tables.tolist()], times.tolist()


def hold_family(p_values: Floats) -> Floats:
    """Return Holm's adjusted p values (Scandinavian Journal of Statistics 1979, 6:65-70), in their order.

    0.01, 0.04 and 0.03 become 0.03, 0.06 and 0.06.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def judge_interval(interval: tuple[float, float], worth_seeing: float) -> str:
    """Return what an interval of a difference in needs says: helps, harms, no effect, or cannot be told.

    Below nought are fewer needs. No effect: it lies within `worth_seeing`, the smallest difference that would matter.
    """
    low, high = interval
    if high < 0 or low > 0:
        return "helps" if high < 0 else "harms"
    return "no effect" if -worth_seeing < low and high < worth_seeing else "cannot be told"
