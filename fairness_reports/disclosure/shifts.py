"""Secondary suppression of one table: what else is hidden, so that each hidden small count could be another.

For each small count one *shift* is sought: the same number added to some leaves and taken from others, so that every
cell that is shown stays as it is and no hidden one falls below what its mark allows. Whoever knows all that is shown
then can't tell the table from the shifted one. In two dimensions a shift is a rectangle (r, c)+ (r, c')- (r', c)-
(r', c')+; along a dimension it may also go unpaired, and then changes every total above it. This is the hypercube
method (Giessing and Repsilber, in tau-Argus), with the hierarchy of each dimension walked by the leaf.

    of 3 and 40 in one row, 12 and 9 in another, all columns and rows with totals:
    3 is small -> 40, 12 and 9 are hidden with it: 3+4, 40-4, 12-4, 9+4 has the same totals
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # it ships no types

from fairness_reports.disclosure.rules import Mode
from fairness_reports.disclosure.tables import CountTable, Dimension

__all__ = ["Shift", "hide_by_shifts"]

_NEAR = 32
"""Leaves beside a cell among which a partner is sought."""
_FEW = 12
"""Leaves elsewhere among which one is sought where none beside it will do."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Nodes = NDArray[np.intp]


@dataclass(frozen=True)
class Shift:
    """What is added to leaf cells (flat places and amounts), leaving all that is shown as it is."""

    leaves: tuple[int, ...]
    amounts: tuple[int, ...]


@dataclass(frozen=True)
class _Way:
    """How a shift goes along one dimension: its leaf, the partner's leaf (-1: none), the nodes that rise and fall."""

    leaf: int
    partner: int
    rises: Nodes
    falls: Nodes


