"""One file of a delivery becomes one typed table: strict columns, each value checked, bad rows set apart.

A file `tenancies.csv` of `housing` becomes the table `housing.tenancies`: its columns as declared, and `_row`, the
row's number (1 is the first after the header). A file may come in parts (`arrears_*.csv`): their rows follow each
other. Expressions of the register run over these tables.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from features.intake.database import quote_name, quote_text
from features.intake.exact_casts import NumberMarks, exact_cast, exact_number, exact_text, read_trimmed, trim_text
from features.intake.opening.bounded import PACKED
from features.intake.opening.headers import check_header
from features.intake.opening.open_table import Manner, OpenTable, open_table
from features.intake.opening.row_places import Part
from features.intake.opening.strict_csv import CsvDialect, CsvTable
from features.intake.opening.text_rows import FetchedRows
from features.intake.opening.workbook_errors import ERRORS, NOT_AVAILABLE
from features.intake.person_cells import find_optional_columns
from features.intake.quarantine import Quarantine
from features.intake.row_rules import LONGEST_TEXT

__all__ = ["CONTROL_CHARACTERS", "FileTally", "check_columns", "check_names", "name_table", "read_file"]

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
    ("VARCHAR", "text"),
}
"""Types that need no check; what they hold is of the declared type already."""
_NOT_TEXT = ("[", "STRUCT", "MAP", "UNION", "BLOB", "BIT", "INTERVAL", "JSON")
"""What of a SQL type's name says that it is no cell of a table."""
_MOST_CELLS = 0.5
"""The share of a column's cells that may be emptied; beyond it the register says wrongly how it is written."""
_CUT_SHORT = "[+-]?[0-9]([.,][0-9]+)?[eE][+][0-9]+"
"""How a spreadsheet writes a number of which it shows no more digits."""
_TELLS_APART = ("reference", "key")
_WORDS = re.compile("%[aAbBcxXpZ]")
"""Parts of a day's form that words are read by: a column's name might be one."""
_LATEST = "date '2200-01-01'"
CONTROL_CHARACTERS = "[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F\\x{FFFD}\\x{202A}-\\x{202E}\\x{2066}-\\x{2069}]"
"""Characters that no service means: control characters but tabs and line ends, lost ones, and what turns text round."""


@dataclass(frozen=True)
class FileTally:
    """What a file held: its rows, bad ones included, blank lines, and in how many rows each column is filled.

    `not_available` are the columns with cells that say #N/A, each with how many: they are empty, and not filled.
    """

    rows: int = 0
    blank_lines: int = 0
    filled: Mapping[str, int] = field(default_factory=dict)
    not_available: Mapping[str, int] = field(default_factory=dict)

    @property
    def empty_columns(self) -> tuple[str, ...]:
        """Columns in which nothing stands, read or not."""
        return tuple(name for name, count in self.filled.items() if not count)


def name_table(source: Source, file: ExtractFile) -> str:
    """Return the SQL name of the table that `read_file` makes."""
    name = Path(file.name)
    stem = name.with_suffix("").stem if name.suffix in PACKED else name.stem
    return f"{quote_name(source.service)}.{quote_name(stem)}"


def read_file(
    database: duckdb.DuckDBPyConnection,
    source: Source,
    file: ExtractFile,
    paths: Sequence[Path | FetchedRows],
    quarantine: Quarantine,
) -> FileTally:
    """Read the parts of a file into its table and return what it held.

    Raises DataError for a missing file, a missing or unknown column, a file that is not of its kind, a duplicate
    key, and more bad values than the register tolerates.
    """
    database.execute(f"create schema if not exists {quote_name(source.service)}")
    _create_empty(database, source, file)
    if not paths:
        if not file.optional:
            raise DataError(
                f"the file {quarantine.name_file(file)} of {source.service!r} is missing.",
                "Ask the service for it, or remove it from register.toml.",
            )
        quarantine.set_rows(source, file, 0)
        return FileTally()
    rows, blank_lines, is_plain = 0, 0, True
    parts: list[Part] = []
    with ExitStack() as stack:
        for path in paths:
            name = quarantine.name_file(file.replace(name=path.name))
            where = f"{source.service}/{name}" + (f" ({file.name})" if file.within else "")
            table = stack.enter_context(open_table(database, path, where, _manner_of(source, file)))
            check_columns(table.where, file, table)
            parts.append(Part(name, rows + 1, table.find_lines))
            rows += _load_part(database, source, file, table, rows)
            blank_lines += table.count_blank_lines(rows - parts[-1].first_row + 1)
            is_plain = is_plain and table.is_plain
    quarantine.set_rows(source, file, rows, parts)
    filled, not_available = _count_filled(database, source, file) if rows else ({}, {})
    _empty_not_available(database, source, file, not_available)
    _set_apart(database, source, file, quarantine, is_plain=is_plain)
    quarantine.refuse_where_many(source, file)
    for name in (*map(_unread, file.columns), "_header"):
        database.execute(f"alter table {name_table(source, file)} drop column {quote_name(name)}")
    return FileTally(rows, blank_lines, filled, not_available)


