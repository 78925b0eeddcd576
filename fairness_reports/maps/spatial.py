"""Shares by area that borrow strength from neighbours, with intervals.

    count of area i ~ Binomial(number of area i, p_i),   logit p = mean + field
    field ~ Normal(0, spread^2 R^-1),   R = closeness (D - W) + (1 - closeness) I      (Leroux, Lei and Breslow 1999)

Fitted by nested Laplace approximations (Rue, Martino and Chopin 2009): the field's mode and curvature at each of a grid
of (spread, closeness), weighed by how well each explains the counts; so what is unsure of the two is in the intervals,
and where neighbours share nothing the closeness goes to nought and each area borrows from the whole alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy  # type: ignore[import-untyped]  # it ships no types
from scipy.stats import norm  # type: ignore[import-untyped]  # it ships no types

__all__ = ["Estimates", "estimate_shares"]

Floats = NDArray[np.float64]
_SPREADS = np.exp(np.linspace(np.log(0.05), np.log(2.0), 9))
_CLOSENESS = (0.0, 0.35, 0.7, 0.9, 0.98)
_STEPS = 12
_MEAN_PRECISION = 1e-3


@dataclass(frozen=True)
class Estimates:
    """One share an area with its interval, all between 0 and 1; and how close neighbours are, 0 to 1."""

    share: Floats
    low: Floats
    high: Floats
    closeness: float


def estimate_shares(
    count: NDArray[np.int64], number: NDArray[np.int64], beside: NDArray[np.bool_], level: float = 0.95
) -> Estimates:
    """Return the shares of areas, shape [area], given who borders whom, shape [area, area].

    An area with number 0 is estimated from its neighbours alone. Needs two areas.
    """
    size = len(count)
    laplacian = np.diag(beside.sum(axis=1)).astype(np.float64) - beside
    weights, centres, errors = [], [], []
    for close in _CLOSENESS:
        structure = close * laplacian + (1 - close) * np.eye(size)
        values = np.linalg.eigvalsh(structure)
        # Spread is of a field of variance about one, whatever the closeness: so one grid fits all.
        scale = float(np.mean(1 / values))
        start = np.zeros(size)
        for spread in _SPREADS:
            precision = structure * scale / spread**2
            evidence, centre, error, start = _approximate(count, number, precision, values * scale / spread**2, start)
            weights.append(evidence)
            centres.append(centre)
            errors.append(error)
    weight = np.exp(np.array(weights) - max(weights))
    weight /= weight.sum()
    centre, error = np.array(centres), np.array(errors)
    share = weight @ expit(centre / np.sqrt(1 + np.pi * error**2 / 8))
    tail = (1 - level) / 2
    low, high = (_find_quantile(weight, centre, error, part) for part in (tail, 1 - tail))
    closeness = float(weight.reshape(len(_CLOSENESS), -1).sum(axis=1) @ np.array(_CLOSENESS))
    return Estimates(share, expit(low), expit(high), closeness)


def _approximate(
    count: NDArray[np.int64], number: NDArray[np.int64], precision: Floats, values: Floats, start: Floats
) -> tuple[float, Floats, Floats, Floats]:
    """Return the log evidence, each area's mode and standard error on the logit scale, and the mode to start from.

    The mean is one more unknown with a wide prior: the field plus mean has precision Q - Q11'Q / (1'Q1 + small).
    """
    size = len(count)
    ones = precision.sum(axis=1)
    joint = precision - np.outer(ones, ones) / (ones.sum() + _MEAN_PRECISION)
    base = float(np.log((count.sum() + 0.5) / (number.sum() - count.sum() + 0.5)))
    eta = start
    for _ in range(_STEPS):
        share = expit(base + eta)
        curve = number * share * (1 - share)
        step = np.linalg.solve(joint + np.diag(curve) + 1e-9 * np.eye(size), count - number * share - joint @ eta)
        eta = eta + step
        if np.abs(step).max() < 1e-6:
            break
    share = expit(base + eta)
    posterior = joint + np.diag(number * share * (1 - share)) + 1e-9 * np.eye(size)
    covariance = np.linalg.inv(posterior)
    likelihood = float(np.sum(xlogy(count, share) + xlogy(number - count, 1 - share)))
    # The determinant of the prior: Q's, and what integrating the mean out takes of it.
    prior = float(np.log(values).sum()) + np.log(_MEAN_PRECISION / (ones.sum() + _MEAN_PRECISION))
    evidence = likelihood - 0.5 * float(eta @ joint @ eta) + 0.5 * prior - 0.5 * float(np.linalg.slogdet(posterior)[1])
    return evidence, base + eta, np.sqrt(np.diag(covariance)), eta


def _find_quantile(weight: Floats, centre: Floats, error: Floats, part: float) -> Floats:
    """Return a quantile of each area's mixture of normals, by halving."""
    low, high = (centre - 8 * error).min(axis=0), (centre + 8 * error).max(axis=0)
    for _ in range(40):
        middle = (low + high) / 2
        below = weight @ norm.cdf((middle - centre) / error) < part
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    quantile: Floats = (low + high) / 2
    return quantile
