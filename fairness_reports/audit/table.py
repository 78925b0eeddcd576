"""The audit of any scored table: one CSV or Parquet file, and which of its columns are what. None of our other files.

    sooner audit --scores scored.csv --score risk_score --label happened --group sex --group ethnicity --capacity 500

Selection is by `--capacity K` (the K largest scores; equals by a lottery of row numbers), `--threshold X` (scores of X
and more) or `--selected COL` (a column of 0 and 1). Without `--label` only shares selected are measured; without
`--cluster` each row stands for itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id, file_digest
from charter.errors import DataError, UsageError
from fairness_reports.audit.findings import About, measured, whole
from fairness_reports.audit.measures import MEASURES
from fairness_reports.audit.tables import connect
from fairness_reports.audit.tally import UNKNOWN, Grouping
from fairness_reports.audit.units import Units

__all__ = ["TableQuestion", "audit_table"]

NOT_RECORDED = "not recorded"


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
    columns = _read(question)
    selected = _selected(question, columns)
    rows = len(selected)
    if not rows:
        raise DataError(f"{question.file.name} has no rows.", "Give a table with at least one.")
    if question.capacity is not None and question.capacity > rows:
        raise DataError(
            f"a list of {question.capacity} from {rows} rows would choose nobody over anybody.",
            "Give a smaller --capacity.",
        )
    label = _label(columns["label"], question) if question.label else np.full(rows, UNKNOWN, dtype=np.int8)
    cluster = _codes(columns["cluster"]).code if question.cluster else np.arange(rows)
    units = Units(cluster, selected, label)
    model = question.score or question.selected or ""
    found = whole(units, MEASURES.values(), About("", None, model, question.at), resamples=resamples, seed=seed)
    for number, name in enumerate(question.groups):
        about = About("", name, model, question.at)
        groups = _codes(columns[f"group{number}"])
        found += measured(units, groups, MEASURES.values(), about, resamples=resamples, seed=seed)
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


def _read(question: TableQuestion) -> dict[str, NDArray[Any]]:
    path = str(question.file)
    if not question.file.exists():
        raise UsageError(f"{path} does not exist.", "Name a CSV or Parquet file with --scores.")
    connection = connect()
    reader = "read_parquet" if question.file.suffix.lower() in {".parquet", ".pq"} else "read_csv"
    wanted = [
        (column, name)
        for column, name in (
            (question.score, "score"),
            (question.label, "label"),
            (question.cluster, "cluster"),
            (question.selected, "selected"),
        )
        if column is not None
    ] + [(column, f"group{number}") for number, column in enumerate(question.groups)]
    try:
        source = connection.execute(f"SELECT * FROM {reader}($path) LIMIT 0", {"path": path})  # noqa: S608 - one of two words
        there = {description[0] for description in source.description}
        _refuse_missing(question, there, [column for column, _ in wanted])
        chosen = ", ".join(f"{_typed(column, name)} AS {name}" for column, name in wanted)
        found: dict[str, NDArray[Any]] = connection.execute(
            f"SELECT {chosen} FROM {reader}($path)",  # noqa: S608 - column names were checked and are quoted
            {"path": path},
        ).fetchnumpy()
    except duckdb.Error as error:
        raise DataError(
            f"{question.file.name} cannot be read: {str(error).splitlines()[0][:200]}",
            "Give a CSV file with a header, or a Parquet file; scores as numbers.",
        ) from None
    return found


def _typed(column: str, name: str) -> str:
    quoted = '"' + column.replace('"', '""') + '"'
    return f"CAST({quoted} AS DOUBLE)" if name == "score" else f"CAST({quoted} AS VARCHAR)"


def _refuse_missing(question: TableQuestion, there: set[str], wanted: Sequence[str]) -> None:
    for column in wanted:
        if column not in there:
            raise DataError(f"{question.file.name} has no column {column!r}.", f"It has: {', '.join(sorted(there))}.")


def _selected(question: TableQuestion, columns: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    if question.selected is not None:
        chosen = _binary(columns["selected"], question.selected)
        if (chosen == UNKNOWN).any():
            raise DataError(f"{question.selected!r} is empty in some row.", "Write 1 for selected, 0 for not.")
        return np.asarray(chosen == 1)
    score = np.ma.filled(np.ma.asarray(columns["score"]).astype(np.float64), np.nan)
    if np.isnan(score).any():
        raise DataError(f"{question.score!r} is empty or not a number in some row.", "Give every row a score.")
    if question.threshold is not None:
        return np.asarray(score >= question.threshold)
    return _largest(score, min(question.capacity or 0, len(score)))


def _largest(score: NDArray[np.float64], places: int) -> NDArray[np.bool_]:
    """Choose the rows with the `places` largest scores; among equals at the cut, smallest sha256 of the row number."""
    if not len(score):
        return np.zeros(0, dtype=np.bool_)
    cut = np.partition(score, len(score) - places)[len(score) - places]
    chosen = np.asarray(score > cut)
    level = np.flatnonzero(score == cut)
    room = places - int(chosen.sum())
    if room < len(level):
        lots = [hashlib.sha256(str(row).encode()).digest() for row in level]
        level = level[sorted(range(len(level)), key=lots.__getitem__)[:room]]
    chosen[level] = True
    return chosen


def _label(values: NDArray[Any], question: TableQuestion) -> NDArray[np.int8]:
    return _binary(values, question.label or "")


def _binary(values: NDArray[Any], column: str) -> NDArray[np.int8]:
    """Read 0 and 1 (or false and true) written as text; empty is UNKNOWN. Raises DataError for anything else."""
    grouped = _codes(values)
    read = {"0": 0, "1": 1, "false": 0, "true": 1, "0.0": 0, "1.0": 1, NOT_RECORDED: UNKNOWN}
    unknown = [name for name in grouped.names if name.lower() not in read]
    if unknown:
        raise DataError(
            f"{column!r} holds {unknown[0]!r}, which is neither 0 nor 1.", "Write 1 where it happened, 0 where not."
        )
    codes = np.array([read[name.lower()] for name in grouped.names], dtype=np.int8)
    return codes[grouped.code]


def _codes(values: NDArray[Any]) -> Grouping:
    """Group rows by text; an empty value is a group of its own."""
    masked = np.ma.asarray(values)
    filled = np.where(np.ma.getmaskarray(masked), NOT_RECORDED, masked.data.astype(str))
    return Grouping.of(np.where(np.char.strip(filled) == "", NOT_RECORDED, filled))
