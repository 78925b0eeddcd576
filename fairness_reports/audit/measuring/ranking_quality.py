"""How well scores order people at all thresholds: the area under the ROC curve, with clusters, by group.

The interval is Obuchowski's for clustered data (Biometrics 1997, 53:567-578): a row's placement among those of the
other label is its influence, summed over its cluster.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.measuring.disparities import Disparity, Side
from fairness_reports.audit.measuring.intervals import Z
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping

__all__ = ["bound_auc", "compare_aucs", "measure_auc"]

Floats = NDArray[np.float64]

_FEWEST = 10
"""Clusters with, and without, the outcome below which no interval is given."""


def measure_auc(label: NDArray[np.integer], score: NDArray[np.floating]) -> float:
    """Return the chance that a row with label 1 scores above one with label 0, equals counting half.

    Computed as scikit-learn does, by the trapezoid rule over the curve's corners, so that published figures come out
    to the last digit. NaN where only one of the two labels is there.
    """
    order = np.argsort(score, kind="mergesort")[::-1]
    ordered, sorted_score = np.asarray(label, dtype=np.float64)[order], np.asarray(score)[order]
    ends = np.r_[np.flatnonzero(np.diff(sorted_score)), len(order) - 1]
    true = np.r_[0.0, np.cumsum(ordered)[ends]]
    false = np.r_[0.0, 1 + ends - true[1:]]
    if true[-1] == 0 or false[-1] == 0:
        return float("nan")
    return float(np.trapezoid(true / true[-1], false / false[-1]))


def bound_auc(cluster: NDArray[np.int64], label: NDArray[np.int8], score: Floats) -> Side:
    """Return the area under the curve of rows with known labels, with its clustered interval."""
    order = np.argsort(score)
    cluster, label, score = cluster[order], label[order], score[order]
    names, number = np.unique(cluster, return_inverse=True)
    return _place_rows(number, label, score, len(names))[0]


def compare_aucs(
    cluster: NDArray[np.int64], grouping: Grouping, label: NDArray[np.int8], score: Floats
) -> list[Disparity]:
    """Return one Disparity per group: the area among its own people, beside that among everyone else."""
    # In the order of scores once, so that every look-up below goes along its array and not to and fro in it.
    order = np.argsort(score)
    label, score, grouping = label[order], score[order], Grouping(grouping.code[order], grouping.names)
    names, number = np.unique(cluster[order], return_inverse=True)
    comparisons = []
    for code, name in enumerate(grouping.names):
        inside = grouping.code == code
        here, moved = _place_rows(number[inside], label[inside], score[inside], len(names))
        there, moved_there = _place_rows(number[~inside], label[~inside], score[~inside], len(names))
        difference = interval = None
        if here.estimate is not None and there.estimate is not None:
            difference = here.estimate - there.estimate
            if here.interval is not None and there.interval is not None:
                error = float(np.sqrt(((moved - moved_there) ** 2).sum()))
                interval = (difference - Z * error, difference + Z * error)
        comparisons.append(Disparity(name, here, there, difference, interval, None, None, "placements"))
    return comparisons


def _place_rows(
    number: NDArray[np.int64], label: NDArray[np.int8], score: Floats, clusters: int
) -> tuple[Side, Floats]:
    """Return the area with its interval, and how much each of so many clusters (`number` (rows,) from 0) moves it.

    Scores 3 and 1 with the outcome, 2 and 0 without: 3 is placed above both others (1), 1 above one of two (0.5), so
    the area is 0.75; 2 is placed below one of two (0.5), 0 below both (1), which has the same mean.
    """
    labelled = label != UNKNOWN
    number, label, score = number[labelled], label[labelled], score[labelled]
    positive, negative = score[label == 1], score[label == 0]
    there = _count_clusters(number, clusters)
    if not len(positive) or not len(negative):
        return Side(None, None, len(label), len(positive), 0, there), np.zeros(clusters)
    above, below = np.sort(positive), np.sort(negative)
    placed = np.empty(len(label))
    mine = label == 1
    placed[mine] = (np.searchsorted(below, positive) + np.searchsorted(below, positive, "right")) / (2 * len(below))
    placed[~mine] = 1 - (np.searchsorted(above, negative) + np.searchsorted(above, negative, "right")) / (
        2 * len(above)
    )
    area = float(placed[mine].mean())
    influence = np.where(mine, (placed - area) / len(positive), (placed - area) / len(negative))
    moved: Floats = np.bincount(number, influence, clusters).astype(np.float64)
    interval = None
    if min(_count_clusters(number[mine], clusters), _count_clusters(number[~mine], clusters)) >= _FEWEST:
        error = float(np.sqrt((moved**2).sum()))
        interval = (max(0.0, area - Z * error), min(1.0, area + Z * error))
    return Side(area, interval, len(label), len(positive), 0, there), moved


def _count_clusters(number: NDArray[np.int64], clusters: int) -> int:
    return int(np.count_nonzero(np.bincount(number, minlength=clusters)))
