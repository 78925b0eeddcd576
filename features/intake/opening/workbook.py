"""A sheet of an XLSX workbook as rows: cells as a spreadsheet keeps them, not as it shows them.

A whole number is written without decimals, so that a reference that a spreadsheet took for a number is itself again; a
day in a column of days is a day, and a time in it is none. A cell that holds an error (#REF!) is the text of that error
and no value of any column; #N/A is read as it is in every other kind of file, as empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from charter.errors import DataError
from features.intake.opening.bounded import refuse_bombs
from features.intake.opening.text_rows import FetchedRows, write_cell
from features.intake.opening.workbook_errors import find_errors

__all__ = ["Sheet", "list_sheets", "read_sheet"]


class Sheet:
    """Which sheet of a workbook, the line of its header, and the form of each column of days."""

    def __init__(self, name: str, header_line: int, forms: Mapping[str, str]) -> None:
        self.name, self.header_line, self.forms = name, header_line, forms


def read_sheet(path: Path, where: str, sheet: Sheet) -> tuple[FetchedRows, list[int], int]:
    """Return the rows of a sheet, the line of each, and how many lines between them are blank.

    Raises DataError for a bomb, a file that is no workbook, a sheet that is not there, and cells outside the header.
    """
    refuse_bombs(path, where)
    lines = _read_lines(path, where, sheet.name)
    if len(lines) < sheet.header_line:
        raise DataError(f"{where} has no line {sheet.header_line}.", "Correct `header_line` in register.toml.")
    header = [str(cell).strip() for cell in lines[sheet.header_line - 1]]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise DataError(
            f"{where}, line {sheet.header_line}: it is blank.",
            "Correct `header_line` in register.toml: it is the header.",
        )
    rows = FetchedRows(path.name, tuple(header))
    places: list[int] = []
    rows.write_rows(_list_rows(lines, where, header, sheet, places))
    return rows, places, len(lines) - sheet.header_line - len(places)


def list_sheets(path: Path, where: str) -> tuple[str, ...]:
    """Return the names of a workbook's sheets; raise DataError for a bomb and for a file that is no workbook."""
    from python_calamine import CalamineError, CalamineWorkbook

    refuse_bombs(path, where)
    try:
        return tuple(CalamineWorkbook.from_path(str(path)).sheet_names)
    except (CalamineError, OSError, ValueError):
        raise DataError(f"{where} is not a whole workbook.", "Save it as XLSX again.") from None


def _read_lines(path: Path, where: str, name: str) -> list[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(str(path))
        names = workbook.sheet_names
        if name and name not in names:
            raise DataError(f"{where} has no sheet {name!r}: it has {len(names)}.", "Correct `sheet` in register.toml.")
        if not name and len(names) != 1:
            raise DataError(f"{where} has {len(names)} sheets.", "Say which one in register.toml: sheet = ...")
        lines: list[list[Any]] = workbook.get_sheet_by_name(name or names[0]).to_python(skip_empty_area=False)
    except (CalamineError, OSError, ValueError):
        raise DataError(f"{where} is not a whole workbook.", "Save it as XLSX again.") from None
    for (line, column), text in find_errors(path, where, names.index(name or names[0])).items():
        if line < len(lines) and column < len(lines[line]):
            lines[line][column] = text
    return lines


def _list_rows(
    lines: Sequence[Sequence[Any]], where: str, header: Sequence[str], sheet: Sheet, places: list[int]
) -> Iterator[list[str]]:
    for number, line in enumerate(lines[sheet.header_line :], start=sheet.header_line + 1):
        cells = [_write(cell, where, sheet.forms.get(name, "")) for cell, name in zip(line, header, strict=False)]
        if any(str(cell).strip() for cell in line[len(header) :]):
            raise DataError(
                f"{where}, line {number}: it has a cell beside the columns of the header in line {sheet.header_line}.",
                "Correct `header_line` in register.toml if the header is another line, or ask for a corrected file.",
            )
        if any(cells):
            places.append(number)
            yield cells + [""] * (len(header) - len(cells))


def _write(cell: Any, where: str, form: str) -> str:
    if isinstance(cell, datetime | date) and form and _comes_back(cell, form):
        return cell.strftime(form)
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, time | timedelta):
        return str(cell)
    return write_cell(cell, where)


def _comes_back(cell: datetime | date, form: str) -> bool:
    """Whether a form keeps all that a cell says: one of days loses a time."""
    at = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
    try:
        return datetime.strptime(at.strftime(form), form).replace(tzinfo=UTC) == at.replace(tzinfo=UTC)
    except ValueError:
        return False
