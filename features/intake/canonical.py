"""A delivery that is canonical already: a folder of Parquet or CSV files named by table, taken as they are.

Only `events` is required; `known_at` may be left out (then the register's arrival lag applies, as for back-loaded
history). People and households keep the ids they have, at most 32 bytes. In CSV a time is ISO 8601: a date means
midnight in the council's time zone, a time without an offset is UTC. What each row and the tables together must keep
to is in `features.intake.canonical_rules`; the first fault refuses the delivery whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from charter.contracts import TableContract, read_table_contract
from charter.council.council import Council
from charter.council.register import Source
from charter.errors import DataError
from features.intake.canonical_rules import (
    Bounds,
    check_events,
    check_rows,
    check_versions,
    refuse_orphans,
    refuse_vanished,
)
from features.intake.database import quote_name, quote_text
from features.intake.exact_casts import exact_cast, exact_number, trim_text
from features.intake.opening.headers import check_header
from features.intake.opening.open_table import Manner, OpenTable, open_table
from features.intake.opening.strict_csv import UTF8, CsvTable
from features.intake.opening.workbook_errors import NOT_AVAILABLE
from features.intake.precision import not_before
from features.intake.row_digests import count_unchanged_rows

__all__ = ["CANONICAL", "CanonicalReading", "find_table_file", "read_canonical"]

CANONICAL = ("events", "people", "protected", "residence", "households", "permission", "feeds", "coverage")
"""The tables a canonical delivery may hold; `pull` keeps each as `canonical_TABLE`."""

_SQL_TYPES: Mapping[str, str] = {
    "string": "varchar",
    "datetime": "timestamp",
    "date": "date",
    "decimal": "decimal(18, 4)",
}
_MAY_LACK = {("events", "known_at")}
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = _DAY + "[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"


@dataclass(frozen=True)
class CanonicalReading:
    """What reading a canonical folder needs to know.

    `sources` are the register's canonical sources, which share the folder; `previous` is the records folder of the last
    snapshot; `confirmed` are services whose rows are really gone.
    """

    database: duckdb.DuckDBPyConnection
    sources: tuple[Source, ...]
    council: Council
    received_at: datetime
    previous: Path | None
    confirmed: frozenset[str]


def find_table_file(folder: Path, name: str) -> Path | None:
    """Return the file of the table `name` in `folder`, Parquet before CSV, or None where there is none."""
    return next((path for ending in ("parquet", "csv") if (path := folder / f"{name}.{ending}").exists()), None)


def read_canonical(reading: CanonicalReading, folder: Path) -> Mapping[str, tuple[int, int]]:
    """Read all tables of `folder` into `canonical_TABLE`; return by file its rows, and how many were there before.

    Raises DataError for what breaks a rule, CharterError for events of a service that the register doesn't name.
    """
    if find_table_file(folder, "events") is None:
        raise DataError(
            f"the canonical delivery {folder.name}/ has no events: there is neither events.parquet nor events.csv.",
            "Write one; `event_id`, `person_id`, `signal` and `valid_at` are enough to begin.",
        )
    database, sources = reading.database, reading.sources
    bounds = Bounds.of(reading.council, reading.received_at, sources)
    paths = {name: path for name in CANONICAL if (path := find_table_file(folder, name)) is not None}
    for name, path in paths.items():
        _read_table(database, read_table_contract(name), path, bounds)
    _settle_known(database, sources)
    for name in paths:
        check_versions(database, read_table_contract(name))
    refuse_orphans(database, sources)
    refuse_vanished(database, [s for s in sources if s.service not in reading.confirmed], reading.previous)
    counts: dict[str, tuple[int, int]] = {}
    for name, path in paths.items():
        table = f"canonical_{name}"
        rows = int(database.execute(f"select count(*) from {table}").fetchall()[0][0])
        columns = read_table_contract(name).names
        place = (sources[0].service, path.name)
        counts[path.name] = rows, count_unchanged_rows(database, place, table, columns, full=True)
    return counts


def _read_table(database: duckdb.DuckDBPyConnection, contract: TableContract, path: Path, bounds: Bounds) -> None:
    try:
        with open_table(database, path, path.name, Manner(UTF8)) as table:
            _check_columns(contract, table)
            try:
                _create_reading(database, contract, table, bounds.time_zone)
            except duckdb.Error as error:
                raise table.refusal(error) from None
            repeated = database.execute("select min(_row) from reading where _header").fetchall()[0][0]
            if repeated is not None and isinstance(table, CsvTable):
                raise table.repeated_header(int(repeated))
            optional = frozenset(column for name, column in _MAY_LACK if name == contract.name)
            check_rows(database, contract, table, bounds, optional)
            if contract.name == "events":
                check_events(database, table, bounds)
            names = ", ".join(quote_name(name) for name in contract.names)
            database.execute(f"create or replace table canonical_{contract.name} as select {names} from reading")
    finally:
        database.execute("drop table if exists reading")


def _check_columns(contract: TableContract, table: OpenTable) -> None:
    check_header(table.where, table.columns, contract.names, f"The table has: {', '.join(contract.names)}.")
    for column in contract.columns:
        if column.required and column.name not in table.columns and (contract.name, column.name) not in _MAY_LACK:
            raise DataError(f"{table.where} lacks the column {column.name!r}.", f"It is: {column.description}")


def _create_reading(
    database: duckdb.DuckDBPyConnection, contract: TableContract, table: OpenTable, time_zone: str
) -> None:
    """Create `reading`: the row's number, each column typed, and beside it as it came."""
    typed_columns = {
        column.name: _type_column(column.name, column.type, table.types.get(column.name), time_zone)
        for column in contract.columns
    }
    if contract.name == "events":
        for name in ("known_at", "end_at"):
            if is_day := _is_written_as_day(name, table.types.get(name)):
                at = not_before(typed_columns["valid_at"], typed_columns[name], time_zone)
                typed_columns[name] = f"case when {is_day} then {at} else {typed_columns[name]} end"
    typed = ", ".join(f"{expression} as {quote_name(name)}" for name, expression in typed_columns.items())
    raw = ", ".join(f"{quote_name(name)} as {quote_name('raw ' + name)}" for name in table.types)
    database.execute(
        f"create temp table reading as select row_number() over () as _row, {typed}, {raw}, "
        f"({table.second_header}) as _header from {table.sql}"
    )


