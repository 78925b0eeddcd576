"""What kind each column of a delivered file is, and which columns tell its rows apart: guessed from a bounded sample.

    statement_date   12/05/2024, 03/06/2024   date, written %d/%m/%Y
    balance          120.50, 3                decimal
    tenancy_ref      000123, 000124           text: a number that begins with 0, or that its name calls a reference

Only counts leave the database: how many cells of a column are filled, and how many of those a kind can read. Kinds are
tested by the very expressions that `pull` reads with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import duckdb

from charter.council.register import Tolerance
from charter.errors import DataError
from charter.starting.new_council import Months
from features.intake.database import quote_name, quote_text
from features.intake.exact_casts import PLAIN, NumberMarks, exact_number
from features.intake.guessing.column_names import is_identifier, names_somebody, says_day, starts_with
from features.intake.opening.open_table import Manner, open_table
from features.intake.opening.strict_csv import CsvDialect
from features.progress_bar import stop_progress_bar

__all__ = ["DATES", "MARKS", "MOMENTS", "SampledFile", "choose_form", "open_sample"]

SAMPLE_ROWS = 20_000
"""How many rows, from the top of a file, say what its columns are: enough for a guess that a person confirms."""

DATES = (
    "%Y-%m-%d", "%d/%m/%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d", "%m/%d/%Y",
    "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y", "%y%m%d",
    "%Y-%m-%dT00:00:00Z", "%Y-%m-%dT00:00:00", "%Y-%m-%d 00:00:00", "%d/%m/%Y 00:00:00", "%d/%m/%Y 00:00",
)  # fmt: skip
"""How services write days, the likeliest first: the month stands before the day only where it can't be after it. A time
that is midnight in every row is a day: as a time it would be one in UTC, and another hour of the council's day."""

_COMPACT = ("%Y%m%d", "%y%m%d")
"""The forms that a number could have, too: believed of a column whose name says a day."""

MOMENTS = (
    "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M",
    "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%MZ",
    "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S.%f%z",
    "%Y-%m-%dT%H:%M:%S.%f%z", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p",
)  # fmt: skip
"""How they write times."""

MARKS = (
    PLAIN, NumberMarks(".", ","), NumberMarks(",", ""), NumberMarks(",", "."), NumberMarks(",", " "),
    NumberMarks(".", " "),
)  # fmt: skip
"""How they write numbers, the plainest first: a comma that could stand between thousands in every row does."""

_NUMBERS = ("integer", "decimal")
_FIRST_YEAR = 1500
"""No form is believed that reads a year before it: `12/01/10` is of no year 10."""
_MANY = 100
"""A text without a reference's name is taken for one where it has so many values, each in two rows or more."""
_FEW = 50
"""A text of no more values could be a detail; as in a canonical table, whose details are listed so far."""
_GLANCE = 200
"""So many rows say which forms are worth trying on the whole sample."""

_LEADING_ZERO = "[+-]?0[0-9]+([.][0-9]*)?"
_PARQUET = {"DATE": "date", "BOOLEAN": "boolean", "FLOAT": "decimal", "DOUBLE": "decimal"}
_LIKE_A_VALUE = "|".join(
    (
        r"^\s*$",
        "@",
        "^.{161,}$",
        r"^[0-9£$.,:;/ ()+TZ-]*[0-9][0-9£$.,:;/ ()+TZ-]*$",
        r"^[0-9]{1,2}[- ./][A-Za-z]{3,9}[- ./][0-9]{2,4}",
        r"^[0-9]+[A-Za-z]? [A-Z]",
        r"^[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}$",
    )
)
"""What no column is called: nothing, a mail address, a long text, a number, a date, a house and street, a postcode."""


