"""A scored table, opened by the strict door and checked: what is asked for is there, and every value is of its kind.

Columns are renamed as the question calls them, so that everything after reads the same names:

    score, label, weight, cluster, each     as in the question, where it names them
    chosen0, chosen1                        columns that say who was chosen
    group0, group1                          each column of groups, once, in bins where it has them

Texts are read where they are few: a column of groups with a million rows has a handful of kinds.
"""

# ruff: noqa: S608 - queries are put together from our own names, numbers, and columns that were checked and quoted

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

from charter.errors import DataError
from fairness_reports.audit.tables.outside_file import open_outside_file
from fairness_reports.audit.tables.table_question import Characteristic, Column, Flag, TableQuestion, find_column
from features.intake.database import quote_name, quote_text
from features.intake.opening.open_table import OpenTable
from features.intake.opening.strict_csv import CsvTable

__all__ = [
    "NOT_RECORDED",
    "Facts",
    "TableReader",
    "find_reference",
    "name_group",
    "open_scored_table",
    "read_flag",
]

NOT_RECORDED = "not recorded"
ELSEWHERE = "in none of these"
"""Numbers that fall into no bin: shown as a group of their own, for nobody may vanish from an audit."""

_MISSING = frozenset({"", "nan", "null", "<na>", "#n/a", "not recorded"})
"""What pandas, SQL and spreadsheets write where nothing is recorded. "None" is not among them: some answer it."""
_WRITTEN = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
_KINDS = 20
_GROUPS = 300
_DECIMALS = "Give every row a number, with a point for decimals and no sign of its unit."


@dataclass(frozen=True)
class Facts:
    """What the first reading of a table says: how many rows, and the score at the cut of a list of few places."""

    rows: int
    cut: float


@dataclass(frozen=True)
class TableReader:
    """The table as SQL that can be read from, with the columns renamed.

    `numbered` is the same with `number`, a row's place in the file from 0: DuckDB makes joins of some conditions, and
    gives the rows of `source` in any order then.
    """

    connection: duckdb.DuckDBPyConnection
    question: TableQuestion
    table: OpenTable | CsvTable
    characteristics: tuple[Characteristic, ...]
    label: Flag | None
    chosen: Mapping[str, Flag]
    source: str
    numbered: str = ""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return each column of groups once, in the order of group0, group1 ..."""
        return tuple(dict.fromkeys(column for one in self.characteristics for column in one.columns))

    def list_values(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return the different texts of each renamed column, '' for none, in alphabetical order, by one reading."""
        texts = ", ".join(f"coalesce({name}::VARCHAR, '') AS {name}" for name in names)
        places = ", ".join(f"grouping({name})" for name in names)
        rows = self.connection.execute(
            f"SELECT {', '.join(names)}, {places} FROM (SELECT {texts} FROM {self.source})"
            f" GROUP BY GROUPING SETS ({', '.join(f'({name})' for name in names)})"
        ).fetchall()
        return {
            name: sorted(str(row[place]) for row in rows if not row[len(names) + place])
            for place, name in enumerate(names)
        }

    def check(self, held: int) -> Facts:
        """Refuse an empty table and values of the wrong kind.

        The score at the cut is found where a list has fewer places than `held`.
        """
        question = self.question
        capacity = question.selections[0].capacity
        numbers = {"score": question.score, "weight": question.weight}
        kinds = {"label": self.label, **self.chosen}
        groups = [f"group{place}" for place in range(len(self.columns))]
        expressions = {"rows": "count(*)", "headers": "count(*) FILTER (repeated)"}
        for name, column in numbers.items():
            if column is not None:
                expressions[name] = f"count(*) FILTER ({name} IS NULL OR NOT isfinite({name}))"
        if question.weight is not None:
            expressions["negative"] = "count(*) FILTER (weight < 0)"
        # A column with many values is no label, and no column of groups; telling so here keeps the counting small.
        for name in [name for name, flag in kinds.items() if flag is not None] + groups:
            expressions[name] = f"approx_count_distinct({name})"
        if capacity is not None and capacity < held:
            expressions["cut"] = f"list_min(max(score, {capacity}))"
        row = self.connection.execute(f"SELECT {', '.join(expressions.values())} FROM {self.source}").fetchall()[0]
        facts = dict(zip(expressions, row, strict=True))
        self._refuse_rows(facts)
        for name, column in numbers.items():
            if facts.get(name):
                raise self._refuse_number(name, str(column), int(facts[name]), int(facts["rows"]))
        for name, flag in kinds.items():
            if flag is not None and facts[name] > _KINDS:
                raise _refuse_flag(flag, f"neither 0 nor 1 but about {facts[name]} different values")
        for name, of_groups in zip(groups, self.columns, strict=True):
            if facts[name] > _GROUPS:
                raise DataError(
                    f"{of_groups.name!r} has about {facts[name]:,} different values, which are no groups.",
                    f'If they are ages, put them in bins: --group "{of_groups.name}: 0-17, 18-64, 65+".',
                )
        return Facts(int(facts["rows"]), float(facts.get("cut") or 0.0))

    def _refuse_rows(self, facts: Mapping[str, int]) -> None:
        where = self.question.file.name
        if facts["headers"]:
            raise DataError(
                f"{where}, {self._say_place('repeated')}: it repeats the header, so two files were put together.",
                "Give one file with one header.",
            )
        if not facts["rows"]:
            raise DataError(f"{where} has no rows.", "Give a table with at least one.")
        if facts.get("negative"):
            raise DataError(
                f"{where}, {self._say_place('weight < 0')}: its weight is below 0.",
                "A row weighs 0 or more.",
            )
        for selection in self.question.selections:
            if selection.capacity is not None and selection.capacity > facts["rows"] and self.question.each is None:
                raise DataError(
                    f"a list of {selection.capacity} from {facts['rows']} rows would choose nobody over anybody.",
                    "Give a smaller --capacity.",
                )

    def _refuse_number(self, name: str, column: str, broken: int, rows: int) -> DataError:
        place = self._say_place(f"{name} IS NULL OR NOT isfinite({name})")
        return DataError(
            f"{column!r} is empty, infinite or not a number in {broken:,} of {rows:,} rows, first on {place}.",
            _DECIMALS,
        )

    def _find_row(self, condition: str) -> int:
        numbered = f"SELECT row_number() OVER () AS row_number, ({condition}) AS there FROM {self.source}"
        return int(self.connection.execute(f"SELECT min(row_number) FROM ({numbered}) WHERE there").fetchall()[0][0])

    def _say_place(self, condition: str) -> str:
        """Say on which line the first row is of which something is true; of a Parquet file, which row."""
        row = self._find_row(condition)
        lines = self.table.find_lines([row]) if self.table.find_lines else {}
        return f"line {lines[row]}" if row in lines else f"row {row}"


