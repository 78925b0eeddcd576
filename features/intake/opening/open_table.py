"""`open_table`: whatever a service sends, opened as rows with columns and types, for one reader to check.

.csv        texts, by a stated dialect (`features.intake.opening.strict_csv`)
.parquet    the types that the file says
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from charter.errors import DataError
from features.intake.database import quote_text
from features.intake.opening.row_places import FindLines
from features.intake.opening.strict_csv import CsvDialect, CsvTable, open_csv, peek_header

__all__ = ["OpenTable", "open_table", "peek_columns"]


class OpenTable(Protocol):
    """Rows that can be read: in SQL, in their order, with what messages call them."""

    @property
    def where(self) -> str:
        """What messages call it."""

    @property
    def types(self) -> Mapping[str, str]:
        """Its columns and their SQL types."""

    @property
    def columns(self) -> Sequence[str]:
        """Its columns as they stand, one that is there twice included."""

    @property
    def sql(self) -> str:
        """The table expression that gives its rows."""

    @property
    def second_header(self) -> str:
        """An SQL condition, true of a row that repeats the header."""

    @property
    def find_lines(self) -> FindLines | None:
        """How the lines of its rows are found, if it has lines."""

    def refusal(self, error: duckdb.Error, /) -> DataError:
        """Return what is said of rows that can't be read."""

    def count_blank_lines(self, rows: int, /) -> int:
        """Return how many of its lines are blank, knowing how many rows it has."""


@dataclass(frozen=True)
class _ParquetTable:
    """A Parquet file whose columns were read."""

    where: str
    path: Path
    types: Mapping[str, str]
    second_header: str = "false"
    find_lines: FindLines | None = None

    @property
    def columns(self) -> Sequence[str]:
        return tuple(self.types)

    @property
    def sql(self) -> str:
        return f"read_parquet({quote_text(str(self.path))})"

    def refusal(self, _error: duckdb.Error, /) -> DataError:
        return DataError(f"{self.where} is not a whole Parquet file.", "Ask for it again.")

    def count_blank_lines(self, _rows: int, /) -> int:
        return 0


@contextmanager
def open_table(
    database: duckdb.DuckDBPyConnection, path: Path, where: str, dialect: CsvDialect
) -> Iterator[OpenTable | CsvTable]:
    """Open a file as rows, good while the context is open; `where` is what messages call it.

    Raises DataError for what is no file, or none of its kind.
    """
    if not path.is_file():
        raise DataError(f"{where} is not a file.", "Put the file itself there.")
    if path.suffix.lower() == ".parquet":
        yield _open_parquet(database, path, where)
        return
    with open_csv(path, where, dialect) as table:
        yield table


def _open_parquet(database: duckdb.DuckDBPyConnection, path: Path, where: str) -> _ParquetTable:
    try:
        described = database.execute(f"describe select * from read_parquet({quote_text(str(path))})").fetchall()
    except duckdb.Error:
        raise DataError(f"{where} is not a Parquet file.", "Ask for it again.") from None
    return _ParquetTable(where, path, {str(row[0]): str(row[1]) for row in described})


def peek_columns(
    database: duckdb.DuckDBPyConnection, path: Path, where: str, dialect: CsvDialect
) -> Sequence[str] | None:
    """Return the columns of a file without reading its rows; None where they can't be told so.

    Raises DataError for a file that has no header, or is no file of its kind.
    """
    if path.suffix.lower() == ".parquet" and path.is_file():
        return _open_parquet(database, path, where).columns
    return peek_header(path, dialect) if path.is_file() else None
