"""Casts that never change a value: what would be rounded, cut or guessed at is null, and told as not of the type.

text       integer      decimal (18, 4)
1.5        no           1.5
12.0       12           12
1.23456    no           no
1_000      no           no
1e3        no           no
1,000      no           no: unless the register says that a comma stands between thousands
1.234,50   no           no: unless it says so, and that the decimal mark is a comma
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from features.intake.database import quote_text

__all__ = [
    "BLANKS",
    "NUMBERS",
    "PLAIN",
    "NumberMarks",
    "exact_cast",
    "exact_number",
    "exact_text",
    "read_trimmed",
    "trim_text",
]

NUMBERS: Mapping[str, str] = {"integer": "bigint", "decimal": "decimal(18, 4)"}
"""Kinds of number, each with its SQL type."""

BLANKS = " \t\r\n\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u3000\ufeff"
"""What is no part of a value where it stands before or after it: a space that does not look like one is one."""


@dataclass(frozen=True)
class NumberMarks:
    """How a service writes numbers: what stands before the decimals, and between thousands, if anything."""

    decimal: str = "."
    thousands: str = ""


PLAIN = NumberMarks()


def trim_text(text: str) -> str:
    """Return SQL for a text without the blanks around it, null where nothing is left."""
    # A text that begins and ends with a plain character has none around it: to look is a tenth of the work.
    plain = f"{text} >= '!' and {text} < chr(127) and ({text})[-1] between '!' and '~'"
    return f"case when {plain} then {text} else nullif(trim({text}, {quote_text(BLANKS)}), '') end"


def read_trimmed(text: str, read: Callable[[str], str]) -> str:
    """Return SQL that reads a text as it stands, and without the blanks around it only where that gives nothing."""
    return f"coalesce({read(text)}, {read(trim_text(text))})"


def exact_number(text: str, kind: str, marks: NumberMarks = PLAIN) -> str:
    """Return SQL that reads a text as a number of the kind, or null where it is not written as one."""
    if marks.thousands == " ":
        text = f"translate({text}, chr(160) || chr(8239), '  ')"
    plain = text
    if marks.thousands:
        plain = f"replace({plain}, {quote_text(marks.thousands)}, '')"
    if marks.decimal != ".":
        plain = f"replace({plain}, {quote_text(marks.decimal)}, '.')"
    written = f"regexp_full_match({text}, {quote_text(_form(kind, marks))})"
    return f"case when {written} then try_cast({plain} as {NUMBERS[kind]}) end"


def _form(kind: str, marks: NumberMarks) -> str:
    """Return how a number of the kind is written: at most 18 digits, or 14 before the point and 4 after it."""
    mark = f"[{marks.decimal}]"
    digits = "[0-9]{1,18}" if kind == "integer" else "[0-9]{1,14}"
    if marks.thousands:
        groups = "{1,5}" if kind == "integer" else "{1,4}"
        digits = f"({digits}|[0-9]{{1,3}}({re.escape(marks.thousands)}[0-9]{{3}}){groups})"
    if kind == "integer":
        return f"[+-]?{digits}({mark}0+)?"
    return f"[+-]?({digits}({mark}[0-9]{{0,4}}0*)?|{mark}[0-9]{{1,4}}0*)"


def exact_cast(column: str, found: str, wanted: str) -> str:
    """Return SQL that casts a typed column, or null where the value would not come back the same."""
    if found == wanted.upper():
        return column
    there_and_back = f"try_cast(try_cast({column} as {wanted}) as {found})"
    return f"case when {there_and_back} = {column} then try_cast({column} as {wanted}) end"


def exact_text(column: str, found: str) -> str:
    """Return SQL for a typed column as a text: 123.0 of a column of floating numbers is 123, and 1.5 is none."""
    if found in ("DOUBLE", "FLOAT"):
        whole = f"{column} = trunc({column}) and abs({column}) < 9007199254740992"
        return f"case when {whole} then {column}::bigint::varchar end"
    return trim_text(f"{column}::varchar")
