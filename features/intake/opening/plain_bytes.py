"""One look at the bytes of a text: how many lines it has, and whether all of its cells are plain.

Of a plain text no cell has a blank around it, a control character, or any beyond ASCII: then no cell need be asked.
To look at the bytes once is a tenth of the work of asking each cell.

    A1,letter           plain
    A1, letter          not: a blank after the comma
    A1,"letter, court"  plain: this comma parts no cells
    A1," letter"        not: a blank after the quotation mark
    A1,5" pipe          not: nobody looks closer at what a quotation mark within a cell does
    A1,"letter          not: a cell over several lines, which may begin or end with a line's end
    court"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ByteSurvey", "survey_bytes"]

_CHUNK = 1 << 22
_PLAIN = bytes(range(0x20, 0x7F)) + b"\r\n"
_BUT_MARKS = bytes(set(range(256)) - set(b'"\n'))


@dataclass(frozen=True)
class ByteSurvey:
    """How many lines a text has (a last one without its end counts), and whether all of its cells are plain."""

    lines: int
    is_plain: bool


def survey_bytes(path: Path, delimiter: str) -> ByteSurvey:
    """Look through a text whose cells stand between `delimiter` and line ends."""
    mark = delimiter.encode()
    lines, last, rest, is_plain = 0, b"\n", b"", True
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
            if is_plain:
                # Whole lines: of two neighbours neither may stand in the next chunk.
                whole, end, rest = (rest + chunk).rpartition(b"\n")
                is_plain = len(rest) <= _CHUNK and _are_plain(whole + end, mark)
    return ByteSurvey(lines + (last != b"\n"), is_plain and _are_plain(rest, mark))


def _are_plain(whole: bytes, mark: bytes) -> bool:
    """Whether all cells of whole lines are plain."""
    if whole.translate(None, _PLAIN + mark):
        return False
    unquoted = whole
    if b'"' in whole:
        # A mark that is a blank parts no cells within quotation marks, and there it would be one.
        if mark.isspace() or whole.count(b"\r") != whole.count(b"\r\n") or _holds_any(whole, (b'" ', b' "')):
            return False
        if b'"' in whole.translate(None, _BUT_MARKS).replace(b'""', b""):
            return False  # an odd number of them in some line: the cell goes on in the next
        # What stands outside of them: of most files a handful, over and over.
        first, *between, last = whole.split(b'"')[::2]
        outside = {first + b'"', b'"' + last, *(b'"%b"' % part for part in set(between) if part)}
        if not all(_parts_cells(part, mark) for part in outside):
            return False  # one that stands within a cell: what is quoted, and what is not, can't be told so simply
        unquoted = b"".join(outside)
    edges = (mark, b"\r", b"\n")
    beside = (pair for edge in edges for pair in (b" " + edge, edge + b" "))
    return not _holds_any(unquoted, beside) and whole[:1] != b" " and whole[-1:] != b" "


def _parts_cells(part: bytes, mark: bytes) -> bool:
    """Whether what stands between two cells in quotation marks, these included, ends the one and begins the other."""
    ends = part[:1] != b'"' or part == b'"' or part[1:].startswith((mark, b"\r\n", b"\n"))
    begins = part[-1:] != b'"' or part == b'"' or part[:-1].endswith((mark, b"\n"))
    return ends and begins


def _holds_any(content: bytes, pairs: Iterable[bytes]) -> bool:
    return b" " in content and any(pair in content for pair in pairs)
