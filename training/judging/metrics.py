"""How good a list is at the places a team really has: what it finds, what it misses, what it costs in false alarms.

Every figure is a function of the sample and its resamples at once (row 0 is the sample), so the estimate and the
interval are the same arithmetic. Figures at capacity pool the dates and teams of a period.

    precision                     of those listed (and labelled), the share that had the outcome
    recall                        of those that had the outcome, the share that was listed
    false_positives_per_found     listed without the outcome, for each one with it
    missed                        with the outcome, on no list
    lift                          precision / the share with the outcome among all labelled rows
    average_precision, auroc      of the whole order (area of the step-wise precision-recall curve; Mann-Whitney)
    brier, observed_over_expected of the calibrated likelihood
    stability                     of those listed at a date, the share that had been on the list of the date before
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.lists import Period
from training.judging.bootstrap import Counts, Draws, find_interval_around

__all__ = [
    "Figure",
    "Order",
    "make_figures",
    "measure_at_capacity",
    "measure_likelihood",
    "measure_order",
    "measure_stability",
]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One measured figure; `low` and `high` bound its interval, None where it cannot be told."""

    model: str
    period: str
    measure: str
    estimate: float | None
    low: float | None
    high: float | None
    part: str = "all"
    against: str | None = None


NEW_TO_SERVICES = ("new_of_listed", "new_needed_of_listed", "new_share", "new_precision")
"""Measures of families that no service was in touch with: of a definition that can't tell, they are not known."""


def blank_figures(figures: Sequence[Mapping[str, Any]], measures: Collection[str]) -> list[dict[str, Any]]:
    """Return figures as JSON values, those of some measures as not known."""
    unknown = {"estimate": None, "low": None, "high": None}
    return [{**figure, **(unknown if figure["measure"] in measures else {})} for figure in figures]


def make_figures(
    model: str, period: str, values: dict[str, Float], level: float, part: str = "all", against: str | None = None
) -> list[Figure]:
    """Return one figure per measure from (1 + resamples,) arrays whose first value is the estimate."""
    figures = []
    for measure, value in values.items():
        low, high = find_interval_around(float(value[0]), value[1:], level)
        estimate = float(value[0]) if np.isfinite(value[0]) else None
        figures.append(Figure(model, period, measure, estimate, low, high, part, against))
    return figures


def measure_at_capacity(counts: Counts, positives: Float, labelled: Float) -> dict[str, Float]:
    """Return the figures at capacity; `positives` and `labelled` are totals over the period, (1 + resamples,)."""
    numbers, hits = counts.listed.sum(axis=1), counts.found.sum(axis=1)
    precision = _ratio_of(hits, numbers)
    return {
        "listed": numbers,
        "found": hits,
        "missed": positives - hits,
        "precision": precision,
        "recall": _ratio_of(hits, positives),
        "false_positives_per_found": _ratio_of(numbers - hits, hits),
        "lift": _ratio_of(precision, _ratio_of(positives, labelled)),
    }


def measure_likelihood(draws: Draws, score: Float) -> dict[str, Float]:
    """Return the Brier score, and outcomes observed for each one expected, of calibrated likelihoods (rows,)."""
    period = draws.period
    labelled, outcome = period.labelled, period.positive.astype(np.float64)
    rows = draws.total(labelled.astype(np.float64))
    return {
        "brier": _ratio_of(draws.total(np.where(labelled, (score - outcome) ** 2, 0.0)), rows),
        "observed_over_expected": _ratio_of(
            draws.total(np.where(labelled, outcome, 0.0)), draws.total(np.where(labelled, score, 0.0))
        ),
    }


def measure_order(draws: Draws, margins: Float) -> dict[str, Float]:
    """Return average precision and AUROC of the order of all labelled rows, ties counted as ties."""
    period: Period = draws.period
    rows = np.flatnonzero(period.labelled)
    rows = rows[np.argsort(-margins[rows], kind="stable")]
    order = Order.of(margins[rows], period.positive[rows])
    household = period.household[rows]
    areas = np.array([order.areas(times[household]) for times in draws.times])
    return {"average_precision": areas[:, 0], "auroc": areas[:, 1]}


@dataclass(frozen=True)
class Order:
    """Rows sorted by falling margin, prepared so that areas under many sets of weights are quick.

    Only runs of equal margins that hold a positive matter: `start` and `end` (exclusive) are theirs, `positive` the
    places of the positive rows, and `run` where each run's positives begin among them.
    """

    positive: NDArray[np.int64]
    run: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @classmethod
    def of(cls, margins: Float, positive: NDArray[np.bool_]) -> Order:
        """Prepare `margins` (rows,), sorted from the largest, and which rows are positive."""
        ends = np.flatnonzero(np.r_[np.diff(margins) != 0, True]) + 1 if len(margins) else np.zeros(0, dtype=np.int64)
        starts = np.r_[0, ends[:-1]] if len(ends) else ends
        places = np.flatnonzero(positive)
        runs, first = np.unique(np.searchsorted(ends, places, side="right"), return_index=True)
        return cls(places, first, starts[runs], ends[runs])

    def areas(self, weight: NDArray[np.uint8]) -> tuple[float, float]:
        """Return (average precision, AUROC) of the rows weighted; NaN where only one class has weight.

        Average precision is the step-wise sum of precision over recall; AUROC counts a tie as a half (Mann-Whitney).

            margin     9   7   7   3     two runs hold a positive: places 0 to 1, and 1 to 3
            positive   *   *
            weight     2   1   1   0     drawn so often: 3 positives, 1 negative
            hits       2, 3              positives until each run's end, of 2 and 4 rows
            average    (2/2 * 2 + 3/4 * 1) / 3 = 0.92
            AUROC      (2 * (1 - 0 - 0/2) + 1 * (1 - 0 - 1/2)) / (3 * 1) = 0.83
        """
        until = np.concatenate([[0], np.cumsum(weight, dtype=np.int64)])
        new = np.add.reduceat(weight[self.positive].astype(np.int64), self.run) if len(self.run) else self.run
        hits = np.cumsum(new)
        positives = int(hits[-1]) if len(hits) else 0
        negatives = int(until[-1]) - positives
        if not positives or not negatives:
            return np.nan, np.nan
        above = until[self.start] - (hits - new)
        level = until[self.end] - until[self.start] - new
        rows = until[self.end]
        precision = np.divide(hits, rows, out=np.zeros(len(hits)), where=rows > 0)
        average = float((precision * new).sum() / positives)
        auroc = float((new * (negatives - above - level / 2)).sum() / (positives * negatives))
        return average, auroc


def _ratio_of(top: Float, bottom: Float) -> Float:
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) > 0))


def measure_stability(period: Period, place: NDArray[np.int64]) -> float | None:
    """Return the share of listed households that had been on the list of the date before; None for a single date."""
    on_list = period.listed(place)
    by_day = [set(period.household[on_list & (period.day == number)].tolist()) for number in range(len(period.days))]
    stayed = sum(len(before & after) for before, after in pairwise(by_day))
    number = sum(len(after) for after in by_day[1:])
    return stayed / number if number else None