def _manner_of(source: Source, file: ExtractFile) -> Manner:
    forms = {name: _form_of(name, source, file) for name, kind in file.columns.items() if kind in ("date", "datetime")}
    dialect = CsvDialect(source.encoding, source.delimiter)
    return Manner(dialect, file.sheet, file.header_line, forms, file.element, tuple(file.columns))


def check_columns(where: str, file: ExtractFile, table: OpenTable) -> None:
    """Raise DataError where a table lacks a declared column, has another, or one that holds no cells."""
    check_names(where, file, table.columns)
    nested = [name for name in file.columns if any(word in table.types[name] for word in _NOT_TEXT)]
    if nested:
        raise DataError(
            f"{where} has no plain values in the column {nested[0]!r}.", "Ask the service for one value in each cell."
        )


def check_names(where: str, file: ExtractFile, columns: Sequence[str]) -> None:
    """Raise DataError where the columns are not those that the register declares."""
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


def _create_empty(database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile) -> None:
    columns = ", ".join(f"{quote_name(name)} {_SQL_TYPES[kind]}" for name, kind in file.columns.items())
    unread = ", ".join(f"{quote_name(_unread(name))} boolean" for name in file.columns)
    database.execute(
        f"create or replace table {name_table(source, file)} (_row bigint, {columns}, {unread}, _header boolean)"
    )


def _unread(name: str) -> str:
    """Return the name of the column that says whether a value stood there that could not be read."""
    return f"unread {name}"


def _load_part(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, table: OpenTable | CsvTable, before: int
) -> int:
    """Add the rows of one part, after so many `before`, and return how many they are."""
    typed = ", ".join(
        f"{_type_column(name, kind, table, source, file)} as {quote_name(name)}" for name, kind in file.columns.items()
    )
    unread = ", ".join(
        f"({_tells_unread(name, kind, table.types[name])}) as {quote_name(_unread(name))}"
        for name, kind in file.columns.items()
    )
    raw = ", ".join(
        f"{quote_name(name)} as {quote_name('raw ' + name)}"
        for name, kind in file.columns.items()
        if (table.types[name], kind) not in _LOSSLESS
    )
    names = ", ".join(map(quote_name, file.columns))
    try:
        inserted = database.execute(
            f"insert into {name_table(source, file)} select _row, {names}, {unread}, _header from (select {before} + "
            f"row_number() over () as _row, {typed}{', ' if raw else ''}{raw}, "
            f"({_tells_header(table, source, file)}) as _header "
            f"from {table.sql})"
        ).fetchall()
    except duckdb.Error as error:
        raise table.refusal(error) from None
    if isinstance(table, CsvTable):
        row = database.execute(
            f"select min(_row) from {name_table(source, file)} where _header and _row > {before}"
        ).fetchall()[0][0]
        if row is not None:
            raise table.repeated_header(int(row) - before)
    return int(inserted[0][0])


def _tells_header(table: OpenTable, source: Source, file: ExtractFile) -> str:
    """Return SQL that is true of a row that repeats the header.

    Such a row has the name of a column where a number or a day should be: where one is to be had, only rows that lack
    it are looked at.
    """
    if table.second_header == "false" or not all(re.fullmatch("[A-Za-z_ ]*", name) for name in table.columns):
        return table.second_header
    for name, kind in file.columns.items():
        if kind in ("integer", "decimal") or (kind == "date" and not _WORDS.search(_form_of(name, source, file))):
            typed = _type_column(name, kind, table, source, file)
            return (
                f"case when {typed} is null and {quote_name(name)} is not null then {table.second_header} "
                "else false end"
            )
    return table.second_header


def _form_of(name: str, source: Source, file: ExtractFile) -> str:
    return file.forms.get(name) or (source.dates if file.columns[name] == "date" else source.datetimes)


