"""How right links are where somebody says who is whom: precision, recall and F1 with intervals, by group.

Labels are a CSV file of service, reference and person, and any further columns to be told apart by (group columns):

    service,reference,person,ethnicity
    housing,H123,p1,White
    education,A820...,p1,White

An interval draws people again, with all their references: pairs of one person are not independent of each other.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError, UsageError
from charter.vault.key import Key

__all__ = ["Labels", "Measured", "count_pairs", "draw_shares", "judge_links", "read_labels"]

_NEEDED = ("service", "reference", "person")
_DRAWS, _MANY = 1000, 5000
"""How often people are drawn again; of many people fewer draws say as much."""
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Labels:
    """The person of each reference (pseudonyms), and what else is said of it, by group column."""

    person: Mapping[str, str]
    groups: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Measured:
    """Of the people of a group: pairs there are, and each share as (estimate, from, to) at 95 %; nan where none is."""

    group: str
    value: str
    people: int
    pairs: int
    precision: tuple[float, float, float]
    recall: tuple[float, float, float]
    f1: tuple[float, float, float]

    def document(self) -> dict[str, object]:
        """Return it as JSON values; a share that there is none of is None."""
        shares = {name: getattr(self, name) for name in ("precision", "recall", "f1")}
        return {"group": self.group, "value": self.value, "people": self.people, "pairs": self.pairs} | {
            name: [None if np.isnan(share) else round(share, 4) for share in of] for name, of in shares.items()
        }

    def sentence(self) -> str:
        """Return it as a line of a table for people."""
        shares = (f"{of[0]:.4f} ({of[1]:.4f} to {of[2]:.4f})" for of in (self.precision, self.recall, self.f1))
        name = "all" if not self.group else f"{self.group}: {self.value}"
        return f"{name:32} {self.pairs:>9,} pairs  " + "  ".join(
            f"{title} {share}" for title, share in zip(("precision", "recall", "F1"), shares, strict=True)
        )


def read_labels(path: Path, key: Key) -> Labels:
    """Read who is whom; raise UsageError where the file is missing, DataError where it is not of its form."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise UsageError(f"{path} is missing.", "Give a CSV file of service, reference and person.") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path.name} is not a CSV file in UTF-8.", "Save it as CSV in UTF-8.") from None
    columns = list(rows[0]) if rows else []
    lacking = [name for name in _NEEDED if name not in columns]
    if lacking:
        raise DataError(
            f"{path.name} has no column {lacking[0]!r}.", "Write service,reference,person as its first line."
        )
    pseudonym = key.pseudonyms("reference")
    refs = [pseudonym((row["service"] or "").strip(), (row["reference"] or "").strip()) for row in rows]
    groups = [name for name in columns if name not in _NEEDED]
    return Labels(
        {ref: str(row["person"]) for ref, row in zip(refs, rows, strict=True)},
        {
            name: {ref: (row[name] or "").strip() or NOT_RECORDED for ref, row in zip(refs, rows, strict=True)}
            for name in groups
        },
    )


def judge_links(linked: Mapping[str, str], labels: Labels) -> Sequence[Measured]:
    """Return how right links (person by reference) are, of all and of each group's people.

    Raises DataError where no labelled reference was linked.
    """
    known = {ref: person for ref, person in labels.person.items() if ref in linked}
    if not known:
        raise DataError(
            "the labels name no reference that was linked.", "Give services and references as they are sent."
        )
    counts = count_pairs(known, linked)
    everybody = list(counts)
    measured = [_measure("", "", [counts[person] for person in everybody])]
    for group, value_of in labels.groups.items():
        whose = {known[ref]: value for ref, value in value_of.items() if ref in known}
        for value in sorted(set(whose.values())):
            of_value = [counts[person] for person in everybody if whose[person] == value]
            measured += [_measure(group, value, of_value)]
    return measured


def count_pairs(known: Mapping[str, str], linked: Mapping[str, str]) -> Mapping[str, tuple[float, float, float]]:
    """Return of each real person: pairs there are, pairs made right, and half of each wrong pair that they are in."""
    parts: dict[str, dict[str, int]] = {}
    sizes: dict[str, int] = {}
    for ref, person in known.items():
        of = parts.setdefault(person, {})
        of[linked[ref]] = of.get(linked[ref], 0) + 1
        sizes[linked[ref]] = sizes.get(linked[ref], 0) + 1
    counts = {}
    for person, of in parts.items():
        every = sum(of.values())
        right = sum(count * (count - 1) / 2 for count in of.values())
        wrong = sum(count * (sizes[whom] - count) / 2 for whom, count in of.items())
        counts[person] = (every * (every - 1) / 2, right, wrong)
    return counts


def draw_shares(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return F1 of people (people, 3 counts) as they are, and as they are drawn again: (1 + draws,).

    The same number of people is drawn the same way, so that two tables of the same people are paired.
    """
    if not len(table):
        return np.full(1, np.nan)
    return _find_shares(np.concatenate([table.sum(axis=0)[None, :], _draw_totals(table)]))[2]


def _draw_totals(table: NDArray[np.float64]) -> NDArray[np.float64]:
    chance = np.random.default_rng(0)
    draws = _DRAWS if len(table) < _MANY else _DRAWS // 5
    return chance.multinomial(len(table), np.full(len(table), 1 / len(table)), size=draws) @ table


def _measure(group: str, value: str, counts: Sequence[tuple[float, float, float]]) -> Measured:
    table = np.array(counts, dtype=float)
    drawn = _draw_totals(table)
    shares = [_find_shares(table.sum(axis=0)[None, :]), _find_shares(drawn)]
    intervals = []
    for of, many in zip(*shares, strict=True):
        usable = many[~np.isnan(many)]
        low, high = np.quantile(usable, [0.025, 0.975]) if len(usable) else (np.nan, np.nan)
        intervals.append((float(of[0]), float(low), float(high)))
    return Measured(group, value, len(table), round(table[:, 0].sum()), intervals[0], intervals[1], intervals[2])


def _find_shares(totals: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return precision, recall and F1 of rows of (pairs there are, right, wrong)."""
    true, right, wrong = totals[:, 0], totals[:, 1], totals[:, 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return right / (right + wrong), right / true, 2 * right / (true + right + wrong)
