"""Text as a terminal and paper may have it: what a record holds can move no cursor, hide no line and forge none."""

from __future__ import annotations

import re

__all__ = ["PLAIN_PATTERN", "clean_field", "clean_line", "clean_text", "is_whole", "read_whole"]

_NO_TEXT = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROL = re.compile(rf"[{_NO_TEXT}\ud800-\udfff]")
"""Control characters but tab and line end, marks that turn the direction of writing, and halves of characters."""
PLAIN_PATTERN = rf"^[^{_NO_TEXT}]*$"
"""The same as a contract says it; halves of characters are no text in JSON Schema."""


def clean_text(text: str) -> str:
    """Return `text` with every control character shown as the replacement character; lines and tabs stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def clean_line(text: str) -> str:
    """Return `text` as one line: as `clean_text` does, and with line ends and tabs as spaces."""
    return re.sub(r"[\n\t\u2028\u2029]", " ", clean_text(text))


def clean_field(text: str) -> str:
    """Return what was typed into a form: lines end as everywhere else, and no control character is left."""
    return clean_text(text.replace("\r\n", "\n").replace("\r", "\n"))


def is_whole(text: str) -> bool:
    """Whether a text is a whole number of one to nine of the digits 0 to 9: every database holds it."""
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def read_whole(text: object) -> int:
    """Return the whole number that a text is; raise ValueError, repeating nothing, where it is none (`is_whole`)."""
    if not isinstance(text, str) or not is_whole(text):
        raise ValueError("is no whole number of one to nine digits")
    return int(text)
