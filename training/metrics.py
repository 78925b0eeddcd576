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

from training.bootstrap import Counts, Draws, interval
from training.lists import Period

__all__ = ["Figure", "at_capacity", "ends_of_runs", "figures", "of_likelihood", "of_order", "ranking_areas"]

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
    last = ends_of_runs(margins[rows])
    outcome = period.positive[rows].astype(np.float64)
    household = period.household[rows]
    drawn = (times[household] for times in draws.times)
    areas = np.array([ranking_areas(times * outcome, times * (1 - outcome), last) for times in drawn])
    return {"average_precision": areas[:, 0], "auroc": areas[:, 1]}


def ends_of_runs(ordered: Float) -> NDArray[np.int64]:
    """Return where each run of equal margins ends, in margins that are in order."""
    return np.flatnonzero(np.r_[np.diff(ordered) != 0, True])


def ranking_areas(positive: Float, negative: Float, last: NDArray[np.int64]) -> tuple[float, float]:
    """Return (average precision, AUROC) of weighted rows sorted by falling margin; `last` ends each run of equals."""
    found, alarms = np.cumsum(positive)[last], np.cumsum(negative)[last]
    if not len(last) or found[-1] == 0 or alarms[-1] == 0:
        return np.nan, np.nan
    new_found, new_alarms = np.diff(found, prepend=0.0), np.diff(alarms, prepend=0.0)
    drawn = found + alarms
    precision = np.divide(found, drawn, out=np.zeros_like(found), where=drawn > 0)
    average = float((precision * new_found).sum() / found[-1])
    above = found - new_found
    auroc = float((new_alarms * (above + new_found / 2)).sum() / (found[-1] * alarms[-1]))
    return average, auroc


def _ratio(top: Float, bottom: Float) -> Float:
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) > 0))