class _Axis:
    """One dimension: which nodes each leaf adds to, and which leaves lie beside it in the same groups."""

    def __init__(self, dimension: Dimension | None) -> None:
        self.membership = sparse.csc_array(np.ones((1, 1))) if dimension is None else dimension.membership.tocsc()
        self.leaves = self.membership.shape[1]
        starts = self.membership.indptr
        self.paths = [np.sort(self.membership.indices[low:high]) for low, high in pairwise(starts)]
        kinds: dict[bytes, int] = {}
        self.kind = np.array([kinds.setdefault(path[1:].tobytes(), len(kinds)) for path in self.paths], dtype=np.intp)
        self.beside: list[Nodes] = []
        members = [np.flatnonzero(self.kind == code) for code in range(len(kinds))]
        for leaf in range(self.leaves):
            same = members[self.kind[leaf]]
            at = int(np.searchsorted(same, leaf))
            low = max(min(at - _NEAR // 2, len(same) - _NEAR), 0)
            near = same[low : low + _NEAR]
            self.beside.append(near[near != leaf])

    def list_leaves(self, node: int) -> Nodes:
        """Return the leaves that belong to a node."""
        return np.flatnonzero([node in path for path in self.paths])

    def pair(self, leaf: int, partner: int) -> _Way:
        """Return the way from a leaf to a partner: what lies above both stays as it is."""
        mine, theirs = self.paths[leaf], self.paths[partner]
        return _Way(leaf, partner, np.setdiff1d(mine, theirs), np.setdiff1d(theirs, mine))

    def rise(self, leaf: int) -> _Way:
        """Return the way without a partner: everything above the leaf changes."""
        return _Way(leaf, -1, self.paths[leaf], np.zeros(0, dtype=np.intp))


class _Search:
    """The state of one table: what is hidden, what hiding each cell costs, which cells are protected already."""

    def __init__(self, table: CountTable, mode: Mode, hidden: Bools, locked: Bools) -> None:
        dimensions: Sequence[Dimension | None] = (*table.dimensions, *([None] * (2 - len(table.dimensions))))
        self.rows, self.columns = _Axis(dimensions[0]), _Axis(dimensions[1])
        self.shape = (self.rows.membership.shape[0], self.columns.membership.shape[0])
        self.values = table.add_up(table.counts).reshape(self.shape)
        self.step = mode.width
        self.hidden = hidden.reshape(self.shape).copy()
        self.protected = np.zeros(self.shape, dtype=bool)
        self.shifts: list[Shift] = []
        lowest = mode.hidden_from
        can_hide = (self.values >= lowest) & (~locked.reshape(self.shape) | self.hidden)
        cost = np.where(self.hidden, 0.0, self.values + 1.0)
        self.cost_rising = np.where(can_hide, cost, np.inf)
        self.cost_falling = np.where(can_hide & (self.values >= lowest + self.step), cost, np.inf)

    def protect(self, row: int, column: int) -> None:
        """Hide what protects a cell; leave it unprotected where nothing can."""
        if self.protected[row, column]:
            return
        if row < self.rows.leaves and column < self.columns.leaves:
            if self._protect_by_rectangle(row, column):
                return
            ways = self._seek_beside(row, column) or self._seek_anywhere(row, column, row, column)
        else:
            ways = self._seek_anywhere(row, column, *self._choose_leaves(row, column))
        if ways is not None:
            self._apply(*ways)

    def _choose_leaves(self, row: int, column: int) -> tuple[int, int]:
        """Return the leaf cell with most in it, of those that belong to a cell."""
        leaf_rows = self.rows.list_leaves(row)
        leaf_columns = self.columns.list_leaves(column)
        inside = self.values[leaf_rows[:, None], leaf_columns]
        first, second = np.unravel_index(int(np.argmax(inside)), inside.shape)
        return int(leaf_rows[first]), int(leaf_columns[second])

    def _protect_by_rectangle(self, row: int, column: int) -> bool:
        """Hide the cheapest rectangle among leaves of the same groups, which changes nothing but its four corners."""
        rows, columns = self.rows.beside[row], self.columns.beside[column]
        if not len(rows) or not len(columns):
            return False
        falling = self.cost_falling
        cost = self.cost_rising[rows[:, None], columns] + falling[rows, column][:, None] + falling[row, columns]
        partner, other = divmod(int(cost.argmin()), len(columns))
        if cost[partner, other] == np.inf:
            return False
        row_of, column_of = int(rows[partner]), int(columns[other])
        for place in ((row, column), (row, column_of), (row_of, column), (row_of, column_of)):
            self._hide(place)
        wide, step = self.columns.leaves, self.step
        self.shifts.append(
            Shift(
                (row * wide + column, row * wide + column_of, row_of * wide + column, row_of * wide + column_of),
                (step, -step, -step, step),
            )
        )
        return True

    def _hide(self, place: tuple[int, int]) -> None:
        self.hidden[place] = self.protected[place] = True
        self.cost_rising[place] = 0.0
        if self.cost_falling[place] != np.inf:
            self.cost_falling[place] = 0.0

    def _seek_beside(self, row: int, column: int) -> tuple[_Way, _Way] | None:
        """Return the cheapest pair of leaves of the same groups with the totals above them, or those totals alone."""
        rising, falling = self.cost_rising, self.cost_falling
        rows, above = self.rows.beside[row], self.columns.paths[column]
        columns, over = self.columns.beside[column], self.rows.paths[row]
        by_row = falling[rows[:, None], above].sum(axis=1) + rising[row, above].sum()
        by_column = falling[over[:, None], columns].sum(axis=0) + rising[over, column].sum()
        least_row, least_column = by_row.min(initial=np.inf), by_column.min(initial=np.inf)
        free = rising[over[:, None], above].sum()
        if free <= min(least_row, least_column):
            return (self.rows.rise(row), self.columns.rise(column)) if free < np.inf else None
        if least_row <= least_column:
            return self.rows.pair(row, int(rows[by_row.argmin()])), self.columns.rise(column)
        return self.rows.rise(row), self.columns.pair(column, int(columns[by_column.argmin()]))

    def _seek_anywhere(self, row: int, column: int, leaf: int, other: int) -> tuple[_Way, _Way] | None:
        """Return the cheapest shift that changes a cell, with partners in any group, or none."""
        best, ways = np.inf, None
        for along in self._list_ways(self.rows, row, leaf, self.values[:, other]):
            for across in self._list_ways(self.columns, column, other, self.values[leaf]):
                cost = self._sum_cost(along, across)
                if cost < best:
                    best, ways = cost, (along, across)
        return ways

    def _list_ways(self, axis: _Axis, node: int, leaf: int, values: Ints) -> list[_Way]:
        """Return ways out of a node: to the leaves with the least that is enough, then without a partner."""
        outside = np.setdiff1d(np.flatnonzero(values[: axis.leaves] >= self.step), axis.list_leaves(node))
        nearest = outside[np.argsort(values[outside], kind="stable")[:_FEW]]
        return [*(axis.pair(leaf, int(partner)) for partner in nearest), axis.rise(leaf)]

    def _sum_cost(self, along: _Way, across: _Way) -> float:
        rising, falling = self.cost_rising, self.cost_falling
        return float(
            rising[along.rises[:, None], across.rises].sum()
            + rising[along.falls[:, None], across.falls].sum()
            + falling[along.rises[:, None], across.falls].sum()
            + falling[along.falls[:, None], across.rises].sum()
        )

    def _apply(self, along: _Way, across: _Way) -> None:
        for row in (*along.rises, *along.falls):
            for column in (*across.rises, *across.falls):
                self._hide((int(row), int(column)))
        corners = [
            (row * self.columns.leaves + column, self.step * sign * turn)
            for row, sign in ((along.leaf, 1), (along.partner, -1))
            for column, turn in ((across.leaf, 1), (across.partner, -1))
            if row >= 0 and column >= 0
        ]
        self.shifts.append(Shift(tuple(place for place, _ in corners), tuple(amount for _, amount in corners)))


def hide_by_shifts(
    table: CountTable, mode: Mode, hidden: Bools, targets: Bools, locked: Bools
) -> tuple[Bools, list[Shift]]:
    """Return which cells of a table of one or two dimensions are hidden, and the shifts that protect the `targets`.

    All are flat, one a cell; `hidden` are hidden already, `locked` may not be hidden (somebody has them). A target for
    which there is no shift is left to the linear programmes.
    """
    search = _Search(table, mode, hidden, locked)
    for place in np.flatnonzero(targets):
        search.protect(*divmod(int(place), search.shape[1]))
    return search.hidden.ravel(), search.shifts
