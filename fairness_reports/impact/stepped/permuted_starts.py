"""What starts could have been instead: a figure beside the same figure for every other order in which units may begin.

Had beginning changed nothing, any order in which the same units began at the same moments would have given the
same outcomes; so the figure of the real order is one of those that the others give. That is exact where a lot drew the
order (Fisher), and where none did it assumes that which unit began when has nothing to do with how needs moved
(Conley and Taber, Review of Economics and Statistics 2011, 93:113-125; MacKinnon and Webb, Econometrics Journal 2020).
It needs no number of clusters, where standard errors by cluster need some thirty.

    three units begin in periods 1, 1 and 2      orders: 112, 121, 211
    figures of the outcome                       -3,  1, 2       fewer: 1 of 3 as low; p = 2/3, two-sided
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairness_reports.impact.trial_power import count_orders

__all__ = ["OrderTest", "compare_orders", "draw_orders"]

Floats = NDArray[np.float64]

MOST = 1999
"""Orders beside the real one that are looked at where there are more: p is then known to 0.005 about 0.05."""


@dataclass(frozen=True)
class OrderTest:
    """A figure beside those of other orders: the shares of orders that give as little (`fewer`) or as much (`more`).

    `interval` holds each constant effect that the orders don't contradict; an end is infinite where they are too few.
    """

    estimate: float
    fewer: float
    more: float
    interval: tuple[float, float]
    orders: int

    @property
    def p_value(self) -> float:
        """The two-sided p value against no effect: twice the smaller side."""
        return min(1.0, 2 * min(self.fewer, self.more))


def draw_orders(starts: Sequence[int], most: int = MOST, seed: int = 1) -> NDArray[np.int64]:
    """Return orders (orders, units) in which the units could have begun, the real one first.

    All of them where they are no more than `most`, else so many by a seeded lot besides the real one.
    """
    real = np.asarray(starts, dtype=np.int64)
    if count_orders(real.tolist()) <= most:
        others = [order for order in _list_orders(Counter(real.tolist()), len(real)) if order != tuple(real.tolist())]
        return np.array([tuple(real.tolist()), *others], dtype=np.int64)
    rng = np.random.default_rng(seed)
    return np.vstack([real, rng.permuted(np.tile(real, (most, 1)), axis=1)])


def _list_orders(left: Counter[int], units: int) -> Iterator[tuple[int, ...]]:
    """Yield every order of what is left: each moment as often as it stands there."""
    if not units:
        yield ()
        return
    for moment in sorted(moment for moment, times in left.items() if times):
        left[moment] -= 1
        for rest in _list_orders(left, units - 1):
            yield (moment, *rest)
        left[moment] += 1


def compare_orders(figures: Floats, of_begun: Floats, level: float) -> OrderTest:
    """Return the test of the first of `figures` (orders,) beside the others, with its interval of 1 - `level`.

    `of_begun` (orders,) are the same figures of "begun or not" as it really was, in place of the outcome: 1 for the
    real order. A constant effect e moves an order's figure a by e b. With e taken off, an order's is as low as the real
    one's where a - e b <= A - e: where e <= (A - a) / (1 - b). So the interval's ends are values of that ratio.
    """
    real, orders = float(figures[0]), len(figures)
    tolerance = 1e-9 * max(1.0, float(np.abs(figures).max()))
    fewer = float((figures <= real + tolerance).mean())
    more = float((figures >= real - tolerance).mean())
    apart = 1 - of_begun
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = (real - figures) / apart
    # The real order, and any that begins as it does, contradicts no effect.
    same = apart <= 1e-9
    skipped = int(level / 2 * orders + 1e-9)
    high = float(np.sort(np.where(same, np.inf, ends))[::-1][skipped])
    low = float(np.sort(np.where(same, -np.inf, ends))[skipped])
    return OrderTest(real, fewer, more, (low, high), orders)
