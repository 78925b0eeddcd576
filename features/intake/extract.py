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
from functools import partial
from pathlib import Path

import duckdb

from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from features.intake.database import quote_name, quote_text
from features.intake.exact_casts import (
    BLANKS,
    NumberMarks,
    exact_cast,
    exact_number,
    exact_text,
    read_trimmed,
    trim_text,
)
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
    if not paths:
        _create_empty(database, source, file, ())
        if not file.optional:
            raise DataError(
                f"the file {quarantine.name_file(file)} of {source.service!r} is missing.",
                "Ask the service for it, or remove it from register.toml.",
            )
        quarantine.set_rows(source, file, 0)
        return FileTally()
    rows, blank_lines, is_plain = 0, 0, True
    parts: list[Part] = []
    unread: list[str] = []
    with ExitStack() as stack:
        for path in paths:
            name = quarantine.name_file(file.replace(name=path.name))
            where = f"{source.service}/{name}" + (f" ({file.name})" if file.within else "")
            table = stack.enter_context(open_table(database, path, where, _manner_of(source, file)))
            check_columns(table.where, file, table)
            fresh = [name for name in _list_unread(file, table) if name not in unread]
            if parts:
                for name in fresh:
                    column = quote_name(_unread(name))
                    database.execute(
                        f"alter table {name_table(source, file)} add column {column} boolean default false"
                    )
            else:
                _create_empty(database, source, file, fresh)
            unread += fresh
            parts.append(Part(name, rows + 1, table.find_lines))
            rows += _load_part(database, source, file, table, rows)
            blank_lines += table.count_blank_lines(rows - parts[-1].first_row + 1)
            is_plain = is_plain and table.is_plain
    quarantine.set_rows(source, file, rows, parts)
    tally = FileTally(rows, blank_lines)
    if rows:
        look = _look_through(database, source, file, unread, is_plain=is_plain)
        tally = FileTally(rows, blank_lines, look.filled, look.not_available)
        if any(file.columns[name] == "text" for name in look.not_available):
            _empty_not_available(database, source, file, look.not_available)
            look = _look_through(database, source, file, unread, is_plain=is_plain)
        _set_apart(database, source, file, quarantine, rows, look)
        quarantine.refuse_where_many(source, file)
    for name in unread:
        database.execute(f"alter table {name_table(source, file)} drop column {quote_name(_unread(name))}")
    return tally


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


def _create_empty(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, unread: Sequence[str]
) -> None:
    columns = ["_row bigint", *(f"{quote_name(name)} {_SQL_TYPES[kind]}" for name, kind in file.columns.items())]
    columns += [f"{quote_name(_unread(name))} boolean" for name in unread]
    database.execute(f"create or replace table {name_table(source, file)} ({', '.join(columns)})")


def _list_unread(file: ExtractFile, table: OpenTable) -> Sequence[str]:
    """Return the columns of which a cell may hold what can't be read: in any other, whatever stands is the value."""
    return [name for name, kind in file.columns.items() if _tells_unread(name, kind, table) != "false"]


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
    unread = _list_unread(file, table)
    tells = [f"({_tells_unread(name, file.columns[name], table)}) as {quote_name(_unread(name))}" for name in unread]
    raw = [f"{quote_name(name)} as {quote_name('raw ' + name)}" for name in unread]
    names = [*map(quote_name, file.columns)]
    into = ", ".join(["_row", *names, *(quote_name(_unread(name)) for name in unread)])
    try:
        inserted = database.execute(
            f"insert into {name_table(source, file)} ({into}) select {', '.join(['_row', *names, *tells])} from "
            f"(select {before} + row_number() over () as _row, {', '.join([typed, *raw])} from {table.sql})"
        ).fetchall()
    except duckdb.Error as error:
        raise table.refusal(error) from None
    if isinstance(table, CsvTable) and _may_repeat_header(database, source, file, table, before):
        row = database.execute(
            f"select min(_row) from (select row_number() over () as _row, ({table.second_header}) as _header "
            f"from {table.sql}) where _header"
        ).fetchall()[0][0]
        if row is not None:
            raise table.repeated_header(int(row))
    return int(inserted[0][0])