@dataclass(frozen=True)
class SampledFile:
    """A file whose sample is the table `sample`: its columns with what each could be, as counts of filled cells.

    A sheet of a workbook that has several is a file `within` it, called by the sheet's name. `filled` cells of each
    column; of those, `read` by each kind or form; `typed` are Parquet columns that say it.
    """

    database: duckdb.DuckDBPyConnection
    name: str
    rows_sql: str
    columns: tuple[str, ...]
    typed: Mapping[str, str]
    filled: Mapping[str, int]
    read: Mapping[tuple[str, str], int]
    within: str = ""
    sheet: str = ""

    def fits(self, column: str, kind: str) -> bool:
        """Whether every filled cell of the sample, and there are some, can be read as a kind or form."""
        if kind in _COMPACT and not says_day(column):
            return False
        return 0 < self.filled[column] == self.read.get((column, kind), 0)

    def number_kind(self, column: str, marks: NumberMarks) -> str:
        """Return the kind of number that every filled cell of the sample is, written so; '' where it is none."""
        return next((kind for kind in _NUMBERS if self.fits(column, _written(kind, marks))), "")

    def kinds(self, dates: str, moments: str, marks: NumberMarks = PLAIN) -> Mapping[str, str]:
        """Return the kind of each column, where days, times and numbers are written in these forms."""
        kinds = {name: self._kind(name, dates, moments, marks) for name in self.columns}
        # An empty column is as its neighbour: `corrected_on` is a time where `recorded_on` is one.
        days = [kinds[name] for name in self.columns if starts_with("recorded", name) and self.filled[name]]
        empty = [name for name in self.columns if kinds[name] == "date" and not self.filled[name] and days]
        return kinds | {name: days[0] for name in empty if days[0] == "datetime"}

    def _kind(self, name: str, dates: str, moments: str, marks: NumberMarks) -> str:
        if name in self.typed:
            return self.typed[name]
        if not self.filled[name]:
            return "date" if says_day(name) else "text"
        if self.fits(name, dates):
            return "date"
        own = self.find_own_form(name, dates, moments)
        if own in DATES:
            return "date"
        if own or self.fits(name, moments):
            return "datetime"
        if is_identifier(name) or self.read[name, "zero"]:
            return "text"
        return self.number_kind(name, marks) or "text"

    def find_own_form(self, name: str, dates: str, moments: str) -> str:
        """Return the form in which a text column writes days or times; '' where it has none, or the service's."""
        if name in self.typed:
            return ""
        form = next((form for form in (dates, *DATES, moments, *MOMENTS) if self.fits(name, form)), "")
        return "" if form in (dates, moments) else form

    def find_key(self, kinds: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the fewest columns that tell all rows apart, and those that tell versions of a row apart.

        Tried are references and days, alone, then two, then three together; each that the sample bears out is counted
        over the whole file. Both are empty where none does.
        """
        versions = tuple(name for name in self.columns if starts_with("corrected", name) and kinds[name] != "text")[:1]
        references = [name for name in self.columns if is_identifier(name) and kinds[name] != "decimal"]
        days = [
            name
            for name in self.columns
            if kinds[name] in ("date", "datetime") and not starts_with("recorded", name) and name not in versions
        ]
        for size in (1, 2, 3):
            for key in combinations([*references, *days], size):
                if any(name in references for name in key) and self._tells_apart(key, versions):
                    return key, versions
        return (), ()

    def find_repeated(self, kinds: Mapping[str, str]) -> str | None:
        """Return the reference that most rows share with another row: whom rows are about, where no name says it.

        Where nothing is called a reference it is the text with the most values, if there are many and they repeat.
        """
        rows = _number(self.database, "select count(*) from sample")
        filled = [name for name in self.columns if kinds[name] in ("text", "integer") and self.filled[name] == rows]
        values = {name: self._count_values(name) for name in filled}
        named = {name: rows - values[name] for name in filled if names_somebody(name)}
        if any(named.values()):
            return max(named, key=lambda name: named[name])
        texts = [name for name in filled if kinds[name] == "text" and _MANY <= values[name] <= rows / 2]
        return max(texts, key=lambda name: values[name], default=None)

    def find_few(self, kinds: Mapping[str, str]) -> list[str]:
        """Return the texts that repeat a few values in the sample: what could be an event's detail."""
        texts = [
            name for name, kind in kinds.items() if kind == "text" and self.filled[name] and name not in self.typed
        ]
        return [name for name in texts if 1 < self._count_values(name) <= min(_FEW, self.filled[name] / 2)]

    def _count_values(self, name: str) -> int:
        return _number(self.database, f"select count(distinct {quote_name(name)}) from sample")

    def _tells_apart(self, key: tuple[str, ...], versions: tuple[str, ...]) -> bool:
        return all(_is_unique(self.database, table, key, versions) for table in ("sample", self.rows_sql))

    def is_ever_before(self, column: str, other: str, forms: tuple[str, ...]) -> bool:
        """Whether one column's day is before another's in any row of the sample; text is read in these forms."""
        query = f"select count(*) from sample where {self.read_day(column, forms)} < {self.read_day(other, forms)}"
        return _number(self.database, query) > 0

    def is_often_before(self, column: str, other: str, forms: tuple[str, ...]) -> bool:
        """Whether one column's day is before another's in more rows of the sample than `pull` would set apart."""
        before, filled = (
            _number(self.database, f"select count(*) from sample where {test}")
            for test in (
                f"{self.read_day(column, forms)} < {self.read_day(other, forms)}",
                f"{self.read_day(column, forms)} is not null",
            )
        )
        return before > Tolerance().bad_value * filled

    def find_months(self, column: str, forms: tuple[str, ...]) -> Months | None:
        """Return the months between which 98 of 100 rows of the whole file say they happened; None where none does.

        A month is all that is told: the first and the last day of all may be one person's.
        """
        day = self.read_day(column, forms)
        ends = self.database.execute(
            f"select quantile_disc(day, 0.01), quantile_disc(day, 0.99) from (select {day} as day from {self.rows_sql})"
        ).fetchall()[0]
        if ends[0] is None:
            return None
        return Months(ends[0].replace(day=1), ends[1].replace(day=1))

    def read_day(self, column: str, forms: tuple[str, ...]) -> str:
        """Return SQL for the day that a column says; text is read in these forms."""
        if column in self.typed:
            return f"{quote_name(column)}::date"
        own = self.find_own_form(column, *forms[:2]) if len(forms) > 1 else ""
        days = (
            f"try_strptime(trim({quote_name(column)}), {quote_text(form)})::timestamp"
            for form in ((own,) if own else forms)
        )
        return f"coalesce({', '.join(days)})::date"


def choose_form(files: Sequence[SampledFile], forms: Sequence[str]) -> str:
    """Return the form that most columns of a service's files are written in; the likeliest where none is."""
    return max(forms, key=lambda form: sum(file.fits(name, form) for file in files for name in file.columns))


@contextmanager
def open_sample(path: Path, where: str, dialect: CsvDialect, sheet: str = "", name: str = "") -> Iterator[SampledFile]:
    """Read the header and the first rows of a file, or of one `sheet` of it that is called `name`.

    Raises DataError for one that the strict door refuses.

    A first line that holds what looks like a value is no header: it is refused and not repeated.
    """
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        database.execute("set temp_directory = ''")
        stop_progress_bar(database)
        with open_table(database, path, where, Manner(dialect, sheet)) as table:
            if path.suffix.lower() != ".parquet":
                _refuse_values_as_header(database, where, table.columns)
            try:
                sample = _sample(database, path.name, table.sql)
                yield replace(sample, name=name, within=path.name, sheet=sheet) if sheet else sample
            except duckdb.Error as error:
                raise table.refusal(error) from None


def _refuse_values_as_header(database: duckdb.DuckDBPyConnection, where: str, columns: Sequence[str]) -> None:
    unnamed = next((place for place, name in enumerate(columns, start=1) if not name.strip()), 0)
    if unnamed:
        raise DataError(
            f"the first line of {where} is not its header, or its cell {unnamed} lacks a name: a table that was saved"
            " with its row numbers has one too many.",
            "Ask the service to leave that column out, or to name it; where the header is missing, to send it.",
        )
    like_values = _number(
        database,
        f"select count(*) from unnest($1::varchar[]) t(cell) where regexp_matches(cell, {quote_text(_LIKE_A_VALUE)})",
        list(columns),
    )
    if like_values or len(set(columns)) != len(columns):
        what = "a cell looks like a value" if like_values else "a name is there twice"
        raise DataError(
            f"the first line of {where} is not its header: {what}.",
            "Ask the service to send the header line, with a name of its own for each column.",
        )


def _sample(database: duckdb.DuckDBPyConnection, name: str, rows_sql: str) -> SampledFile:
    database.execute(f"create table sample as select * from {rows_sql} limit {SAMPLE_ROWS}")
    types = {str(row[0]): str(row[1]) for row in database.execute("describe sample").fetchall()}
    typed = {column: _typed(kind) for column, kind in types.items() if kind != "VARCHAR"}
    counts: dict[tuple[str, str], int] = {}
    for column in types:
        counts |= _count_kinds(database, column, is_text=column not in typed)
    return SampledFile(
        database,
        name,
        rows_sql,
        tuple(types),
        typed,
        {column: counts[column, "filled"] for column in types},
        {place: count for place, count in counts.items() if place[1] != "filled"},
    )


def _typed(kind: str) -> str:
    if "INT" in kind:
        return "integer"
    if kind.startswith("TIMESTAMP"):
        return "datetime"
    return "decimal" if kind.startswith("DECIMAL") else _PARQUET.get(kind, "text")


def _count_kinds(database: duckdb.DuckDBPyConnection, column: str, *, is_text: bool) -> Mapping[tuple[str, str], int]:
    """Return how many cells of a column are filled, and how many of them each kind and form can read."""
    text = f"nullif(trim({quote_name(column)}::varchar), '')"
    tests = {"filled": text}
    if is_text:
        tests |= _glance(database, text)
        tests["zero"] = f"case when regexp_full_match({text}, {quote_text(_LEADING_ZERO)}) then 1 end"
    counts = database.execute(f"select {', '.join(f'count({test})' for test in tests.values())} from sample").fetchall()
    return {(column, name): int(count) for name, count in zip(tests, counts[0], strict=True)}


def _reads_form(text: str, form: str) -> str:
    moment = f"try_strptime({text}, {quote_text(form)})"
    return f"case when year({moment}) >= {_FIRST_YEAR} then 1 end"


def _glance(database: duckdb.DuckDBPyConnection, text: str) -> Mapping[str, str]:
    """Return the forms of days and numbers that every filled cell of the first rows has: only they can be a column's.

    By the name of each form, the SQL that reads a cell by it.
    """
    few = f"(select {text} as cell from sample where {text} is not null limit {_GLANCE})"
    first, whole = _list_tests("cell"), _list_tests(text)
    tests = ", ".join(f"count({test})" for test in first.values())
    filled, *counts = database.execute(f"select count(*), {tests} from {few}").fetchall()[0]
    return {name: whole[name] for name, count in zip(first, counts, strict=True) if 0 < filled == count}


def _list_tests(text: str) -> Mapping[str, str]:
    days = {form: _reads_form(text, form) for form in (*DATES, *MOMENTS)}
    return days | {_written(kind, marks): exact_number(text, kind, marks) for kind in _NUMBERS for marks in MARKS}


def _written(kind: str, marks: NumberMarks) -> str:
    return kind if marks == PLAIN else f"{kind} {marks.decimal}{marks.thousands}"


def _is_unique(
    database: duckdb.DuckDBPyConnection, table: str, key: tuple[str, ...], versions: tuple[str, ...]
) -> bool:
    """Whether every row has the key, and no two have it and the version alike; one row or none says nothing."""
    names = ", ".join(quote_name(name) for name in (*key, *versions))
    lacking = " or ".join(f"{quote_name(name)} is null" for name in key)
    row = database.execute(
        f"select count(*), count(*) filter (where {lacking}), "
        f"(select count(*) from (select distinct {names} from {table})) from {table}"
    ).fetchall()[0]
    return bool(row[0] > 1 and row[1] == 0 and row[0] == row[2])


def _number(database: duckdb.DuckDBPyConnection, query: str, *values: object) -> int:
    return int(database.execute(query, list(values)).fetchall()[0][0])
