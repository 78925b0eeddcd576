"""One strict door for CSV: a stated dialect and a stated header, never a guess; what does not fit is named by its line.

RFC 4180: the first line names the columns, every row has as many cells, quotation marks are doubled within quoted
cells. DuckDB reads the rows; its own messages quote the line they stumbled over, which may hold a name, so only the
line's number and the cause are passed on. Text that is not UTF-8 is turned into it in memory, never on a disk.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import duckdb

from charter.errors import DataError
from features.intake.database import quote_name, quote_text
from features.intake.opening.encodings import write_as_utf8
from features.intake.opening.plain_bytes import ByteSurvey, survey_bytes

__all__ = ["UTF8", "CsvDialect", "CsvTable", "Opener", "open_csv", "peek_header"]

_LONGEST_LINE = 2_000_000
_SAVE_AS = 'Save it as "CSV UTF-8", or write how it was saved in register.toml: encoding = "windows-1252".'


@dataclass(frozen=True)
class CsvDialect:
    """How a CSV file is written: its encoding, as Python names it, and the character between cells."""

    encoding: str = "utf-8"
    delimiter: str = ","


UTF8 = CsvDialect()
_NO_TEXT = {
    b"PK\x03\x04": "a zip file or a workbook (.zip, .xlsx)",
    b"\x1f\x8b": "a packed file (.gz)",
    b"PAR1": "a Parquet file (.parquet)",
    b"\xd0\xcf\x11\xe0": "a workbook of an older Excel (.xls)",
    b"%PDF": "a PDF",
}
"""How files that are no text begin."""
Opener = Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True)
class CsvTable:
    """A CSV file whose header was read: what messages call it, its columns, and the SQL that reads its rows as texts.

    `open_bytes` opens the file as it came; `readable` is where DuckDB reads it (in memory, where it was not UTF-8).
    """

    where: str
    open_bytes: Opener
    readable: str
    columns: tuple[str, ...]
    dialect: CsvDialect

    @property
    def types(self) -> Mapping[str, str]:
        """Return the columns with their SQL types: all are texts."""
        return dict.fromkeys(self.columns, "VARCHAR")

    @property
    def sql(self) -> str:
        """Return the table expression: every column a varchar, an empty cell null, rows in the file's order."""
        columns = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in self.columns)
        return (
            f"read_csv({quote_text(self.readable)}, auto_detect = false, columns = {{{columns}}}, header = true, "
            f"delim = {quote_text(self.dialect.delimiter)}, quote = '\"', escape = '\"', nullstr = '', "
            f"strict_mode = true, null_padding = false, max_line_size = {_LONGEST_LINE}, compression = 'none')"
        )

    @cached_property
    def _survey(self) -> ByteSurvey:
        return survey_bytes(Path(self.readable), self.dialect.delimiter)

    @property
    def is_plain(self) -> bool:
        """Return whether no cell has a blank around it, a control character, or any that is not ASCII."""
        return self._survey.is_plain

    @property
    def second_header(self) -> str:
        """Return an SQL condition, true of a row that holds the header's names, as two files put together have it.

        The names may stand in another order. The first character is looked at first: of hardly any row is more looked
        at. One that is no plain character may be a blank, or have another case. No `in`, and no list: DuckDB makes a
        join of a long one, asks it of every row, and gives the rows of a wide file in any order.
        """
        bar = "chr(31)"
        names = f"concat({bar}, {', '.join(f'{quote_text(name.strip().lower())}, {bar}' for name in self.columns)})"
        first, *rest = (
            f"contains({names}, {bar} || lower(trim({quote_name(name)})) || {bar})" for name in self.columns
        )
        begins = {name.strip()[:1] for name in self.columns}
        letters = "".join(sorted({letter.lower() for letter in begins} | {letter.upper() for letter in begins}))
        code = f"ascii({quote_name(self.columns[0])})"
        like = f"contains({quote_text(letters)}, {quote_name(self.columns[0])}[1]) or {code} not between 33 and 126"
        return f"coalesce(case when {like} then {first} and {' and '.join(rest) or 'true'} end, false)"

    def refusal(self, error: duckdb.Error) -> DataError:
        """Return the error that names the line and the cause of what DuckDB could not read, and no value of the row."""
        message = str(error)
        cells = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
        if cells:
            wanted, there = cells.groups()
            return self._at(message, f"has {there} of {wanted} cells", "Ask the service for a corrected file.")
        if "Invalid unicode" in message:
            return self._at(message, f"is not {self.dialect.encoding.upper()}", _SAVE_AS)
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
        line = self.find_lines([row])[row]
        return DataError(
            f"{self.where}, line {line}: it repeats the header, so two files were put together.",
            "Ask for one file with one header, or give them one after the other.",
        )

    def find_lines(self, rows: Sequence[int]) -> Mapping[int, int]:
        """Return the line on which each row ends (rows count from 1 after the header; a quoted cell may hold lines).

        Where Python's own reader gives up earlier, the row's number after the header is the best there is. The file
        is opened anew, so this may be asked when the table is closed.
        """
        is_row = (line for is_blank, line in self._lines() if not is_blank or len(self.columns) == 1)
        return {row: line or row + 1 for row, line in _pick(is_row, rows).items()}

    def _lines(self) -> Iterator[tuple[bool, int]]:
        """Yield of each record whether it is blank, and the line on which it ends."""
        csv.field_size_limit(_LONGEST_LINE)
        with (
            self.open_bytes() as handle,
            io.TextIOWrapper(handle, _with_mark(self.dialect.encoding), errors="replace", newline="") as text,
        ):
            reader = csv.reader(text, delimiter=self.dialect.delimiter)
            with suppress(csv.Error, UnicodeError):
                for row in reader:
                    yield not row, reader.line_num

    def count_blank_lines(self, rows: int) -> int:
        """Return how many lines of the file are blank, knowing that it has so many `rows` after its header.

        Lines are counted first: where they are as many as rows and header, none is blank.
        """
        if self._survey.lines <= rows + 1:
            return 0
        return sum(is_blank for is_blank, _ in self._lines())

    def _at(self, message: str, cause: str, next_step: str) -> DataError:
        record = re.search(r"Line:\s*(\d+)", message)
        number = int(record.group(1)) if record else 0
        line = _pick((end for _, end in self._lines()), [number - 1])[number - 1] or number
        place = f"{self.where}, line {line}: it" if line else f"{self.where}: a row"
        return DataError(f"{place} {cause}.", f"{next_step}")


