"""Averages that are not shares: people seen by a service, days of warning, needs met per need expected.

Each is a sum over a sum (a ratio estimator). Its interval is the linearised one with households as clusters
(Cochran, Sampling Techniques, 3rd ed. 1977, section 6.3), for a group beside everyone else.

Days of warning in three households with 1, 1 and 2 needs caught, 10, 0 and 20 days together: 30 / 4 = 7.5 days. The
first moves that by (10 - 7.5 x 1) / 4 = 0.625, the others by -1.875 and 1.25: the influences add up to 0, and the root
of the sum of their squares, 2.34 days, is the standard error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.measuring.clusters import number_clusters
from fairness_reports.audit.measuring.disparities import Disparity, Side
from fairness_reports.audit.measuring.intervals import Z
from fairness_reports.audit.measuring.tally import Grouping

__all__ = ["average_everyone", "average_groups"]

Floats = NDArray[np.float64]

_FEWEST = 10
"""Clusters on each side below which no interval is given: the linearisation needs some of them."""


def average_everyone(cluster: NDArray[np.int64], above: Floats, below: Floats) -> Side:
    """Return the sum of `above` over the sum of `below` (rows,) with its interval."""
    everyone = Grouping(np.zeros(len(cluster), dtype=np.int64), ("everyone",))
    return average_groups(cluster, everyone, above, below)[0].side


def average_groups(cluster: NDArray[np.int64], grouping: Grouping, above: Floats, below: Floats) -> list[Disparity]:
    """Return one Disparity per group of the sum of `above` over the sum of `below`; all (rows,).

    `n` of each side is its rows with something below; a side without any has neither figure nor interval. A ratio's
    upper end is infinite where the data cannot bound it.
    """
    groups = len(grouping.names)
    number, clusters = number_clusters(cluster)
    place = number * groups + grouping.code
    a = np.asarray(np.bincount(place, above, clusters * groups), dtype=np.float64).reshape(clusters, groups)
    b = np.asarray(np.bincount(place, below, clusters * groups), dtype=np.float64).reshape(clusters, groups)
    rows = np.bincount(grouping.code[below > 0], minlength=groups)
    rest_a, rest_b = a.sum(axis=1, keepdims=True) - a, b.sum(axis=1, keepdims=True) - b
    return [
        _compare_sides(name, a[:, i], b[:, i], rest_a[:, i], rest_b[:, i], int(rows[i]), int(rows.sum() - rows[i]))
        for i, name in enumerate(grouping.names)
    ]


def _compare_sides(name: str, a: Floats, b: Floats, rest_a: Floats, rest_b: Floats, n: int, rest_n: int) -> Disparity:
    value, others = _divide(a.sum(), b.sum()), _divide(rest_a.sum(), rest_b.sum())
    here, there = _measure_influence(a, b), _measure_influence(rest_a, rest_b)
    enough = min((b > 0).sum(), (rest_b > 0).sum()) >= _FEWEST
    side, rest = _make_side(value, here, b, n), _make_side(others, there, rest_b, rest_n)
    if value is None or others is None:
        return Disparity(name, side, rest, None, None, None, None, "linearised")
    error = float(np.sqrt(((here - there) ** 2).sum()))
    difference = value - others
    ratio = _divide(value, others)
    ratio_interval = None
    if enough and ratio is not None and value > 0:
        spread = float(np.sqrt(((here / value - there / others) ** 2).sum()))
        # A mean near 0 is moved by every household many times over: then nothing bounds the ratio above.
        with np.errstate(over="ignore"):
            ratio_interval = (ratio * float(np.exp(-Z * spread)), ratio * float(np.exp(Z * spread)))
    return Disparity(
        name,
        side,
        rest,
        difference,
        (difference - Z * error, difference + Z * error) if enough else None,
        ratio,
        ratio_interval,
        "linearised",
    )


def _measure_influence(a: Floats, b: Floats) -> Floats:
    """How much each cluster moves the ratio; zeros where there is nothing to divide by."""
    total = b.sum()
    return np.asarray((a - a.sum() / total * b) / total if total > 0 else np.zeros(len(a)), dtype=np.float64)


def _make_side(value: float | None, influence: Floats, b: Floats, n: int) -> Side:
    clusters = int((b > 0).sum())
    interval = None
    if value is not None and clusters >= _FEWEST:
        error = float(np.sqrt((influence**2).sum()))
        interval = (value - Z * error, value + Z * error)
    return Side(value, interval, n, 0, 0, clusters)


def _divide(above: float, below: float) -> float | None:
    return float(above / below) if below > 0 else None
