"""The second opinion in words, in the annex and on a screen: how the whole order treats each group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import Any

from fairness_reports.publish.figures_in_words import UNKNOWN, say_number, say_share, say_signed
from fairness_reports.publish.gate_tables import FEWEST

__all__ = ["describe_whole_order", "say_whole_order"]

Row = Mapping[str, Any]

_ERROR = 0.05
"""How often an order that treats all groups of a characteristic alike is said to put somebody lower."""

_BOTH_SIDES = 2


def describe_whole_order(rows: Sequence[Row], titles: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the annex's part: a sentence and a table for each characteristic; None where an audit left none.

    `rows` are the findings document's `whole_order`.
    """
    tables = []
    for name in dict.fromkeys(row["characteristic"] for row in rows):
        mine = [row for row in rows if row["characteristic"] == name]
        columns = list(dict.fromkeys((row["measure"], row["at"]) for row in mine))
        by = {(row["measure"], row["at"], row["group"]): row for row in mine}
        tables.append(
            {
                "title": titles.get(name, name),
                "sentence": _say_lower(mine, titles.get(name, name)),
                "columns": [_title_column(*column) for column in columns],
                "rows": [
                    {"group": group, "cells": [_say_gap(by[(*column, group)]) for column in columns]}
                    for group in dict.fromkeys(row["group"] for row in mine)
                ],
            }
        )
    return {"tables": tables, "sharper": _say_sharper(rows)} if tables else None


def say_whole_order(rows: Sequence[Row]) -> str:
    """Return the second opinion as one sentence for a screen; empty where an audit left none."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row["characteristic"], []).append(row)
    compared = {name: _compare_groups(mine) for name, mine in by_name.items()}
    lower = [
        f"{row['group']} ({name}), {_say_place(row)}: {_say_gap(row)}"
        for name, opinion in compared.items()
        for row in opinion.lower
    ]
    nobody = [name for name, opinion in compared.items() if opinion.comparisons and not opinion.lower]
    unsure = [name for name, opinion in compared.items() if not opinion.comparisons]
    parts = [
        f"lower than everyone else by more than chance: {'; '.join(lower)}" if lower else "",
        f"nobody lower than everyone else by more than chance by {', '.join(nobody)}" if nobody else "",
        f"too few in need to tell by {', '.join(unsure)}" if unsure else "",
    ]
    return (
        f"Second opinion, on the whole order, which decides nothing: {'; '.join(filter(None, parts))}." if rows else ""
    )


def _title_column(measure: str, at: str) -> str:
    if measure == "auc":
        return "Order within the group (AUC)"
    times = at.split(" ", 1)[0]
    return "In need, within the places" if times == "1" else f"In need, within {times} times the places"


def _say_figure(row: Row, value: float | None) -> str:
    return say_number(value) if row["measure"] == "auc" else say_share(value)


def _say_difference(row: Row) -> str:
    """Return a gap with its standard error: -3.1 points (1.2); of an area without the word points."""
    if row["measure"] == "auc":
        return f"{say_signed(row['difference'])} ({say_number(row['standard_error'])})"
    return f"{say_signed(100 * row['difference'], 1)} points ({100 * row['standard_error']:.1f})"


def _say_gap(row: Row) -> str:
    if row["difference"] is None or _is_small(row):
        return UNKNOWN
    sides = f"{_say_figure(row, row['estimate'])} against {_say_figure(row, row['rest'])}"
    return f"{sides}: {_say_difference(row)}" if row["standard_error"] else f"{sides}: too few to tell"


def _is_small(row: Row) -> bool:
    return bool(min(row["households"], row["households_of_rest"]) < FEWEST)


@dataclass(frozen=True)
class _Opinion:
    """What the order says of a characteristic: how many comparisons can be told, who is lower, who nearest to it."""

    comparisons: int
    lower: Sequence[Row]
    nearest: Row | None


def _compare_groups(rows: Sequence[Row]) -> _Opinion:
    """Return which groups the order puts lower than everyone else by more than chance, each with its plainest figure.

    Of 15 comparisons one that treats all alike is 2.94 standard errors away or more in 5 of 100 orders. Of two groups
    each is everyone else to the other, so that half of the rows say the same.
    """
    told = [row for row in rows if row["standard_error"] and not _is_small(row)]
    if not told:
        return _Opinion(0, (), None)
    mirrored = len({row["group"] for row in rows}) == _BOTH_SIDES
    comparisons = math.ceil(len(told) / 2) if mirrored else len(told)
    criterion = NormalDist().inv_cdf(1 - _ERROR / (2 * comparisons))
    plainest: dict[str, Row] = {}
    for row in sorted(told, key=_measure_distance):
        plainest.setdefault(row["group"], row)
    lower = [row for row in plainest.values() if _measure_distance(row) <= -criterion]
    return _Opinion(comparisons, lower, min(told, key=_measure_distance))


def _say_lower(rows: Sequence[Row], title: str) -> str:
    opinion, by = _compare_groups(rows), title.lower()
    if opinion.nearest is None:
        return f"By {by} there are too few in need to say how the whole order treats anybody."
    whole = f"{opinion.comparisons} comparison{'s' if opinion.comparisons != 1 else ''}"
    if opinion.lower:
        named = "; ".join(f"{row['group']}, {_say_place(row)}: {_say_gap(row)}" for row in opinion.lower)
        return f"By {by} the order puts lower than everyone else, by more than chance in {whole}: {named}."
    nearest = opinion.nearest
    return (
        f"By {by} the order puts nobody lower than everyone else by more than chance in {whole}. Nearest to it is"
        f" {nearest['group']}, {_say_place(nearest)}: {_say_gap(nearest)}."
    )


def _measure_distance(row: Row) -> float:
    return float(row["difference"] / row["standard_error"])


def _say_place(row: Row) -> str:
    if row["measure"] == "auc":
        return "order within the group"
    times = row["at"].split(" ", 1)[0]
    return "of those in need, within the places" if times == "1" else f"of those in need, within {row['at']}"


def _say_sharper(rows: Sequence[Row]) -> str:
    """Say how much smaller the relative standard error is at the most places than at the line; empty where unknown."""
    by = {(row["characteristic"], row["group"], row["at"]): row for row in rows if row["measure"] == "recall"}
    places = list(dict.fromkeys(at for *_, at in by))
    ratios = [
        _relate_error(by[name, group, places[-1]]) / _relate_error(by[name, group, places[0]])
        for name, group, at in by
        if at == places[0] and all(by[name, group, end]["standard_error"] for end in (places[0], places[-1]))
    ]
    if not ratios:
        return ""
    return f"Beside what it measures, the standard error at {places[-1]} is {median(ratios):.2f} of that at the line."


def _relate_error(row: Row) -> float:
    return float(row["standard_error"] / row["rest"])
