"""A delivery that is canonical already: a folder of Parquet or CSV files named by table, taken as they are.

Only `events` is required; `known_at` may be left out (then the register's arrival lag applies, as for back-loaded
history). People and households keep the ids they have, at most 32 bytes. In CSV a time is ISO 8601: a date means
midnight in the council's time zone, a time without an offset is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from charter.contracts import TableContract, read_table_contract
from charter.contracts.matrix import ID_BYTES
from charter.council.register import Source
from charter.errors import CharterError, DataError
from features.intake.database import quote_name, quote_text
from features.intake.exact_casts import exact_cast, exact_number
from features.intake.precision import not_before
from features.intake.strict_csv import check_header, open_csv

__all__ = ["CANONICAL", "find_table_file", "read_canonical"]

CANONICAL = ("events", "people", "protected", "residence", "households", "permission", "feeds", "coverage")
"""The tables a canonical delivery may hold; `pull` keeps each as `canonical_TABLE`."""

_SQL_TYPES: Mapping[str, str] = {
    "string": "varchar",
    "datetime": "timestamp",
    "date": "date",
    "decimal": "decimal(18, 4)",
}
_MAY_LACK = {("events", "known_at")}


def find_table_file(folder: Path, name: str) -> Path | None:
    """Return the file of the table `name` in `folder`, Parquet before CSV, or None where there is none."""
    return next((path for ending in ("parquet", "csv") if (path := folder / f"{name}.{ending}").exists()), None)


def read_canonical(
    database: duckdb.DuckDBPyConnection, sources: Sequence[Source], folder: Path, time_zone: str
) -> Mapping[str, int]:
    """Read all tables of `folder` into `canonical_TABLE`; return their numbers of rows by file name.

    `sources` are the register's canonical sources that share the folder. Raises DataError for what breaks the
    contract, CharterError for events of a service that the register doesn't name.
    """
    if find_table_file(folder, "events") is None:
        raise DataError(
            f"the canonical delivery {folder.name}/ has no events: there is neither events.parquet nor events.csv.",
            "Write one; `event_id`, `person_id`, `signal` and `valid_at` are enough to begin.",
        )
    counts: dict[str, int] = {}
    for name in CANONICAL:
        path = find_table_file(folder, name)
        if path is not None:
            counts[path.name] = _read_table(database, read_table_contract(name), path, time_zone)
    _check_events(database, sources)
    _settle_known(database, sources)
    return counts


def _read_table(database: duckdb.DuckDBPyConnection, contract: TableContract, path: Path, time_zone: str) -> int:
    try:
        if path.suffix == ".parquet":
            columns = _parquet_columns(database, path)
            _check_columns(contract, path, tuple(columns))
            _create_reading(database, contract, columns, f"read_parquet({quote_text(str(path))})", time_zone)
        else:
            with open_csv(path, path.name) as csv:
                columns = dict.fromkeys(csv.columns, "VARCHAR")
                _check_columns(contract, path, csv.columns)
                try:
                    _create_reading(database, contract, columns, csv.sql, time_zone, second_header=csv.second_header)
                except duckdb.Error as error:
                    raise csv.refusal(error) from None
                repeated = database.execute("select min(_row) from reading where _header").fetchall()[0][0]
                if repeated is not None:
                    raise csv.repeated_header(int(repeated))
        return _check_table(database, contract, path, columns)
    finally:
        database.execute("drop table if exists reading")


def _parquet_columns(database: duckdb.DuckDBPyConnection, path: Path) -> Mapping[str, str]:
    try:
        described = database.execute(f"describe select * from read_parquet({quote_text(str(path))})").fetchall()
    except duckdb.Error:
        raise DataError(f"{path.name} is not a Parquet file.", "Write it again.") from None
    return {row[0]: row[1] for row in described}


def _check_columns(contract: TableContract, path: Path, columns: Sequence[str]) -> None:
    check_header(path.name, columns, contract.names, f"The table has: {', '.join(contract.names)}.")
    for column in contract.columns:
        if column.required and column.name not in columns and (contract.name, column.name) not in _MAY_LACK:
            raise DataError(f"{path.name} lacks the column {column.name!r}.", f"It is: {column.description}")


def _create_reading(
    database: duckdb.DuckDBPyConnection,
    contract: TableContract,
    found: Mapping[str, str],
    reader: str,
    time_zone: str,
    *,
    second_header: str = "false",
) -> None:
    """Create `reading`: the row's number, each column typed, and beside it as it came."""
    typed_columns = {
        column.name: _type_column(column.name, column.type, found.get(column.name), time_zone)
        for column in contract.columns
    }
    if contract.name == "events":
        for name in ("known_at", "end_at"):
            if is_day := _is_written_as_day(name, found.get(name)):
                at = not_before(typed_columns["valid_at"], typed_columns[name], time_zone)
                typed_columns[name] = f"case when {is_day} then {at} else {typed_columns[name]} end"
    typed = ", ".join(f"{expression} as {quote_name(name)}" for name, expression in typed_columns.items())
    raw = ", ".join(f"{quote_name(name)} as {quote_name('raw ' + name)}" for name in found)
    database.execute(
        f"create temp table reading as select row_number() over () as _row, {typed}, {raw}, "
        f"({second_header}) as _header from {reader}"
    )


