"""JSON lines as rows: one object of plain values on each line, its keys the columns; a key left out is empty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from charter.errors import DataError
from features.intake.opening.text_rows import FetchedRows, write_cell

__all__ = ["parse_json", "read_json_lines"]


def read_json_lines(stream: BinaryIO, name: str, where: str) -> tuple[FetchedRows, list[int], int]:
    """Return the rows of a stream, the line of each, and how many lines are blank.

    Raises DataError, naming the line, for what is no object of plain values, or has a key twice.
    """
    objects: list[tuple[int, dict[str, Any]]] = []
    columns: dict[str, None] = {}
    number = 0
    for number, line in _number_lines(stream, where):
        row = _parse_object(line, f"{where}, line {number}")
        columns |= dict.fromkeys(row)
        objects.append((number, row))
    if not objects:
        raise DataError(f"{where} is empty.", "Ask the service for it again.")
    rows = FetchedRows(name, tuple(columns))
    rows.write_rows(
        [write_cell(row.get(column), f"{where}, line {place}") for column in columns] for place, row in objects
    )
    return rows, [place for place, _ in objects], number - len(objects)


def _number_lines(stream: BinaryIO, where: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(stream, start=1):
        if line.strip():
            try:
                yield number, line.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise DataError(f"{where}, line {number}: it is not UTF-8.", "JSON is written in UTF-8.") from None


def _parse_object(line: str, where: str) -> dict[str, Any]:
    row = parse_json(line, where)
    if not isinstance(row, dict):
        raise DataError(f"{where}: it is no JSON object.", "Each line is one object, with a value for each column.")
    return row


def parse_json(text: str | bytes, where: str) -> Any:
    """Return what JSON says, numbers exactly; raise DataError for what is no JSON, and for a key there twice."""
    try:
        return json.loads(text, object_pairs_hook=_refuse_twice, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise DataError(f"{where}: it is not JSON, or has a key twice.", "Ask for a corrected file.") from None


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError
    return row


def _refuse_constant(_text: str) -> Any:
    raise ValueError
