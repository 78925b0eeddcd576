"""What tables of the same people have in common: sums that are equal, and parts that only both together show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]  # it ships no types

from charter.errors import CharterError
from fairness_reports.disclosure.tables import CountTable

__all__ = ["find_unshown", "link_tables"]


def find_unshown(tables: Sequence[CountTable]) -> list[sparse.csr_array]:
    """Return for each table the parts in no cell of it that groups of any table cut out, shape [part, leaf cell].

    A ward and an MSOA share two small areas of which no table has a count: those two are a part, and what is known of
    them is nobody's to work out either. A table that shows its leaves has none.
    """
    parts = []
    for table in tables:
        if all(dimension.leaves_shown for dimension in table.dimensions):
            parts.append(sparse.csr_array((0, table.counts.size)))
            continue
        total = sparse.csr_array(np.ones((1, 1)))
        for dimension in table.dimensions:
            place = {leaf: number for number, leaf in enumerate(dimension.leaves)}
            cut: list[list[int]] = [[] for _ in dimension.leaves]
            groups = [
                group
                for other in tables
                if (other.counted, other.period) == (table.counted, table.period)
                for beside in other.dimensions
                if beside.name == dimension.name
                for group in (*beside.groups.values(), *([(leaf,) for leaf in beside.leaves] * beside.leaves_shown))
            ]
            for number, group in enumerate(groups):
                for leaf in group:
                    if leaf in place:
                        cut[place[leaf]].append(number)
            kinds: dict[tuple[int, ...], int] = {}
            kind = [kinds.setdefault(tuple(numbers), len(kinds)) for numbers in cut]
            kinds_of = sparse.csr_array((np.ones(len(kind)), (kind, np.arange(len(kind)))))
            total = sparse.csr_array(sparse.kron(total, kinds_of, format="csr"))
        parts.append(total)
    return parts


def link_tables(tables: Sequence[CountTable]) -> sparse.csr_array:
    """Return sums that are nought: of tables of the same people, over what they don't share."""
    first = np.cumsum([0, *(table.counts.size for table in tables)])
    links: list[sparse.csr_array] = []
    for number, table in enumerate(tables):
        for other in range(number):
            mine, theirs = table, tables[other]
            if (mine.counted, mine.period) != (theirs.counted, theirs.period):
                continue
            shared = [
                dimension.name
                for dimension in mine.dimensions
                if any(dimension.name == beside.name for beside in theirs.dimensions)
            ]
            leaves = _list_leaves((mine, theirs), shared)
            parts = [_sum_leaves(side, shared, leaves) for side in (mine, theirs)]
            wide = [
                sparse.hstack(
                    [
                        sparse.csr_array((part.shape[0], int(first[at]))),
                        part,
                        sparse.csr_array((part.shape[0], int(first[-1] - first[at + 1]))),
                    ],
                    format="csr",
                )
                for part, at in zip(parts, (number, other), strict=True)
            ]
            links.append(wide[0] - wide[1])
    return sparse.csr_array(sparse.vstack(links, format="csr")) if links else sparse.csr_array((0, int(first[-1])))


def _list_leaves(tables: tuple[CountTable, CountTable], shared: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the leaves of each shared dimension. Raises CharterError where two tables divide the same otherwise."""
    leaves = []
    for name in shared:
        ours, theirs = (
            next(dimension.leaves for dimension in table.dimensions if dimension.name == name) for table in tables
        )
        if set(ours) != set(theirs):
            raise CharterError(
                f"two tables of {tables[0].counted} divide {name} into other smallest parts.",
                "Give both the same leaves, and show of them what each shall show.",
            )
        leaves.append(ours)
    return leaves


def _sum_leaves(table: CountTable, shared: Sequence[str], leaves: Sequence[tuple[str, ...]]) -> sparse.csr_array:
    """Return sums of a table's leaf cells by the shared dimensions' leaves, in the order of `leaves`."""
    sizes = [len(part) for part in leaves]
    key = np.zeros(table.counts.shape, dtype=np.int64)
    for axis, dimension in enumerate(table.dimensions):
        if dimension.name not in shared:
            continue
        at = shared.index(dimension.name)
        place = {leaf: index for index, leaf in enumerate(leaves[at])}
        step = int(np.prod(sizes[at + 1 :], dtype=np.int64))
        codes = np.array([place[leaf] for leaf in dimension.leaves], dtype=np.int64) * step
        key += codes.reshape([-1 if number == axis else 1 for number in range(table.counts.ndim)])
    size = table.counts.size
    return sparse.csr_array(
        (np.ones(size), (key.ravel(), np.arange(size))), shape=(int(np.prod(sizes, dtype=np.int64)), size)
    )
