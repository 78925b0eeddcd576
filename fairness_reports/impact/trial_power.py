"""What a design could find: power, the smallest difference found often enough, and how many households that takes.

Of two arms the usual normal formula (Fleiss, Levin and Paik 2003, chapter 4, without continuity correction), of a
stepped start the variance of its own estimator, with the correlation of Hussey and Hughes (Contemporary Clinical Trials
2007, 28:182-191). Shares are of households, 0 to 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

__all__ = [
    "count_orders",
    "find_smallest",
    "measure_power",
    "stepped_error",
    "two_arm_error",
    "two_arm_households",
]


def two_arm_error(listed: float, held_out: float, share: float, difference: float) -> float:
    """Return the standard error of the difference: `share` of those held out have a need, of the listed less."""
    other = min(max(share - difference, 0.0), 1.0)
    return math.sqrt(other * (1 - other) / listed + share * (1 - share) / held_out)


def two_arm_households(share: float, difference: float, level: float, power: float) -> int:
    """Return how many households each arm needs. Of 30 and 25 in 100, at 5 % and a power of 80 %: 1,248."""
    times = float(stats.norm.isf(level / 2) + stats.norm.ppf(power))
    other = min(max(share - difference, 0.0), 1.0)
    return math.ceil(times**2 * (share * (1 - share) + other * (1 - other)) / difference**2 - 1e-9)


def measure_power(difference: float, error: float, level: float) -> float:
    """Return how often a two-sided test of that level finds the difference, on its own side."""
    return float(stats.norm.sf(stats.norm.isf(level / 2) - difference / error)) if error > 0 else 1.0


def find_smallest(listed: float, held_out: float, share: float, level: float, power: float) -> float | None:
    """Return the smallest difference that is found so often; None where even none left with a need would not be."""
    if measure_power(share, two_arm_error(listed, held_out, share, share), level) < power:
        return None
    low, high = 0.0, share
    for _ in range(60):
        middle = (low + high) / 2
        found_often = measure_power(middle, two_arm_error(listed, held_out, share, middle), level) >= power
        low, high = (low, middle) if found_often else (middle, high)
    return high


def stepped_error(starts: Sequence[int], households: float, share: float, alike: float) -> float:
    """Return the standard error of a stepped start's difference within periods, with `households` in each cell.

    `starts` are the units' first periods, from 0; `alike` is the intra-cluster correlation. The difference is a sum of
    the cells' shares, each times c: begun less its period's mean, by the sum of squares of that over all cells. A
    unit's part all cells of it share (alike s (sum c)^2), the rest is each cell's own ((1 - alike) s c^2 / households),
    s being share (1 - share).
    """
    begun = (np.arange(max(starts) + 1)[None, :] >= np.array(starts)[:, None]).astype(np.float64)
    apart = begun - begun.mean(axis=0)
    spread = float((apart**2).sum())
    if not spread > 0:
        return math.inf
    times, total = apart / spread, share * (1 - share)
    shared = alike * total * float((times.sum(axis=1) ** 2).sum())
    return math.sqrt(shared + (1 - alike) * total / households * float((times**2).sum()))


def count_orders(starts: Sequence[int]) -> int:
    """Return in how many orders the units could have started. Four, one at a time: 24."""
    ways = math.factorial(len(starts))
    for number in Counter(starts).values():
        ways //= math.factorial(number)
    return ways
