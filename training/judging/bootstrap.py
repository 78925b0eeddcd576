"""Intervals by resampling whole households, vectorised, with the cut at capacity made again in every resample.

A household appears at several as-of dates, so its rows are drawn together: a resample counts how often each household
was drawn. The fitted models stay as they are, so every interval is conditional on them. All models share the same
resamples, which makes differences between them paired.

At capacity, a resample needs no new sort. Rows keep their order; a row drawn twice takes two places; the list ends
when the places are used up:

    place            1   2   3   4   5      three places
    times drawn      0   2   0   1   1
    places taken     0   2   0   1   0

A Spread is a figure of lists as they are used, in every lottery and every draw; `bound` is its interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.data.lists import Period

__all__ = ["Counts", "Draws", "Spread", "bound", "find_interval", "find_interval_around"]

Float = NDArray[np.float64]

_CHUNK = 50_000_000
"""Cells of one chunk of work: bounds memory at 400 MB whatever the number of households."""

_FEW = 0.3
"""Below this share of households that count at all, picking them out costs less than summing over everybody."""


@dataclass(frozen=True)
class Counts:
    """Places taken and outcomes found, by date and team; the first row is the sample itself, then one a resample.

    `listed` and `found` are (1 + resamples, groups): labelled rows on the list, and those of them with the outcome.
    """

    listed: Float
    found: Float

    def within(self, groups: NDArray[np.bool_]) -> Counts:
        """Return the counts of some groups alone."""
        return Counts(self.listed[:, groups], self.found[:, groups])

    def precision(self) -> Float:
        """Return found / listed over all groups; NaN where nobody was listed. Shape (1 + resamples,)."""
        return _divide_counts(self.found.sum(axis=1), self.listed.sum(axis=1))


@dataclass(frozen=True)
class Draws:
    """How often each household of a period was drawn: (1 + resamples, households); the first row is all ones."""

    period: Period
    times: NDArray[np.uint8]

    @classmethod
    def of(cls, period: Period, resamples: int, seed: int) -> Draws:
        """Draw households with replacement, as many as there are, `resamples` times."""
        generator = np.random.default_rng(seed)
        size = period.households
        times = np.ones((1 + resamples, size), dtype=np.uint8)
        for resample in range(1, resamples + 1):
            times_drawn = np.bincount(generator.integers(0, size, size), minlength=size)
            times[resample] = np.minimum(times_drawn, np.iinfo(np.uint8).max)
        return cls(period, times)

    def first(self, resamples: int) -> Draws:
        """Return the sample and its first `resamples` resamples, for figures that cost more."""
        return Draws(self.period, self.times[: 1 + resamples])

    def total(self, value: Float) -> Float:
        """Return the total of a value over the rows, for the sample and each resample. Shape (1 + resamples,)."""
        by_household = np.bincount(self.period.household, weights=value, minlength=self.period.households)
        return self.of_households(by_household.astype(np.float64))

    def of_households(self, by_household: Float) -> Float:
        """Return the total of a value over the households (households,), for the sample and each resample."""
        some = np.flatnonzero(by_household)
        few = len(some) < _FEW * len(by_household)
        values = (by_household[some] if few else by_household).astype(np.float32)
        totals = [part @ values for part in self._parts(some if few else None)]
        # The resamples are summed in float32, which is enough for an interval; the estimate itself is exact.
        return np.concatenate([[by_household.sum()], np.concatenate(totals)[1:].astype(np.float64)])

    def _parts(self, households: NDArray[np.int64] | None) -> Iterable[NDArray[np.float32]]:
        """Return the draws (of some households) as float32 in parts of bounded size; all in one part are kept."""
        wide = self.period.households if households is None else len(households)
        step = max(1, _CHUNK // max(1, wide))
        if households is None and step >= len(self.times):
            return [self._whole]
        parts = (self.times[start : start + step] for start in range(0, len(self.times), step))
        return ((part if households is None else part[:, households]).astype(np.float32) for part in parts)

    @cached_property
    def _whole(self) -> NDArray[np.float32]:
        return self.times.astype(np.float32)

    def at_capacity(
        self,
        place: NDArray[np.int64],
        room: NDArray[np.int64] | None = None,
        outcome: NDArray[np.bool_] | None = None,
        part: NDArray[np.int64] | None = None,
    ) -> Counts:
        """Return who was listed and found, by date and team, with the cut made again in each resample.

        `place` (rows,) is each row's place within its date and team (Period.places). `room` overrides each group's
        places, and `outcome` (rows,) the label: one component of it, say. With `part` (rows,), each row's number from
        0, counts are by those parts instead: areas, say.
        """
        limit = self.period.room if room is None else room
        positive = self.period.positive if outcome is None else outcome
        deepest = int(limit.max(initial=0)) * 2 + 20
        while True:
            counts, short = self._taken(_by_place(self.period, place, deepest), limit, positive, part)
            if not short:
                return counts
            deepest *= 2

    def _taken(
        self,
        rows: NDArray[np.int64],
        limit: NDArray[np.int64],
        outcome: NDArray[np.bool_],
        part: NDArray[np.int64] | None,
    ) -> tuple[Counts, bool]:
        """Take places down each group's rows; also say whether a resample ran out of rows that another depth has."""
        there = rows >= 0
        household = self.period.household[rows]
        labelled = (self.period.labelled[rows] & there).astype(np.float64)
        positive = (outcome[rows] & self.period.labelled[rows] & there).astype(np.float64)
        member = None if part is None else np.eye(int(part.max()) + 1)[part[rows].ravel()]
        numbers = np.empty((len(self.times), len(rows) if member is None else member.shape[1]))
        hits = np.empty_like(numbers)
        short = False
        step = max(1, _CHUNK // max(1, rows.size))
        for start in range(0, len(self.times), step):
            times = self.times[start : start + step][:, household] * there
            until = np.cumsum(times, axis=2, dtype=np.int32)
            places = np.clip(limit[:, None] - (until - times), 0, times)
            if member is None:
                numbers[start : start + step] = np.einsum("rgp,gp->rg", places, labelled)
                hits[start : start + step] = np.einsum("rgp,gp->rg", places, positive)
            else:
                numbers[start : start + step] = (places * labelled).reshape(len(places), -1) @ member
                hits[start : start + step] = (places * positive).reshape(len(places), -1) @ member
            short |= bool(((until[:, :, -1:].squeeze(2) < limit) & there[:, -1]).any()) if rows.size else False
        return Counts(numbers, hits), short


def _by_place(period: Period, place: NDArray[np.int64], deepest: int) -> NDArray[np.int64]:
    """Return the row at each group's first places: (groups, deepest) row numbers, -1 where there is none."""
    rows = np.full((len(period.room), deepest), -1, dtype=np.int64)
    near = np.flatnonzero((place >= 1) & (place <= deepest))
    rows[period.group[near], place[near] - 1] = near
    return rows


def _divide_counts(top: Float, bottom: Float) -> Float:
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0))


