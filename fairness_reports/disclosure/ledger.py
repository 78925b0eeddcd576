"""The guard: what has left, to anybody, of any area and period; a release is compared with all of it before it leaves.

    published/releases.jsonl     a line a table: who it went to, when, what is counted, its cells as they were shown

Nothing in it is secret: hidden counts are not in it. A release of the same people at the same time is attacked together
with every earlier one, whatever areas they are of, so two geographies can't be taken from each other. Refused are:
the same cell in another mode; a period that overlaps an earlier one without being it (a month beside its quarter);
whoever is there on a day, told again within too few days; and a count that is no longer what was shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from charter.contracts.files import write_text
from charter.errors import CharterError, DataError
from fairness_reports.disclosure.door import PublicTable, Release, release_tables
from fairness_reports.disclosure.rules import find_mode, read_rules
from fairness_reports.disclosure.tables import CountTable, Dimension, Period

__all__ = ["PARTNERS", "PUBLIC", "Earlier", "Ledger"]

PUBLIC = "the public"
PARTNERS = "voluntary partners; by MSOA the public"
"""Whom a table went to: of the second, groups of the first dimension are everybody's, and its leaves are not."""


@dataclass(frozen=True)
class Earlier:
    """A table that has left: who it went to, on which day, and what was shown; its true counts are not known."""

    audience: str
    released_on: date
    view: PublicTable

    @property
    def public_nodes(self) -> tuple[tuple[str, ...], ...]:
        """What everybody may read of each dimension; () of a table that is not the public's at all."""
        dimensions = self.view.table.dimensions
        if self.audience == PUBLIC:
            return tuple(dimension.nodes for dimension in dimensions)
        if self.audience == PARTNERS:
            return (tuple(dimensions[0].groups), *(dimension.nodes for dimension in dimensions[1:]))
        return ()


