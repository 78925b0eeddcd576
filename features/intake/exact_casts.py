"""Casts that never change a value: what would be rounded, cut or guessed at is null, and told as not of the type.

text      integer      decimal (18, 4)
1.5       no           1.5
12.0      12           12
1.23456   no           no
1_000     no           no
1e3       no           no
"""

from __future__ import annotations

from collections.abc import Mapping

from features.intake.database import quote_text

__all__ = ["NUMBERS", "exact_cast", "exact_number"]

NUMBERS: Mapping[str, tuple[str, str]] = {
    "integer": ("bigint", "[+-]?[0-9]{1,18}([.]0+)?"),
    "decimal": ("decimal(18, 4)", "[+-]?([0-9]{1,14}([.][0-9]{0,4}0*)?|[.][0-9]{1,4}0*)"),
}
"""Kinds of number, each with its SQL type and the form in which a text may hold it."""


def exact_number(text: str, kind: str) -> str:
    """Return SQL that reads a text as a number of the kind, or null where it is not written as one."""
    sql_type, form = NUMBERS[kind]
    return f"case when regexp_full_match({text}, {quote_text(form)}) then try_cast({text} as {sql_type}) end"


def exact_cast(column: str, found: str, wanted: str) -> str:
    """Return SQL that casts a typed column, or null where the value would not come back the same."""
    if found == wanted.upper():
        return column
    there_and_back = f"try_cast(try_cast({column} as {wanted}) as {found})"
    return f"case when {there_and_back} = {column} then try_cast({column} as {wanted}) end"
