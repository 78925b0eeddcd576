"""Who was selected and who had the outcome, counted by group and cluster, and resampled by cluster.

A row is one person at one as-of date. Rows of one cluster (a household, at all its dates) rise and fall together, so
clusters are what a bootstrap draws. Most clusters look alike: a tally keeps each distinct pattern of counts once,
with how many clusters show it, and a bootstrap draw is one multinomial draw over patterns. The intervals are those
of drawing whole clusters, at a small part of the work.

    cell    label    selected
    0       no       no           true negative
    1       no       yes          false positive: unwanted contact
    2       yes      no           false negative: missed help
    3       yes      yes          true positive
    4       unknown  no
    5       unknown  yes
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from charter.rules.measures import CELLS
from fairness_reports.audit.measuring.clusters import number_clusters, sort_clusters

__all__ = ["CELLS", "UNKNOWN", "Grouping", "Tally", "number_cells"]

UNKNOWN = -1
"""The label of a row whose outcome is not known: counted as selected or not, and in no measure that needs a label."""

_DRAWN_AT_ONCE = 2_000_000

_MOST_NUMBERS = 60_000_000
"""Numbers of weighted patterns that are held at most: half a gigabyte."""

_CACHED = 32_000
"""Clusters drawn one by one in one go: as many as stay within the processor's cache, which is several times as fast."""

_MANY_ALIKE = 8
"""Clusters of one pattern beyond which the pattern is drawn at once rather than cluster by cluster."""


@dataclass(frozen=True)
class Grouping:
    """Which group each row belongs to: `code` (rows,) indexes `names`."""

    code: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: NDArray[np.str_]) -> Grouping:
        """Group rows by their text values, in alphabetical order."""
        names, code = np.unique(values, return_inverse=True)
        return cls(code.astype(np.int64), tuple(str(name) for name in names))