def find_interval(resampled: Float, level: float) -> tuple[float | None, float | None]:
    """Return the percentile interval of resampled values; (None, None) where too few resamples define the figure."""
    values = resampled[np.isfinite(resampled)]
    if len(values) < 0.9 * len(resampled) or not len(values):
        return None, None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def find_interval_around(estimate: float, resampled: Float, level: float) -> tuple[float | None, float | None]:
    """Return the percentile interval of resampled values with their median laid on the estimate.

    Copies of a household take places of a date that had some to spare, so resampled lists of such dates hold fewer
    households than the sample's, every time: plain percentiles lie under the estimate. Which side is under is known,
    and put back. An end falls under 0 or over 1 only where a draw does: a share stays a share, a count a count.
    """
    values = resampled[np.isfinite(resampled)]
    low, high = find_interval(resampled, level)
    if low is None or high is None or not np.isfinite(estimate):
        return None, None
    under = estimate - float(np.median(values))
    low, high = low + under, high + under
    return max(low, 0.0) if values.min() >= 0 else low, min(high, 1.0) if values.max() <= 1 else high


class Spread(NamedTuple):
    """A figure in each lottery over the households there are, (lotteries,), and in each draw of them, (draws,).

    `families` is on how many the figure rests: those that lists held, or that came to be in need.
    """

    expected: Float
    drawn: Float
    families: float = math.inf

    def less(self, other: Spread) -> Spread:
        """Return by how much it is more than another, lottery by lottery and draw by draw; on the families of both."""
        return Spread(self.expected - other.expected, self.drawn - other.drawn, self.families + other.families)


def bound(spread: Spread, level: float) -> tuple[float | None, float | None, float | None]:
    """Return the estimate and its interval; None where it cannot be told.

    The variance between draws is that of who lives there plus that of the lots. The estimate is a mean over lots, so
    their part, seen between lotteries, is taken out: deviations shrink by sqrt(1 - between lotteries / between draws).
    That ratio is itself measured, so what is left is never less than the ratio's own standard error. What percentiles
    of few families leave out is put back (`_widen_few`).
    """
    expected, draws = spread.expected[np.isfinite(spread.expected)], spread.drawn[np.isfinite(spread.drawn)]
    if not len(expected) or len(expected) < 0.9 * len(spread.expected):
        return None, None, None
    estimate = float(expected.mean())
    if len(draws) < 2 or len(draws) < 0.9 * len(spread.drawn):
        return estimate, None, None
    between = float(draws.var(ddof=1))
    by_lot = float(expected.var(ddof=1)) if len(expected) > 1 else 0.0
    ratio = by_lot / between if between > 0 else 0.0
    error = ratio * np.sqrt(2.0 / max(len(expected) - 1, 1) + 2.0 / (len(draws) - 1))
    shrink = np.sqrt(max(1.0 - ratio, min(error, 1.0)))
    # Copies of a household shift the mean of the draws a little: deviations are laid around the estimate.
    around = estimate + _widen_few(spread.families, level) * shrink * (draws - draws.mean())
    every = np.concatenate([draws, expected])
    low, high = find_interval(np.clip(around, every.min(), every.max()), level)
    return estimate, low, high


def _widen_few(families: float, level: float) -> float:
    """Return by how much an interval of percentiles is too narrow where few families carry the figure.

    Drawing n again has (n - 1) / n of the variance, and knows its own width no better than n tell: Student's quantile
    belongs beside it (Hesterberg, "What Teachers Should Know about the Bootstrap", The American Statistician 2015, 69,
    section 4.3: expanded percentiles). 1.03 for 57 families at 95 %, 1.003 for 500.
    """
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # it ships no types

    if not math.isfinite(families):
        return 1.0
    n, upper = max(families, 2.0), (1 + level) / 2
    return float(stdtrit(n - 1, upper) / NormalDist().inv_cdf(upper) * math.sqrt(n / (n - 1)))
