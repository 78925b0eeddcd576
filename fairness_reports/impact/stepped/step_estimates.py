"""What a stepped trial's outcomes say: within each period, households whose unit had begun beside those whose had not.

With a constant for each period, least squares of the outcome y on "begun" z (1 or 0) has the slope
sum(z~ y) / sum(z~^2), z~ being z less its period's mean; one in which all or nobody had begun adds nothing. They are
compared within themselves alone, so that what changes with time changes no figure (Matthews and Forbes, Statistics in
Medicine 2017, 36:3772-3790; Thompson and others, the same 2018, 37:2487-2500). The test is the lot's own, of other
orders of steps; the error by unit stands beside it. Of a group, or another outcome, which have no such test, the error
is of leaving out one unit after the other (the cluster jackknife, CV3: MacKinnon, Nielsen and Webb, Journal of Applied
Econometrics 2023, 38:671-694), which few units do not make too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairness_reports.impact.estimates import Difference
from fairness_reports.impact.stepped.permuted_starts import OrderTest, compare_orders, draw_orders

__all__ = ["FEWEST_UNITS", "StepCounts", "compare_steps", "estimate_step_difference", "leave_out_units"]

FEWEST_UNITS = 8
"""Units with households of a group below which nothing is said of it."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StepCounts:
    """Households and those of them with a need by unit and period (units, periods); `starts` (units,) by the lot."""

    starts: NDArray[np.int64]
    households: Floats
    needs: Floats

    @property
    def begun(self) -> Floats:
        """1 where a unit had begun, (units, periods)."""
        return np.asarray(_find_begun(self.starts[None, :], self.households.shape[1])[0])


def _find_begun(orders: NDArray[np.int64], periods: int) -> Floats:
    return np.asarray(np.arange(periods)[None, None, :] >= orders[:, :, None], dtype=np.float64)


def _estimate_orders(orders: NDArray[np.int64], households: Floats, sums: Floats) -> Floats:
    """Return the slope on `sums` (units, periods), each over a cell's households, for each order (orders, units)."""
    begun = _find_begun(orders, households.shape[1])
    of_period = np.maximum(households.sum(axis=0), 1e-12)
    size = np.einsum("kup,up->kp", begun, households)
    slant = (np.einsum("kup,up->kp", begun, sums) - size * sums.sum(axis=0) / of_period).sum(axis=1)
    spread = (size - size**2 / of_period).sum(axis=1)
    return np.asarray(slant / np.where(spread > 1e-9, spread, np.nan))


def compare_steps(counts: StepCounts, level: float) -> OrderTest | None:
    """Return the difference with the lot's own test and interval; None where no period has households on both sides."""
    orders = draw_orders(counts.starts.tolist())
    figures = _estimate_orders(orders, counts.households, counts.needs)
    if np.isnan(figures[0]):
        return None
    of_begun = _estimate_orders(orders, counts.households, counts.households * counts.begun)
    # An order in which nobody could be compared contradicts nothing.
    figures, of_begun = np.where(np.isnan(figures), figures[0], figures), np.where(np.isnan(of_begun), 1.0, of_begun)
    return compare_orders(figures, of_begun, level)


def estimate_step_difference(counts: StepCounts) -> Difference | None:
    """Return the same difference with its error by unit: each unit's scores added up before they are squared.

    Times n / (n - 1) for n units, with Student's t of as many degrees less one.
    """
    of_period = np.maximum(counts.households.sum(axis=0), 1e-12)
    apart = counts.begun - (counts.households * counts.begun).sum(axis=0) / of_period
    spread = float((counts.households * apart**2).sum())
    units = int((counts.households.sum(axis=1) > 0).sum())
    if not spread > 1e-9 or units < 2:
        return None
    slope = float((apart * counts.needs).sum()) / spread
    left = counts.needs - counts.households * counts.needs.sum(axis=0) / of_period
    scores = (apart * (left - slope * counts.households * apart)).sum(axis=1)
    return Difference(slope, float(np.sqrt(scores @ scores * units / (units - 1))) / spread, float(units - 1))


def leave_out_units(counts: StepCounts) -> Difference | None:
    """Return the difference with the error of leaving out each unit in turn; None of fewer units than FEWEST_UNITS.

    Of n slopes, each without one unit, the squares of what they are from the whole's are added up, times (n - 1) / n;
    with Student's t of n - 1 degrees. None too where without some unit nothing compares.
    """
    whole = np.flatnonzero(counts.households.sum(axis=1) > 0)
    if len(whole) < FEWEST_UNITS:
        return None
    without = [whole[whole != unit] for unit in whole]
    slopes = np.array(
        [
            _estimate_orders(counts.starts[None, rows], counts.households[rows], counts.needs[rows])[0]
            for rows in [whole, *without]
        ]
    )
    if np.isnan(slopes).any():
        return None
    apart = slopes[1:] - slopes[0]
    size = len(whole)
    return Difference(float(slopes[0]), float(np.sqrt(apart @ apart * (size - 1) / size)), float(size - 1))
