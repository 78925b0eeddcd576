"""Canonical tables from data frames, and a council's folder drafted from them.

    events      person_id, signal (`service.kind`), valid_at; and event_id, known_at, end_at, amount, detail if there
    people, residence, households, protected, coverage     as docs/reference/contracts.md has them

A frame is pandas', polars' or Arrow's. Tables are written where only their owner can read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from charter.council.register import Signal, Source, StatedDelivery
from charter.errors import DataError
from charter.purposes import CHECKS, PURPOSES
from charter.starting.new_council import Months, ProposedSource

__all__ = ["FOLDER", "Frames", "read_categories", "to_arrow"]

FOLDER = "frames"
"""The folder below the extracts that all tables of a workbench lie in."""

_TIMES = {
    "events": ("valid_at", "end_at", "known_at", "known_until"),
    "residence": ("start", "end", "known_at", "known_until"),
    "households": ("start", "end", "known_at"),
    "protected": ("known_at",),
    "coverage": ("start", "end", "known_at"),
}
_FEW_DETAILS = 50
"""Details are listed in the register where there are no more of them: `where(detail=...)` names one of a list."""


def to_arrow(frame: Any, name: str) -> pa.Table:
    """Return a pandas, polars or Arrow frame as an Arrow table; raise DataError for anything else."""
    if isinstance(frame, pa.Table):
        return frame
    if type(frame).__module__.startswith("pandas"):
        return pa.Table.from_pandas(frame, preserve_index=False)
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame)
    raise DataError(f"{name} is a {type(frame).__name__}, and no data frame.", "Give one of pandas, polars or Arrow.")


def read_categories(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of categories as its values; any other as it is."""
    if not pa.types.is_dictionary(values.type):
        return values
    kind = values.type.value_type
    # Arrow can't decode the views that polars keeps its texts in.
    kind = pa.string() if pa.types.is_string_view(kind) else kind
    chunks = [chunk.dictionary.cast(kind).take(chunk.indices) for chunk in values.chunks]
    return pa.chunked_array(chunks, kind)


@dataclass(frozen=True)
class Frames:
    """The tables by name, and the time of which they say everything.

    Unless said, each service's begins with its first event, and all end the day after the newest time in them.
    """

    tables: Mapping[str, pa.Table]
    until: date
    since: date | None = None

    @classmethod
    def of(cls, frames: Mapping[str, Any], until: date | None, since: date | None = None) -> Frames:
        """Read the frames that are there; raise DataError for events without what every event needs."""
        tables = {name: _join_frames(frame, name) for name, frame in frames.items() if frame is not None}
        events = tables["events"]
        if missing := [name for name in ("person_id", "signal", "valid_at") if name not in events.column_names]:
            raise DataError(
                f"the events have no column {missing[0]!r}.",
                "Rename yours: person_id, signal (like 'rents.letter') and valid_at are what every event needs.",
            )
        if not events.num_rows:
            raise DataError("the events have no row.", "Give at least one.")
        if not pc.count(events["valid_at"]).as_py():
            raise DataError("no event says when it happened.", "Fill valid_at.")
        if "event_id" not in events.column_names:
            numbers = pa.array([f"row-{number}" for number in range(events.num_rows)])
            tables["events"] = events.append_column("event_id", numbers)
        ends = until or _find_newest(tables["events"]) + timedelta(days=1)
        if since is not None and since >= ends:
            raise DataError(
                "the frames would be complete since a day that is not before their end.", "Correct `since`."
            )
        return cls(tables, ends, since)

    def write(self, extracts: Path) -> None:
        """Write every table as Parquet below `extracts`."""
        folder = extracts / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.parquet"):
            path.unlink()
        for name, table in self.tables.items():
            path = folder / f"{name}.parquet"
            path.touch(0o600)
            pq.write_table(table, path)

    def propose(self, *, made_up: bool) -> list[ProposedSource]:
        """Return a row of the register for each service of the events, every guess in it for a person to confirm."""
        events = self.tables["events"]
        names = pc.unique(events["signal"]).to_pylist()
        if wrong := [name for name in names if not name or name.count(".") != 1]:
            raise DataError(f"{wrong[0]!r} is no signal.", "Name each `service.kind`, like 'rents.letter'.")
        services = sorted({name.partition(".")[0] for name in names})
        return [self._propose_service(service, sorted(names), made_up=made_up) for service in services]

    def _propose_service(self, service: str, names: list[str], *, made_up: bool) -> ProposedSource:
        events = self.tables["events"]
        rows = events.filter(pc.starts_with(events["signal"], f"{service}."))
        first = self.since or _day_of(pc.min(rows["valid_at"]).as_py())
        last = min(self.until, _find_newest(rows))
        source = Source(
            service=service,
            title=service.replace("_", " ").capitalize(),
            format="canonical",
            folder=FOLDER,
            basis="public task",
            conditions=("UK GDPR article 6(1)(e)",),
            purposes=frozenset(PURPOSES) - frozenset(CHECKS),
            retention_years=50,
            signals=tuple(_propose_signal(rows, name) for name in names if name.startswith(f"{service}.")),
            delivery=StatedDelivery(covers_from=first, covers_to=self.until, received_at=self.until, synthetic=made_up),
            example=True,
        )
        return ProposedSource(source, {}, Months(first.replace(day=1), last.replace(day=1)))


