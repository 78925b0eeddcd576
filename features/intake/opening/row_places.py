"""Where a row stands: the file it came in and its line there, so that a message leads to it and shows nothing of it.

Rows of one declared file are numbered from 1 through all the parts that it came in:

    part                 first row    row 5 is
    arrears_01.csv       1            arrears_01.csv, line 6, if no cell before it holds a line break
    arrears_02.parquet   9
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["FindLines", "Part", "Place", "find_places"]

FindLines = Callable[[Sequence[int]], Mapping[int, int]]
"""Takes rows of a part, in order, from 1; gives the line on which each ends."""


@dataclass(frozen=True)
class Part:
    """A part of a declared file: its name, the number of its first row, and how its lines are found, if it has any."""

    name: str
    first_row: int
    find_lines: FindLines | None = None


@dataclass(frozen=True)
class Place:
    """A row's place: the part, its row there from 1, and its line, if the part is made of lines."""

    part: str
    row: int
    line: int | None = None

    @property
    def words(self) -> str:
        """Return the place as messages name it, without the part."""
        return f"row {self.row}" if self.line is None else f"line {self.line}"


def find_places(parts: Sequence[Part], rows: Sequence[int]) -> Mapping[int, Place]:
    """Return where each of `rows` stands; each part is looked through once."""
    starts = [part.first_row for part in parts]
    by_part: dict[int, list[int]] = {}
    for row in sorted(set(rows)):
        by_part.setdefault(bisect.bisect_right(starts, row) - 1, []).append(row)
    places: dict[int, Place] = {}
    for index, inside in by_part.items():
        part = parts[index]
        numbers = [row - part.first_row + 1 for row in inside]
        lines = part.find_lines(numbers) if part.find_lines else {}
        places |= {
            row: Place(part.name, number, lines.get(number)) for row, number in zip(inside, numbers, strict=True)
        }
    return places
