"""A file of somebody else's, opened by the strict door, with errors that speak to whoever has it and no register."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from charter.errors import DataError, SoonerError, UsageError
from features.intake.opening.open_table import Manner, OpenTable, open_table
from features.intake.opening.strict_csv import UTF8, CsvTable

__all__ = ["open_outside_file"]

_WORKBOOKS = frozenset({".xls", ".ods"})


@contextmanager
def open_outside_file(connection: duckdb.DuckDBPyConnection, file: Path) -> Iterator[OpenTable | CsvTable]:
    """Open a CSV, XLSX, JSON-lines or Parquet file, packed or not; raise UsageError or DataError for anything else."""
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise UsageError(f"{file} {what}.", "Name a CSV, XLSX or Parquet file.")
    if file.suffix.lower() in _WORKBOOKS:
        raise DataError(f"{file.name} is a workbook of a kind that is not read.", "Save its sheet as CSV UTF-8.")
    try:
        with open_table(connection, file, file.name, Manner(UTF8)) as table:
            if len(set(table.columns)) != len(table.columns):
                raise DataError(f"{file.name} names a column twice.", "Give each column a name of its own.")
            try:
                yield table
            except duckdb.Error as error:
                raise table.refusal(error) from None
    except SoonerError as error:
        raise type(error)(error.message, _speak_to_outsiders(error.next_step)) from None


def _speak_to_outsiders(next_step: str) -> str:
    """Return what to do next without a register, and without a service that could be asked."""
    if "register.toml" in next_step:
        return 'Save it as "CSV UTF-8", with one header and one table.'
    return next_step.replace("Ask the service", "Ask whoever made it")
