"""One measure of every group beside everyone else's: figures, gaps and their 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charter.rules.measures import Measure
from fairness_reports.audit.measuring.intervals import bound_difference, bound_ratio, bound_share, count_effective
from fairness_reports.audit.measuring.tally import Tally

__all__ = ["ENOUGH", "Disparity", "Side", "measure_disparities"]

Floats = NDArray[np.float64]

ENOUGH = 20.0
"""Effective people counted, and not counted, on each side from which on the bootstrap's percentiles are trusted."""

_LEVELS = (2.5, 97.5)


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the figure with its interval, among how many rows of how many clusters.

    None where nobody is there to measure. `positives` and `selected` are the side's rows with the outcome, and on a
    list, whatever the measure.
    """

    estimate: float | None
    interval: tuple[float, float] | None
    n: int
    positives: int
    selected: int
    clusters: int


@dataclass(frozen=True)
class Disparity:
    """A group beside everyone else: difference (group minus rest) and ratio (group over rest).

    An interval is None where the data cannot bound it; an upper end may be infinite. `method` is "bootstrap" or
    "small" (closed forms on the effective number of people).
    """

    group: str
    side: Side
    rest: Side
    difference: float | None
    difference_interval: tuple[float, float] | None
    ratio: float | None
    ratio_interval: tuple[float, float] | None
    method: str


@dataclass(frozen=True)
class _Shares:
    """A measure on one side, for all groups at once: (groups,) each, and (resamples, groups) draws."""

    counted: Floats
    among: Floats
    share: Floats
    effective: Floats
    draws: Floats
    clusters: NDArray[np.int64]
    rows: Floats

    @property
    def enough(self) -> NDArray[np.bool_]:
        on, off = self.share * self.effective, (1 - self.share) * self.effective
        return (np.nan_to_num(np.minimum(on, off), nan=0.0) >= ENOUGH) & (len(self.draws) > 0)


def measure_disparities(tally: Tally, measure: Measure, draws: Floats) -> list[Disparity]:
    """Return one Disparity per group of the tally, in its order.

    `draws` (resamples, groups, cells) are the tally's own, so that all measures share them; without any, closed forms
    are used for all.

    A recall of 30 among 100 people in need beside 200 among 400 has 30 counted and 70 not: on both sides over ENOUGH,
    so the difference -0.2 and the ratio 0.6 get the bootstrap's percentiles. 10 among 100 has 10 counted only: then
    both sides' closed forms are used, for one side's draws alone would be no better than its fewest people.
    """
    group, rest = _sum_shares(tally, measure, draws, rest=False), _sum_shares(tally, measure, draws, rest=True)
    enough = group.enough & rest.enough
    gap, ratio = group.share - rest.share, _divide(group.share, rest.share)
    both = (group.share, group.effective, rest.share, rest.effective)
    small_gap, small_ratio = _bound_few(~enough, bound_difference, *both), _bound_few(~enough, bound_ratio, *both)
    gaps = _choose_ends(enough, gap, group.draws - rest.draws, small_gap)
    ratios = _choose_ends(enough, ratio, _divide(group.draws, rest.draws), small_ratio)
    totals = tally.row_totals
    others = totals.sum(axis=0) - totals
    alone, others_alone = (_bound_few(~side.enough, bound_share, side.share, side.effective) for side in (group, rest))
    sides = _choose_ends(group.enough, group.share, group.draws, alone)
    rests = _choose_ends(rest.enough, rest.share, rest.draws, others_alone)
    return [
        Disparity(
            name,
            _make_side(group, i, sides, totals[i], int(group.clusters[i])),
            _make_side(rest, i, rests, others[i], int(rest.clusters[i])),
            _read_number(gap[i]),
            _read_ends(gaps, i),
            _read_number(ratio[i]),
            _read_ends(ratios, i),
            "bootstrap" if enough[i] else "small",
        )
        for i, name in enumerate(tally.names)
    ]


def _sum_shares(tally: Tally, measure: Measure, draws: Floats, *, rest: bool) -> _Shares:
    above, below = measure.above, measure.below
    counted, among = tally.totals @ above, tally.totals @ below
    counted_draws, among_draws = draws @ above, draws @ below
    if rest:
        counted, among = counted.sum() - counted, among.sum() - among
        counted_draws = counted_draws.sum(axis=1, keepdims=True) - counted_draws
        among_draws = among_draws.sum(axis=1, keepdims=True) - among_draws
    share, rows = _divide(counted, among), tally.row_totals @ below
    rows = rows.sum() - rows if rest else rows
    moments = tally.moments(above, below, rest=rest)
    people = count_effective(share, among, *moments, None if tally.rows is None else rows)
    draws_of_share = _divide(counted_draws, among_draws)
    return _Shares(counted, among, share, people, draws_of_share, tally.clusters(below, rest=rest), rows)


def _divide(above: Floats, below: Floats) -> Floats:
    """Divide; NaN where there is nobody to divide by (never 0 and never an error)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan), dtype=np.float64)


def _bound_few(
    few: NDArray[np.bool_], closed_form: Callable[..., tuple[Floats, Floats]], *of: Floats
) -> tuple[Floats, Floats]:
    """Return a closed form's ends where there are few people; NaN elsewhere, where nobody looks."""
    low, high = np.full(len(few), np.nan), np.full(len(few), np.nan)
    if few.any():
        low[few], high[few] = closed_form(*(values[few] for values in of))
    return low, high


def _choose_ends(
    enough: NDArray[np.bool_], estimate: Floats, draws: Floats, small: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return the bootstrap's percentiles where there is enough, else the closed form; always around the estimate."""
    low, high = small[0].copy(), small[1].copy()
    if enough.any() and len(draws):
        usable_draws = draws[:, enough]
        # A draw without anybody to divide by says nothing; where there is enough it hardly ever happens.
        percentile = np.nanpercentile if np.isnan(usable_draws).any() else np.percentile
        low[enough], high[enough] = percentile(usable_draws, _LEVELS, axis=0)
    return np.fmin(low, estimate), np.fmax(high, estimate)


def _make_side(shares: _Shares, i: int, ends: tuple[Floats, Floats], totals: Floats, clusters: int) -> Side:
    return Side(
        _read_number(shares.share[i]),
        _read_ends(ends, i),
        round(float(shares.rows[i])),
        round(float(totals[2] + totals[3])),
        round(float(totals[1] + totals[3] + totals[5])),
        clusters,
    )


def _read_number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _read_ends(ends: tuple[Floats, Floats], i: int) -> tuple[float, float] | None:
    low, high = float(ends[0][i]), float(ends[1][i])
    return None if np.isnan(low) or np.isnan(high) else (low, high)
