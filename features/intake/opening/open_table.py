"""`open_table`: whatever a service sends, opened as rows with columns and types, for one reader to check.

.csv        texts, by a stated dialect (`features.intake.opening.strict_csv`)
.parquet    the types that the file says
.xlsx       a sheet, .jsonl an object a line, .xml an element of one name a row, .json an object under one key a row
.gz, .zip   what is in them
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

import duckdb

from charter.errors import DataError
from features.intake.database import quote_text
from features.intake.opening.bounded import PACKED, open_unpacked
from features.intake.opening.encodings import copy_bytes
from features.intake.opening.json_document import read_json_document
from features.intake.opening.json_lines import read_json_lines
from features.intake.opening.row_places import FindLines
from features.intake.opening.strict_csv import CsvDialect, CsvTable, Opener, open_csv, peek_header
from features.intake.opening.text_rows import FetchedRows
from features.intake.opening.workbook import Sheet, read_sheet
from features.intake.opening.xml_rows import read_xml

__all__ = ["Manner", "OpenTable", "open_table", "peek_columns"]


_READ_WHOLE = (".xlsx", ".jsonl", ".ndjson", ".xml", ".json")
"""Kinds of file whose columns are known when all of it was read."""


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
    def is_plain(self) -> bool:
        """Whether no cell has a blank around it, a control character, or any that is not ASCII; false: nobody knows."""

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
    is_plain: bool = False
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


@dataclass(frozen=True)
class Manner:
    """How a service writes its files: its CSV, the sheet of a workbook, the element of XML, the forms of days."""

    dialect: CsvDialect
    sheet: str = ""
    header_line: int = 1
    forms: Mapping[str, str] = field(default_factory=dict)
    element: str = ""
    columns: tuple[str, ...] = ()


@contextmanager
def open_table(
    database: duckdb.DuckDBPyConnection, part: Path | FetchedRows, where: str, manner: Manner
) -> Iterator[OpenTable | CsvTable]:
    """Open a file, or rows that were fetched, as a table that is good while the context is open.

    `where` is what messages call it. Raises DataError for what is no file, or none of its kind.
    """
    if isinstance(part, FetchedRows):
        yield part.as_table(where)
        return
    if not part.is_file():
        raise DataError(f"{where} is not a file.", "Put the file itself there.")
    if part.suffix.lower() in PACKED:
        with (
            _unpack(part, where) as (name, path),
            _open_kind(database, name, path, where, manner, lambda: _unpack_again(part, where)) as table,
        ):
            yield table
        return
    with _open_kind(database, part.name, part, where, manner) as table:
        yield table


@contextmanager
def _unpack(path: Path, where: str) -> Iterator[tuple[str, Path]]:
    """Unpack a file into memory; give its name, and where this process reads it."""
    memory = os.memfd_create("unpacked")
    try:
        with open_unpacked(path, where) as (name, stream):
            copy_bytes(stream, memory)
        yield name, Path(f"/proc/self/fd/{memory}")
    finally:
        os.close(memory)


@contextmanager
def _unpack_again(path: Path, where: str) -> Iterator[BinaryIO]:
    """Give what a packed file holds, to find a line in it."""
    with open_unpacked(path, where) as (_, stream):
        yield stream


@contextmanager
def _open_kind(
    database: duckdb.DuckDBPyConnection,
    name: str,
    path: Path,
    where: str,
    manner: Manner,
    open_bytes: Opener | None = None,
) -> Iterator[OpenTable | CsvTable]:
    kind = Path(name).suffix.lower()
    if kind == ".parquet":
        yield _open_parquet(database, path, where)
    elif kind in _READ_WHOLE:
        if kind == ".xlsx":
            whole = read_sheet(path, where, Sheet(manner.sheet, manner.header_line, manner.forms))
        elif kind == ".xml":
            with path.open("rb") as stream:
                whole = read_xml(stream, name, where, manner.element, manner.columns)
        elif kind == ".json":
            with path.open("rb") as stream:
                whole = read_json_document(stream, name, where, manner.element, manner.columns)
        else:
            with path.open("rb") as stream:
                whole = read_json_lines(stream, name, where)
        rows, lines, blank = whole
        try:
            yield rows.as_table(where, lines, blank)
        finally:
            rows.close()
    else:
        with open_csv(path, where, manner.dialect, open_bytes) as table:
            yield table


def _open_parquet(database: duckdb.DuckDBPyConnection, path: Path, where: str) -> _ParquetTable:
    try:
        described = database.execute(f"describe select * from read_parquet({quote_text(str(path))})").fetchall()
    except duckdb.Error:
        raise DataError(f"{where} is not a Parquet file.", "Ask for it again.") from None
    return _ParquetTable(where, path, {str(row[0]): str(row[1]) for row in described})


def peek_columns(
    database: duckdb.DuckDBPyConnection, part: Path | FetchedRows, where: str, dialect: CsvDialect
) -> Sequence[str] | None:
    """Return the columns of a file without reading its rows; None where they can't be told so.

    Raises DataError for a file that has no header, or is no file of its kind.
    """
    if isinstance(part, FetchedRows):
        return part.columns
    kind = part.suffix.lower()
    if kind in (*_READ_WHOLE, *PACKED) or not part.is_file():
        return None
    return _open_parquet(database, part, where).columns if kind == ".parquet" else peek_header(part, dialect)
