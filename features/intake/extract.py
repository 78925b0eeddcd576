"""One file of a delivery becomes one typed table: strict columns, each value checked, bad rows set apart.

A file `tenancies.csv` of `housing` becomes the table `housing.tenancies`: its columns as declared, and `_row`, the
row's number in the file (1 is the first after the header). Expressions of the register run over these tables.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from features.intake.database import literal, quoted
from features.intake.quarantine import Quarantine

__all__ = ["read_file", "table_of"]

_SQL_TYPES: Mapping[str, str] = {
    "text": "varchar",
    "integer": "bigint",
    "decimal": "decimal(18, 4)",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
}
_LOSSLESS = {
    ("DATE", "date"),
    ("TIMESTAMP", "datetime"),
    ("BIGINT", "integer"),
    ("INTEGER", "integer"),
    ("SMALLINT", "integer"),
    ("BOOLEAN", "boolean"),
}
"""Parquet types that need no check; what they hold is of the declared type already."""
_EARLIEST, _LATEST = "date '1850-01-01'", "date '2200-01-01'"


def table_of(source: Source, file: ExtractFile) -> str:
    """Return the SQL name of the table that `read_file` makes."""
    return f"{quoted(source.service)}.{quoted(Path(file.name).stem)}"


def read_file(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, path: Path, quarantine: Quarantine
) -> int:
    """Read `path` into its table and return how many rows it holds, bad ones included.

    Raises DataError for a missing file, a missing or unknown column, a file that is not CSV or Parquet, a duplicate
    key, and more bad values than the register tolerates.
    """
    if not path.exists():
        if file.optional:
            _create_empty(database, source, file)
            return 0
        raise DataError(
            f"the file {file.name} of {source.service!r} is missing.",
            "Ask the service for it, or remove it from register.toml.",
        )
    found = _columns(database, source, path)
    _check_columns(source, file, list(found))
    reader = _reader(path, list(found))
    database.execute(f"create schema if not exists {quoted(source.service)}")
    typed = ", ".join(_typed(name, kind, found[name], source) for name, kind in file.columns.items())
    raw = ", ".join(f"{quoted(name)} as {quoted('raw ' + name)}" for name in _checked(file, found))
    try:
        database.execute(
            f"create table {table_of(source, file)} as select row_number() over () as _row, {typed}"
            f"{', ' + raw if raw else ''} from {reader}"
        )
    except duckdb.Error as error:
        raise _unreadable(source, file, error) from None
    rows = _count(database, source, file)
    _set_apart(database, source, file, found, quarantine)
    quarantine.refuse_where_many(source, file, rows)
    for name in _checked(file, found):
        database.execute(f"alter table {table_of(source, file)} drop column {quoted('raw ' + name)}")
    return rows


def _count(database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile) -> int:
    row = database.execute(f"select count(*) from {table_of(source, file)}").fetchall()[0]
    return int(row[0]) if row else 0


def _create_empty(database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile) -> None:
    columns = ", ".join(f"{quoted(name)} {_SQL_TYPES[kind]}" for name, kind in file.columns.items())
    database.execute(f"create schema if not exists {quoted(source.service)}")
    database.execute(f"create table {table_of(source, file)} (_row bigint, {columns})")


def _columns(database: duckdb.DuckDBPyConnection, source: Source, path: Path) -> Mapping[str, str]:
    """Return the columns that the file really has, with their types; every CSV column is text."""
    if path.suffix == ".parquet":
        try:
            described = database.execute(f"describe select * from read_parquet({literal(str(path))})").fetchall()
        except duckdb.Error:
            raise DataError(f"{source.service}/{path.name} is not a Parquet file.", "Ask for it again.") from None
        return {row[0]: row[1] for row in described}
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            header = next(csv.reader(handle), [])
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{source.service}/{path.name} is not a CSV file in UTF-8.", "Ask for it again.") from None
    if not header:
        raise DataError(f"{source.service}/{path.name} is empty: it has no header.", "Ask the service for it again.")
    if len(set(header)) != len(header):
        raise DataError(f"{source.service}/{path.name} names a column twice.", "Ask the service to correct its header.")
    return dict.fromkeys(header, "VARCHAR")


def _reader(path: Path, header: Sequence[str]) -> str:
    if path.suffix == ".parquet":
        return f"read_parquet({literal(str(path))})"
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
    return (
        f"read_csv({literal(str(path))}, auto_detect = false, columns = {{{columns}}}, header = true, delim = ',', "
        "quote = '\"', escape = '\"', nullstr = '', strict_mode = true, null_padding = false)"
    )


def _check_columns(source: Source, file: ExtractFile, found: Sequence[str]) -> None:
    where = f"{source.service}/{file.name}"
    unknown = [name for name in found if name not in file.columns]
    if unknown:
        raise DataError(
            f"{where} has an unknown column {unknown[0]!r}.",
            "Declare it in register.toml, with the reason the council may hold it, or ask the service to leave it out.",
        )
    missing = [name for name in file.columns if name not in found]
    if missing:
        raise DataError(
            f"{where} lacks the column {missing[0]!r}.", "Ask the service for it, or remove it from register.toml."
        )


def _typed(name: str, kind: str, found: str, source: Source) -> str:
    column = quoted(name)
    if kind == "text":
        return f"nullif(trim({column}::varchar), '') as {column}"
    if found != "VARCHAR" or kind not in ("date", "datetime"):
        text = f"nullif(trim({column}), '')" if found == "VARCHAR" else column
        return f"try_cast({text} as {_SQL_TYPES[kind]}) as {column}"
    pattern = source.dates if kind == "date" else source.datetimes
    return f"try_strptime(nullif(trim({column}), ''), {literal(pattern)})::{_SQL_TYPES[kind]} as {column}"


def _checked(file: ExtractFile, found: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns whose raw value must be kept to see what could not be read."""
    return tuple(name for name, kind in file.columns.items() if kind != "text" and (found[name], kind) not in _LOSSLESS)


