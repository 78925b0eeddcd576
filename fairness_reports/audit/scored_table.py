"""The audit of any scored table: one CSV or Parquet file, and which of its columns are what. None of our other files.

    sooner audit table scored.csv --score risk_score --label happened --group sex --group ethnicity --capacity 500

Selection is by `--capacity K` (the K largest scores; equals by a lottery of row numbers), `--threshold X` (scores of X
and more) or `--selected COL` (a column of 0 and 1). Without `--label` only shares selected are measured; without
`--cluster` each row stands for itself.
"""

# ruff: noqa: S608 - queries are put together from our own names, numbers, and columns that were checked and quoted

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id, file_digest
from charter.errors import DataError, UsageError
from charter.rules.measures import SHARES
from fairness_reports.audit.measuring.findings import About, measure_tally, measure_whole_tally
from fairness_reports.audit.measuring.tally import CELLS, Tally
from features.intake.database import quote_name, quote_text
from features.intake.opening.strict_csv import CsvTable, open_csv

__all__ = ["TableQuestion", "audit_table"]

NOT_RECORDED = "not recorded"

_MISSING = frozenset({"", "nan", "null", "<na>", "#n/a", "not recorded"})
"""What pandas, SQL and spreadsheets write where nothing is recorded. "None" is not among them: some answer it."""
_PARQUET = frozenset({".parquet", ".pq"})
_WORKBOOKS = frozenset({".xlsx", ".xls", ".ods"})
_GIVE = "Give a CSV file with a header, or a Parquet file; scores as numbers."
_WRITTEN = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
_WRITE = "Write 1 where it happened, 0 where not."
_KINDS = 20
_HELD = 1_000_000
"""Places up to which DuckDB holds the largest scores while it reads; beyond, it sorts."""


@dataclass(frozen=True)
class TableQuestion:
    """Which columns of which file are what, and how rows are selected: exactly one of the last three."""

    file: Path
    groups: tuple[str, ...]
    score: str | None = None
    label: str | None = None
    cluster: str | None = None
    threshold: float | None = None
    capacity: int | None = None
    selected: str | None = None

    def __post_init__(self) -> None:
        ways = [self.threshold is not None, self.capacity is not None, self.selected is not None]
        if sum(ways) != 1:
            raise UsageError(
                "a scored table is audited at one selection.", "Name one of --threshold, --capacity and --selected."
            )
        if self.selected is None and self.score is None:
            raise UsageError("there is no score to select by.", "Name its column with --score, or --selected.")
        if not self.groups:
            raise UsageError("there is no group to compare.", "Name at least one column with --group.")
        if self.capacity is not None and self.capacity < 1:
            raise UsageError(f"a list of {self.capacity} selects nobody.", "Give --capacity a number from 1.")

    @property
    def at(self) -> str:
        """How rows are selected, in words."""
        if self.capacity is not None:
            return f"capacity {self.capacity}"
        return f"threshold {self.threshold:g}" if self.threshold is not None else f"column {self.selected}"


def audit_table(question: TableQuestion, *, resamples: int = 1000, seed: int = 20260928) -> dict[str, Any]:
    """Return the findings document of a scored table.

    Raises DataError for a column that is missing, a score that is not a number, a label that is not 0 or 1, and an
    empty table.
    """
    model = question.score or question.selected or ""
    with TemporaryDirectory() as folder:
        tallies = _count_rows(question, Path(folder) / "rows.duckdb")
    about = About("", None, model, question.at)
    rows = measure_whole_tally(tallies[0], SHARES.values(), about, resamples=resamples, seed=seed)
    for name, tally in zip(question.groups, tallies[1:], strict=True):
        rows += measure_tally(tally, SHARES.values(), about.of_group(name, None), resamples=resamples, seed=seed)
    digest = file_digest(question.file)
    document = {
        "schema_version": SCHEMA_VERSION,
        "snapshot": "",
        "inputs": {question.file.name: digest},
        "run": content_id({"file": digest, "question": {k: str(v) for k, v in vars(question).items() if k != "file"}}),
        "programme": question.file.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "code_version": version("sooner"),
        "model": model,
        "notes": [] if question.label else ["The table has no outcome, so only shares selected can be measured."],
        "findings": rows,
    }
    check_document("findings", document)
    return document