def _type_column(name: str, kind: str, found: str | None, time_zone: str) -> str:
    """Return the typed column as SQL: null where it is not of the type. Texts are trimmed: " p1 " is p1."""
    column, zone, sql_type = quote_name(name), quote_text(time_zone), _SQL_TYPES[kind]
    if found is None:
        return f"null::{sql_type}"
    if kind == "string":
        return f"nullif({trim_text(f'{column}::varchar')}, {quote_text(NOT_AVAILABLE)})"
    if kind == "decimal":
        return exact_number(trim_text(column), kind) if found == "VARCHAR" else exact_cast(column, found, sql_type)
    if kind != "datetime":
        if found == "VARCHAR":
            text = trim_text(column)
            return f"case when {_is_day(text)} then try_cast({text} as date) end"
        return exact_cast(column, found, sql_type)
    if found == "DATE":
        return f"timezone({zone}, {column}::timestamp)::timestamp"
    if found != "VARCHAR":
        return f"try_cast({column} as timestamp)"
    text = trim_text(column)
    return (
        f"case when {_is_day(text)} then timezone({zone}, try_cast({text} as timestamp))::timestamp "
        f"when regexp_full_match({text}, {quote_text(_MOMENT)}) then try_cast({text} as timestamptz)::timestamp end"
    )


def _is_written_as_day(name: str, found: str | None) -> str:
    """Return SQL that is true where the column holds a day without a time, or nothing where it never does."""
    if found == "DATE":
        return "true"
    return _is_day(trim_text(quote_name(name))) if found == "VARCHAR" else ""


def _is_day(text: str) -> str:
    return f"regexp_full_match({text}, {quote_text(_DAY)})"


def _settle_known(database: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> None:
    """Assume when rows that don't say it became known; `assumed_events` keeps how many of each signal those are."""
    database.execute(
        "create or replace temp table assumed_events as select signal, count(*) as number from canonical_events "
        "where known_at is null group by signal"
    )
    for source in sources:
        database.execute(
            f"update canonical_events set known_at = valid_at + interval {source.arrival_lag_days} day "
            "where known_at is null and starts_with(signal, ?)",
            [source.service + "."],
        )
