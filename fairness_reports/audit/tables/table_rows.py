"""The rows of a scored table as arrays, and who of them was chosen.

A list of N places takes the N largest scores; equals at its end are drawn by a published lottery: the smallest sha256
of the row's number from 0 in the file. Scores 9, 7, 7, 7, 2 and two places: the 9, and of rows 1, 2 and 3 the one whose
number has the smallest sha256. With `each`, every list (each week, say) has its own places.
"""

# ruff: noqa: S608 - queries are put together from our own names

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from fairness_reports.audit.measuring.tally import CELLS, UNKNOWN, Grouping, Tally, number_cells
from fairness_reports.audit.tables.table_question import Flag, Selection
from fairness_reports.audit.tables.table_reader import TableReader, name_group, read_flag

__all__ = ["TableRows", "fetch_rows"]


@dataclass(frozen=True)
class TableRows:
    """Rows in the file's order, each array (rows,): `label` 1, 0 or UNKNOWN; `chosen` by selection, in its order.

    `cluster` is None where each row stands for itself. `by_lot` is how many of each selection's chosen were drawn among
    equals, and among how many. `groups` are by characteristic.
    """

    label: NDArray[np.int8]
    chosen: tuple[NDArray[np.bool_], ...]
    by_lot: tuple[tuple[int, int], ...]
    groups: Mapping[str, Grouping]
    score: NDArray[np.float64] | None = None
    cluster: NDArray[np.int64] | None = None
    weight: NDArray[np.float64] | None = None

    @property
    def everyone(self) -> Grouping:
        """All rows as one group."""
        return Grouping(np.zeros(len(self.label), dtype=np.int64), ("everyone",))

    @property
    def of_cluster(self) -> NDArray[np.int64]:
        """The cluster of each row; its own number where each stands for itself."""
        return np.arange(len(self.label)) if self.cluster is None else self.cluster

    def tally(self, grouping: Grouping, selection: int = 0) -> Tally:
        """Count the rows by cluster, group, outcome and selection."""
        cell = number_cells(self.label, self.chosen[selection])
        if self.weight is not None:
            return Tally.weigh(self.of_cluster, grouping, cell, self.weight)
        if self.cluster is not None:
            return Tally.make(self.cluster, grouping, cell)
        counts = np.bincount(grouping.code * CELLS + cell, minlength=len(grouping.names) * CELLS)
        places = np.flatnonzero(counts)
        return Tally.of_counted(grouping.names, [([int(place)], int(counts[place])) for place in places])

    def tally_both(self, grouping: Grouping) -> Tally:
        """Count the rows by two selections: group g is 2g under the first and 2g + 1 under the second."""
        twice = tuple(f"{name}, {which}" for name in grouping.names for which in ("first", "second"))
        both = Grouping(np.concatenate([grouping.code * 2, grouping.code * 2 + 1]), twice)
        cell = np.concatenate([number_cells(self.label, chosen) for chosen in self.chosen])
        cluster = np.concatenate([self.of_cluster, self.of_cluster])
        if self.weight is not None:
            return Tally.weigh(cluster, both, cell, np.concatenate([self.weight, self.weight]))
        return Tally.make(cluster, both, cell)


def fetch_rows(reader: TableReader) -> TableRows:
    """Read a checked table into arrays and choose who is selected."""
    kinds = _list_kinds(reader)
    numbers = [name for name in ("score", "weight") if getattr(reader.question, name) is not None]
    lists = [name for name in ("cluster", "each") if getattr(reader.question, name) is not None]
    wanted = {name: name for name in numbers}
    # A cluster's number is its text's hash: two of five million share one by a chance of less than one in a million.
    wanted |= {name: f"hash({name}::VARCHAR)" for name in lists}
    for name, values in kinds.items():
        _create_kinds(reader, name, values)
        wanted[name] = f"enum_code(coalesce({name}::VARCHAR, '')::kinds_{name})"
    columns = ", ".join(f"{expression} AS {name}" for name, expression in wanted.items())
    arrays = reader.connection.execute(f"SELECT {columns} FROM {reader.numbered} ORDER BY number").fetchnumpy()
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    rows = len(next(iter(arrays.values())))
    label = np.full(rows, UNKNOWN, dtype=np.int8)
    if reader.label is not None:
        label = _read_flags(kinds["label"], reader.label, UNKNOWN)[arrays["label"]]
    score = arrays.get("score", np.zeros(0))
    each = None if "each" not in arrays else np.unique(arrays["each"], return_inverse=True)[1]
    chosen, by_lot = [], []
    for place, selection in enumerate(reader.question.selections):
        name = f"chosen{place}"
        if selection.column is not None:
            flags = _read_flags(kinds[name], reader.chosen[name], None)
            chosen.append(flags[arrays[name]] == 1)
            by_lot.append((0, 0))
        else:
            of_lists, drawn, equals = _choose(score, selection, each)
            chosen.append(of_lists)
            by_lot.append((drawn, equals))
    cluster = arrays["cluster"].view(np.int64) if "cluster" in arrays else None
    groups = _group_rows(reader, kinds, arrays)
    return TableRows(label, tuple(chosen), tuple(by_lot), groups, arrays.get("score"), cluster, arrays.get("weight"))


