"""A scored table of many millions of rows, counted where it lies: memory does not grow with the rows.

DuckDB counts the rows of each group, outcome and selection; only equals at a list's cut need rows to be kept, in a file
beside. Each row stands for itself, and only shares are measured.
"""

# ruff: noqa: S608 - queries are put together from our own names and numbers

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from charter.errors import DataError
from fairness_reports.audit.measuring.tally import CELLS, Tally
from fairness_reports.audit.tables.table_reader import Facts, TableReader, name_group, read_flag

__all__ = ["HELD", "count_large_table"]

HELD = 1_000_000
"""Places up to which DuckDB holds the largest scores while it reads; beyond, it sorts."""


def count_large_table(reader: TableReader, facts: Facts) -> tuple[dict[str, Tally], int, int]:
    """Return the tally of everyone ('') and of each characteristic, and how many were drawn among how many equals."""
    selection, cut = reader.question.selections[0], facts.cut
    if selection.column is not None:
        return _count(reader, "chosen0"), 0, 0
    if selection.threshold is not None:
        return _count(reader, f"score >= {selection.threshold!r}"), 0, 0
    places = selection.capacity or 0
    if places >= HELD:
        top = f"SELECT score FROM {reader.source} ORDER BY score DESC LIMIT {places}"
        cut = float(reader.connection.execute(f"SELECT min(score) FROM ({top})").fetchall()[0][0])
    tallies = _count(reader, f"score >= {cut!r}")
    if tallies[""].totals[0, 1::2].sum() <= places:
        return tallies, 0, 0
    reader.connection.execute(f"CREATE TABLE rows AS SELECT * FROM {reader.numbered}")
    kept = replace(reader, source="rows")
    above, equals = reader.connection.execute(
        f"SELECT count(*) FILTER (score > {cut!r}), count(*) FILTER (score = {cut!r}) FROM rows"
    ).fetchall()[0]
    # The smallest sha256 of the row's number, so that anybody can draw it again.
    reader.connection.execute(
        f"CREATE TABLE drawn AS SELECT number FROM rows WHERE score = {cut!r}"
        f" ORDER BY sha256(number::VARCHAR) LIMIT {places - above}"
    )
    tallies = _count(kept, f"score > {cut!r} OR number IN (SELECT number FROM drawn)")
    return tallies, places - above, int(equals)


def _count(reader: TableReader, selected: str) -> dict[str, Tally]:
    """Count everyone and each characteristic by pattern, given the condition of being selected.

    Values are counted as they are and read afterwards: a few kinds of them instead of millions of rows. With one group
    column the counts come back as (label, selected, rows, group, not grouped by it):

        '1', 'true', 40, NULL, 1      everyone in need and selected
        '1', 'true', 25, 'F ', 0      of them, those who say "F " (which is read as "F")
    """
    places = {column: place for place, column in enumerate(reader.columns)}
    wanted = [
        ("", ()),
        *((one.name, tuple(places[column] for column in one.columns)) for one in reader.characteristics),
    ]
    groups = [f"group{place}" for place in range(len(places))]
    of_sets = dict.fromkeys(tuple(sorted(of)) for _, of in wanted)
    sets = [f"({', '.join([*(groups[i] for i in of), 'label', 'selected'])})" for of in of_sets]
    label = "label" if reader.label is not None else "NULL"
    inside = f"SELECT {', '.join(groups)}, {label} AS label, {selected} AS selected FROM {reader.source}"
    counts = reader.connection.execute(
        f"SELECT label::VARCHAR, selected::VARCHAR, count(*), {', '.join(f'{group}::VARCHAR' for group in groups)},"
        f" {', '.join(f'grouping({group})' for group in groups)} FROM ({inside})"
        f" GROUP BY GROUPING SETS ({', '.join(sets)})"
    ).fetchall()
    tallies = {}
    for name, of in wanted:
        by_place: Counter[tuple[str, int]] = Counter()
        for row in counts:
            grouped = tuple(place for place in range(len(groups)) if not row[3 + len(groups) + place])
            if grouped == tuple(sorted(of)):
                group = ", ".join(name_group(row[3 + place]) for place in of) or "everyone"
                by_place[group, _find_cell(reader, row[0], row[1])] += row[2]
        tallies[name] = _make_tally(sorted(by_place.items()))
    return tallies


def _find_cell(reader: TableReader, label: Any, selected: Any) -> int:
    """Return the cell of rows with this label and selection, as they are written in the file."""
    flag = reader.chosen.get("chosen0")
    selection = int(selected == "true") if flag is None else read_flag(selected, flag)
    if selection is None:
        raise DataError(f"{flag.column if flag else ''!r} is empty in some row.", "Write 1 for selected, 0 for not.")
    outcome = None if reader.label is None else read_flag(label, reader.label)
    return (2 if outcome is None else outcome) * 2 + selection


def _make_tally(counted: Sequence[tuple[tuple[str, int], int]]) -> Tally:
    """Return a tally of rows that were counted by group and cell, in a fixed order."""
    names = tuple(sorted({name for (name, _), _ in counted}))
    code = {name: number for number, name in enumerate(names)}
    return Tally.of_counted(names, [([code[name] * CELLS + cell], times) for (name, cell), times in counted])
