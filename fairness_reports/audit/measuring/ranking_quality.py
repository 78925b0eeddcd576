"""How well scores order people at all thresholds: the area under the ROC curve, with clusters, by group.

The interval is Obuchowski's for clustered data (Biometrics 1997, 53:567-578): a row's placement among those of the
other label is its influence, summed over its cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.measuring.clusters import number_clusters
from fairness_reports.audit.measuring.disparities import Disparity, Side
from fairness_reports.audit.measuring.intervals import Z
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping

__all__ = ["Ranked", "Told", "bound_auc", "compare_aucs", "measure_auc", "rank_values"]

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


def rank_values(score: NDArray[np.floating]) -> Ranked:
    """Rank rows by a score: equals have one rank, the lowest is 0."""
    order = np.argsort(score, kind="stable")
    ordered = np.asarray(score)[order]
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.cumsum(np.r_[False, ordered[1:] != ordered[:-1]][: len(order)])
    return Ranked(rank, int(rank.max()) + 1 if len(rank) else 0)


def bound_auc(cluster: NDArray[np.int64], label: NDArray[np.int8], score: Floats) -> Side:
    """Return the area under the curve of rows with known labels, with its clustered interval."""
    ranked = rank_values(score)
    number, clusters = number_clusters(cluster)
    return Told.of(number, label, clusters).place(ranked)[0]


def compare_aucs(
    cluster: NDArray[np.int64], grouping: Grouping, label: NDArray[np.int8], score: Floats
) -> list[Disparity]:
    """Return one Disparity per group: the area among its own people, beside that among everyone else."""
    # In the order of scores once, so that every look-up below goes along its table and not to and fro in it.
    order = np.argsort(score, kind="stable")
    label, grouping, ranked = label[order], Grouping(grouping.code[order], grouping.names), rank_values(score[order])
    number, clusters = number_clusters(cluster[order])
    comparisons = []
    for code, name in enumerate(grouping.names):
        inside = grouping.code == code
        (here, moved), (there, moved_there) = (
            Told.of(number[side], label[side], clusters).place(ranked.of(side)) for side in (inside, ~inside)
        )
        difference = interval = None
        if here.estimate is not None and there.estimate is not None:
            difference = here.estimate - there.estimate
            if here.interval is not None and there.interval is not None:
                error = float(np.sqrt(((moved - moved_there) ** 2).sum()))
                interval = (difference - Z * error, difference + Z * error)
        comparisons.append(Disparity(name, here, there, difference, interval, None, None, "placements"))
    return comparisons


@dataclass(frozen=True)
class Ranked:
    """Rows by a score: `rank` (rows,) from 0, equals alike, below `ranks`."""

    rank: NDArray[np.int64]
    ranks: int

    def of(self, rows: NDArray[np.bool_]) -> Ranked:
        """Return the ranks of some rows among all."""
        return Ranked(self.rank[rows], self.ranks)


@dataclass(frozen=True)
class Told:
    """Rows with known labels, which one score after the other tells apart.

    `rows` of those given, with `number` the cluster of each, from 0 and below `clusters`, and `mine` whether its label
    is 1; `there`, `with_outcome` and `without` count clusters that have any rows, and any of either label.
    """

    rows: NDArray[np.int64]
    number: NDArray[np.int64]
    mine: NDArray[np.bool_]
    clusters: int
    there: int
    with_outcome: int
    without: int

    @classmethod
    def of(cls, number: NDArray[np.int64], label: NDArray[np.int8], clusters: int) -> Told:
        """Return the rows of some clusters (`number` (rows,), from 0 and below `clusters`) whose label is known."""
        rows = np.flatnonzero(label != UNKNOWN)
        number, mine = number[rows], label[rows] == 1
        counts = (_count_clusters(number[chosen], clusters) for chosen in (slice(None), mine, ~mine))
        return cls(rows, number, mine, clusters, *counts)

    def place(self, ranked: Ranked) -> tuple[Side, Floats]:
        """Return the area with its interval, and how much each cluster moves it (clusters,).

        Scores 3 and 1 with the outcome, 2 and 0 without: 3 is placed above both others (1), 1 above one of two (0.5),
        so the area is 0.75; 2 is placed below one of two (0.5), 0 below both (1), which has the same mean. All counts
        are whole, so that the area is the same on any machine.
        """
        rank = ranked.rank[self.rows]
        positive, negative = (np.bincount(rank[side], minlength=ranked.ranks) for side in (self.mine, ~self.mine))
        above, below = int(positive.sum()), int(negative.sum())
        n = len(rank)
        if not above or not below:
            return Side(None, None, n, above, 0, self.there), np.zeros(self.clusters)
        # Twice the rows without the outcome below each rank, its own counting half; and of those with it.
        under, over = 2 * np.cumsum(negative) - negative, 2 * np.cumsum(positive) - positive
        area = float(int((positive * under).sum()) / (2 * above * below))
        influence = np.r_[(1 - over / (2 * above) - area) / below, (under / (2 * below) - area) / above]
        moved: Floats = np.bincount(self.number, influence[rank + ranked.ranks * self.mine], self.clusters).astype(
            np.float64
        )
        interval = None
        if min(self.with_outcome, self.without) >= _FEWEST:
            error = float(np.sqrt((moved**2).sum()))
            interval = (max(0.0, area - Z * error), min(1.0, area + Z * error))
        return Side(area, interval, n, above, 0, self.there), moved


def _count_clusters(number: NDArray[np.int64], clusters: int) -> int:
    return int(np.count_nonzero(np.bincount(number, minlength=clusters)))