def _set_apart(
    database: duckdb.DuckDBPyConnection,
    source: Source,
    file: ExtractFile,
    found: Mapping[str, str],
    quarantine: Quarantine,
) -> None:
    table = table_of(source, file)
    tests = []
    for name in _checked(file, found):
        raw = quoted("raw " + name)
        given = f"nullif(trim({raw}), '') is not null" if found[name] == "VARCHAR" else f"{raw} is not null"
        tests.append((name, "value.type", f"{given} and {quoted(name)} is null"))
    for name, kind in file.columns.items():
        if kind in ("date", "datetime"):
            column = quoted(name)
            tests.append((name, "value.range", f"{column} < {_EARLIEST} or {column} >= {_LATEST}"))
    tests += [(name, "key.missing", f"{quoted(name)} is null") for name in file.key]
    if tests:
        bad = " union all ".join(
            f"select _row as row_number, {literal(name)} as field, {literal(rule)} as rule from {table} where {test}"
            for name, rule, test in tests
        )
        if quarantine.add(source, file, bad):
            _drop_quarantined(database, source, file)
    if file.key:
        columns = ", ".join(quoted(name) for name in (*file.key, *file.versions))
        twice = (
            f"select _row as row_number, {literal(', '.join(file.key))} as field, 'key.duplicate' as rule from "
            f"(select _row, row_number() over (partition by {columns} order by _row) as copy from {table}) "
            "where copy > 1"
        )
        if quarantine.add(source, file, twice):
            _drop_quarantined(database, source, file)


def _drop_quarantined(database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile) -> None:
    database.execute(
        f"delete from {table_of(source, file)} where _row in "
        "(select row_number from quarantine where service = ? and file = ?)",
        [source.service, file.name],
    )


def _unreadable(source: Source, file: ExtractFile, error: duckdb.Error) -> DataError:
    """DuckDB's message quotes the line it stumbled over, which may hold a name: only the line's number is passed on."""
    line = re.search(r"[Ll]ine:?\s*(\d+)", str(error))
    return DataError(
        f"{source.service}/{file.name} can't be read{f' at line {line.group(1)}' if line else ''}: a row does not have "
        "the columns of the header, or a quotation mark is not closed.",
        "Ask the service for a corrected file. Nothing was pulled.",
    )
