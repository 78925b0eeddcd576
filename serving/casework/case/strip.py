"""The strip of a case page: a row for each person and service, dots for what happened, bars for what lasted.

Places are shares of the time shown, in per cent, so that the picture needs no script and no style of its own; the same
rows are a table for whoever would rather read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from features.grammar import months
from serving.casework.timeline_view import Entry
from serving.ranking.reasons import write_day

__all__ = ["Mark", "Strip", "StripRow", "draw_strip"]

_EVERY = 6
"""So many months lie between two dates of the axis."""


@dataclass(frozen=True)
class Mark:
    """A dot (`width` 0) or a bar, from `start`; per cent of the time shown."""

    start: float
    width: float


@dataclass(frozen=True)
class StripRow:
    """What one service recorded of one person, or of whoever it is of: `times` things from `first` to `last`."""

    who: str
    source: str
    marks: tuple[Mark, ...]
    times: int
    first: str
    last: str
    open: bool


@dataclass(frozen=True)
class Strip:
    """All rows, and the axis: (per cent, words) of some months."""

    rows: tuple[StripRow, ...]
    axis: tuple[tuple[float, str], ...]


def draw_strip(entries: Sequence[Entry], names: Sequence[str], as_of: date, span: int) -> Strip:
    """Return the strip of `span` months before `as_of`; `names` are the people's, in the order of their numbers."""
    start = months(span).before(as_of)
    groups: dict[tuple[int, str], list[Entry]] = {}
    for entry in entries:
        for number in entry.people or (-1,):
            groups.setdefault((number, entry.source), []).append(entry)
    rows = tuple(
        _draw_row(names[number] if number >= 0 else "Household", source, group, start, as_of)
        for (number, source), group in sorted(groups.items())
    )
    axis = tuple(
        (_place(day, start, as_of), f"{day:%b %Y}")
        for back in range(span, 0, -_EVERY)
        for day in [months(back).before(as_of)]
    )
    return Strip(rows, axis)


def _draw_row(who: str, source: str, entries: Sequence[Entry], start: date, end: date) -> StripRow:
    in_order = sorted(entries, key=lambda entry: entry.day)
    return StripRow(
        who=who,
        source=source,
        marks=tuple(_draw_mark(entry, start, end) for entry in entries),
        times=len(entries),
        first=_write_begin(in_order[0]),
        last=_write_begin(in_order[-1]),
        open=any(entry.until == "" for entry in entries),
    )


def _write_begin(entry: Entry) -> str:
    return write_day(entry.day) if entry.signal else entry.when


def _draw_mark(entry: Entry, start: date, end: date) -> Mark:
    place = _place(entry.day, start, end)
    if entry.until is None:
        return Mark(place, 0.0)
    last = date.fromisoformat(entry.until) if entry.until else end
    return Mark(place, max(0.7, round(_place(last, start, end) - place, 2)))


def _place(day: date, start: date, end: date) -> float:
    """Return where a day lies, in per cent; a day before the time shown lies at its beginning."""
    length = max((end - start) / timedelta(days=1), 1.0)
    return round(min(max((day - start) / timedelta(days=1) / length, 0.0), 0.995) * 100, 2)
