"""Regression discontinuity: what happens to an outcome where a running variable crosses 0, robustly and by the book.

On each side of the line the outcome y is fitted by least squares with triangular weights max(0, 1 - |x| / h). With a
straight line the jump at 0 is the usual estimate; its bias comes from the curve. With a parabola at the same h the
bias of the straight line is taken out, and the parabola's own HC2 variance holds for it: "robust bias-corrected" with
rho = 1 (Calonico, Cattaneo and Titiunik, Econometrica 2014, 82:2295-2326). The bandwidth h makes the mean squared error
of the straight line's jump smallest, in three steps (the same, section 4.3, with their regularisation):

    c  rule of thumb           2.576 * min(sd, iqr / 1.349) * n^(-1/5)
    d  for the third derivative, whose bias is of the fourth over all of each side
    b  for the second derivative, whose bias is of the third within d
    h  for the jump, whose bias is of the second within b

each being (V / B^2)^(1 / (2 o + 3)) for a polynomial of order o, where n^-1 V h^-(1 + 2 nu) is the variance and
B h^(o + 1 - nu) the bias. A peer (rdrobust, GPL, so beside the tests and not in here) gives the same to 1e-8.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

__all__ = ["Jump", "LineRows", "choose_bandwidth", "estimate_jump", "estimate_ratio"]

Floats = NDArray[np.float64]

_RULE_OF_THUMB = 2.576
"""The pilot's constant for triangular weights."""


@dataclass(frozen=True)
class LineRows:
    """Households near a line, once each: arrays (households,).

    `distance` is how far above the line (0 or more: listed) or below it (less than 0); `outcome` any number.
    """

    distance: Floats
    outcome: Floats

    def choose(self, which: NDArray[np.bool_]) -> LineRows:
        """Return some of the rows."""
        return LineRows(self.distance[which], self.outcome[which])

    def about(self, outcome: Floats) -> LineRows:
        """Return the same households with another outcome (households,)."""
        return LineRows(self.distance, outcome)


@dataclass(frozen=True)
class Jump:
    """An estimate of what changes at the line, with its standard error, within `bandwidth` of it.

    `usual` is the straight lines' jump, `estimate` the one less its bias. `below` and `above` are how many households
    are within the bandwidth.
    """

    usual: float
    estimate: float
    error: float
    bandwidth: float
    below: int
    above: int

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval of 1 - `level`."""
        times = float(stats.norm.ppf(1 - level / 2))
        return self.estimate - times * self.error, self.estimate + times * self.error

    @property
    def p_value(self) -> float:
        """The two-sided p value against no jump."""
        return float(2 * stats.norm.sf(abs(self.estimate / self.error))) if self.error else 1.0


@dataclass(frozen=True)
class _Fit:
    """One side's weighted polynomial: coefficients (order + 1, outcomes), the smoother, HC2-scaled residuals."""

    slopes: Floats
    smoother: Floats
    residuals: Floats

    def variance(self, of: int, weights: Floats) -> float:
        """Return the HC2 variance of coefficient `of` of a weighted sum of the outcomes."""
        return float(np.sum((self.smoother[of] * (self.residuals @ weights)) ** 2))


def _fit_side(x: Floats, outcomes: Floats, order: int, bandwidth: float) -> _Fit | None:
    """Fit a polynomial in x / bandwidth; None where too few distinct values are within the bandwidth."""
    weight = np.maximum(0.0, 1 - np.abs(x) / bandwidth)
    inside = weight > 0
    x, outcomes, weight = x[inside] / bandwidth, outcomes[inside], weight[inside]
    if len(np.unique(x)) < order + 2:
        return None
    design = np.vander(x, order + 1, increasing=True)
    weighted = design * weight[:, None]
    smoother = np.linalg.solve(design.T @ weighted, weighted.T)
    slopes = smoother @ outcomes
    leverage = np.einsum("ij,ji->i", design, smoother)
    left = (outcomes - design @ slopes) / np.sqrt(np.maximum(1 - leverage, 1e-8))[:, None]
    scale = bandwidth ** -np.arange(order + 1.0)
    return _Fit(slopes * scale[:, None], smoother * scale[:, None], left)


def _measure_bias(x: Floats, order: int, of: int, bandwidth: float) -> float:
    """Return what coefficient `of` of a polynomial of that order makes of (x / bandwidth)^(order + 1), times h^of."""
    weight = np.maximum(0.0, 1 - np.abs(x) / bandwidth)
    inside = weight > 0
    u, weight = x[inside] / bandwidth, weight[inside]
    design = np.vander(u, order + 1, increasing=True)
    weighted = design * weight[:, None]
    return float(np.linalg.solve(design.T @ weighted, weighted.T @ u ** (order + 1))[of])


@dataclass(frozen=True)
class _Error:
    """A side's part of a coefficient's mean squared error: variance, bias (signed), regularisation."""

    variance: float
    bias: float
    regular: float


