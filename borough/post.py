"""Extracts: what `extracts.toml` declares, and how rows become the files a service would send.

A service hands over columns as arrays: text as Arrow strings; dates as day numbers; datetimes as seconds since 1970;
decimals as hundredths; integers as they are. `NEVER` is an empty field. `Post` drops what the service would not have
sent yet, checks that the columns are the declared ones, and writes CSV or Parquet.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from borough.days import NEVER, number_day
from charter.contracts.files import write_json
from charter.errors import DataError

__all__ = [
    "Columns",
    "Declared",
    "Feed",
    "Post",
    "make_references",
    "read_declarations",
    "repeat_endings",
    "repeat_rows",
    "take_rows",
    "take_text",
    "write_column",
]

Columns = Mapping[str, Any]
_SENT = "sent"
_OLDEST, _NEWEST = number_day(date(1900, 1, 1)), number_day(date(2028, 1, 1))


@dataclass(frozen=True)
class Declared:
    """One file as declared: its name, columns as (name, type), key, how its service writes dates and datetimes, words.

    `title` is the service's, `meaning` says what a row is, and `words` what each column is.
    """

    service: str
    file: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    dates: str
    datetimes: str
    title: str
    meaning: str
    words: Mapping[str, str]

    @property
    def recorded(self) -> str | None:
        """The column that says when a row was recorded, if the service keeps it."""
        return "recorded_on" if any(name == "recorded_on" for name, _ in self.columns) else None


@cache
def read_declarations(name: str = "extracts.toml") -> Mapping[tuple[str, str], Declared]:
    """Read `extracts.toml`, or another of the same form beside it: every file by (service, name)."""
    raw = tomllib.loads((files("borough") / name).read_text(encoding="utf-8"))
    return {
        (service, name): Declared(
            service,
            table["file"],
            tuple((column[0], column[1]) for column in table["columns"]),
            tuple(table["key"]),
            section["dates"],
            section.get("datetimes", ""),
            section["title"],
            table["meaning"],
            {column[0]: column[2] for column in table["columns"]},
        )
        for service, section in raw.items()
        if service != "codes"
        for name, table in section.items()
        if isinstance(table, dict)
    }


@dataclass(frozen=True)
class Feed:
    """What one delivery covers: days [covers_from, covers_to), and the day it was received."""

    covers_from: date
    covers_to: date
    received_on: date
    note: str = ""


@dataclass
class Post:
    """Where services leave their files, and the truth about whom each reference names."""

    folder: Path
    zone: ZoneInfo
    feeds: Mapping[str, Feed]
    senders: Collection[str] = ()
    """The services that send anything; none named: all. What others know is played too, and stays with them."""
    rows: dict[str, int] = field(default_factory=dict)
    references: dict[str, tuple[pa.Array, NDArray[np.int32]]] = field(default_factory=dict)

    def sends(self, service: str) -> bool:
        """Whether the council hears from `service`; a choice about all of them (`*`) it hears always."""
        return not self.senders or service in (*self.senders, "*")

    def send(self, service: str, name: str, columns: Columns) -> None:
        """Write one file, of a service that sends; raise DataError if its columns are not the declared ones."""
        file = read_declarations()[service, name]
        if set(columns) != {column for column, _ in file.columns}:
            raise DataError(
                f"{service}/{file.file} does not have the columns that extracts.toml declares.",
                "Make both say the same.",
            )
        if not self.sends(service):
            return
        keep = self._sent(file, columns)
        table = pa.table({column: write_column(file, kind, columns[column], keep) for column, kind in file.columns})
        if file.file.endswith(".csv"):
            table = table.append_column(_SENT, pa.array(np.arange(table.num_rows, dtype=np.int32)))
            # The order of rows must not say which rows of two services are the same person.
            order = pc.sort_indices(table, [(column, "ascending") for column in (*file.key, _SENT)])
            table = table.take(order).drop_columns(_SENT)
        folder = self.folder / service
        folder.mkdir(parents=True, exist_ok=True)
        if file.file.endswith(".parquet"):
            pyarrow.parquet.write_table(table, folder / file.file, compression="zstd", use_dictionary=True)
        else:
            options = pyarrow.csv.WriteOptions(quoting_style="needed", quoting_header="needed")
            pyarrow.csv.write_csv(table, folder / file.file, options)
        self.rows[f"{service}/{file.file}"] = table.num_rows

    def know(self, service: str, references: pa.Array, people: NDArray[np.integer]) -> None:
        """Keep the truth: which person each of a service's references names."""
        before = self.references.get(service)
        persons = people.astype(np.int32)
        if before is not None:
            references = pa.concat_arrays([before[0], references])
            persons = np.concatenate([before[1], persons])
        self.references[service] = (references, persons)

    def deliver(self) -> None:
        """Write each service's `delivery.json`."""
        for service, feed in self.feeds.items():
            if not self.sends(service):
                continue
            write_json(
                self.folder / service / "delivery.json",
                {
                    "schema_version": 1,
                    "service": service,
                    "covers_from": _write_utc(feed.covers_from, 0, self.zone),
                    "covers_to": _write_utc(feed.covers_to, 0, self.zone),
                    "received_at": _write_utc(feed.received_on, 5, self.zone),
                    "synthetic": True,
                    **({"note": feed.note} if feed.note else {}),
                },
            )

    def _sent(self, file: Declared, columns: Columns) -> NDArray[np.bool_] | None:
        """Return which rows were recorded before the delivery's last day; None for all of them."""
        feed = self.feeds.get(file.service)
        if feed is None or file.recorded is None:
            return None
        known_on = np.asarray(columns["recorded_on"])
        if "corrected_on" in columns:
            corrected = np.asarray(columns["corrected_on"])
            known_on = np.where(corrected == NEVER, known_on, corrected)
        if dict(file.columns)["recorded_on"] == "datetime":
            return np.asarray(known_on < number_day(feed.covers_to) * 86400 - 7200)
        return np.asarray(known_on < number_day(feed.covers_to))


