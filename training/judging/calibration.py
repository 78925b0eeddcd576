"""Likelihoods for bands: Platt's scaling of margins, fitted on out-of-time predictions alone.

    likelihood = 1 / (1 + exp(-(slope * margin + intercept)))

Platt (1999), with his smoothed targets; by scikit-learn. The slope comes from all the folds at hand, the intercept from
the one nearest in time: how often a need is recorded drifts from year to year, how much a margin says does not. Bands
use the likelihood, and nothing else does: ranking stays on the raw margin. A fold's own scores come from a scaling
fitted on other folds, so the figures of calibration were not fitted on what they judge. Whether it holds where lists
are made, and what is done where it doesn't, is list_scaling.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from charter.rules.likelihood import compute_likelihood
from training.data.dataset import MISSING
from training.data.folds import Fold
from training.judging.bootstrap import Draws

if TYPE_CHECKING:
    from training.models.planning import Plan

__all__ = [
    "Margins",
    "Platt",
    "fit_platt",
    "fit_slope_and_intercept",
    "measure_slope",
    "move_intercept",
    "refuse_backwards",
    "scale_folds",
    "scale_margins",
]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Platt:
    """The scaling of one model's margins."""

    slope: float
    intercept: float
    rows: int
    positives: int

    def likelihood(self, margins: Float) -> Float:
        """Return the calibrated likelihood of each margin; shape (rows,)."""
        return compute_likelihood({"method": "platt", "slope": self.slope, "intercept": self.intercept}, margins)

    def as_document(self) -> dict[str, Any]:
        """Return the scaling as the release contract's `calibration`."""
        return {
            "method": "platt",
            "slope": self.slope,
            "intercept": self.intercept,
            "rows": self.rows,
            "positives": self.positives,
            "formula": "1 / (1 + exp(-(slope * margin + intercept)))",
        }


def fit_platt(margins: Float, labels: NDArray[np.int8]) -> Platt:
    """Fit the scaling on labelled rows (labels 0 or 1); margins without any spread give the overall share."""
    positives = int((labels == 1).sum())
    rows = len(labels)
    smoothed = (positives + 1) / (rows + 2)
    if rows == 0 or np.ptp(margins) == 0:
        return Platt(0.0, float(np.log(smoothed / (1 - smoothed))), rows, positives)
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it ships no types

    # Platt's targets, (n1 + 1) / (n1 + 2) and 1 / (n0 + 2), as weights of both classes for each row.
    high, low = (positives + 1) / (positives + 2), 1 / (rows - positives + 2)
    target = np.where(labels == 1, high, low)
    centre, spread = float(margins.mean()), float(margins.std())
    # Equal margins are one row with their weights together: a points list has few different ones.
    standard, place = np.unique((margins - centre) / spread, return_inverse=True)
    yes, no = np.bincount(place, weights=target), np.bincount(place, weights=1 - target)
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", max_iter=200, tol=1e-10).fit(
        np.concatenate([standard, standard])[:, None],
        np.repeat([1, 0], len(standard)),
        sample_weight=np.concatenate([yes, no]),
    )
    slope = float(model.coef_[0, 0]) / spread
    return Platt(slope, float(model.intercept_[0]) - slope * centre, rows, positives)


def move_intercept(scaling: Platt, margins: Float, labels: NDArray[np.int8]) -> Platt:
    """Return the scaling with the intercept at which as many outcomes are expected on these rows as were observed."""
    rows, positives = len(labels), int((labels == 1).sum())
    share = (positives + 1) / (rows + 2)
    slanted = scaling.slope * margins

    def surplus(intercept: float) -> float:
        return float((1.0 / (1.0 + np.exp(-(slanted + intercept)))).mean()) - share

    far = float(np.abs(slanted).max(initial=0.0)) + abs(float(np.log(share / (1 - share)))) + 1.0
    # Here and not above, as SciPy starts slowly: a terminal's words of a run that stands come from this shelf too.
    from scipy.optimize import brentq  # type: ignore[import-untyped]  # it ships no types

    intercept = float(brentq(surplus, -far, far, xtol=1e-10)) if rows else scaling.intercept
    return Platt(scaling.slope, intercept, scaling.rows, scaling.positives)


def fit_slope_and_intercept(draws: Draws, score: Float, level: float) -> Mapping[str, tuple[float, float, float]]:
    """Return the calibration slope, and the intercept at slope 1, each with its interval, of labelled rows."""
    period = draws.period
    rows = np.flatnonzero(period.labelled)
    return measure_slope(score[rows], period.positive[rows], period.household[rows], np.ones(len(rows)), level)


