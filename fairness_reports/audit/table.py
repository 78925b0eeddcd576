"""The audit of any scored table: one CSV or Parquet file, and which of its columns are what. None of our other files.

    sooner audit --scores scored.csv --score risk_score --label happened --group sex --group ethnicity --capacity 500

Selection is by `--capacity K` (the K largest scores; equals by a lottery of row numbers), `--threshold X` (scores of X
and more) or `--selected COL` (a column of 0 and 1). Without `--label` only shares selected are measured; without
`--cluster` each row stands for itself.
"""

# ruff: noqa: S608 - queries are put together from our own names, numbers, and columns that were checked and quoted

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id, file_digest
from charter.errors import DataError, UsageError
from fairness_reports.audit.findings import About, tallied, tallied_whole
from fairness_reports.audit.measures import MEASURES
from fairness_reports.audit.tally import CELLS, Tally

__all__ = ["TableQuestion", "audit_table"]

NOT_RECORDED = "not recorded"

# 0 and 1, or false and true, written in any way; empty and anything else is NULL.
_BINARY = (
    "(CASE lower(trim({0})) WHEN '0' THEN 0 WHEN '1' THEN 1 WHEN '0.0' THEN 0 WHEN '1.0' THEN 1"
    " WHEN 'false' THEN 0 WHEN 'true' THEN 1 END)"
)


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
    empty table. DuckDB reads the file once and counts, so memory does not grow with the rows.
    """
    model = question.score or question.selected or ""
    with TemporaryDirectory() as folder:
        table = _Table.open(question, Path(folder) / "rows.duckdb")
        found = tallied_whole(
            table.tally(None), MEASURES.values(), About("", None, model, question.at), resamples=resamples, seed=seed
        )
        for number, name in enumerate(question.groups):
            about = About("", name, model, question.at)
            found += tallied(table.tally(number), MEASURES.values(), about, resamples=resamples, seed=seed)
        table.connection.close()
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
        "findings": found,
    }
    check_document("findings", document)
    return document


@dataclass(frozen=True)
class _Table:
    """The audited columns in a DuckDB file of their own, with each row's cell."""

    connection: duckdb.DuckDBPyConnection
    question: TableQuestion

    @classmethod
    def open(cls, question: TableQuestion, path: Path) -> _Table:
        """Read the file, check every column and decide who is selected."""
        if not question.file.exists():
            raise UsageError(f"{question.file} does not exist.", "Name a CSV or Parquet file with --scores.")
        connection = duckdb.connect(str(path))
        connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '1GB'")
        table = cls(connection, question)
        try:
            table._read()
        except duckdb.Error as error:
            raise DataError(
                f"{question.file.name} cannot be read: {str(error).splitlines()[0][:200]}",
                "Give a CSV file with a header, or a Parquet file; scores as numbers.",
            ) from None
        table._check()
        table._count_cells()
        return table

    def _read(self) -> None:
        reader = "read_parquet" if self.question.file.suffix.lower() in {".parquet", ".pq"} else "read_csv"
        path = str(self.question.file)
        source = self.connection.execute(f"SELECT * FROM {reader}($path) LIMIT 0", {"path": path})
        there = {description[0] for description in source.description}
        wanted = self._wanted()
        for column, _ in wanted:
            if column not in there:
                raise DataError(
                    f"{self.question.file.name} has no column {column!r}.", f"It has: {', '.join(sorted(there))}."
                )
        chosen = ", ".join(f"{_typed(column, name)} AS {name}" for column, name in wanted)
        self.connection.execute(
            f"CREATE TABLE rows AS SELECT {chosen} FROM {reader}($path)",
            {"path": path},
        )

    def _wanted(self) -> list[tuple[str, str]]:
        question = self.question
        named = ((question.score, "score"), (question.label, "label"), (question.cluster, "cluster"))
        wanted = [(column, name) for column, name in (*named, (question.selected, "chosen")) if column is not None]
        return wanted + [(column, f"group{number}") for number, column in enumerate(question.groups)]

    def _check(self) -> None:
        question = self.question
        rows = self._one("SELECT count(*) FROM rows")
        if not rows:
            raise DataError(f"{question.file.name} has no rows.", "Give a table with at least one.")
        if question.capacity is not None and question.capacity > rows:
            raise DataError(
                f"a list of {question.capacity} from {rows} rows would choose nobody over anybody.",
                "Give a smaller --capacity.",
            )
        for column, name in ((question.label, "label"), (question.selected, "chosen")):
            wrong = column and self._one(
                f"SELECT min({name}) FROM rows WHERE {_BINARY.format(name)} IS NULL AND {name} <> ''"
            )
            if wrong:
                raise DataError(
                    f"{column!r} holds {wrong!r}, which is neither 0 nor 1.", "Write 1 where it happened, 0 where not."
                )
        if question.selected and self._one(f"SELECT count(*) FROM rows WHERE {_BINARY.format('chosen')} IS NULL"):
            raise DataError(f"{question.selected!r} is empty in some row.", "Write 1 for selected, 0 for not.")
        if not question.selected and self._one("SELECT count(*) FROM rows WHERE score IS NULL OR isnan(score)"):
            raise DataError(f"{question.score!r} is empty or not a number in some row.", "Give every row a score.")

    def _count_cells(self) -> None:
        """Add each row's cell: 2 times its label (0, 1, unknown is 2), plus 1 where it is selected."""
        label = f"coalesce({_BINARY.format('label')}, 2)" if self.question.label else "2"
        self.connection.execute(
            f"CREATE VIEW counted AS SELECT *, ({label} * 2 + CASE WHEN {self._selected()} THEN 1 ELSE 0 END) AS cell,"
            " rowid AS number FROM rows"
        )

    def _selected(self) -> str:
        """Return the condition of being selected, as SQL."""
        question = self.question
        if question.selected is not None:
            return f"{_BINARY.format('chosen')} = 1"
        if question.threshold is not None:
            return f"score >= {question.threshold!r}"
        places = question.capacity or 0
        cut = self._one(f"SELECT min(score) FROM (SELECT score FROM rows ORDER BY score DESC LIMIT {places})")
        above = self._one(f"SELECT count(*) FROM rows WHERE score > {cut!r}")
        # Among equals at the cut, the smallest sha256 of the row's number: a lottery that anybody can draw again.
        self.connection.execute(
            f"CREATE TABLE drawn AS SELECT rowid AS row_number FROM rows WHERE score = {cut!r}"
            f" ORDER BY sha256(rowid::VARCHAR) LIMIT {places - above}"
        )
        return f"score > {cut!r} OR rowid IN (SELECT row_number FROM drawn)"

    def tally(self, group: int | None) -> Tally:
        """Count one grouping's rows by pattern; None counts everyone as one group."""
        if group is None:
            names: tuple[str, ...] = ("everyone",)
            place = "cell"
        else:
            value = f"coalesce(nullif(trim(group{group}), ''), '{NOT_RECORDED}')"
            found = self.connection.execute(f"SELECT DISTINCT {value} AS name FROM rows ORDER BY name").fetchall()
            names = tuple(str(name) for (name,) in found)
            self.connection.execute(
                f"CREATE TABLE names{group} AS SELECT * FROM (SELECT unnest($names) AS name,"
                f" generate_subscripts($names, 1) - 1 AS code)",
                {"names": list(names)},
            )
            place = f"(SELECT code FROM names{group} WHERE name = {value}) * {CELLS} + cell"
        if self.question.cluster is None:
            query = f"SELECT [{place}] AS places, count(*) FROM counted GROUP BY places ORDER BY places"
        else:
            of_cluster = f"SELECT list_sort(list({place})) AS places FROM counted GROUP BY cluster"
            query = f"SELECT places, count(*) FROM ({of_cluster}) GROUP BY places ORDER BY places"
        return Tally.of_counted(names, self.connection.execute(query).fetchall())

    def _one(self, query: str) -> Any:
        return self.connection.execute(query).fetchall()[0][0]


def _typed(column: str, name: str) -> str:
    quoted = '"' + column.replace('"', '""') + '"'
    return f"CAST({quoted} AS DOUBLE)" if name == "score" else f"CAST({quoted} AS VARCHAR)"
