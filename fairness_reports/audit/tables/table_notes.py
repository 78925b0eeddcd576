"""What must be said of a table beside its figures: outcomes that are not known, a list drawn by lot, scores alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.measuring.tally import Tally
from fairness_reports.audit.tables.table_question import Selection

__all__ = ["say_chosen", "say_label_notes", "say_lot", "say_order", "say_scores"]

_KNOWN = slice(0, 4)
_LOTS = 0.5
"""The AUROC of drawing lots."""
_FEWEST = 10
"""Rows of which fewer say nothing, and would say it of somebody."""


def say_label_notes(tallies: Mapping[str, Tally], label: str | None) -> list[str]:
    """Say of how many rows the outcome is known, of which group least often, and where it is the same of all."""
    totals = tallies[""].row_totals[0]
    rows, known = int(totals.sum()), int(totals[_KNOWN].sum())
    if label is None or not known:
        return ["The table has no outcome, so only shares selected can be measured."]
    notes = []
    if known < rows:
        notes.append(
            f"Of {rows:,} rows {rows - known:,} have no outcome: figures about it are of the other {known:,}."
            f"{_say_least_known(tallies)}"
        )
    happened = int(totals[2] + totals[3])
    if happened in (0, known):
        every = "Nobody had" if not happened else "Everybody had"
        notes.append(f"{every} the outcome, so figures of those with it or without cannot be measured.")
    return notes


def _say_least_known(tallies: Mapping[str, Tally]) -> str:
    """Name the group whose outcome is known least often, of those that are large enough."""
    shares = [
        (float(totals[_KNOWN].sum() / totals.sum()), name, characteristic)
        for characteristic, tally in tallies.items()
        if characteristic
        for name, totals in zip(tally.names, tally.row_totals, strict=True)
        if totals.sum() >= _FEWEST
    ]
    if not shares:
        return ""
    share, name, characteristic = min(shares)
    return f" It is known least often of {name} ({characteristic}): of {100 * share:.0f} in 100."


def say_lot(selection: Selection, drawn: int, equals: int) -> list[str]:
    """Say how many of a list's places were drawn by lot among equals."""
    if not drawn or selection.capacity is None:
        return []
    return [
        f"At {selection.words}, {drawn:,} places were drawn by lot among {equals:,} equal scores: another draw would"
        " give other figures."
    ]


def say_chosen(selection: Selection, chosen: NDArray[np.bool_]) -> list[str]:
    """Say that a selection chose nobody or everybody, so that it says nothing of anybody's chances."""
    if chosen.any() and not chosen.all():
        return []
    who = "everybody" if chosen.all() else "nobody"
    return [f"By {selection.words} {who} is chosen: there is nothing to compare."]


def say_order(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say that scores order people the wrong way round, where the whole interval of everybody's AUROC says so."""
    of_all = [row for row in findings if row["measure"] == "auc" and row["group"] is None]
    if not of_all or of_all[0]["interval"] is None or of_all[0]["interval"][1] >= _LOTS:
        return []
    return [
        "The larger a score, the rarer the outcome (an AUROC below 0.5). If a small score says that somebody needs"
        " help, turn the column round: who is chosen here are those of the least need."
    ]


def say_scores(score: NDArray[np.float64] | None) -> list[str]:
    """Say that scores are all the same, so that they order nobody."""
    if score is None or score.min() < score.max():
        return []
    return ["Every score is the same: a list by capacity is a lottery, and its figures say nothing of the scores."]