def _refuse_flag(flag: Flag, what: str) -> DataError:
    """Return the error of a column that should say yes or no; no value of it is repeated."""
    return DataError(
        f"{flag.column!r} holds {what}.",
        f"Write 1 where it happened, 0 where not; or say which value means that it did: {flag.column}=VALUE.",
    )


def read_flag(value: str | None, flag: Flag) -> int | None:
    """Read 0 and 1, or false and true, written in any way; nothing is None. Raises DataError for anything else.

    Of `column=value`, 1 where the column is just that.
    """
    written = (value or "").strip()
    if written.lower() in _MISSING:
        return None
    if flag.value is not None:
        return int(written == flag.value)
    if written.lower() not in _WRITTEN:
        raise _refuse_flag(flag, "a value that is neither 0 nor 1")
    return _WRITTEN[written.lower()]


def name_group(value: str | None) -> str:
    """Return the group as it is written; what libraries write where nothing is recorded is one group, not several."""
    written = (value or "").strip()
    return NOT_RECORDED if written.lower() in _MISSING else written


@contextmanager
def open_scored_table(question: TableQuestion, database: Path) -> Iterator[TableReader]:
    """Open the question's file and find its columns; `database` is where rows are kept if they have to be."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false; SET memory_limit = '1GB'")
        with open_outside_file(connection, question.file) as table:
            yield _read_header(connection, question, table)


def _read_header(
    connection: duckdb.DuckDBPyConnection, question: TableQuestion, table: OpenTable | CsvTable
) -> TableReader:
    where, there = question.file.name, list(table.columns)
    characteristics = question.read_characteristics(there)
    label = Flag.of(question.label, there, where) if question.label is not None else None
    chosen = {
        f"chosen{place}": Flag.of(selection.column, there, where)
        for place, selection in enumerate(question.selections)
        if selection.column is not None
    }
    plain = {"cluster": question.cluster, "each": question.each}
    numbers = {"score": question.score, "weight": question.weight}
    expressions = {
        name: quote_name(find_column(column, there, where)) for name, column in plain.items() if column is not None
    }
    expressions |= {
        name: _write_number(find_column(column, there, where)) for name, column in numbers.items() if column is not None
    }
    flags = {**({"label": label} if label is not None else {}), **chosen}
    expressions |= {name: quote_name(flag.column) for name, flag in flags.items()}
    expressions["repeated"] = f"({table.second_header})"
    reader = TableReader(connection, question, table, characteristics, label, chosen, "")
    for place, column in enumerate(reader.columns):
        expressions[f"group{place}"] = _write_column(column)
    chosen_columns = ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())
    source = f"(SELECT {chosen_columns} FROM {table.sql})"
    # Numbered next to the file, below whatever is asked of its cells.
    number = quote_name("place in the file")
    rows = f"(SELECT *, row_number() OVER () - 1 AS {number} FROM {table.sql})"
    numbered = f"(SELECT {chosen_columns}, {number} AS number FROM {rows})"
    return TableReader(connection, question, table, characteristics, label, chosen, source, numbered)


def _write_number(column: str) -> str:
    """Return a column as a number or nothing; trimmed first, or DuckDB would let its reader of CSV refuse the file."""
    return f"TRY_CAST(trim({quote_name(column)}::VARCHAR) AS DOUBLE)"


def _write_column(column: Column) -> str:
    """Return a column of groups as SQL; numbers as the name of their bin, and what is no number as it is written."""
    name = quote_name(column.name)
    if not column.bins:
        return name
    number = _write_number(column.name)
    cases = [
        f"WHEN {number} >= {one.low}{'' if one.beyond is None else f' AND {number} < {one.beyond}'}"
        f" THEN {quote_text(one.name)}"
        for one in column.bins
    ]
    missing = ", ".join(quote_text(word) for word in sorted(_MISSING))
    nothing = f"WHEN coalesce(lower(trim({name}::VARCHAR)), '') IN ({missing}) THEN NULL"
    return f"CASE {nothing} {' '.join(cases)} ELSE {quote_text(ELSEWHERE)} END"


def find_reference(characteristic: Characteristic, names: Sequence[str]) -> int | None:
    """Return the number of the group that the others are compared with; raise DataError where nobody is of it."""
    if characteristic.reference is None:
        return None
    if characteristic.reference in names:
        return list(names).index(characteristic.reference)
    near = get_close_matches(characteristic.reference, names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "Give one of its groups as it is written."
    raise DataError(f"no row of {characteristic.name!r} is of the group {characteristic.reference!r}.", hint)