def _list_kinds(reader: TableReader) -> dict[str, list[str]]:
    """Return the different texts of every column that has few."""
    flags = {**({"label": reader.label} if reader.label is not None else {}), **reader.chosen}
    names = [*flags, *(f"group{place}" for place in range(len(reader.columns)))]
    kinds = reader.list_values(names)
    for name, flag in flags.items():
        if flag.value is not None and not any(read_flag(value, flag) for value in kinds[name]):
            folded = any(value.strip().lower() == flag.value.strip().lower() for value in kinds[name])
            hint = "It stands there in other letters, large or small." if folded else ""
            raise DataError(
                f"no row of {flag.column!r} is {flag.value!r}.",
                f"Write the value as it stands in the column. {hint}".strip(),
            )
    return kinds


def _create_kinds(reader: TableReader, name: str, values: list[str]) -> None:
    of = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    reader.connection.execute(f"CREATE TYPE kinds_{name} AS ENUM ({of})")


def _read_flags(values: list[str], flag: Flag, nothing: int | None) -> NDArray[np.int8]:
    """Return what each of the texts says; raise DataError for nothing where that may not be."""
    flags = [read_flag(value, flag) for value in values]
    if nothing is None and None in flags:
        raise DataError(f"{flag.column!r} is empty in some row.", "Write 1 for selected, 0 for not.")
    return np.array([nothing if value is None else value for value in flags], dtype=np.int8)


def _group_rows(
    reader: TableReader, kinds: Mapping[str, list[str]], arrays: Mapping[str, NDArray[np.generic]]
) -> dict[str, Grouping]:
    columns = {}
    for place, column in enumerate(reader.columns):
        named = [name_group(value) for value in kinds[f"group{place}"]]
        names = tuple(sorted(set(named)))
        code = np.array([names.index(name) for name in named], dtype=np.int64)
        columns[column] = Grouping(code[arrays[f"group{place}"].astype(np.int64)], names)
    groups = {}
    for characteristic in reader.characteristics:
        first, *others = (columns[column] for column in characteristic.columns)
        for other in others:
            first = _cross(first, other)
        groups[characteristic.name] = first
    return groups


def _cross(first: Grouping, second: Grouping) -> Grouping:
    """Return the groups of both together, of those that anybody is in."""
    code = first.code * len(second.names) + second.code
    there, compact = np.unique(code, return_inverse=True)
    size = len(second.names)
    return Grouping(
        compact.astype(np.int64), tuple(f"{first.names[i // size]}, {second.names[i % size]}" for i in there.tolist())
    )


def _choose(
    score: NDArray[np.float64], selection: Selection, each: NDArray[np.int64] | None
) -> tuple[NDArray[np.bool_], int, int]:
    """Return who is chosen, how many of them by lot, and among how many equals."""
    if selection.threshold is not None:
        return score >= selection.threshold, 0, 0
    places = selection.capacity or 0
    chosen = np.zeros(len(score), dtype=np.bool_)
    drawn = equals = 0
    lists = [np.arange(len(score))] if each is None else _split(each)
    for members in lists:
        if places >= len(members):
            chosen[members] = True
            continue
        of_list = score[members]
        cut = np.partition(of_list, len(members) - places)[len(members) - places]
        chosen[members[of_list > cut]] = True
        at_cut = members[of_list == cut]
        left = places - int((of_list > cut).sum())
        if left < len(at_cut):
            at_cut = np.array(sorted(at_cut.tolist(), key=lambda row: hashlib.sha256(str(row).encode()).digest()))
            drawn, equals = drawn + left, equals + len(at_cut)
        chosen[at_cut[:left]] = True
    return chosen, drawn, equals


def _split(code: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(code, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
