"""`python -m house.repeats`: places of the code that share fifteen lines or more, renamed ones included.

Where the logic really is the same it has one home; else a change made in one place is forgotten in the other. Lines are
compared by their shape: every name of ours, text and number is a placeholder, keywords and signs stay. Comments, blank
lines, docstrings and imports say nothing and are passed over, and so are lines of closing brackets alone.

    rows = read(path)             n = n ( n )
    for row in rows:              for n in n :
        total += row["cost"]      n += n [ s ]

A run of lines that mostly look alike (fields of a table, a list of texts) is data, not logic: a window counts where at
least DISTINCT of its LINES lines differ in shape. tests/unit/house/test_repeats.py holds that there is none.
"""

from __future__ import annotations

import ast
import io
import keyword
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from house.shape import ROOT, list_modules

__all__ = ["DISTINCT", "LINES", "Place", "repeats_at"]

LINES = 15
DISTINCT = 5

_PLACEHOLDERS = {tokenize.NAME: "n", tokenize.STRING: "s", tokenize.NUMBER: "d"}
_PASSED_OVER = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
}

Shape = tuple[str, ...]


@dataclass(frozen=True, order=True)
class Place:
    """Lines `first` to `last` of a module."""

    path: str
    first: int
    last: int

    def __str__(self) -> str:
        """As an editor opens it."""
        return f"{self.path}:{self.first}-{self.last}"


def repeats_at(root: Path = ROOT) -> list[tuple[Place, Place]]:
    """Return every pair of places of the packages in `root` that share at least LINES lines, the longest runs alone."""
    shapes = {str(path.relative_to(root)): _shape_lines(path) for path in list_modules(root)}
    windows: dict[tuple[Shape, ...], list[tuple[str, int]]] = defaultdict(list)
    for path, lines in shapes.items():
        kinds = [shape for _, shape in lines]
        for start in range(len(kinds) - LINES + 1):
            window = tuple(kinds[start : start + LINES])
            if len(set(window)) >= DISTINCT:
                windows[window].append((path, start))
    # Windows that follow each other in both places are one run: they lie on one diagonal.
    diagonals: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for starts in windows.values():
        for (path, start), (other, other_start) in combinations(starts, 2):
            if path != other or other_start - start >= LINES:
                diagonals[path, other, other_start - start].append(start)
    pairs = []
    for (path, other, shift), diagonal in diagonals.items():
        for first, last in _join_runs(sorted(diagonal)):
            here, there = shapes[path], shapes[other]
            pairs.append(
                (
                    Place(path, here[first][0], here[last + LINES - 1][0]),
                    Place(other, there[first + shift][0], there[last + shift + LINES - 1][0]),
                )
            )
    return sorted(pairs)


def _join_runs(starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the first and last of each run of whole numbers: 3, 4, 5 and 9 are (3, 5) and (9, 9)."""
    first = last = starts[0]
    for start in starts[1:]:
        if start > last + 1:
            yield first, last
            first = start
        last = start
    yield first, last


def _shape_lines(path: Path) -> list[tuple[int, Shape]]:
    """Return the lines of a module that say something, each with its number and shape."""
    text = path.read_text(encoding="utf-8")
    silent = _silent_lines(ast.parse(text))
    by_line: dict[int, list[str]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _PASSED_OVER or token.start[0] in silent:
            continue
        plain = token.type == tokenize.NAME and keyword.iskeyword(token.string)
        by_line[token.start[0]].append(token.string if plain else _PLACEHOLDERS.get(token.type, token.string))
    return [
        (number, tuple(shape)) for number, shape in sorted(by_line.items()) if any(part.isalnum() for part in shape)
    ]


def _silent_lines(tree: ast.Module) -> frozenset[int]:
    """Return the numbers of the lines of docstrings and imports."""
    return frozenset(
        number
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    )


if __name__ == "__main__":
    found = repeats_at()
    sys.exit("\n".join(f"{here} ~ {there}" for here, there in found) or None)