def _type_column(name: str, kind: str, table: OpenTable, source: Source, file: ExtractFile) -> str:
    """Return the typed value as SQL: null where it is not of the type, or where the cast would change it."""
    column, sql_type = quote_name(name), table.types[name]
    if kind == "text":
        return column if table.is_plain else exact_text(column, sql_type)
    if sql_type != "VARCHAR":
        return exact_cast(column, sql_type, _SQL_TYPES[kind])
    if kind in ("date", "datetime"):
        form = _form_of(name, source, file)
        days = read_trimmed(column, lambda text: f"try_strptime({text}, {quote_text(form)})")
        return f"{days}::{_SQL_TYPES[kind]}"
    if kind == "boolean":
        return f"try_cast({trim_text(column)} as boolean)"
    marks = NumberMarks(source.decimal_mark, source.thousands_mark)
    return read_trimmed(column, lambda text: exact_number(text, kind, marks))


def _tells_unread(name: str, kind: str, found: str) -> str:
    """Return SQL that is true where something stood in the cell and its typed value is null; null where it is #N/A."""
    if (found, kind) in _LOSSLESS or (kind == "text" and found not in ("DOUBLE", "FLOAT")):
        return "false"
    raw = quote_name("raw " + name)
    there = f"{raw} is not null"
    if found == "VARCHAR":
        text = trim_text(raw)
        there = f"case when {text} = {quote_text(NOT_AVAILABLE)} then null else {text} is not null end"
    # A case looks at the text of hardly any row; `and` would look at all of them.
    return f"case when {quote_name(name)} is null then {there} else false end"


