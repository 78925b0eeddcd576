"""Rates that somebody published, with the size of each group: how sure the gaps are, and what a charter says of them.

    group                                   people    reached
    White                                    1,240    31.2 %
    Black                                      180    24.4 %

A percentage of so many people is so many whole people: 24.4 % of 180 are 44. The size is of how
many people the percentage is, which makes all the difference: of a share of those in need, those in need.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from charter.errors import DataError, UsageError
from charter.rules.measures import CELLS, SHARES, Measure
from fairness_reports.audit.measuring.findings import About, measure_tally, measure_whole_tally
from fairness_reports.audit.measuring.tally import Tally
from fairness_reports.audit.tables.outside_file import open_outside_file
from fairness_reports.audit.tables.scored_table import write_table_document
from fairness_reports.audit.tables.table_question import find_column
from fairness_reports.audit.tables.table_reader import name_group
from features.intake.database import quote_name

__all__ = ["PUBLISHED", "RatesQuestion", "audit_rates"]

PUBLISHED = "published "
"""How the `at` of a published rate begins; the column follows."""

_HIDDEN = frozenset({"", "c", "[c]", "*", "-", "..", ":", "x", "z", "n/a", "na", "suppressed"})
"""What statisticians write where a number is withheld or missing."""
_WHOLE = re.compile(r"\d+|\d{1,3}(,\d{3})+")
_SHARE = re.compile(r"(\d+(?:\.(\d+))?)\s*(%?)")
_WRITE = 'Write "24.4 %" or 0.244, with a point for decimals.'


@dataclass(frozen=True)
class RatesQuestion:
    """Which columns of which file are the group, how many people its rate is of, and the rate; and what it measures."""

    file: Path
    group: str
    size: str
    share: str
    measure: str

    def __post_init__(self) -> None:
        if self.measure not in SHARES:
            raise UsageError(
                f"{self.measure!r} is no share that groups can be compared by.",
                f"Choose from: {', '.join(sorted(SHARES))}.",
            )


@dataclass(frozen=True)
class _Rate:
    """One group's published rate as whole people: `unsure` is how many more or fewer would round to the same."""

    group: str
    people: int
    counted: int
    unsure: int


def audit_rates(question: RatesQuestion) -> dict[str, Any]:
    """Return the findings document of published rates.

    Raises DataError for a size or rate that is no number, a rate that is no whole number of people, and a total.
    """
    rates, hidden = _read_rates(question)
    if not rates:
        raise DataError(f"{question.file.name} has no rate of any group.", "Give one row a group.")
    _refuse_total(rates, question.file.name)
    measure = SHARES[question.measure]
    tally = _make_tally(rates, measure)
    about = About("", None, f"{PUBLISHED}{question.share}", f"{PUBLISHED}{question.share}")
    rows = measure_whole_tally(tally_everyone(tally), [measure], about, resamples=1000, seed=1)
    rows += measure_tally(tally, [measure], about.of_group(question.group, None), resamples=1000, seed=1)
    notes = ["Each person is taken to stand for themselves: published rates do not say who lives with whom."]
    if hidden:
        notes.append(f"Nothing was published of {', '.join(hidden)}: they are in no figure, nor in everyone else's.")
    unsure = max(rate.unsure for rate in rates)
    if unsure:
        notes.append(f"Rates are rounded, so that up to {unsure} people more or fewer would look the same.")
    return write_table_document(question.file, question, about.model, rows, notes)


def tally_everyone(tally: Tally) -> Tally:
    """Return the tally of all groups together."""
    return Tally(("everyone",), tally.patterns.sum(axis=1, keepdims=True), tally.weight)


def _read_rates(question: RatesQuestion) -> tuple[list[_Rate], list[str]]:
    """Return the rates, and the groups of which none was published."""
    rates: list[_Rate] = []
    hidden: list[str] = []
    with duckdb.connect() as connection, open_outside_file(connection, question.file) as table:
        where = question.file.name
        names = [find_column(name, table.columns, where) for name in (question.group, question.size, question.share)]
        texts = ", ".join(f"{quote_name(name)}::VARCHAR" for name in names)
        rows = connection.execute(f"SELECT {texts} FROM {table.sql}").fetchall()  # noqa: S608 - quoted columns
        lines = table.find_lines(range(1, len(rows) + 1)) if table.find_lines else {}
    for number, (group, size, share) in enumerate(rows, start=1):
        place = f"{where}, line {lines[number]}" if number in lines else f"{where}, row {number}"
        if any((value or "").strip().lower() in _HIDDEN for value in (size, share)):
            hidden.append(name_group(group))
            continue
        rates.append(_read_rate(name_group(group), str(size).strip(), str(share).strip(), place))
    groups = [rate.group for rate in rates] + hidden
    if len(set(groups)) != len(groups):
        raise DataError(f"{where} has a group twice.", "Give one row a group; one file a characteristic.")
    return rates, hidden


def _read_rate(group: str, size: str, share: str, place: str) -> _Rate:
    if not _WHOLE.fullmatch(size):
        raise DataError(f"{place}: its size is no whole number of people.", "Write it in digits.")
    match = _SHARE.fullmatch(share)
    if match is None:
        raise DataError(f"{place}: its rate is no number.", _WRITE)
    people, percent = int(size.replace(",", "")), bool(match[3])
    rate = Decimal(match[1]) / (100 if percent else 1)
    half = Decimal(1).scaleb(-len(match[2] or "")) / 2 / (100 if percent else 1)
    if rate > 1:
        raise DataError(f"{place}: its rate is above {'100 %' if percent else '1'}.", _WRITE)
    fewest, most = math.ceil((rate - half) * people), math.floor((rate + half) * people)
    fewest, most = max(fewest, 0), min(most, people)
    if fewest > most:
        raise DataError(
            f"{place}: so large a share of {people:,} is no whole number of people.",
            "Give as the size how many people the rate is of: of a share of those in need, those in need.",
        )
    counted = min(max(round(rate * people), fewest), most)
    return _Rate(group, people, counted, max(counted - fewest, most - counted))


def _refuse_total(rates: Sequence[_Rate], where: str) -> None:
    """Refuse a row for everybody: beside it each group is compared with itself. Of two, one may be as large."""
    every = sum(rate.people for rate in rates)
    if len(rates) > 2:
        for rate in rates:
            if 2 * rate.people == every:
                raise DataError(
                    f"{where}: {rate.group!r} has as many people as all other rows together, so it is their total.",
                    "Leave it out.",
                )


def _make_tally(rates: Sequence[_Rate], measure: Measure) -> Tally:
    """Return the tally whose groups have just these rates: in a cell that is counted, and in one that is not."""
    counted = measure.counted[-1]
    other = [cell for cell in measure.among if cell not in measure.counted][-1]
    of = [
        ([number * CELLS + cell], people)
        for number, rate in enumerate(rates)
        for cell, people in ((counted, rate.counted), (other, rate.people - rate.counted))
        if people
    ]
    return Tally.of_counted(tuple(rate.group for rate in rates), of)