def _type_column(name: str, kind: str, found: str | None, time_zone: str) -> str:
    """Return the typed column as SQL: null where it is not of the type. Texts are trimmed: " p1 " is p1."""
    column, zone, sql_type = quote_name(name), quote_text(time_zone), _SQL_TYPES[kind]
    if found is None:
        return f"null::{sql_type}"
    if kind == "string":
        return f"nullif(trim({column}::varchar), '')"
    if kind == "decimal":
        return exact_number(f"trim({column})", kind) if found == "VARCHAR" else exact_cast(column, found, sql_type)
    if kind != "datetime":
        return f"try_cast({column} as {sql_type})"
    if found == "DATE":
        return f"timezone({zone}, {column}::timestamp)::timestamp"
    if found != "VARCHAR":
        return f"try_cast({column} as timestamp)"
    text = f"trim({column})"
    return (
        f"case when {_is_day(text)} then timezone({zone}, try_cast({text} as timestamp))::timestamp "
        f"else try_cast({text} as timestamptz)::timestamp end"
    )


def _is_written_as_day(name: str, found: str | None) -> str:
    """Return SQL that is true where the column holds a day without a time, or nothing where it never does."""
    if found == "DATE":
        return "true"
    return _is_day(f"trim({quote_name(name)})") if found == "VARCHAR" else ""


def _is_day(text: str) -> str:
    return f"regexp_full_match({text}, '\\d{{4}}-\\d{{2}}-\\d{{2}}')"


def _check_table(
    database: duckdb.DuckDBPyConnection, contract: TableContract, path: Path, found: Mapping[str, str]
) -> int:
    for column in contract.columns:
        name = quote_name(column.name)
        if column.name in found:
            _refuse_rows(
                database,
                path,
                f"nullif(trim({quote_name('raw ' + column.name)}::varchar), '') is not null and {name} is null",
                f"the {column.name} is not a {column.type}",
                "Correct those rows.",
            )
        if column.required and (contract.name, column.name) not in _MAY_LACK:
            _refuse_rows(
                database, path, f"{name} is null", f"the {column.name} is empty", "Fill it or leave the row out."
            )
        if column.allowed:
            words = ", ".join(quote_text(word) for word in column.allowed)
            _refuse_rows(
                database,
                path,
                f"{name} not in ({words})",
                f"the {column.name} is not one of: {', '.join(column.allowed)}",
                "Correct those rows.",
            )
        if column.name in ("person_id", "household_id"):
            _refuse_rows(
                database,
                path,
                f"strlen({name}) > {ID_BYTES}",
                f"the {column.name} is longer than {ID_BYTES} bytes",
                "Use a shorter pseudonym.",
            )
    keys = ", ".join(quote_name(name) for name in contract.key if name in found)
    _refuse_rows(
        database,
        path,
        f"_row in (select _row from (select _row, row_number() over (partition by {keys} order by _row) as copy "
        "from reading) where copy > 1)",
        f"the key ({', '.join(contract.key)}) is there twice",
        "Keep one row of each key.",
    )
    columns = ", ".join(quote_name(name) for name in contract.names)
    database.execute(f"create or replace table canonical_{contract.name} as select {columns} from reading")
    row = database.execute("select count(*) from reading").fetchall()[0]
    if contract.name == "events" and not (row and row[0]):
        raise DataError(f"{path.name} is empty.", "A delivery without an event says nothing; ask for it again.")
    return int(row[0]) if row else 0


def _refuse_rows(database: duckdb.DuckDBPyConnection, path: Path, test: str, rule: str, next_step: str) -> None:
    row = database.execute(f"select count(*), min(_row) from reading where {test}").fetchall()[0]
    if row and row[0]:
        raise DataError(f"{path.name}: in {row[0]} rows (first: row {row[1]}) {rule}.", next_step)


def _check_events(database: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> None:
    declared = ", ".join(quote_text(signal.name) for source in sources for signal in source.signals) or "''"
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
