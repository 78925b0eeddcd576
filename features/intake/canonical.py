"""A delivery that is canonical already: a folder of Parquet or CSV files named by table, taken as they are.

Only `events` is required; `known_at` may be left out (then the register's arrival lag applies, as for back-loaded
history). People and households keep the ids they have, at most 32 bytes. In CSV a time is ISO 8601: a date means
midnight in the council's time zone, a time without an offset is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from charter.contracts import TableContract, table
from charter.council.register import Source
from charter.errors import CharterError, DataError
from features.intake.database import literal, quoted

__all__ = ["CANONICAL", "file_of", "read_canonical"]

CANONICAL = ("events", "people", "protected", "residence", "households", "permission", "feeds", "coverage")
"""The tables a canonical delivery may hold; `pull` keeps each as `canonical_TABLE`."""

_SQL_TYPES: Mapping[str, str] = {
    "string": "varchar",
    "datetime": "timestamp",
    "date": "date",
    "decimal": "decimal(18, 4)",
}
_ID_BYTES = 32
_MAY_LACK = {("events", "known_at")}


def file_of(folder: Path, name: str) -> Path | None:
    """Return the file of the table `name` in `folder`, Parquet before CSV, or None where there is none."""
    return next((path for ending in ("parquet", "csv") if (path := folder / f"{name}.{ending}").exists()), None)


def read_canonical(
    database: duckdb.DuckDBPyConnection, sources: Sequence[Source], folder: Path, time_zone: str
) -> Mapping[str, int]:
    """Read all tables of `folder` into `canonical_TABLE`; return their numbers of rows by file name.

    `sources` are the register's canonical sources that share the folder. Raises DataError for what breaks the
    contract, CharterError for events of a service that the register doesn't name.
    """
    if file_of(folder, "events") is None:
        raise DataError(
            f"the canonical delivery {folder.name}/ has no events: there is neither events.parquet nor events.csv.",
            "Write one; `event_id`, `person_id`, `signal` and `valid_at` are enough to begin.",
        )
    counts: dict[str, int] = {}
    for name in CANONICAL:
        path = file_of(folder, name)
        if path is not None:
            counts[path.name] = _read_table(database, table(name), path, time_zone)
    _check_events(database, sources)
    _settle_known(database, sources)
    return counts


def _read_table(database: duckdb.DuckDBPyConnection, contract: TableContract, path: Path, time_zone: str) -> int:
    reader = (
        f"read_parquet({literal(str(path))})"
        if path.suffix == ".parquet"
        else f"read_csv({literal(str(path))}, all_varchar = true, header = true, delim = ',', nullstr = '')"
    )
    try:
        found = {row[0]: row[1] for row in database.execute(f"describe select * from {reader}").fetchall()}
    except duckdb.Error:
        raise DataError(f"{path.name} is not a {path.suffix[1:]} file.", "Write it again.") from None
    for name in found:
        if name not in contract.names:
            raise DataError(
                f"{path.name} has an unknown column {name!r}.", f"The table has: {', '.join(contract.names)}."
            )
    for column in contract.columns:
        if column.required and column.name not in found and (contract.name, column.name) not in _MAY_LACK:
            raise DataError(f"{path.name} lacks the column {column.name!r}.", f"It is: {column.description}")
    typed = ", ".join(
        f"{_typed(column.name, _SQL_TYPES[column.type], found.get(column.name), time_zone)} as {quoted(column.name)}"
        for column in contract.columns
    )
    raw = ", ".join(f"{quoted(name)} as {quoted('raw ' + name)}" for name in found)
    try:
        database.execute(
            f"create temp table reading as select row_number() over () as _row, {typed}, {raw} from {reader}"
        )
    except duckdb.Error:
        raise DataError(f"{path.name} can't be read: a row does not fit its header.", "Write it again.") from None
    try:
        return _check_table(database, contract, path, found)
    finally:
        database.execute("drop table if exists reading")


def _typed(name: str, kind: str, found: str | None, time_zone: str) -> str:
    column, zone = quoted(name), literal(time_zone)
    if found is None:
        return f"null::{kind}"
    if kind != "timestamp":
        return f"try_cast({column} as {kind})"
    if found == "DATE":
        return f"timezone({zone}, {column}::timestamp)::timestamp"
    if found != "VARCHAR":
        return f"try_cast({column} as timestamp)"
    return (
        f"case when regexp_full_match({column}, '\\d{{4}}-\\d{{2}}-\\d{{2}}') "
        f"then timezone({zone}, try_cast({column} as timestamp))::timestamp "
        f"else try_cast({column} as timestamptz)::timestamp end"
    )


def _check_table(
    database: duckdb.DuckDBPyConnection, contract: TableContract, path: Path, found: Mapping[str, str]
) -> int:
    for column in contract.columns:
        name = quoted(column.name)
        if column.name in found:
            _refuse(
                database,
                path,
                f"{quoted('raw ' + column.name)} is not null and {name} is null",
                f"the {column.name} is not a {column.type}",
                "Correct those rows.",
            )
        if column.required and (contract.name, column.name) not in _MAY_LACK:
            _refuse(database, path, f"{name} is null", f"the {column.name} is empty", "Fill it or leave the row out.")
        if column.allowed:
            words = ", ".join(literal(word) for word in column.allowed)
            _refuse(
                database,
                path,
                f"{name} not in ({words})",
                f"the {column.name} is not one of: {', '.join(column.allowed)}",
                "Correct those rows.",
            )
        if column.name in ("person_id", "household_id"):
            _refuse(
                database,
                path,
                f"strlen({name}) > {_ID_BYTES}",
                f"the {column.name} is longer than {_ID_BYTES} bytes",
                "Use a shorter pseudonym.",
            )
    keys = ", ".join(quoted(name) for name in contract.key if name in found)
    _refuse(
        database,
        path,
        f"_row in (select _row from (select _row, row_number() over (partition by {keys} order by _row) as copy "
        "from reading) where copy > 1)",
        f"the key ({', '.join(contract.key)}) is there twice",
        "Keep one row of each key.",
    )
    columns = ", ".join(quoted(name) for name in contract.names)
    database.execute(f"create or replace table canonical_{contract.name} as select {columns} from reading")
    row = database.execute("select count(*) from reading").fetchall()[0]
    if contract.name == "events" and not (row and row[0]):
        raise DataError(f"{path.name} is empty.", "A delivery without an event says nothing; ask for it again.")
    return int(row[0]) if row else 0


def _refuse(database: duckdb.DuckDBPyConnection, path: Path, test: str, rule: str, next_step: str) -> None:
    row = database.execute(f"select count(*), min(_row) from reading where {test}").fetchall()[0]
    if row and row[0]:
        raise DataError(f"{path.name}: in {row[0]} rows (first: row {row[1]}) {rule}.", next_step)


def _check_events(database: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> None:
    declared = ", ".join(literal(signal.name) for source in sources for signal in source.signals) or "''"
    row = database.execute(f"select min(signal) from canonical_events where signal not in ({declared})").fetchall()[0]
    if row and row[0]:
        raise CharterError(
            f"the canonical delivery has events of {row[0]!r}, a signal that the register does not declare.",
            "Add a [[source]] with its basis and a [[source.signal]] to register.toml, or leave those rows out.",
        )
    for test, rule in (
        ("known_at < valid_at", "known before it happened (time.known_before_valid)"),
        ("end_at < valid_at", "over before it began (time.end_before_start)"),
    ):
        row = database.execute(f"select count(*) from canonical_events where {test}").fetchall()[0]
        if row and row[0]:
            raise DataError(f"the canonical events hold {row[0]} rows that were {rule}.", "Correct those rows.")


def _settle_known(database: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> None:
    for source in sources:
        database.execute(
            f"update canonical_events set known_at = valid_at + interval {source.arrival_lag_days} day "
            "where known_at is null and starts_with(signal, ?)",
            [source.service + "."],
        )