def _pick(lines: Iterable[int], numbers: Sequence[int]) -> Mapping[int, int]:
    """Return the line of each of the numbered records (the header is 0), or 0 where there are not so many."""
    wanted = sorted(set(numbers))
    picked = dict.fromkeys(wanted, 0)
    waiting = iter(wanted)
    following = next(waiting, -1)
    for number, line in enumerate(lines):
        if number == following:
            picked[number] = line
            following = next(waiting, -1)
            if following < 0:
                break
    return picked


@contextmanager
def open_csv(
    path: Path, where: str, dialect: CsvDialect = UTF8, open_bytes: Opener | None = None
) -> Iterator[CsvTable]:
    """Read the header of `path` and make its rows readable; the table is good while the context is open.

    `where` is what messages call the file; `open_bytes` gives its bytes again once `path` is gone.
    Raises DataError for a file without a header and for text that is not in the stated encoding; what the header holds
    is checked by `check_header`.
    """
    opener: Opener = open_bytes or (lambda: path.open("rb"))
    if dialect.encoding == "utf-8":
        yield CsvTable(where, opener, str(path), _read_header(path, where, dialect), dialect)
        return
    memory = os.memfd_create("csv")
    try:
        with opener() as handle:
            write_as_utf8(handle, where, dialect.encoding, memory)
        readable = f"/proc/self/fd/{memory}"
        yield CsvTable(where, opener, readable, _read_header(Path(readable), where, dialect), dialect)
    finally:
        os.close(memory)


def peek_header(path: Path, dialect: CsvDialect) -> tuple[str, ...] | None:
    """Return the cells of the first line, or None where it can't be read: then `open_csv` says why."""
    csv.field_size_limit(_LONGEST_LINE)
    try:
        with path.open(encoding=_with_mark(dialect.encoding), newline="") as text:
            return tuple(next(csv.reader(text, delimiter=dialect.delimiter), [])) or None
    except (UnicodeError, csv.Error):
        return None


def _with_mark(encoding: str) -> str:
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _read_header(path: Path, where: str, dialect: CsvDialect) -> tuple[str, ...]:
    csv.field_size_limit(_LONGEST_LINE)
    with path.open("rb") as handle:
        first_bytes = handle.read(4096)
    kind = next((words for magic, words in _NO_TEXT.items() if first_bytes.startswith(magic)), "")
    if kind:
        raise DataError(
            f"{where} is {kind}, whatever its name says.", "Name it by what it is, here and in register.toml."
        )
    if dialect.encoding == "utf-8" and b"\0" in first_bytes:
        raise DataError(
            f"{where} is UTF-16, or no text at all: it has zero bytes.",
            'If a program of Windows saved it as "Unicode", write encoding = "utf-16" in register.toml.',
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            header = next(csv.reader(text, delimiter=dialect.delimiter), [])
    except (UnicodeDecodeError, csv.Error):
        line = _undecodable_line(path)
        raise DataError(
            f"{where}, line {line}: it is not UTF-8." if line else f"{where} is not a CSV file.", _SAVE_AS
        ) from None
    if not first_bytes.strip():
        raise DataError(f"{where} is empty: it has no header.", "Ask the service for it again.")
    if not header:
        raise DataError(
            f"{where}, line 1: it is blank.", "The first line must be the header: ask for a corrected file."
        )
    return tuple(header)


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
