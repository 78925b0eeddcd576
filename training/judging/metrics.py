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
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.lists import Period
from training.judging.bootstrap import Counts, Draws, interval

__all__ = ["Figure", "Order", "at_capacity", "figures", "of_likelihood", "of_order"]

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


def figures(
    model: str, period: str, values: dict[str, Float], level: float, part: str = "all", against: str | None = None
) -> list[Figure]:
    """Return one figure per measure from (1 + resamples,) arrays whose first value is the estimate."""
    made = []
    for measure, value in values.items():
        low, high = interval(value[1:], level)
        estimate = float(value[0]) if np.isfinite(value[0]) else None
        made.append(Figure(model, period, measure, estimate, low, high, part, against))
    return made


def at_capacity(counts: Counts, positives: Float, labelled: Float) -> dict[str, Float]:
    """Return the figures at capacity; `positives` and `labelled` are totals over the period, (1 + resamples,)."""
    listed, found = counts.listed.sum(axis=1), counts.found.sum(axis=1)
    precision = _ratio(found, listed)
    return {
        "listed": listed,
        "found": found,
        "missed": positives - found,
        "precision": precision,
        "recall": _ratio(found, positives),
        "false_positives_per_found": _ratio(listed - found, found),
        "lift": _ratio(precision, _ratio(positives, labelled)),
    }


def of_likelihood(draws: Draws, score: Float) -> dict[str, Float]:
    """Return the Brier score, and outcomes observed for each one expected, of calibrated likelihoods (rows,)."""
    period = draws.period
    labelled, outcome = period.labelled, period.positive.astype(np.float64)
    rows = draws.total(labelled.astype(np.float64))
    return {
        "brier": _ratio(draws.total(np.where(labelled, (score - outcome) ** 2, 0.0)), rows),
        "observed_over_expected": _ratio(
            draws.total(np.where(labelled, outcome, 0.0)), draws.total(np.where(labelled, score, 0.0))
        ),
    }


def of_order(draws: Draws, margins: Float) -> dict[str, Float]:
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
        """
        until = np.concatenate([[0], np.cumsum(weight, dtype=np.int64)])
        new = np.add.reduceat(weight[self.positive].astype(np.int64), self.run) if len(self.run) else self.run
        found = np.cumsum(new)
        positives = int(found[-1]) if len(found) else 0
        negatives = int(until[-1]) - positives
        if not positives or not negatives:
            return np.nan, np.nan
        above = until[self.start] - (found - new)
        level = until[self.end] - until[self.start] - new
        drawn = until[self.end]
        precision = np.divide(found, drawn, out=np.zeros(len(found)), where=drawn > 0)
        average = float((precision * new).sum() / positives)
        auroc = float((new * (negatives - above - level / 2)).sum() / (positives * negatives))
        return average, auroc


def _ratio(top: Float, bottom: Float) -> Float:
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) > 0))