def _may_repeat_header(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, table: CsvTable, before: int
) -> bool:
    """Whether some loaded row of a part may repeat the header: then the file is looked through once more.

    Such a row has the name of a column where a number or a day should be, and so in every cell.
    """
    is_like = "true"
    numbers = [
        name
        for name, kind in file.columns.items()
        if kind in ("integer", "decimal") or (kind == "date" and not _WORDS.search(_form_of(name, source, file)))
    ]
    texts = [name for name, kind in file.columns.items() if kind == "text"]
    if numbers and all(re.fullmatch("[A-Za-z_ ]*", name) for name in table.columns):
        is_like = f"{quote_name(_unread(numbers[0]))} is not false"
    elif texts and all(name.strip() == name.strip(BLANKS) for name in table.columns):
        names = ", ".join(quote_text(name.strip().lower()) for name in table.columns)
        is_like = f"lower(trim({quote_name(texts[0])})) in ({names})"
    rows = database.execute(f"select 1 from {name_table(source, file)} where {is_like} and _row > {before} limit 1")
    return bool(rows.fetchall())


def _form_of(name: str, source: Source, file: ExtractFile) -> str:
    return file.forms.get(name) or (source.dates if file.columns[name] == "date" else source.datetimes)


def _type_column(name: str, kind: str, table: OpenTable, source: Source, file: ExtractFile) -> str:
    """Return the typed value as SQL: null where it is not of the type, or where the cast would change it."""
    column, sql_type = quote_name(name), table.types[name]
    if kind == "text":
        return column if table.is_plain else exact_text(column, sql_type)
    if sql_type != "VARCHAR":
        return exact_cast(column, sql_type, _SQL_TYPES[kind])
    if kind == "boolean":
        return f"try_cast({column if table.is_plain else trim_text(column)} as boolean)"
    read = partial(exact_number, kind=kind, marks=NumberMarks(source.decimal_mark, source.thousands_mark))
    if kind in ("date", "datetime"):
        read = partial(_read_day, form=_form_of(name, source, file))
    typed = read(column) if table.is_plain else read_trimmed(column, read)
    return f"{typed}::{_SQL_TYPES[kind]}" if kind in ("date", "datetime") else typed


def _read_day(text: str, form: str) -> str:
    return f"try_strptime({text}, {quote_text(form)})"


def _tells_unread(name: str, kind: str, table: OpenTable) -> str:
    """Return SQL that is true where something stood in the cell and its typed value is null; null where it is #N/A."""
    found = table.types[name]
    if (found, kind) in _LOSSLESS or (kind == "text" and found not in ("DOUBLE", "FLOAT")):
        return "false"
    raw = quote_name("raw " + name)
    there = f"{raw} is not null"
    if found == "VARCHAR":
        text = raw if table.is_plain else trim_text(raw)
        there = f"case when {text} = {quote_text(NOT_AVAILABLE)} then null else {text} is not null end"
    # A case looks at the text of hardly any row; `and` would look at all of them.
    return f"case when {quote_name(name)} is null then {there} else false end"


@dataclass(frozen=True)
class _Look:
    """What one look through a loaded file saw.

    In how many rows something stands in each column, read or not, and in how many it says #N/A, where any; the tests
    (column, rule, SQL) that some rows break, each with how many; and whether some rows may share their key.
    """

    filled: Mapping[str, int]
    not_available: Mapping[str, int]
    broken: Mapping[tuple[str, str, str], int]
    may_repeat: bool


def _look_through(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, unread: Sequence[str], *, is_plain: bool
) -> _Look:
    """Count in one pass all that is asked of the rows of a file; of `is_plain` rows no cell need be asked for control.

    `unread` are the columns of which it was noted whether a cell could be read.
    """
    tests = _list_tests(source, file, unread)
    unreadable = {name: f" + count(*) filter (where {quote_name(_unread(name))})" for name in unread}
    # `count_if` says null, and not 0, of a column that is null in every row.
    filled = [f"count({quote_name(name)}){unreadable.get(name, '')}" for name in file.columns]
    empty = {
        name: f"count(*) filter (where {_is_not_available(name, kind)})"
        for name, kind in file.columns.items()
        if kind == "text" or name in unread
    }
    broken = [f"count_if({test})" for _, _, test in tests]
    texts = [name for name, kind in file.columns.items() if kind == "text"]
    # All texts of a row are looked through for control characters at once.
    has_control = f"regexp_matches(concat({', '.join(map(quote_name, texts))}), {quote_text(CONTROL_CHARACTERS)})"
    beside = ["0" if is_plain or not texts else f"count_if({has_control})", *_count_keys(file)]
    row = iter(
        database.execute(
            f"select {', '.join([*filled, *empty.values(), *broken, *beside])} from {name_table(source, file)}"
        ).fetchall()[0]
    )
    standing = {name: int(next(row)) for name in file.columns}
    not_available = {name: int(next(row)) for name in empty}
    counts = {test: next(row) or 0 for test in tests}
    if next(row):
        counts |= _count_control(database, source, file, texts)
    keys, digests = row
    return _Look(
        {
            name: count - (not_available[name] if file.columns[name] == "text" else 0)
            for name, count in standing.items()
        },
        {name: count for name, count in not_available.items() if count},
        {test: count for test, count in counts.items() if count},
        digests < keys,
    )