def _measure_error(rows: LineRows, order: int, of: int, pilot: float, within: float, *, regular: bool) -> _Error | None:
    """Return one side's error of coefficient `of`: variance within `pilot`, the next curve as fitted `within`."""
    x, y = rows.distance, rows.outcome[:, None]
    if len(np.unique(x[np.abs(x) < pilot])) < order + 2:
        return None
    near, wide = _fit_side(x, y, order, pilot), _fit_side(x, y, order + 1, within)
    if near is None or wide is None:
        return None
    one = np.ones(1)
    constant = _measure_bias(x, order, of, pilot)
    powers = 2 * (order + 1 - of)
    return _Error(
        (2 * of + 1) * pilot ** (2 * of + 1) * near.variance(of, one),
        sqrt(powers) * constant * float(wide.slopes[-1, 0]),
        powers * 3 * constant**2 * wide.variance(order + 1, one) if regular else 0.0,
    )


def choose_bandwidth(rows: LineRows) -> float | None:
    """Return the bandwidth with the smallest mean squared error of the jump; None where a side has too few values.

    It is at most as wide as the farther side reaches.
    """
    x = rows.distance
    if not len(x) or not (x < 0).any() or not (x >= 0).any() or not np.ptp(rows.outcome) > 0:
        return None
    spread, unit = float(np.std(x, ddof=1)), float(np.std(rows.outcome, ddof=1))
    scaled = LineRows(x / spread, rows.outcome / unit)
    quarter, three = np.quantile(scaled.distance, [0.25, 0.75], method="averaged_inverted_cdf")
    farthest = float(np.abs(scaled.distance).max())
    pilot = min(_RULE_OF_THUMB * min(1.0, float(three - quarter) / 1.349) * len(x) ** -0.2, farthest)
    below, above = scaled.choose(scaled.distance < 0), scaled.choose(scaled.distance >= 0)
    reach = (float(np.abs(below.distance).max()), float(above.distance.max()))
    whole = [end * (1 + np.sqrt(np.finfo(float).eps)) for end in reach]
    for order, of, regular in ((3, 3, False), (2, 2, True), (1, 0, True)):
        left = _measure_error(below, order, of, pilot, whole[0], regular=regular)
        right = _measure_error(above, order, of, pilot, whole[1], regular=regular)
        if left is None or right is None:
            return None
        bias = (right.bias - left.bias) ** 2 + left.regular + right.regular
        best = ((left.variance + right.variance) / bias) ** (1 / (2 * order + 3)) if bias > 0 else farthest
        whole = [min(best, farthest)] * 2
    return float(whole[0] * spread)


def _fit_both(rows: LineRows, other: Floats | None, bandwidth: float) -> tuple[list[_Fit], list[_Fit]] | None:
    """Return the straight lines and the parabolas, each below and above; None where too few are within."""
    outcomes = np.column_stack([rows.outcome] if other is None else [rows.outcome, other])
    fits: list[list[_Fit]] = []
    for order in (1, 2):
        sides = [
            _fit_side(rows.distance[side], outcomes[side], order, bandwidth)
            for side in (rows.distance < 0, rows.distance >= 0)
        ]
        whole = [side for side in sides if side is not None]
        if len(whole) < 2:
            return None
        fits.append(whole)
    return fits[0], fits[1]


def _make_jump(rows: LineRows, usual: float, estimate: float, variance: float, bandwidth: float) -> Jump:
    inside = np.abs(rows.distance) < bandwidth
    below = int(np.sum(inside & (rows.distance < 0)))
    return Jump(usual, estimate, sqrt(variance), bandwidth, below, int(inside.sum()) - below)


def estimate_jump(rows: LineRows, bandwidth: float) -> Jump | None:
    """Return how much higher the outcome is just above the line than just below it; None where too few are near.

    Of y = 2 for x < 0 and y = 5 + x from 0 on the jump is 3, whatever the bandwidth.
    """
    fits = _fit_both(rows, None, bandwidth)
    if fits is None:
        return None
    lines, curves = fits
    one = np.ones(1)
    return _make_jump(
        rows,
        float(lines[1].slopes[0, 0] - lines[0].slopes[0, 0]),
        float(curves[1].slopes[0, 0] - curves[0].slopes[0, 0]),
        sum(side.variance(0, one) for side in curves),
        bandwidth,
    )


def estimate_ratio(rows: LineRows, taken: Floats, bandwidth: float) -> Jump | None:
    """Return the outcome's jump for each unit by which `taken` (households,) jumps; None where it doesn't jump at all.

    The bias of both jumps is taken out of the ratio to the first order, as the fuzzy design of the same authors does.
    """
    fits = _fit_both(rows, taken, bandwidth)
    if fits is None:
        return None
    usual, curved = (sides[1].slopes[0] - sides[0].slopes[0] for sides in fits)
    if not usual[1]:
        return None
    ratio = float(usual[0] / usual[1])
    weights = np.array([1 / usual[1], -ratio / usual[1]])
    variance = sum(side.variance(0, weights) for side in fits[1])
    return _make_jump(rows, ratio, ratio - float(weights @ (usual - curved)), variance, bandwidth)
