"""Rows of the shipped council's files, as text, comments and all: a new council makes them its own.

A paragraph is what stands between blank lines: comments, a table, or both. A paragraph of comments alone belongs to the
paragraph after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Paragraph", "keep_paragraphs", "read_paragraphs"]

_HEADER = re.compile(r"^\[\[?([\w.]+)\]\]?$", re.MULTILINE)
_ID = re.compile(r'^id = "(\w+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a file; `table` is the name of the table it is of, "" before the first, `id` its row's own."""

    text: str
    table: str
    id: str

    @property
    def is_comment(self) -> bool:
        """Whether it holds comments alone."""
        return all(line.startswith("#") for line in self.text.splitlines())


def read_paragraphs(path: Path) -> tuple[Paragraph, ...]:
    """Return a file's paragraphs, in its order."""
    paragraphs: list[Paragraph] = []
    for text in re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip()):
        before = paragraphs[-1].table if paragraphs else ""
        paragraphs.append(Paragraph(text, _first(_HEADER, text) or before, _first(_ID, text)))
    return tuple(paragraphs)


def keep_paragraphs(paragraphs: tuple[Paragraph, ...], keeps: Callable[[Paragraph], bool]) -> str:
    """Return the paragraphs with a table that `keeps` names, each after the comments that belong to it."""
    return "\n\n".join(_kept(paragraphs, keeps)) + "\n"


def _kept(paragraphs: tuple[Paragraph, ...], keeps: Callable[[Paragraph], bool]) -> Iterator[str]:
    comments: list[str] = []
    for paragraph in paragraphs:
        if paragraph.is_comment:
            comments.append(paragraph.text)
            continue
        if paragraph.table and keeps(paragraph):
            yield from (*comments, paragraph.text)
        comments = []


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match.group(1) if match else ""
