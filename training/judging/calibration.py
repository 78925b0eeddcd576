"""Likelihoods for bands: Platt's scaling of margins, fitted on out-of-time predictions alone.

    likelihood = 1 / (1 + exp(-(slope * margin + intercept)))

Platt (1999), with his smoothed targets; by scikit-learn. The slope comes from all the folds at hand, the intercept from
the one nearest in time: how often a need is recorded drifts from year to year, how much a margin says does not. Bands
use the likelihood, and nothing else does: ranking stays on the raw margin. A fold's own scores come from a scaling
fitted on other folds, so the figures of calibration were not fitted on what they judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq  # type: ignore[import-untyped]  # it ships no types

from charter.council.training_settings import Band
from charter.errors import DataError
from training.judging.bootstrap import Draws, find_interval

__all__ = [
    "Platt",
    "fit_platt",
    "fit_slope_and_intercept",
    "measure_bands",
    "move_intercept",
    "refuse_backwards",
    "say_broken_bands",
    "word_bands",
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
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * margins + self.intercept))))

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
    intercept = float(brentq(surplus, -far, far, xtol=1e-10)) if rows else scaling.intercept
    return Platt(scaling.slope, intercept, scaling.rows, scaling.positives)


def fit_slope_and_intercept(
    draws: Draws, score: Float, level: float, inside: NDArray[np.bool_] | None = None
) -> Mapping[str, tuple[float, float, float]]:
    """Return the calibration slope, and the intercept at slope 1, each with its interval; of the rows `inside` alone.

    Logistic regression of the outcome on the log odds of the likelihood (Cox 1958); intervals from the sandwich
    variance with households as clusters. A slope of 1 and an intercept of 0 are perfect.
    """
    period = draws.period
    rows = np.flatnonzero(period.labelled if inside is None else period.labelled & inside)
    clipped = np.clip(score[rows], 1e-9, 1 - 1e-9)
    odds = np.log(clipped / (1 - clipped))
    outcome = period.positive[rows].astype(np.float64)
    both = _fit_clustered(
        np.column_stack([np.ones(len(rows)), odds]), outcome, np.zeros(len(rows)), period.household[rows]
    )
    alone = _fit_clustered(np.ones((len(rows), 1)), outcome, odds, period.household[rows])
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
    design: Float, outcome: Float, offset: Float, cluster: NDArray[np.int32]
) -> tuple[Float, Float] | None:
    """Return (coefficients, cluster-robust standard errors) of a logistic regression; None where it has none."""
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        expected = 1 / (1 + np.exp(-(design @ beta + offset)))
        information = design.T @ (design * (expected * (1 - expected))[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (outcome - expected))
        beta += np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            break
    expected = 1 / (1 + np.exp(-(design @ beta + offset)))
    information = design.T @ (design * (expected * (1 - expected))[:, None])
    residual = design * (outcome - expected)[:, None]
    size = int(cluster.max()) + 1
    summed = np.column_stack([np.bincount(cluster, weights=column, minlength=size) for column in residual.T])
    bread = np.linalg.inv(information)
    return beta, np.sqrt(np.diag(bread @ (summed.T @ summed) @ bread))


def measure_bands(
    draws: Draws, score: Float, listed: NDArray[np.bool_], bands: Sequence[Band], level: float
) -> list[dict[str, Any]]:
    """Return each band with the share of its listed rows that had the outcome, its interval, and their number.

    Only listed households have a band, so only they are counted, with the whole sample's lists.

    `as_stated` says whether the observed share lies within what the words promise: "yes", "no" when the whole
    interval lies outside, else "insufficient".
    """
    period = draws.period
    lower = [band.from_score for band in bands]
    upper = [1.1, *lower[:-1]]
    rates = []
    for band, low_edge, high_edge in zip(bands, lower, upper, strict=True):
        inside = (score >= low_edge) & (score < high_edge) & period.labelled & listed
        shares = _shares_with_outcome(draws, inside)
        low, high = find_interval(shares[1:], level)
        estimate = float(shares[0]) if np.isfinite(shares[0]) else None
        rates.append(
            {
                "id": band.id,
                "title": band.title,
                "meaning": band.meaning,
                "from_score": band.from_score,
                "stated": list(band.stated),
                "observed": estimate,
                "low": low,
                "high": high,
                "n": int(inside.sum()),
                "as_stated": _as_stated(band, estimate, low, high),
            }
        )
    return rates


def say_broken_bands(rates: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each band whose words did not hold on the lists that it was checked on."""
    return [
        f"The band {rate['title']!r} does not keep its word: {100 * rate['observed']:.0f} of 100 listed in it had the"
        f" outcome ({100 * rate['low']:.0f} to {100 * rate['high']:.0f}), where {100 * rate['stated'][0]:.0f} to"
        f" {100 * rate['stated'][1]:.0f} are stated. Caseworkers are shown what was observed."
        for rate in rates
        if rate["as_stated"] == "no"
    ]


def word_bands(rates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the bands as people are shown them: words that did not hold give way to what was observed."""
    return [{**rate, "meaning": _observed_words(rate)} if rate["as_stated"] == "no" else {**rate} for rate in rates]


def _observed_words(rate: Mapping[str, Any]) -> str:
    than = "fewer" if rate["high"] < rate["stated"][0] else "more"
    return (
        f"On past lists about {10 * rate['observed']:.0f} in 10 households in this band went on to have such a need:"
        f" {than} than was expected when the bands were agreed."
    )


def _shares_with_outcome(draws: Draws, inside: NDArray[np.bool_]) -> Float:
    rows = draws.total(inside.astype(np.float64))
    hits = draws.total((inside & draws.period.positive).astype(np.float64))
    return np.asarray(np.divide(hits, rows, out=np.full(np.shape(rows), np.nan), where=rows > 0))


def _as_stated(band: Band, observed: float | None, low: float | None, high: float | None) -> str:
    if observed is None or low is None or high is None:
        return "insufficient"
    if high < band.stated[0] or low > band.stated[1]:
        return "no"
    return "yes" if band.stated[0] <= observed <= band.stated[1] else "insufficient"


def refuse_backwards(model: str, scaling: Platt) -> None:
    """Raise DataError where a model's larger margins go with fewer outcomes: its bands would be upside down."""
    if scaling.slope <= 0:
        raise DataError(
            f"the {model} model orders later periods no better than chance: its bands would be upside down.",
            "Look at the fold table of `sooner train --plan`, and at features whose meaning changed.",
        )
