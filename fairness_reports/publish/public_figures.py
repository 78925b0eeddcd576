"""Figures of groups as the public may read them: no small count behind a share, and none to be had from two columns.

    10 households or more on both sides       as in the board's own pack (`gate_tables.is_small`)
    a share of 1 to 5 households, or of all but 1 to 5, or of all of them      hidden (mode `dfe`)
    a group of a characteristic is hidden     "everyone else", and what is beside it, is hidden for all its groups

Women's figure and "everyone but men" differ by those whose sex nobody recorded: where that is one person, two columns
side by side say of them what the hidden row does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from charter.rules.measures import MEASURES
from fairness_reports.disclosure.rules import find_mode
from fairness_reports.publish.gate_tables import is_small

__all__ = ["hide_for_public", "is_hidden"]

Row = Mapping[str, Any]
_MODE = "dfe"
_OWN = ("estimate", "interval")
_BESIDE = ("difference", "difference_interval", "ratio", "ratio_interval")


def hide_for_public(rows: Iterable[Row]) -> list[Row]:
    """Return findings as the public may read them, in their order; what may not be shown is None."""
    rows = list(rows)
    of_characteristic: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        of_characteristic[_key(row)].append(row)
    with_hidden = {key for key, together in of_characteristic.items() if any(is_hidden(row) for row in together)}
    return [_hide(row, own=is_hidden(row), beside=_key(row) in with_hidden) for row in rows]


def is_hidden(row: Row) -> bool:
    """Whether a group's own figure may not be shown: too few households, or a small count of them behind a share."""
    if row["group"] is None:
        return False
    if is_small(row):
        return True
    measure = MEASURES.get(row["measure"])
    if measure is None or not measure.bounded or row["estimate"] is None:
        return False
    households = row["n"] if row.get("clusters") is None else row["clusters"]
    part = round(row["estimate"] * households)
    sides: Sequence[int] = (part, households - part)
    mode = find_mode(_MODE)
    return part == households or any(mode.hidden_from <= side <= mode.hidden_to for side in sides)


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("measure", "characteristic", "model", "at", "component"))


def _hide(row: Row, *, own: bool, beside: bool) -> Row:
    if row["group"] is None or not (own or beside):
        return row
    blanks = dict.fromkeys((*(_OWN if own else ()), *_BESIDE), None)
    rest = {**row["rest"], **dict.fromkeys(_OWN)} if row.get("rest") else None
    return {**row, **blanks, "rest": rest}