def _count_rows(question: TableQuestion, path: Path) -> list[Tally]:
    """Return the tally of everyone and of each group column, counted by DuckDB.

    The file is read twice, once to check it and find the cut, once to count, and no row is kept: memory does not grow
    with the rows. Only clusters, and equals at the cut, need rows to be kept, in a DuckDB file at `path`.
    """
    with _open_table(question.file) as table, duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '1GB'")
        try:
            rows = _Rows.of(connection, question, table)
            cut = rows.check()
            rows = rows.kept() if question.cluster is not None else rows
            tallies = rows.tallies(_write_selection(question, cut))
            list_size = tallies[0].totals[0, 1::2].sum()
            if question.capacity is not None and list_size > question.capacity:
                rows = rows.kept()
                rows.draw(question.capacity, cut)
                tallies = rows.tallies(f"score > {cut!r} OR number IN (SELECT number FROM drawn)")
        except duckdb.Error as error:
            if table is not None:
                raise table.refusal(error) from None
            raise DataError(f"{question.file.name} is not a whole Parquet file.", _GIVE) from None
    return tallies


@contextmanager
def _open_table(file: Path) -> Iterator[CsvTable | None]:
    """Open a CSV by the strict door; a Parquet file says itself what it holds, and gives None."""
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise UsageError(f"{file} {what}.", "Name a CSV or Parquet file with --scores.")
    if file.suffix.lower() in _PARQUET:
        yield None
        return
    if file.suffix.lower() in _WORKBOOKS:
        raise DataError(f"{file.name} is a workbook, which holds more than one table.", "Save its sheet as CSV UTF-8.")
    with open_csv(file, file.name) as table:
        yield table


def _write_selection(question: TableQuestion, cut: float) -> str:
    """Return the condition of being selected, as SQL; equals at a list's cut count as selected here."""
    if question.selected is not None:
        return "chosen"
    return f"score >= {(cut if question.threshold is None else question.threshold)!r}"


