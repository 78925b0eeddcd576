"""One file of a delivery becomes one typed table: strict columns, each value checked, bad rows set apart.

A file `tenancies.csv` of `housing` becomes the table `housing.tenancies`: its columns as declared, and `_row`, the
row's number in the file (1 is the first after the header). Expressions of the register run over these tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from features.intake.database import quote_name, quote_text
from features.intake.exact_casts import NUMBERS, exact_cast, exact_number
from features.intake.quarantine import Quarantine
from features.intake.strict_csv import CsvDialect, CsvTable, check_header, open_csv

__all__ = ["name_table", "read_file"]

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


def name_table(source: Source, file: ExtractFile) -> str:
    """Return the SQL name of the table that `read_file` makes."""
    return f"{quote_name(source.service)}.{quote_name(Path(file.name).stem)}"


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
            quarantine.set_rows(source, file, 0)
            return 0
        raise DataError(
            f"the file {file.name} of {source.service!r} is missing.",
            "Ask the service for it, or remove it from register.toml.",
        )
    where = f"{source.service}/{file.name}"
    database.execute(f"create schema if not exists {quote_name(source.service)}")
    if path.suffix == ".parquet":
        columns = _parquet_columns(database, where, path)
        _check_columns(where, file, tuple(columns))
        try:
            _create_typed(database, source, file, columns, f"read_parquet({quote_text(str(path))})")
        except duckdb.Error:
            raise DataError(f"{where} is not a whole Parquet file.", "Ask for it again.") from None
    else:
        with open_csv(path, where, CsvDialect(source.encoding, source.delimiter)) as table:
            columns = dict.fromkeys(table.columns, "VARCHAR")
            _check_columns(where, file, table.columns)
            try:
                _create_typed(database, source, file, columns, table.sql, second_header=table.second_header)
            except duckdb.Error as error:
                raise table.refusal(error) from None
            _refuse_second_header(database, source, file, table)
    rows = _count_rows(database, source, file)
    quarantine.set_rows(source, file, rows)
    _set_apart(database, source, file, columns, quarantine)
    quarantine.refuse_where_many(source, file)
    for name in _columns_to_check(file, columns):
        database.execute(f"alter table {name_table(source, file)} drop column {quote_name('raw ' + name)}")
    database.execute(f"alter table {name_table(source, file)} drop column _header")
    return rows


def _create_typed(
    database: duckdb.DuckDBPyConnection,
    source: Source,
    file: ExtractFile,
    columns: Mapping[str, str],
    reader: str,
    *,
    second_header: str = "false",
) -> None:
    """Create the file's table; beside each typed value that must be checked, the raw one."""
    typed = ", ".join(_type_column(name, kind, columns[name], source) for name, kind in file.columns.items())
    raw = "".join(f", {quote_name(name)} as {quote_name('raw ' + name)}" for name in _columns_to_check(file, columns))
    database.execute(
        f"create table {name_table(source, file)} as select row_number() over () as _row, {typed}{raw}, "
        f"({second_header}) as _header from {reader}"
    )


def _refuse_second_header(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, table: CsvTable
) -> None:
    row = database.execute(f"select min(_row) from {name_table(source, file)} where _header").fetchall()[0][0]
    if row is not None:
        raise table.repeated_header(int(row))


def _count_rows(database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile) -> int:
    row = database.execute(f"select count(*) from {name_table(source, file)}").fetchall()[0]
    return int(row[0]) if row else 0


def _create_empty(database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile) -> None:
    columns = ", ".join(f"{quote_name(name)} {_SQL_TYPES[kind]}" for name, kind in file.columns.items())
    database.execute(f"create schema if not exists {quote_name(source.service)}")
    database.execute(f"create table {name_table(source, file)} (_row bigint, {columns})")


def _parquet_columns(database: duckdb.DuckDBPyConnection, where: str, path: Path) -> Mapping[str, str]:
    """Return the columns that a Parquet file has, with their types."""
    try:
        described = database.execute(f"describe select * from read_parquet({quote_text(str(path))})").fetchall()
    except duckdb.Error:
        raise DataError(f"{where} is not a Parquet file.", "Ask for it again.") from None
    return {row[0]: row[1] for row in described}


def _check_columns(where: str, file: ExtractFile, columns: Sequence[str]) -> None:
    check_header(
        where,
        columns,
        tuple(file.columns),
        "Declare it in register.toml, with the reason the council may hold it, or ask the service to leave it out.",
    )
    missing = [name for name in file.columns if name not in columns]
    if missing:
        raise DataError(
            f"{where} lacks the column {missing[0]!r}.", "Ask the service for it, or remove it from register.toml."
        )


def _type_column(name: str, kind: str, found: str, source: Source) -> str:
    """Return the typed column as SQL: null where the value is not of the type, or where the cast would change it."""
    column = quote_name(name)
    if kind == "text":
        return f"nullif(trim({column}::varchar), '') as {column}"
    if found != "VARCHAR":
        return f"{exact_cast(column, found, _SQL_TYPES[kind])} as {column}"
    text = f"nullif(trim({column}), '')"
    if kind in ("date", "datetime"):
        pattern = source.dates if kind == "date" else source.datetimes
        return f"try_strptime({text}, {quote_text(pattern)})::{_SQL_TYPES[kind]} as {column}"
    return f"{exact_number(text, kind) if kind in NUMBERS else f'try_cast({text} as {_SQL_TYPES[kind]})'} as {column}"


def _columns_to_check(file: ExtractFile, found: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns whose raw value must be kept to see what could not be read."""
    return tuple(name for name, kind in file.columns.items() if kind != "text" and (found[name], kind) not in _LOSSLESS)


def _set_apart(
    database: duckdb.DuckDBPyConnection,
    source: Source,
    file: ExtractFile,
    found: Mapping[str, str],
    quarantine: Quarantine,
) -> None:
    table = name_table(source, file)
    unreadable: dict[str, str] = {}
    for name in _columns_to_check(file, found):
        raw = quote_name("raw " + name)
        there = f"nullif(trim({raw}), '') is not null" if found[name] == "VARCHAR" else f"{raw} is not null"
        unreadable[name] = f"({there} and {quote_name(name)} is null)"
    tests = [(name, "value.type", test) for name, test in unreadable.items()]
    for name, kind in file.columns.items():
        if kind in ("date", "datetime"):
            column = quote_name(name)
            tests.append((name, "value.range", f"{column} < {_EARLIEST} or {column} >= {_LATEST}"))
    # A key that is there but can't be read is `value.type`: the cause that a service can mend.
    tests += [
        (name, "key.missing", f"{quote_name(name)} is null and not {unreadable.get(name, 'false')}")
        for name in file.key
    ]
    if tests:
        bad = " union all ".join(
            f"select _row as row_number, {quote_text(name)} as field, {quote_text(rule)} as rule "
            f"from {table} where {test}"
            for name, rule, test in tests
        )
        if quarantine.add(source, file, bad):
            _drop_quarantined(database, source, file)
    if file.key:
        columns = ", ".join(quote_name(name) for name in (*file.key, *file.versions))
        twice = (
            f"select _row as row_number, {quote_text(', '.join(file.key))} as field, 'key.duplicate' as rule from "
            f"(select _row, row_number() over (partition by {columns} order by _row) as copy from {table}) "
            "where copy > 1"
        )
        if quarantine.add(source, file, twice):
            _drop_quarantined(database, source, file)


def _drop_quarantined(database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile) -> None:
    database.execute(
        f"delete from {name_table(source, file)} where _row in "
        "(select row_number from quarantine where service = ? and file = ?)",
        [source.service, file.name],
    )