def number_cells(label: NDArray[np.int8], selected: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return each row's cell (0 to 5) from its label (1, 0 or UNKNOWN) and whether it was selected."""
    outcome = np.where(label == UNKNOWN, 2, label).astype(np.int64)
    return outcome * 2 + selected.astype(np.int64)


@dataclass(frozen=True)
class Tally:
    """Distinct patterns of one characteristic: `patterns` (patterns, groups, cells) and `weight` (patterns,).

    Where rows weigh more or less than one, `patterns` are sums of their weights and `rows`, of the same shape, how many
    rows they are; else a pattern's counts are its rows.
    """

    names: tuple[str, ...]
    patterns: NDArray[np.float64]
    weight: NDArray[np.int64]
    rows: NDArray[np.float64] | None = None

    @classmethod
    def make(cls, cluster: NDArray[np.int64], grouping: Grouping, cell: NDArray[np.int64]) -> Tally:
        """Count rows by cluster, group and cell; clusters of one pattern are kept together.

        `cluster` (rows,) whole numbers of any values.

        Households 8, 3 and 5 have two, two and one rows; of groups a and b, in cells 0 to 5:

            household  8     3     5     3     8
            group, cell a, 0  a, 1  b, 3  a, 0  a, 1
            place       0     1     9     0     1      group x 6 + cell

        Households 3 and 8 have the same places, so there are two patterns: {0, 1} of weight 2 and {9} of weight 1.
        """
        groups = len(grouping.names)
        place = grouping.code * CELLS + cell
        if not cluster.size:
            return cls(grouping.names, np.zeros((0, groups, CELLS)), np.zeros(0, np.int64))
        # Households 3, 3, 5, 8, 8 with places 1, 0, 9, 0, 1; they start at rows 0, 2 and 3.
        by_cluster, starts = sort_clusters(cluster)
        place = place[by_cluster]
        # The sum of one random 64-bit number per cell is the same for the same multiset of cells in any order, and
        # for different ones only by a chance of about (clusters^2 / 2^65); the totals are checked below all the same.
        marks = np.random.default_rng(20260928).integers(0, 2**64, groups * CELLS, dtype=np.uint64)
        signature = np.add.reduceat(marks[place], starts)
        _, first, weight = np.unique(signature, return_index=True, return_counts=True)
        ends = np.r_[starts[1:], place.size]
        # One household stands for each pattern: household 3, rows 0 and 1, and household 5, row 2.
        sizes = ends[first] - starts[first]
        rows = np.repeat(starts[first] - np.r_[0, np.cumsum(sizes)[:-1]], sizes) + np.arange(sizes.sum())
        of_pattern = np.repeat(np.arange(first.size), sizes)
        counts = np.bincount(of_pattern * groups * CELLS + place[rows], minlength=first.size * groups * CELLS)
        patterns = counts.reshape(first.size, groups, CELLS).astype(np.float64)
        totals = np.bincount(place, minlength=groups * CELLS).reshape(groups, CELLS)
        if not np.array_equal(np.tensordot(weight, patterns, 1), totals):  # pragma: no cover - see the comment above
            raise ArithmeticError("two different patterns of a household's counts share a signature")
        return cls(grouping.names, patterns, weight.astype(np.int64))

    @classmethod
    def of_counted(cls, names: tuple[str, ...], clusters: Iterable[tuple[Sequence[int], int]]) -> Tally:
        """Return a tally of clusters counted elsewhere: for each pattern the places of its rows, and how many show it.

        A place is the group's number times CELLS plus the cell.
        """
        counted = list(clusters)
        patterns = np.zeros((len(counted), len(names) * CELLS))
        for number, (places, _) in enumerate(counted):
            np.add.at(patterns[number], np.asarray(places, dtype=np.int64), 1.0)
        weight = np.array([times for _, times in counted], dtype=np.int64)
        return cls(names, patterns.reshape(len(counted), len(names), CELLS), weight)

    @classmethod
    def of_cells(cls, cluster: NDArray[np.int64], grouping: Grouping, cells: NDArray[np.float64]) -> Tally:
        """Return a tally of rows that are each spread over cells: `cells` (rows, CELLS).

        A person in need who was listed before it in 15 of 20 drawings of lots is 0.75 of a TP and 0.25 of an FN.
        """
        groups = len(grouping.names)
        number, clusters = number_clusters(cluster)
        place = (number * groups + grouping.code)[:, None] * CELLS + np.arange(CELLS)
        counts = np.bincount(place.ravel(), cells.ravel(), clusters * groups * CELLS).reshape(clusters, groups * CELLS)
        # Rows alike by one number each, as in `make`, in the order of their counts: sorting whole rows takes ten times
        # as long.
        marks = np.random.default_rng(20260928).integers(0, 2**64, groups * CELLS, dtype=np.uint64)
        signature = np.round(counts * 1e9).astype(np.int64).view(np.uint64) @ marks
        _, first, weight = np.unique(signature, return_index=True, return_counts=True)
        patterns = np.asarray(np.round(counts[first], 9), dtype=np.float64)
        if not np.allclose(weight @ patterns, counts.sum(axis=0)):  # pragma: no cover - see `make`
            raise ArithmeticError("two different patterns of a household's counts share a signature")
        order = np.lexsort(patterns.T[::-1])
        return cls(grouping.names, patterns[order].reshape(-1, groups, CELLS), weight[order].astype(np.int64))

    @classmethod
    def weigh(
        cls, cluster: NDArray[np.int64], grouping: Grouping, cell: NDArray[np.int64], weight: NDArray[np.float64]
    ) -> Tally:
        """Return a tally of rows that count as much as their weights, all (rows,).

        Raises DataError where there are too many different ones to resample. Rows alike in cell, group and weight are
        one pattern where each stands for itself.
        """
        groups = len(grouping.names)
        place = grouping.code * CELLS + cell
        _, number, sizes = np.unique(cluster, return_inverse=True, return_counts=True)
        if sizes.size == cluster.size:
            by_kind = np.lexsort((weight, place))
            starts = np.flatnonzero(
                np.r_[True, (np.diff(place[by_kind]) != 0) | (np.diff(weight[by_kind]) != 0)][: cluster.size]
            )
            first, times = by_kind[starts], np.diff(np.r_[starts, cluster.size])
            number, place, weight = np.arange(first.size), place[first], weight[first]
        else:
            times = np.ones(sizes.size, dtype=np.int64)
        if times.size * groups * CELLS > _MOST_NUMBERS:
            raise DataError(
                f"{times.size:,} clusters with weights of their own in {groups} groups are too many to resample.",
                "Round the weights, or put small groups together.",
            )
        flat = number * groups * CELLS + place
        shape = (times.size, groups, CELLS)
        sums = np.bincount(flat, weight, times.size * groups * CELLS).reshape(shape)
        rows = np.bincount(flat, minlength=times.size * groups * CELLS).reshape(shape).astype(np.float64)
        return cls(grouping.names, sums, times.astype(np.int64), rows)

    def choose(self, *groups: int) -> Tally:
        """Return the tally of some of the groups alone, in the order that they are named."""
        chosen = list(groups)
        rows = None if self.rows is None else self.rows[:, chosen]
        return Tally(tuple(self.names[i] for i in chosen), self.patterns[:, chosen], self.weight, rows)

    @cached_property
    def row_totals(self) -> NDArray[np.float64]:
        """How many rows there are by group and cell (groups, cells), whatever they weigh."""
        if self.rows is None:
            return self.totals
        return np.asarray(np.tensordot(self.weight.astype(np.float64), self.rows, 1))

    @cached_property
    def labelled(self) -> bool:
        """Whether any row has a label: without one, only measures of selection can be taken."""
        return bool(self.totals[:, :4].sum() > 0)

    @cached_property
    def totals(self) -> NDArray[np.float64]:
        """Rows by group and cell (groups, cells)."""
        return np.asarray(np.tensordot(self.weight.astype(np.float64), self.patterns, 1))

    def draws(self, resamples: int, seed: int) -> NDArray[np.float64]:
        """Return `totals` of `resamples` draws of as many clusters as there are, with replacement.

        Shape (resamples, groups, cells); the same seed gives the same draws.
        """
        kinds = self.weight.size
        flat = self.patterns.reshape(kinds, len(self.names) * CELLS)
        totals = np.zeros((resamples, flat.shape[1]))
        rng = np.random.default_rng(seed)
        rare = int(self.weight[self.weight <= _MANY_ALIKE].sum())
        at_once = max(1, _DRAWN_AT_ONCE // max(kinds + rare, 1))
        for start in range(0, resamples if kinds else 0, at_once):
            count = min(at_once, resamples - start)
            times = self._times(rng, count)
            totals[start : start + count] = times @ flat
        return totals.reshape(resamples, len(self.names), CELLS)

    def _times(self, rng: np.random.Generator, resamples: int) -> NDArray[np.float64]:
        """Return how often each pattern is drawn in each resample (resamples, patterns).

        Patterns of many clusters are drawn at once, as a multinomial, together with how many draws go to all rare
        ones; the clusters of rare patterns are then drawn one by one. The result is distributed as one multinomial
        over all patterns, at a fraction of its cost, which is one binomial a pattern and resample.

        Patterns of weights 1000, 1 and 2: the multinomial of 1003 draws over (1000, 3) / 1003 gives, say, 1001 and 2;
        the two rare draws choose among clusters of patterns 1, 2, 2 and find, say, 2 and 1: times 1001, 1, 1.
        """
        clusters, kinds = int(self.weight.sum()), self.weight.size
        common = np.flatnonzero(self.weight > _MANY_ALIKE)
        rare = np.flatnonzero(self.weight <= _MANY_ALIKE)
        of_rare = np.repeat(rare, self.weight[rare])
        shares = np.r_[self.weight[common], len(of_rare)] / clusters
        draws = rng.multinomial(clusters, shares, size=resamples)
        times = np.zeros((resamples, kinds))
        together = max(1, _CACHED // max(len(of_rare), kinds))
        for start in range(0, resamples if len(of_rare) else 0, together):
            rare_draws = draws[start : start + together, -1]
            chosen = of_rare[rng.integers(0, len(of_rare), int(rare_draws.sum()), dtype=np.uint32)]
            low = 0
            for resample, high in enumerate(np.cumsum(rare_draws).tolist(), start):
                times[resample] = np.bincount(chosen[low:high], minlength=kinds)
                low = high
        times[:, common] = draws[:, :-1]
        return times

    @cached_property
    def _visible(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Clusters by group (and by everyone else) and by which cells they have anybody in (groups, 2^cells)."""
        bits = 2 ** np.arange(CELLS)
        place = np.arange(len(self.names)) * 2**CELLS
        everyone = self.patterns.sum(axis=1, keepdims=True)
        weight = np.repeat(self.weight, len(self.names))
        group, rest = (
            np.bincount((place + (counts > 0) @ bits).ravel(), weight, len(self.names) * 2**CELLS)
            .astype(np.float64)
            .reshape(len(self.names), 2**CELLS)
            for counts in (self.patterns, everyone - self.patterns)
        )
        return group, rest

    @cached_property
    def _products(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums over clusters of one cell's count times another's, by group (and by everyone else).

        Shape (groups, cells, cells). Counts are whole numbers, so that the sums are exact in any order.
        """
        by_group = self.patterns.transpose(1, 2, 0)
        everyone = self.patterns.sum(axis=1)
        weighted = everyone * self.weight[:, None]
        group = (by_group * self.weight) @ by_group.transpose(0, 2, 1)
        crossed = by_group @ weighted
        rest = everyone.T @ weighted - crossed - crossed.transpose(0, 2, 1) + group
        return group, rest

    def clusters(self, below: NDArray[np.float64], *, rest: bool) -> NDArray[np.int64]:
        """Return how many clusters have anybody in the cells `below`, by group (or among everyone else)."""
        bits = int((2 ** np.arange(CELLS)) @ (below > 0))
        counted = (np.arange(2**CELLS) & bits) > 0
        return (self._visible[rest] @ counted).astype(np.int64)

    def moments(
        self, above: NDArray[np.float64], below: NDArray[np.float64], *, rest: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return sums over clusters of a^2, a*b and b^2 by group (or by everyone else, with `rest`).

        a and b are a cluster's counts in the cells weighted by `above` and `below` (cells,).
        """
        products = self._products[rest]
        return products @ above @ above, products @ above @ below, products @ below @ below