class Ledger:
    """The file of what has left. One writer at a time: whoever releases holds the workspace's writer lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def release(self, tables: Sequence[CountTable], mode: str, audience: str, today: date) -> Release:
        """Return what may be shown to an audience, and write it down as out.

        The same tables asked for again give the same cells, and no new line. Raises CharterError where earlier releases
        and this one together would say what neither says.
        """
        earlier = self.read()
        for table in tables:
            for entry in earlier:
                _refuse_overlap(table, mode, entry)
        related = [entry.view for entry in earlier if _is_related(entry.view.table, tables)]
        if released := _find_released(tables, related):
            return Release(find_mode(mode), released)
        release = release_tables(tables, mode, [_fill_counts(view, tables) for view in related])
        for view in release.tables:
            for old in related:
                _refuse_changed(view, old)
        out = {json.dumps(_describe_view(entry.view), sort_keys=True) for entry in earlier}
        lines = [
            json.dumps({"audience": audience, "released_on": today.isoformat(), **_describe_view(view)}, sort_keys=True)
            for view in release.tables
            if json.dumps(_describe_view(view), sort_keys=True) not in out
        ]
        if lines:
            text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(self.path, text + "".join(f"{line}\n" for line in lines))
            self.path.chmod(0o600)
        return release

    def release_once(
        self, tables: Sequence[CountTable], mode: str, audience: str, today: date
    ) -> Sequence[PublicTable]:
        """Return one period's tables as they may be shown; those that are out already, as they went out.

        What was withdrawn since then changes no count that everybody has. Raises CharterError as `release` does.
        """
        counted, period = tables[0].counted, tables[0].period
        out = [
            entry.view
            for entry in self.read()
            if (entry.view.table.counted, entry.view.table.period) == (counted, period)
        ]
        return out or self.release(tables, mode, audience, today).tables

    def read(self) -> list[Earlier]:
        """Return what has left, oldest first. Raises DataError for a file that is not as it was written."""
        if not self.path.exists():
            return []
        entries = []
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                entries.append(_read_entry(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"line {number} of {self.path.name} is not as it was written.",
                    "Nothing is released without it: bring the file back from a backup.",
                ) from error
        return entries


def _describe_view(view: PublicTable) -> dict[str, Any]:
    return {
        "mode": view.mode.name,
        "counted": view.table.counted,
        "start": view.table.period.start.isoformat(),
        "end": view.table.period.end.isoformat(),
        "dimensions": [
            {
                "name": dimension.name,
                "leaves": list(dimension.leaves),
                "groups": [[name, list(of)] for name, of in dimension.groups.items()],
                "leaves_shown": dimension.leaves_shown,
            }
            for dimension in view.table.dimensions
        ],
        "cells": [None if hidden else int(value) for value, hidden in zip(view.values, view.hidden, strict=True)],
    }


def _read_entry(line: Mapping[str, Any]) -> Earlier:
    dimensions = tuple(
        Dimension(
            row["name"],
            tuple(row["leaves"]),
            {name: tuple(of) for name, of in row["groups"]},
            bool(row["leaves_shown"]),
        )
        for row in line["dimensions"]
    )
    counts = np.zeros(tuple(len(dimension.leaves) for dimension in dimensions), dtype=np.int64)
    period = Period(date.fromisoformat(line["start"]), date.fromisoformat(line["end"]))
    table = CountTable(line["counted"], period, dimensions, counts)
    hidden = np.array([cell is None for cell in line["cells"]], dtype=bool)
    values = np.array([-1 if cell is None else int(cell) for cell in line["cells"]], dtype=np.int64)
    if len(values) != table.membership.shape[0]:
        raise ValueError(table.counted)
    view = PublicTable(table, find_mode(line["mode"]), values, hidden)
    return Earlier(line["audience"], date.fromisoformat(line["released_on"]), view)


def _is_related(old: CountTable, tables: Sequence[CountTable]) -> bool:
    return any((old.counted, old.period) == (table.counted, table.period) for table in tables)


def _find_released(tables: Sequence[CountTable], related: Sequence[PublicTable]) -> tuple[PublicTable, ...]:
    """Return the tables as they went out, where every one of them is out; else none. Raises CharterError if changed."""
    views = []
    for table in tables:
        what = (table.counted, table.period, table.dimensions)
        old = next(
            (view for view in related if (view.table.counted, view.table.period, view.table.dimensions) == what), None
        )
        if old is None:
            return ()
        view = PublicTable(table, old.mode, old.values, old.hidden)
        _refuse_changed(view, old)
        views.append(view)
    return tuple(views)


def _refuse_overlap(table: CountTable, mode: str, entry: Earlier) -> None:
    """Refuse what no hiding makes safe. Raises CharterError."""
    old = entry.view.table
    if old.counted != table.counted:
        return
    when = f"released on {entry.released_on:%d %B %Y} to {entry.audience}"
    if old.period == table.period:
        if entry.view.mode.name != mode:
            raise CharterError(
                f"{table.counted} of this period were {when} in the mode {entry.view.mode.name}, not {mode}.",
                "One table has one mode: release it in the mode that is out.",
            )
        return
    if old.period.overlaps(table.period):
        raise CharterError(
            f"the period of {table.counted} overlaps one {when}: the days between could be worked out.",
            "Release whole periods side by side, such as quarters.",
        )
    apart = abs((table.period.start - old.period.start).days)
    if table.period.is_day and old.period.is_day and apart < read_rules().days_apart:
        raise CharterError(
            f"{table.counted} were {when}, {apart} days from this: who came and went could be worked out.",
            f"Release whoever is there on a day at most every {read_rules().days_apart} days.",
        )


def _fill_counts(old: PublicTable, tables: Sequence[CountTable]) -> PublicTable:
    """Return an earlier table with the counts of one of `tables` that divides the same people the same way.

    Where none does, some counts that agree with what was shown are no use as the truth: refused. Raises CharterError.
    """
    names = [dimension.name for dimension in old.table.dimensions]
    for table in tables:
        axes = [dimension.name for dimension in table.dimensions]
        if (table.counted, table.period) != (old.table.counted, old.table.period) or not set(names) <= set(axes):
            continue
        order = [axes.index(name) for name in names]
        others = tuple(axis for axis in range(len(axes)) if axis not in order)
        summed = table.counts.sum(axis=others) if others else table.counts
        remaining = [axis for axis in range(len(axes)) if axis in order]
        moved = np.transpose(summed, [remaining.index(axis) for axis in order])
        for at, dimension in enumerate(old.table.dimensions):
            leaves = table.dimensions[order[at]].leaves
            if set(leaves) != set(dimension.leaves):
                raise CharterError(
                    f"{table.counted} were released by other smallest parts of {dimension.name}.",
                    "Give the same leaves as then, and show of them what is to be shown.",
                )
            moved = np.take(moved, [leaves.index(leaf) for leaf in dimension.leaves], axis=at)
        filled = CountTable(table.counted, table.period, old.table.dimensions, np.ascontiguousarray(moved))
        view = PublicTable(filled, old.mode, old.values, old.hidden)
        _refuse_changed(view, old)
        return view
    raise CharterError(
        f"{old.table.counted} of this period were released by {' and '.join(names)} already, which this table lacks.",
        "Release them with those columns too, so that both can be compared.",
    )


def _refuse_changed(view: PublicTable, old: PublicTable) -> None:
    """Refuse counts that are not those that are out: the difference would be of few. Raises CharterError."""
    if view.table.dimensions != old.table.dimensions or view.table.counted != old.table.counted:
        return
    values = view.mode.round_counts(view.table.add_up(view.table.counts))
    if (values[~old.hidden] != old.values[~old.hidden]).any():
        raise CharterError(
            f"{view.table.counted} of this period are out with other counts: the difference would be of few people.",
            "Show again what is out, and use the newer counts from the next period.",
        )
