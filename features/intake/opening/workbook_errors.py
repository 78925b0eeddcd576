"""Cells of a workbook that say nothing for a reason: an error of a formula, or a formula whose result was not kept.

The library that reads workbooks gives both as empty cells, so a debt of #REF! would be no debt. They are looked for in
the sheet's own XML, and stand in the table as the error that they are: no value of any column.

    <c r="D2" t="e"><f>1/0</f><v>#DIV/0!</v></c>      #DIV/0!
    <c r="D3"><f>SUM(A1:A9)</f></c>                   #NO RESULT
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from charter.errors import DataError

__all__ = ["ERRORS", "NOT_AVAILABLE", "find_errors"]

ERRORS = "^#(REF!|VALUE!|NAME\\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|NO RESULT)$"
"""What a spreadsheet writes where it has no value, as a pattern; a table saved as CSV keeps it as text."""

NOT_AVAILABLE = "#N/A"
"""What a spreadsheet's NA() says, no value is available: an empty cell of every kind of file, counted and told."""

_NO_RESULT = "#NO RESULT"
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*)(?<!/)>(.*?)</(?:\w+:)?c>", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?v\b[^>]*(?<!/)>([^<]*)<")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")


def find_errors(path: Path, where: str, number: int) -> Mapping[tuple[int, int], str]:
    """Return the text of each cell of the sheet (counted from 0) that is an error: by its line and column from 0.

    The file's parts are bounded already. Raises DataError for an error in a cell that does not say where it stands.
    """
    with zipfile.ZipFile(path) as archive:
        name = _name_sheet(archive, number)
        if name is None:
            return {}
        content = archive.read(name)
    if not re.search(rb'\bt="e"', content) and not _FORMULA.search(content):
        return {}
    errors: dict[tuple[int, int], str] = {}
    for cell in _CELL.finditer(content):
        text = _read_error(cell.group(1), cell.group(2))
        if text:
            place = _PLACE.search(cell.group(1))
            if place is None:
                raise DataError(f"{where} has a cell with an error.", "Ask for it with values in place of formulas.")
            errors[int(place.group(2)) - 1, _count_column(place.group(1).decode())] = text
    return errors


def _read_error(attributes: bytes, inside: bytes) -> str:
    value = _VALUE.search(inside)
    text = value.group(1).decode("utf-8", "replace").strip() if value else ""
    if b't="e"' in attributes:
        return text if text == NOT_AVAILABLE or re.search(ERRORS, text) else "#VALUE!"
    # A formula whose result is an empty text says so by its type; one that nobody computed has no type and no value.
    return _NO_RESULT if not text and b't="str"' not in attributes and _FORMULA.search(inside) else ""


def _count_column(letters: str) -> int:
    """Return the number from 0 of a column: A is 0, AA is 26."""
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def _name_sheet(archive: zipfile.ZipFile, number: int) -> str | None:
    """Return the part in which a sheet lies, or None where the workbook does not name it as all do."""
    names = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return None
    sheets = _SHEET.findall(archive.read("xl/workbook.xml"))
    relation = _read_attribute(sheets[number], rb"(?:\w+:)?id") if number < len(sheets) else None
    for tag in _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels")):
        if relation and _read_attribute(tag, b"Id") == relation:
            target = (_read_attribute(tag, b"Target") or "").removeprefix("/").removeprefix("xl/")
            return f"xl/{target}" if f"xl/{target}" in names else None
    return None


def _read_attribute(tag: bytes, name: bytes) -> str | None:
    attribute = re.search(rb"\s" + name + rb'="([^"]*)"', tag)
    return attribute.group(1).decode("utf-8", "replace") if attribute else None