def _count_control(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, texts: Sequence[str]
) -> Mapping[tuple[str, str, str], int]:
    """Return in how many rows each of the texts has a control character."""
    tests = [
        (name, "value.control", f"regexp_matches({quote_name(name)}, {quote_text(CONTROL_CHARACTERS)})")
        for name in texts
    ]
    counts = database.execute(
        f"select {', '.join(f'count_if({test})' for _, _, test in tests)} from {name_table(source, file)}"
    ).fetchall()[0]
    return {test: count or 0 for test, count in zip(tests, counts, strict=True)}


def _count_keys(file: ExtractFile) -> Sequence[str]:
    """Return SQL of how many rows there are, and of how many their keys differ for certain; none of a file without."""
    if not file.key:
        return ["0", "0"]
    # Rows may share their key where fewer digests than rows differ, or where two digests are alike.
    return ["count(*)", f"count(distinct hash({_list_key(file)}))"]


def _list_key(file: ExtractFile) -> str:
    return ", ".join(quote_name(name) for name in (*file.key, *file.versions))


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
    database: duckdb.DuckDBPyConnection,
    source: Source,
    file: ExtractFile,
    quarantine: Quarantine,
    rows: int,
    look: _Look,
) -> None:
    """Quarantine what breaks a rule on values, then on the key; what was set apart is no other's double."""
    table, may_repeat = name_table(source, file), look.may_repeat
    of_rows = _empty_optional_cells(database, source, file, quarantine, rows, look.broken) if look.broken else ()
    if of_rows and quarantine.add(source, file, _find_broken(table, of_rows)):
        _drop_quarantined(database, source, file, quarantine)
        if may_repeat:
            left, digests = database.execute(f"select {', '.join(_count_keys(file))} from {table}").fetchall()[0]
            may_repeat = digests < left
    if may_repeat:
        twice = (
            f"select _row as row_number, {quote_text(', '.join(file.key))} as field, 'key.duplicate' as rule from "
            f"(select _row, row_number() over (partition by {_list_key(file)} order by _row) as copy from {table}) "
            "where copy > 1"
        )
        if quarantine.add(source, file, twice):
            _drop_quarantined(database, source, file, quarantine)


def _list_tests(source: Source, file: ExtractFile, unread: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (column, rule, SQL that is true where the rule is broken) of all that is asked of single cells.

    `unread` are the columns of which it was noted whether a cell could be read.
    """
    tests: list[tuple[str, str, str]] = []
    ids = _find_ids(file)
    for name, kind in file.columns.items():
        column = quote_name(name)
        if name in unread:
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
        (
            name,
            "key.missing",
            f"{quote_name(name)} is null" + (f" and {quote_name(_unread(name))} is not true" if name in unread else ""),
        )
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
    rows: int,
    broken: Mapping[tuple[str, str, str], int],
) -> Sequence[tuple[str, str, str]]:
    """Empty the bad cells of columns that no row needs, and say so; return the tests of all others.

    `broken` are the tests that some rows break, with how many. A column of which most cells can't be read is another
    matter: it is written in another way than the register says.
    """
    table, optional = name_table(source, file), find_optional_columns(source, file)
    cells = [test for test, count in broken.items() if test[0] in optional and count <= _MOST_CELLS * rows]
    for name, rule, test in cells:
        quarantine.add_cells(source, file, _find_broken(table, [(name, rule, test)]))
        database.execute(f"update {table} set {quote_name(name)} = null where {test}")
    return [test for test in broken if test not in cells]


def _drop_quarantined(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, quarantine: Quarantine
) -> None:
    database.execute(
        f"delete from {name_table(source, file)} where _row in "
        "(select row_number from quarantine where service = ? and file = ?)",
        [source.service, quarantine.name_file(file)],
    )
