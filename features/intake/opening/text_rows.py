"""Rows that come one by one, from a workbook, a database or a server, written into memory as a CSV file that is ours.

So they go through the very door of a file that was sent, and never lie on a disk. What the giver says of types is kept
beside them: a day is a day, whatever form the register states for texts.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from charter.errors import DataError
from features.intake.database import quote_name
from features.intake.opening.row_places import FindLines
from features.intake.opening.strict_csv import UTF8, CsvTable

__all__ = ["FetchedRows", "RowsTable", "write_cell"]

_BUFFER = 1 << 20


@dataclass
class FetchedRows:
    """Rows in an open file of memory, with a name for messages; `types` are SQL types of columns that are no texts.

    `close` gives the memory back, as does the end of the value.
    `cursor` is the greatest value of the column that rows are asked for by, if any.
    """

    name: str
    columns: tuple[str, ...]
    types: Mapping[str, str] = field(default_factory=dict)
    cursor: str = ""
    rows: int = 0

    def __post_init__(self) -> None:
        self.columns = tuple(map(keep_characters, self.columns))
        self._memory = os.memfd_create("rows")
        self._finalize = weakref.finalize(self, os.close, self._memory)
        self._digest = hashlib.sha256()
        self.write_rows([self.columns])
        self.rows = 0

    @property
    def path(self) -> Path:
        """Where this process reads them."""
        return Path(f"/proc/self/fd/{self._memory}")

    @property
    def sha256(self) -> str:
        """The digest of all that was written."""
        return self._digest.hexdigest()

    def write_rows(self, rows: Iterable[Sequence[str]]) -> None:
        """Add rows of texts."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in rows:
            writer.writerow(row)
            self.rows += 1
            if text.tell() > _BUFFER:
                self.write_bytes(text.getvalue().encode())
                text.seek(0)
                text.truncate()
        self.write_bytes(text.getvalue().encode())

    def write_bytes(self, content: bytes) -> None:
        """Add rows as they are written in CSV."""
        self._digest.update(content)
        while content:
            content = content[os.write(self._memory, content) :]

    def close(self) -> None:
        """Give the memory back; the rows are gone."""
        self._finalize()

    def as_table(self, where: str, lines: Sequence[int] = (), blank_lines: int = 0) -> RowsTable:
        """Return the rows as a table; `lines` are where they stood in what they came from, if anywhere."""
        path = self.path
        csv_table = CsvTable(where, lambda: path.open("rb"), str(path), self.columns, UTF8)
        return RowsTable(where, csv_table, {**csv_table.types, **self.types}, lines, blank_lines)


@dataclass(frozen=True)
class RowsTable:
    """Fetched rows as a table whose columns have the types that their giver says."""

    where: str
    inner: CsvTable
    types: Mapping[str, str]
    lines: Sequence[int] = ()
    blank_lines: int = 0
    second_header: str = "false"
    is_plain: bool = False

    @property
    def find_lines(self) -> FindLines | None:
        """How the lines of its rows are found, if they stood in any."""
        lines = self.lines
        return (lambda rows: {row: lines[row - 1] for row in rows}) if lines else None

    @property
    def columns(self) -> Sequence[str]:
        """Its columns as they stand."""
        return self.inner.columns

    @property
    def sql(self) -> str:
        """The table expression: texts cast to what they were."""
        cells = ", ".join(
            quote_name(name) if kind == "VARCHAR" else f"cast({quote_name(name)} as {kind}) as {quote_name(name)}"
            for name, kind in self.types.items()
        )
        return f"(select {cells} from {self.inner.sql})"

    def refusal(self, error: duckdb.Error, /) -> DataError:
        """Return what is said of rows that can't be read."""
        return self.inner.refusal(error)

    def count_blank_lines(self, _rows: int, /) -> int:
        """Return how many lines between the rows are blank."""
        return self.blank_lines


def keep_characters(text: str) -> str:
    """Return a text with each half of a character (JSON can hold one) as the mark of a character that was lost."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def write_cell(value: Any, where: str) -> str:
    """Return a value as its text, which reads back as the same value; nothing is an empty text.

    Raises DataError for what is no cell: bytes, a list, an object.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        at = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return at.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, str):
        return keep_characters(value)
    if isinstance(value, int):
        return str(value)
    raise DataError(f"{where} has a cell that holds no plain value.", "Ask for texts, numbers and dates.")