def measure_slope(
    score: Float, needed: NDArray[np.bool_], household: NDArray[np.int32], weight: Float, level: float
) -> Mapping[str, tuple[float, float, float]]:
    """Return the calibration slope, and the intercept at slope 1, each with its interval; nothing where it has none.

    Logistic regression of the outcome on the log odds of the likelihood (Cox 1958), each row with its weight; intervals
    from the sandwich variance with households as clusters. A slope of 1 and an intercept of 0 are perfect.
    """
    clipped = np.clip(score, 1e-9, 1 - 1e-9)
    odds = np.log(clipped / (1 - clipped))
    outcome, ones = needed.astype(np.float64), np.ones((len(score), 1))
    both = _fit_clustered(np.column_stack([ones, odds]), outcome, np.zeros(len(score)), household, weight)
    alone = _fit_clustered(ones, outcome, odds, household, weight)
    if both is None or alone is None:
        return {}
    z = NormalDist().inv_cdf((1 + level) / 2)
    slope, slope_error = float(both[0][1]), float(both[1][1])
    large, large_error = float(alone[0][0]), float(alone[1][0])
    return {
        "calibration_slope": (slope, slope - z * slope_error, slope + z * slope_error),
        "calibration_in_the_large": (large, large - z * large_error, large + z * large_error),
    }


def _fit_clustered(
    design: Float, outcome: Float, offset: Float, cluster: NDArray[np.int32], weight: Float
) -> tuple[Float, Float] | None:
    """Return (coefficients, cluster-robust standard errors) of a logistic regression; None where it has none.

    Where scores part the outcomes without an error, or hardly differ, fifty steps find no end: no slope is told.
    """
    if not len(outcome) or not 0 < outcome @ weight < weight.sum():
        return None
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        expected = (1 + np.tanh((design @ beta + offset) / 2)) / 2  # the logistic function, that no large odds overflow
        information = design.T @ (design * (weight * expected * (1 - expected))[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (weight * (outcome - expected)))
        beta += np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None
    expected = (1 + np.tanh((design @ beta + offset) / 2)) / 2
    information = design.T @ (design * (weight * expected * (1 - expected))[:, None])
    residual = design * (weight * (outcome - expected))[:, None]
    size = int(cluster.max()) + 1
    summed = np.column_stack([np.bincount(cluster, weights=column, minlength=size) for column in residual.T])
    bread = np.linalg.inv(information)
    return beta, np.sqrt(np.diag(bread @ (summed.T @ summed) @ bread))


@dataclass(frozen=True)
class Margins:
    """One fold's out-of-time margins of one model, and its labels; rows without a label left out."""

    margins: Float
    labels: NDArray[np.int8]


def _labelled_margins(planned: Plan, fold: Fold, margins: Float) -> Margins:
    labels = np.concatenate([planned.data.labels(day, planned.data.taken_at) for day in fold.test])
    return Margins(margins[labels != MISSING], labels[labels != MISSING])


def scale_margins(parts: Sequence[Margins], nearest: int) -> Platt:
    """Return the scaling whose slope is fitted on all `parts` and whose intercept is that of one of them."""
    pooled = np.concatenate([part.margins for part in parts])
    scaling = fit_platt(pooled, np.concatenate([part.labels for part in parts]))
    return move_intercept(scaling, parts[nearest].margins, parts[nearest].labels)


def scale_folds(planned: Plan, by_fold: Mapping[str, Float]) -> tuple[Platt, dict[str, Platt]]:
    """Return one model's scaling for release, from all its folds, and each fold's own, from others.

    A selection fold's comes from the other selection folds, its intercept from the one before it (the first: after
    it); the final fold's from all selection folds. A run with a single fold has no others, and says so by using it.
    """
    parts = [_labelled_margins(planned, fold, by_fold[fold.name]) for fold in planned.folds]
    selecting = [number for number, fold in enumerate(planned.folds) if not fold.final]
    by_name = {}
    for number, fold in enumerate(planned.folds):
        others = [other for other in selecting if other != number] or [number]
        nearest = max((other for other in others if other < number), default=others[0])
        by_name[fold.name] = scale_margins([parts[other] for other in others], others.index(nearest))
    return scale_margins(parts, len(parts) - 1), by_name


def refuse_backwards(model: str, scaling: Platt) -> None:
    """Raise DataError where a model's larger margins go with fewer outcomes: its bands would be upside down."""
    if scaling.slope <= 0:
        raise DataError(
            f"the {model} model orders later periods no better than chance: its bands would be upside down.",
            "Look at the fold table of `sooner train --plan`, and at features whose meaning changed.",
        )