def _count_filled(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return in how many rows something stands in each column, read or not, and in how many it says #N/A, where any."""
    # `count_if` says null, and not 0, of a column that is null in every row.
    filled = [
        f"count({quote_name(name)}) + count(*) filter (where {quote_name(_unread(name))})" for name in file.columns
    ]
    empty = [f"count(*) filter (where {_is_not_available(name, kind)})" for name, kind in file.columns.items()]
    counts = database.execute(f"select {', '.join(filled + empty)} from {name_table(source, file)}").fetchall()[0]
    not_available = dict(zip(file.columns, map(int, counts[len(filled) :]), strict=True))
    texts = {name: not_available[name] for name, kind in file.columns.items() if kind == "text"}
    standing = dict(zip(file.columns, map(int, counts[: len(filled)]), strict=True))
    return (
        {name: count - texts.get(name, 0) for name, count in standing.items()},
        {name: count for name, count in not_available.items() if count},
    )


def _is_not_available(name: str, kind: str) -> str:
    """Return SQL that is true of a loaded cell that said #N/A."""
    return (
        f"{quote_name(name)} = {quote_text(NOT_AVAILABLE)}"
        if kind == "text"
        else f"{quote_name(_unread(name))} is null"
    )


def _empty_not_available(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, columns: Collection[str]
) -> None:
    """Empty the texts that say #N/A; a number or a day is empty already."""
    for name in columns:
        if file.columns[name] == "text":
            database.execute(
                f"update {name_table(source, file)} set {quote_name(name)} = null "
                f"where {_is_not_available(name, 'text')}"
            )


def _set_apart(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, quarantine: Quarantine, *, is_plain: bool
) -> None:
    """Quarantine what breaks a rule on values, then on the key; what was set apart is no other's double.

    Of `is_plain` rows no cell need be asked for control characters.
    """
    table = name_table(source, file)
    tests = _list_tests(source, file)
    if not is_plain and _holds_control(database, source, file):
        texts = [name for name, kind in file.columns.items() if kind == "text"]
        tests += [
            (name, "value.control", f"regexp_matches({quote_name(name)}, {quote_text(CONTROL_CHARACTERS)})")
            for name in texts
        ]
    if not tests:
        return
    counts = database.execute(
        f"select {', '.join(f'count_if({test})' for _, _, test in tests)} from {table}"
    ).fetchall()[0]
    broken = {test: count for test, count in zip(tests, counts, strict=True) if count}
    of_rows = _empty_optional_cells(database, source, file, quarantine, broken)
    if of_rows and quarantine.add(source, file, _find_broken(table, of_rows)):
        _drop_quarantined(database, source, file, quarantine)
    columns = ", ".join(quote_name(name) for name in (*file.key, *file.versions))
    if file.key and _may_repeat(database, table, columns):
        twice = (
            f"select _row as row_number, {quote_text(', '.join(file.key))} as field, 'key.duplicate' as rule from "
            f"(select _row, row_number() over (partition by {columns} order by _row) as copy from {table}) "
            "where copy > 1"
        )
        if quarantine.add(source, file, twice):
            _drop_quarantined(database, source, file, quarantine)


def _list_tests(source: Source, file: ExtractFile) -> list[tuple[str, str, str]]:
    """Return (column, rule, SQL that is true where the rule is broken) of all that is asked of single cells."""
    tests: list[tuple[str, str, str]] = []
    ids = _find_ids(file)
    for name, kind in file.columns.items():
        column = quote_name(name)
        tests.append((name, "value.type", quote_name(_unread(name))))
        if kind in ("date", "datetime"):
            tests.append((name, "value.range", f"{column} < date '{source.earliest}' or {column} >= {_LATEST}"))
        if kind == "text":
            error = f"regexp_matches({column}, {quote_text(ERRORS)})"
            tests.append((name, "value.error", _test_where(f"starts_with({column}, '#')", error)))
            long = f"length({column}) > {LONGEST_TEXT}"
            tests.append((name, "value.long", _test_where(f"strlen({column}) > {LONGEST_TEXT}", long)))
        if name in ids:
            is_cut = f"regexp_full_match({column}, {quote_text(_CUT_SHORT)})"
            tests.append((name, "id.form", _test_where(f"contains({column}, '+')", is_cut)))
    # A key that is there but can't be read is `value.type`: the cause that a service can mend.
    tests += [
        (name, "key.missing", f"{quote_name(name)} is null and {quote_name(_unread(name))} is not true")
        for name in file.key
    ]
    return tests


def _test_where(seen: str, test: str) -> str:
    """Return SQL that tests only rows of which something cheap is true; `and` would test all of them."""
    return f"case when {seen} then {test} else false end"


def _find_ids(file: ExtractFile) -> frozenset[str]:
    """Return the columns of texts that tell people or rows apart; a home has a rule of its own."""
    fields = [(field, expression) for record in file.records for field, expression in record.fields.items()]
    ids = {*file.key, *(expression for field, expression in fields if field in _TELLS_APART)}
    homes = {expression for field, expression in fields if field == "uprn"}
    return frozenset(name for name in ids - homes if file.columns.get(name) == "text")


def _holds_control(database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile) -> bool:
    """Whether any text has a control character: all texts of a row are looked through at once."""
    texts = ", ".join(quote_name(name) for name, kind in file.columns.items() if kind == "text")
    if not texts:
        return False
    test = f"regexp_matches(concat({texts}), {quote_text(CONTROL_CHARACTERS)})"
    return bool(database.execute(f"select count_if({test}) from {name_table(source, file)}").fetchall()[0][0])


def _may_repeat(database: duckdb.DuckDBPyConnection, table: str, columns: str) -> bool:
    """Whether some rows may share their key: they do where fewer digests than rows differ, or two digests are alike."""
    rows, digests = database.execute(f"select count(*), count(distinct hash({columns})) from {table}").fetchall()[0]
    return bool(digests < rows)


def _find_broken(table: str, tests: Sequence[tuple[str, str, str]]) -> str:
    """Return the query of (row_number, field, rule) of the rows that break any of (field, rule, test)."""
    return " union all ".join(
        f"select _row as row_number, {quote_text(name)} as field, {quote_text(rule)} as rule from {table} where {test}"
        for name, rule, test in tests
    )


def _empty_optional_cells(
    database: duckdb.DuckDBPyConnection,
    source: Source,
    file: ExtractFile,
    quarantine: Quarantine,
    broken: Mapping[tuple[str, str, str], int],
) -> Sequence[tuple[str, str, str]]:
    """Empty the bad cells of columns that no row needs, and say so; return the tests of all others.

    `broken` are the tests that some rows break, with how many. A column of which most cells can't be read is another
    matter: it is written in another way than the register says.
    """
    table, optional = name_table(source, file), find_optional_columns(source, file)
    rows = database.execute(f"select count(*) from {table}").fetchall()[0][0]
    cells = [test for test, count in broken.items() if test[0] in optional and count <= _MOST_CELLS * rows]
    for name, rule, test in cells:
        quarantine.add_cells(source, file, _find_broken(table, [(name, rule, test)]))
        database.execute(
            f"update {table} set {quote_name(name)} = null, {quote_name(_unread(name))} = false where {test}"
        )
    return [test for test in broken if test not in cells]


def _drop_quarantined(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, quarantine: Quarantine
) -> None:
    database.execute(
        f"delete from {name_table(source, file)} where _row in "
        "(select row_number from quarantine where service = ? and file = ?)",
        [source.service, quarantine.name_file(file)],
    )
