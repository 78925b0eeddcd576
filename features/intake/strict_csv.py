"""One strict door for CSV: a stated dialect and a stated header, never a guess; what does not fit is named by its line.

RFC 4180: the first line names the columns, every row has as many cells, quotation marks are doubled within quoted
cells. DuckDB reads the rows; its own messages quote the line they stumbled over, which may hold a name, so only the
line's number and the cause are passed on. Text that is not UTF-8 is turned into it in memory, never on a disk.
"""

from __future__ import annotations

import codecs
import csv
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from charter.errors import DataError
from features.intake.database import quote_name, quote_text

__all__ = ["UTF8", "CsvDialect", "CsvTable", "check_header", "open_csv"]

_CHUNK = 1 << 22
_LONGEST_LINE = 2_000_000
_SHOWN = 40
"""How much of an unknown column's name a message shows: a name of a column, not a line of somebody's data."""


@dataclass(frozen=True)
class CsvDialect:
    """How a CSV file is written: its encoding, as Python names it, and the character between cells."""

    encoding: str = "utf-8"
    delimiter: str = ","


UTF8 = CsvDialect()


@dataclass(frozen=True)
class CsvTable:
    """A CSV file whose header was read: what messages call it, its columns, and the SQL that reads its rows as texts.

    `path` is the file as it came; `readable` is where DuckDB reads it (in memory, where it was not UTF-8).
    """

    where: str
    path: Path
    readable: str
    columns: tuple[str, ...]
    dialect: CsvDialect

    @property
    def sql(self) -> str:
        """Return the table expression: every column a varchar, an empty cell null, rows in the file's order."""
        columns = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in self.columns)
        return (
            f"read_csv({quote_text(self.readable)}, auto_detect = false, columns = {{{columns}}}, header = true, "
            f"delim = {quote_text(self.dialect.delimiter)}, quote = '\"', escape = '\"', nullstr = '', "
            f"strict_mode = true, null_padding = false, max_line_size = {_LONGEST_LINE})"
        )

    @property
    def second_header(self) -> str:
        """Return an SQL condition, true of a row that repeats the header, as two files put together have it."""
        return " and ".join(f"trim({quote_name(name)}) = {quote_text(name.strip())}" for name in self.columns)

    def refusal(self, error: duckdb.Error) -> DataError:
        """Return the error that names the line and the cause of what DuckDB could not read, and no value of the row."""
        message = str(error)
        cells = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
        if cells:
            wanted, there = cells.groups()
            return self._at(message, f"has {there} of {wanted} cells", "Ask the service for a corrected file.")
        if "Invalid unicode" in message:
            return self._at(
                message,
                f"is not {self.dialect.encoding.upper()}",
                'Save it as "CSV UTF-8", or write how it was saved in register.toml: encoding = "windows-1252".',
            )
        if "unterminated quote" in message:
            cause = "has a quotation mark that is not closed, or that stands inside a cell without being doubled"
            return self._at(message, cause, "Ask the service for a file with cells quoted as RFC 4180 has it.")
        if "Maximum line size" in message:
            return self._at(message, f"is longer than {_LONGEST_LINE:,} characters", "Ask for a corrected file.")
        line = _line_that_ends_otherwise(Path(self.readable))
        if line:
            return DataError(
                f"{self.where}, line {line}: it ends otherwise than the lines before it.",
                "Two files were put together, or one was edited: save it with one kind of line ending.",
            )
        return DataError(f"{self.where} can't be read as CSV.", "Ask the service for a corrected file.")

    def repeated_header(self, row: int) -> DataError:
        """Return the error that names the line of a row that repeats the header; `row` counts from 1 after it."""
        return DataError(
            f"{self.where}, line {self._line_of(row + 1)}: it repeats the header, so two files were put together.",
            "Ask for one file with one header, or give them one after the other.",
        )

    def _at(self, message: str, cause: str, next_step: str) -> DataError:
        record = re.search(r"Line:\s*(\d+)", message)
        line = self._line_of(int(record.group(1))) if record else 0
        place = f"{self.where}, line {line}: it" if line else f"{self.where}: a row"
        return DataError(f"{place} {cause}.", f"{next_step}")

    def _line_of(self, record: int) -> int:
        """Return the line of the file on which its `record`th row ends (the header is 1): a quoted cell may hold lines.

        Where Python's own reader gives up earlier, the row's number is the best there is.
        """
        with open(self.readable, encoding="utf-8-sig", newline="", errors="replace") as handle:
            rows = csv.reader(handle, delimiter=self.dialect.delimiter)
            try:
                for _, _ in zip(range(record), rows, strict=False):
                    pass
            except csv.Error:
                return record
            return max(rows.line_num, record)