def _write_utc(day: date, hour: int, zone: ZoneInfo) -> str:
    return datetime.combine(day, time(hour), zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_column(file: Declared, kind: str, values: Any, keep: NDArray[np.bool_] | None) -> pa.Array:
    """Return a column as the file holds it; `values` are as the module describes."""
    if kind == "text":
        array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.string())
        return array if keep is None else array.filter(pa.array(keep))
    numbers = np.asarray(values) if keep is None else np.asarray(values)[keep]
    empty = numbers == NEVER
    if kind == "integer":
        return pa.array(numbers, pa.int32(), mask=empty)
    if kind == "decimal":
        return _write_hundredths(numbers, empty)
    if file.file.endswith(".parquet"):
        return pa.array(numbers.astype(np.int32), pa.int32(), mask=empty).cast(pa.date32())
    if kind == "date":
        index = pa.array(np.where(empty, 0, numbers - _OLDEST).astype(np.int32), mask=empty)
        return _day_pool(file.dates).take(index)
    return _write_datetimes(numbers, empty)


def _write_hundredths(numbers: NDArray[Any], empty: NDArray[np.bool_]) -> pa.Array:
    """Return whole hundredths as text with two places."""
    whole = pa.array(np.where(empty, 0, numbers) // 100, pa.int64(), mask=empty).cast(pa.string())
    cents = pa.array([f"{cent:02d}" for cent in range(100)]).take(pa.array(np.where(empty, 0, numbers) % 100))
    return pc.binary_join_element_wise(whole, cents, ".")


@cache
def _day_pool(pattern: str) -> pa.Array:
    """Return every day from 1900 to 2027 as a service writes it."""
    first = date(1900, 1, 1)
    return pa.array([(first + timedelta(days=step)).strftime(pattern) for step in range(_NEWEST - _OLDEST)])


@cache
def _second_pool() -> pa.Array:
    return pa.array([f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}Z" for s in range(86400)])


def _write_datetimes(seconds: NDArray[Any], empty: NDArray[np.bool_]) -> pa.Array:
    """Return seconds since 1970 as ISO text in UTC."""
    safe = np.where(empty, 0, seconds)
    day = _day_pool("%Y-%m-%d").take(pa.array(safe // 86400 - _OLDEST, mask=empty))
    return pc.binary_join_element_wise(day, _second_pool().take(pa.array(safe % 86400, mask=empty)), "")


def make_references(prefix: str, numbers: NDArray[np.integer], width: int) -> pa.Array:
    """Return references such as T0000012: a prefix and a number padded with zeros."""
    return pc.binary_join_element_wise(
        pa.scalar(prefix), pc.utf8_lpad(pa.array(numbers.astype(np.int64)).cast(pa.string()), width, "0"), ""
    )


def take_text(choices: list[str] | tuple[str, ...], index: NDArray[np.integer]) -> pa.Array:
    """Return the text at each index; a negative index is an empty field."""
    return pa.array(list(choices), pa.string()).take(pa.array(index.astype(np.int32), mask=index < 0))


def repeat_rows(columns: Columns, rows: NDArray[np.integer], changes: Columns) -> Columns:
    """Return the columns with `rows` sent again at the end, each with the changed values (one per such row)."""
    result: dict[str, Any] = {}
    for name, values in columns.items():
        if isinstance(values, pa.Array | pa.ChunkedArray):
            more = changes[name] if name in changes else values.take(pa.array(rows))
            result[name] = pa.chunked_array([*_list_chunks(values), *_list_chunks(more)]).combine_chunks()
        else:
            result[name] = np.concatenate([values, changes[name] if name in changes else np.asarray(values)[rows]])
    return result


def take_rows(columns: Columns, rows: NDArray[np.integer]) -> dict[str, Any]:
    """Return the columns at `rows`, in that order."""
    return {
        name: values.take(pa.array(rows))
        if isinstance(values, pa.Array | pa.ChunkedArray)
        else np.asarray(values)[rows]
        for name, values in columns.items()
    }


def _list_chunks(values: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return values.chunks if isinstance(values, pa.ChunkedArray) else [values]


def repeat_endings(columns: Columns, end: str, lag: NDArray[np.integer], *, seconds: bool = False) -> Columns:
    """Send an interval twice: open when it was recorded, then again with its `end` once that is known.

    `lag` is the days from the end until it was recorded. A row whose end was already known is sent once.

    Begun and recorded on day 100, ended on day 300, with a lag of 12: sent with no end and no correction, then again
    with end 300, corrected on day 312. Recorded on day 320 only: sent once, with its end.
    """
    ends = np.asarray(columns[end])
    scale = 86400 if seconds else 1
    recorded = np.asarray(columns["recorded_on"])
    known_on = np.where(ends == NEVER, NEVER, np.minimum(ends.astype(np.int64) + lag, 60000)) * np.where(
        ends == NEVER, 1, scale
    )
    later = np.flatnonzero((ends != NEVER) & (known_on > recorded))
    opened = ends.copy()
    opened[later] = NEVER
    first = {**columns, end: opened, "corrected_on": np.full(len(ends), NEVER, dtype=known_on.dtype)}
    text = {name: value for name, value in columns.items() if name == "end_reason"}
    changes: dict[str, Any] = {end: ends[later], "corrected_on": known_on[later]}
    for name, value in text.items():
        empty = np.isin(np.arange(len(ends)), later)
        first[name] = pc.if_else(pa.array(empty), pa.scalar(None, pa.string()), value)
        changes[name] = value.take(pa.array(later))
    return repeat_rows(first, later, changes)