def _propose_signal(rows: pa.Table, name: str) -> Signal:
    title = name.replace(".", ": ").replace("_", " ").capitalize()
    details: tuple[str, ...] = ()
    if "detail" in rows.column_names:
        there = pc.unique(rows.filter(pc.equal(rows["signal"], name))["detail"]).drop_null().to_pylist()
        details = tuple(sorted(there)) if len(there) <= _FEW_DETAILS else ()
    interval = "end_at" in rows.column_names
    return Signal(name=name, title=title, details=details, interval=interval, example=True)


def _join_frames(frames: Any, name: str) -> pa.Table:
    """Return one frame, or several below each other, as a table; a column that one lacks is empty there."""
    several = frames if isinstance(frames, list | tuple) else [frames]
    tables = [_conform(name, to_arrow(frame, name)) for frame in several]
    days = [column for column in _TIMES.get(name, ()) if len({_type_of(table, column) for table in tables} - {""}) > 1]
    for column in days:
        tables = [_as_moments(table, column) for table in tables]
    return pa.concat_tables(tables, promote_options="permissive")


def _type_of(table: pa.Table, column: str) -> str:
    return str(table[column].type) if column in table.column_names else ""


def _as_moments(table: pa.Table, column: str) -> pa.Table:
    """Return a table whose whole days are moments, as those of another frame are; a moment without zone is UTC."""
    if column not in table.column_names:
        return table
    moments = table[column].cast(pa.timestamp("us", tz="UTC"))
    return table.set_column(table.column_names.index(column), column, moments)


def _conform(name: str, table: pa.Table) -> pa.Table:
    """Return a table with its ids as text, its times as such, and texts as plain ones."""
    columns = {}
    for column in table.column_names:
        values = table[column]
        values = read_categories(values)
        if column in _TIMES.get(name, ()):
            values = _read_times(name, column, values)
        elif column.endswith("_id") or pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
            values = values.cast(pa.string())
        elif column == "amount":
            values = values.cast(pa.float64()).cast(pa.decimal128(18, 4), safe=False)
        columns[column] = values
    return pa.table(columns)


def _read_times(name: str, column: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as microseconds or whole days; whole days stay days, so that they mean midnight in the time zone."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        try:
            values = values.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            raise DataError(
                f"the {column} of {name} is text that is no ISO date.", "Write 2024-03-01, or parse it first."
            ) from None
    if pa.types.is_date(values.type):
        return values.cast(pa.date32())
    values = values.cast(
        pa.timestamp("us", tz=values.type.tz if pa.types.is_timestamp(values.type) else None), safe=False
    )
    if values.type.tz is None:
        at = values.drop_null().cast(pa.int64())
        if not pc.any(pc.not_equal(pc.subtract(at, pc.multiply(pc.divide(at, _DAY), _DAY)), 0)).as_py():
            return values.cast(pa.date32())
    return values


_DAY = 86_400_000_000


def _day_of(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _find_newest(events: pa.Table) -> date:
    newest = [pc.max(events[name]).as_py() for name in ("valid_at", "known_at") if name in events.column_names]
    return max(_day_of(moment) for moment in newest if moment is not None)
