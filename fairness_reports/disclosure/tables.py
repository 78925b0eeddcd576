"""Tables of counts as they are to leave: leaves, the groups that add them up, and every cell that follows.

Dimension("area", leaves of 130 small areas, groups: 20 wards and the borough)
CountTable("households with points", period, (area, tenure), counts[130, 4])
    -> cells: (130 + 20 + 1) x (4 + 1), each the sum of the leaves that belong to it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # it ships no types

from charter.errors import DataError

__all__ = ["TOTAL", "Cell", "CountTable", "Dimension", "Period"]

TOTAL = "all"
Cell = tuple[str, ...]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Period:
    """Whole days from `start` to the day before `end`; whoever is there on one day is a period of one day."""

    start: date
    end: date

    @classmethod
    def of_day(cls, day: date) -> Period:
        """Return the period of a count of whoever is there on one day."""
        return cls(day, day + timedelta(days=1))

    @classmethod
    def of_quarter(cls, day: date) -> Period:
        """Return the calendar quarter that a day is in."""
        start = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        return cls(start, date(start.year + start.month // 10, (start.month + 2) % 12 + 1, 1))

    @property
    def is_day(self) -> bool:
        """Whether this is one day."""
        return self.end - self.start == timedelta(days=1)

    def overlaps(self, other: Period) -> bool:
        """Whether the periods share a day."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Dimension:
    """A way to divide who is counted: the smallest parts, and groups of them that are shown too.

    Groups may overlap (wards beside MSOAs). With `leaves_shown` false the parts themselves are in no cell: a ward table
    made of small areas, so that it can be compared with another geography's.
    """

    name: str
    leaves: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leaves_shown: bool = True

    @classmethod
    def with_total(
        cls, name: str, leaves: Iterable[str], groups: Mapping[str, Iterable[str]] | None = None, total: str = TOTAL
    ) -> Dimension:
        """Return a dimension whose leaves are added up to `groups`, and to one total."""
        parts = tuple(leaves)
        return cls(name, parts, {**{group: tuple(of) for group, of in (groups or {}).items()}, total: parts})

    @property
    def nodes(self) -> tuple[str, ...]:
        """What its cells are called: the leaves where they are shown, then the groups."""
        return (*(self.leaves if self.leaves_shown else ()), *self.groups)

    @cached_property
    def membership(self) -> sparse.csr_array:
        """Which leaves belong to each node, shape [node, leaf]."""
        place = {leaf: index for index, leaf in enumerate(self.leaves)}
        rows = [[index] for index in range(len(self.leaves))] if self.leaves_shown else []
        rows += [[place[leaf] for leaf in of] for of in self.groups.values()]
        count = np.array([len(row) for row in rows], dtype=np.int64)
        column = np.concatenate([np.array(row, dtype=np.int64) for row in rows]) if rows else np.zeros(0, np.int64)
        return sparse.csr_array(
            (np.ones(len(column)), column, np.concatenate([[0], np.cumsum(count)])),
            shape=(len(rows), len(self.leaves)),
        )


@dataclass(frozen=True)
class CountTable:
    """Counts of one thing in one period. The same words in `counted` mean the same people wherever they stand.

    `counts` has one axis a dimension, in the order of their leaves. `whole`, of the same shape, is of how many each is
    a count: a part of which all are counted is hidden, because it says it of every one of them.
    """

    counted: str
    period: Period
    dimensions: tuple[Dimension, ...]
    counts: Ints
    whole: Ints | None = None

    def __post_init__(self) -> None:
        """Refuse counts that are none, and names that are no name. Raises DataError."""
        shape = tuple(len(dimension.leaves) for dimension in self.dimensions)
        if self.counts.shape != shape or not np.issubdtype(self.counts.dtype, np.integer):
            raise DataError(
                f"the table of {self.counted} has counts of another shape than its dimensions, or not whole.",
                "Give one whole number for each combination of leaves.",
            )
        if (self.counts < 0).any():
            raise DataError(f"the table of {self.counted} has a count below nought.", "Counts are of people.")
        for dimension in self.dimensions:
            if len(set(dimension.nodes)) != len(dimension.nodes):
                raise DataError(
                    f"a leaf and a group of {dimension.name} have one name in the table of {self.counted}.",
                    "Call every area, group and total something of its own.",
                )

    @classmethod
    def of_leaves(cls, counted: str, period: Period, dimension: Dimension, counts: Mapping[str, int]) -> CountTable:
        """Return a table of one dimension; a leaf that has no count has nought."""
        values = np.array([counts.get(leaf, 0) for leaf in dimension.leaves], dtype=np.int64)
        return cls(counted, period, (dimension,), values)

    @cached_property
    def membership(self) -> sparse.csr_array:
        """Which combinations of leaves belong to each cell, shape [cell, leaf cell], both in the order of the axes."""
        total = sparse.csr_array(np.ones((1, 1)))
        for dimension in self.dimensions:
            total = sparse.csr_array(sparse.kron(total, dimension.membership, format="csr"))
        return total

    @property
    def shape(self) -> tuple[int, ...]:
        """How many nodes each dimension has."""
        return tuple(len(dimension.nodes) for dimension in self.dimensions)

    def add_up(self, leaf_values: Ints) -> Ints:
        """Return the value of every cell, flat, of values of the leaf cells."""
        values: Ints = np.rint(self.membership @ leaf_values.ravel().astype(np.float64)).astype(np.int64)
        return values

    def find_cell(self, cell: Cell) -> int:
        """Return the flat place of a cell, named by one node a dimension. Raises KeyError."""
        place = 0
        for dimension, node in zip(self.dimensions, cell, strict=True):
            place = place * len(dimension.nodes) + self._places[dimension.name][node]
        return place

    @cached_property
    def _places(self) -> Mapping[str, Mapping[str, int]]:
        return {
            dimension.name: {node: index for index, node in enumerate(dimension.nodes)} for dimension in self.dimensions
        }