@contextmanager
def open_csv(path: Path, where: str, dialect: CsvDialect = UTF8) -> Iterator[CsvTable]:
    """Read the header of `path` and make its rows readable; the table is good while the context is open.

    `where` is what messages call the file. Raises DataError for a file without a header and for text that is
    not in the stated encoding; what the header holds is checked by `check_header`.
    """
    if dialect.encoding == "utf-8":
        yield CsvTable(where, path, str(path), _read_header(path, where, dialect), dialect)
        return
    memory = os.memfd_create("csv")
    try:
        _write_as_utf8(path, where, dialect, memory)
        readable = f"/proc/self/fd/{memory}"
        yield CsvTable(where, path, readable, _read_header(Path(readable), where, dialect), dialect)
    finally:
        os.close(memory)


def _read_header(path: Path, where: str, dialect: CsvDialect) -> tuple[str, ...]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            header = next(csv.reader(handle, delimiter=dialect.delimiter), [])
    except (UnicodeDecodeError, csv.Error):
        line = _undecodable_line(path)
        raise DataError(
            f"{where}, line {line}: it is not UTF-8." if line else f"{where} is not a CSV file.",
            'Save it as "CSV UTF-8", or write how it was saved in register.toml: encoding = "windows-1252".',
        ) from None
    if not header:
        raise DataError(f"{where} is empty: it has no header.", "Ask the service for it again.")
    return tuple(header)


def _write_as_utf8(path: Path, where: str, dialect: CsvDialect, memory: int) -> None:
    decoder = codecs.getincrementaldecoder(dialect.encoding)()
    lines = 0
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            try:
                text = decoder.decode(chunk)
            except UnicodeDecodeError as error:
                line = lines + chunk[: error.start].count(b"\n") + 1
                raise DataError(
                    f"{where}, line {line}: it is not {dialect.encoding}.",
                    "Correct `encoding` in register.toml, or ask the service how it saves the file.",
                ) from None
            lines += chunk.count(b"\n")
            _write_all(memory, text.encode())


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _undecodable_line(path: Path) -> int:
    """Return the number of the first line that is not UTF-8, or 0."""
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0


def _line_that_ends_otherwise(path: Path) -> int:
    """Return the number of the first line whose ending is not that of the first line, or 0 where all end alike."""
    first = b""
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            ending = b"\r\n" if line.endswith(b"\r\n") else b"\n"
            if b"\r" in line.removesuffix(ending):
                return number
            first = first or ending
            if line.endswith(b"\n") and ending != first:
                return number
    return 0


def check_header(where: str, columns: Sequence[str], declared: Sequence[str], next_step: str) -> None:
    """Raise DataError for a header with a column that is not declared, has no name, or is there twice.

    Where none of its cells is a declared column, the line is no header, and what stands in it may be somebody's name:
    it is not repeated. `next_step` says what to do about an unknown column.
    """
    unknown = [name for name in columns if name not in declared]
    if len(unknown) == len(columns):
        raise DataError(
            f"the first line of {where} is not its header: none of its {len(columns)} cells is a declared column.",
            f"Ask the service to send the header line. The columns are: {', '.join(declared)}.",
        )
    nameless = next((number for number, name in enumerate(columns, start=1) if not name.strip()), 0)
    if nameless:
        raise DataError(
            f"{where} has a column without a name: number {nameless} of {len(columns)}.",
            "Ask the service to name it or to leave it out; a table saved with its row numbers has such a column.",
        )
    if len(set(columns)) != len(columns):
        raise DataError(f"{where} names a column twice.", "Ask the service to correct its header.")
    if unknown:
        raise DataError(f"{where} has an unknown column {unknown[0][:_SHOWN]!r}.", next_step)