@dataclass(frozen=True)
class _Rows:
    """The audited columns, renamed, as SQL that can be read from: the file itself or a table of it."""

    connection: duckdb.DuckDBPyConnection
    question: TableQuestion
    source: str
    table: CsvTable | None

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, question: TableQuestion, table: CsvTable | None) -> _Rows:
        """Name the columns; raise DataError for one that the file does not have, or has twice."""
        reader = table.sql if table is not None else f"read_parquet({quote_text(str(question.file))})"
        if table is not None:
            there: Sequence[str] = table.columns
        else:
            there = [column[0] for column in connection.execute(f"SELECT * FROM {reader} LIMIT 0").description]
        columns = ((question.score, "score"), (question.label, "label"), (question.cluster, "cluster"))
        wanted = [(column, name) for column, name in (*columns, (question.selected, "chosen")) if column is not None]
        wanted += [(column, f"group{number}") for number, column in enumerate(question.groups)]
        for column, _ in wanted:
            if column not in there:
                near = get_close_matches(column, there, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Its first line names {len(there)} others."
                raise DataError(f"{question.file.name} has no column {column!r}.", hint)
        if len(set(there)) != len(there):
            raise DataError(f"{question.file.name} names a column twice.", "Give each column a name of its own.")
        chosen = [f"{_cast_column(column, name)} AS {name}" for column, name in wanted]
        if table is not None:
            chosen.append(f"({table.second_header}) AS repeated")
        return cls(connection, question, f"(SELECT {', '.join(chosen)} FROM {reader})", table)

    def kept(self) -> _Rows:
        """Return the same as a table, in which each row has its number from 0 in the file."""
        if self.source == "rows":
            return self
        self.connection.execute(f"CREATE TABLE rows AS SELECT *, row_number() OVER () - 1 AS number FROM {self.source}")
        return replace(self, source="rows")

    def check(self) -> float:
        """Refuse an empty table and values of the wrong kind; return the score at the cut, if there is one."""
        question = self.question
        expressions = ["count(*)", "0", "0.0", "0", "0", "0"]
        if question.selected is None:
            expressions[1] = "count(*) FILTER (score IS NULL OR NOT isfinite(score))"
            if question.capacity is not None and question.capacity < _HELD:
                expressions[2] = f"list_min(max(score, {question.capacity}))"
        # A column with many values is no label; telling so here keeps the counting small.
        for place, (name, column) in enumerate((("label", question.label), ("chosen", question.selected)), start=3):
            expressions[place] = f"approx_count_distinct({name})" if column else "0"
        if self.table is not None:
            expressions[5] = "count(*) FILTER (repeated)"
        facts = self.connection.execute(f"SELECT {', '.join(expressions)} FROM {self.source}").fetchall()[0]
        rows, scoreless, cut, *kinds, headers = facts
        if headers and self.table is not None:
            raise self._repeated(self.table)
        if not rows:
            raise DataError(f"{question.file.name} has no rows.", "Give a table with at least one.")
        for column, number in zip((question.label, question.selected), kinds, strict=True):
            if number > _KINDS:
                raise DataError(f"{column!r} holds neither 0 nor 1 but about {number} different values.", _WRITE)
        if scoreless:
            raise DataError(
                f"{question.score!r} is empty, infinite or not a number in {scoreless:,} of {rows:,} rows.",
                "Give every row a score, with a point for decimals and no sign of its unit.",
            )
        if question.capacity is not None and question.capacity > rows:
            raise DataError(
                f"a list of {question.capacity} from {rows} rows would choose nobody over anybody.",
                "Give a smaller --capacity.",
            )
        if question.capacity is not None and question.capacity >= _HELD:
            top = f"SELECT score FROM {self.source} ORDER BY score DESC LIMIT {question.capacity}"
            cut = self.connection.execute(f"SELECT min(score) FROM ({top})").fetchall()[0][0]
        return float(cut or 0.0)

    def _repeated(self, table: CsvTable) -> DataError:
        numbered = f"SELECT row_number() OVER () AS row_number, ({table.second_header}) AS repeated FROM {table.sql}"
        row = self.connection.execute(f"SELECT min(row_number) FROM ({numbered}) WHERE repeated").fetchall()[0][0]
        return table.repeated_header(int(row))

    def draw(self, places: int, cut: float) -> None:
        """Draw among equals at the cut: the smallest sha256 of the row's number, so that anybody can draw it again."""
        above = self.connection.execute(f"SELECT count(*) FROM rows WHERE score > {cut!r}").fetchall()[0][0]
        self.connection.execute(
            f"CREATE TABLE drawn AS SELECT number FROM rows WHERE score = {cut!r}"
            f" ORDER BY sha256(number::VARCHAR) LIMIT {places - above}"
        )

    def tallies(self, selected: str) -> list[Tally]:
        """Count everyone and each group column by pattern, given the condition of being selected."""
        if self.question.cluster is not None:
            return [self._by_cluster(selected, number) for number in range(-1, len(self.question.groups))]
        # Values are counted as they are and read afterwards: a few kinds of them instead of millions of rows. With one
        # group column the counts come back as (label, selected, rows, group, not grouped by it):
        #     '1', 'true', 40, NULL, 1      everyone in need and selected
        #     '1', 'true', 25, 'F ', 0      of them, those who say "F " (which is read as "F")
        groups = [f"group{number}" for number in range(len(self.question.groups))]
        values = f"{'label' if self.question.label else 'NULL'} AS label, {selected} AS selected"
        sets = ", ".join(["(label, selected)", *(f"({group}, label, selected)" for group in groups)])
        counts = self.connection.execute(
            f"SELECT label::VARCHAR, selected::VARCHAR, count(*), {', '.join(f'{group}::VARCHAR' for group in groups)},"
            f" {', '.join(f'grouping({group})' for group in groups)}"
            f" FROM (SELECT {', '.join(groups)}, {values} FROM {self.source}) GROUP BY GROUPING SETS ({sets})"
        ).fetchall()
        cells = [self._cell(row[0], row[1]) for row in counts]
        everyone = [
            ([("", cell)], row[2]) for row, cell in zip(counts, cells, strict=True) if all(row[3 + len(groups) :])
        ]
        parts = [
            [
                ([(_name_group(row[3 + number]), cell)], row[2])
                for row, cell in zip(counts, cells, strict=True)
                if not row[3 + len(groups) + number]
            ]
            for number in range(len(groups))
        ]
        return [_make_tally(part) for part in (everyone, *parts)]

    def _cell(self, label: str | None, selected: str | None) -> int:
        """Return the cell of rows with this label and selection, as they are written in the file."""
        selection = _read_binary(selected, self.question.selected or "selected")
        if selection is None:
            raise DataError(f"{self.question.selected!r} is empty in some row.", "Write 1 for selected, 0 for not.")
        outcome = _read_binary(label, self.question.label or "label")
        return (2 if outcome is None else outcome) * 2 + selection

    def _by_cluster(self, selected: str, number: int) -> Tally:
        """Count the rows of each cluster, by group column `number` (-1: everyone as one group)."""
        group = "''" if number < 0 else f"coalesce(trim(group{number}::VARCHAR), '')"
        label = "coalesce(label::VARCHAR, '')" if self.question.label else "''"
        row = f"concat_ws(chr(31), {group}, {label}, ({selected})::VARCHAR)"
        of_cluster = f"SELECT list_sort(list({row})) AS rows_of FROM {self.source} GROUP BY cluster"
        clusters = self.connection.execute(f"SELECT rows_of, count(*) FROM ({of_cluster}) GROUP BY rows_of").fetchall()
        counted = []
        for rows, times in clusters:
            parts = [row.split(chr(31)) for row in rows]
            places = [
                ("" if number < 0 else _name_group(part[0]), self._cell(part[1], part[2] if len(part) > 2 else None))
                for part in parts
            ]
            counted.append((sorted(places), times))
        return _make_tally(counted)


def _name_group(value: str | None) -> str:
    """Return the group as it is written; what libraries write where nothing is recorded is one group, not several."""
    written = (value or "").strip()
    return NOT_RECORDED if written.lower() in _MISSING else written


def _read_binary(value: str | None, column: str) -> int | None:
    """Read 0 and 1, or false and true, written in any way; empty is None. Raises DataError for anything else."""
    written = (value or "").strip().lower()
    if not written:
        return None
    if written not in _WRITTEN:
        raise DataError(f"{column!r} holds a value that is neither 0 nor 1.", _WRITE)
    return _WRITTEN[written]


def _make_tally(counted: Sequence[tuple[Sequence[tuple[str, int]], int]]) -> Tally:
    """Return a tally of clusters counted as their rows' (group, cell) and how many clusters have just these."""
    # In a fixed order, so that the same table gives the same draws.
    ordered = sorted(counted)
    names = tuple(sorted({name for places, _ in ordered for name, _ in places}))
    code = {name: number for number, name in enumerate(names)}
    of = [([code[name] * CELLS + cell for name, cell in places], times) for places, times in ordered]
    return Tally.of_counted(tuple(name or "everyone" for name in names), of)


def _cast_column(column: str, name: str) -> str:
    return f"TRY_CAST({quote_name(column)} AS DOUBLE)" if name == "score" else quote_name(column)
