"""Intervals for shares, and for one group's share against everyone else's, where people come in clusters.

Two ways, chosen by how much there is to go on:

* enough people on either side of each share: percentiles of a bootstrap over clusters (`tally.py`);
* fewer: closed forms that stay honest at 0 and at 100 %, on the effective number of people (the number divided by the
  design effect of the clusters): Wilson for a share, Newcombe's method 10 for a difference (Statistics in Medicine
  1998, 17:873-890), Miettinen and Nurminen's score interval for a ratio (Statistics in Medicine 1985, 4:213-226).

All functions take and give float arrays of one shape; NaN in, NaN out; a ratio's upper end may be infinite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Z", "bound_difference", "bound_ratio", "bound_share", "count_effective"]

Floats = NDArray[np.float64]

Z = 1.959963984540054
"""The standard normal's 97.5th percentile."""

_HALVINGS = 58


def bound_share(share: Floats, n: Floats, z: float | Floats = Z) -> tuple[Floats, Floats]:
    """Return Wilson's interval of a share (0 to 1) seen among `n` (effective, need not be whole) people."""
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(np.maximum(share * (1 - share), 0) / n + z**2 / (4 * n**2))
    # At 0 and 1 the ends are exact; rounding must not push them past the estimate.
    return np.minimum(np.clip(middle - half, 0, 1), share), np.maximum(np.clip(middle + half, 0, 1), share)


def bound_difference(
    share: Floats, n: Floats, other: Floats, other_n: Floats, z: float | Floats = Z
) -> tuple[Floats, Floats]:
    """Return Newcombe's method 10 interval of `share - other`."""
    low, high = bound_share(share, n, z)
    other_low, other_high = bound_share(other, other_n, z)
    gap = share - other
    return (
        gap - np.sqrt((share - low) ** 2 + (other_high - other) ** 2),
        gap + np.sqrt((high - share) ** 2 + (other - other_low) ** 2),
    )


def bound_ratio(
    share: Floats, n: Floats, other: Floats, other_n: Floats, z: float | Floats = Z
) -> tuple[Floats, Floats]:
    """Return Miettinen and Nurminen's score interval of `share / other`.

    0 at the lower end where nobody in the group counts, infinity at the upper where nobody else does; NaN where both.
    5 of 50 beside 20 of 100: the ratio 0.5 has statistic 0 and the ratio 1 statistic -1.54; it is 1.96 at 0.20 and
    -1.96 at 1.19, the interval's ends.
    """
    share, n, other, other_n = (np.asarray(x, dtype=np.float64) for x in (share, n, other, other_n))
    # The statistic falls as the ratio grows: bisect on its logarithm, both ends at once; 58 halvings settle it to the
    # last bits of a number between -40 and 40.
    at = np.stack([np.broadcast_to(z, share.shape), -np.broadcast_to(z, share.shape)])
    low, high = np.full(at.shape, -40.0), np.full(at.shape, 40.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = _score_ratio(share, n, other, other_n, np.exp(middle)) > at
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    lower = np.where(share == 0, 0.0, np.exp(low[0]))
    upper = np.where(other == 0, np.inf, np.exp(high[1]))
    unknown = ~((n > 0) & (other_n > 0)) | ((share == 0) & (other == 0)) | np.isnan(share) | np.isnan(other)
    return np.where(unknown, np.nan, lower), np.where(unknown, np.nan, upper)


def _score_ratio(share: Floats, n: Floats, other: Floats, other_n: Floats, ratio: Floats) -> Floats:
    """Return the score statistic of `share = ratio * other`, with the shares most likely under it."""
    count, other_count = share * n, other * other_n
    with np.errstate(invalid="ignore", divide="ignore"):
        a = (n + other_n) * ratio
        b = -(n * ratio + count + other_n + other_count * ratio)
        c = count + other_count
        # The root in the form that loses no digits: the small root is 2c / (-b + sqrt(b^2 - 4ac)).
        likely_other = 2 * c / (-b + np.sqrt(np.maximum(b**2 - 4 * a * c, 0)))
        # Neither is ever below 0.
        likely = np.minimum(ratio * likely_other, 1.0)
        likely_other = np.minimum(likely_other, 1.0)
        variance = likely * (1 - likely) / n + ratio**2 * likely_other * (1 - likely_other) / other_n
        variance = variance * (n + other_n) / (n + other_n - 1)
        statistic: Floats = (share - ratio * other) / np.sqrt(variance)
    return statistic


def count_effective(
    share: Floats, n: Floats, squared: Floats, crossed: Floats, sizes: Floats, rows: Floats | None = None
) -> Floats:
    """Return the effective number of people: `n` divided by the design effect of the clusters (Kish).

    Of the clusters' counts a (counted) and b (all): `squared` is the sum of a^2, `crossed` of a*b, `sizes` of b^2.
    Where a share is 0 or 1 the clusters cannot be seen to agree, so they are taken to agree fully. Four households of
    two, two of them wholly counted and two not at all: eight people say as much as four.

    Where rows have weights, `n` and the sums are of weights and `rows` is how many there are: nothing says more than so
    many rows. Weights 1 and 3 of two rows that differ: 4, squared 10, so they say as much as 16 / 10 = 1.6 rows.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        least = np.ones_like(n) if rows is None else n / rows
        largest = sizes / n
        between = (squared - 2 * share * crossed + share**2 * sizes) / n**2
        design_effect = between / (share * (1 - share) / n)
        design = np.where(
            (share > 0) & (share < 1), np.clip(design_effect, least, np.maximum(largest, least) * 4), largest
        )
        return np.asarray(n / np.maximum(design, least), dtype=np.float64)
