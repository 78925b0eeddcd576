"""One look at the bytes of a text: how many lines it has, and whether all of its cells are plain.

Of a plain text no cell has a blank around it, a control character, or any beyond ASCII: then no cell need be asked.
To look at the bytes once is a tenth of the work of asking each cell.

    A1,letter           plain
    A1, letter          not: a blank after the comma
    A1,"letter"         not, for what we know: within quotation marks anything may stand
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ByteSurvey", "survey_bytes"]

_CHUNK = 1 << 22
_PLAIN = bytes(range(0x20, 0x7F)).replace(b'"', b"") + b"\r\n"


@dataclass(frozen=True)
class ByteSurvey:
    """How many lines a text has (a last one without its end counts), and whether all of its cells are plain."""

    lines: int
    is_plain: bool


def survey_bytes(path: Path, delimiter: str) -> ByteSurvey:
    """Look through a text whose cells stand between `delimiter` and line ends."""
    mark = delimiter.encode()
    plain, beside = _PLAIN + mark, [mark, b"\r", b"\n"]
    blanks = [pair for edge in beside for pair in (b" " + edge, edge + b" ")]
    lines, last, is_plain = 0, b"\n", True
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            lines += chunk.count(b"\n")
            # With the byte before it: two neighbours may stand in two chunks.
            is_plain = is_plain and not chunk.translate(None, plain) and not _holds_any(last + chunk, blanks)
            last = chunk[-1:]
    return ByteSurvey(lines + (last != b"\n"), is_plain and last != b" ")


def _holds_any(content: bytes, pairs: list[bytes]) -> bool:
    return b" " in content and any(pair in content for pair in pairs)
