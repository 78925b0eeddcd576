"""Whether fitted numbers link better than those in force, told by people that they did not learn from.

How right links are on the very labels that taught them says little of the next file. So labelled people are put into
two halves; what was fitted with the labels of one half is judged on the people of the other, and the numbers in force
beside it on the same people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from features.linking.judged_links import count_pairs, draw_shares
from features.linking.parameters import Parameters

__all__ = ["Comparison", "Lessons", "compare_fitted"]

_HALVES = 2


@dataclass(frozen=True)
class Lessons:
    """What linking may learn from beside the records: who some references are, and whether two are one person."""

    persons: Mapping[str, str]
    readings: Mapping[tuple[str, str], bool]

    def without(self, persons: frozenset[str]) -> Lessons:
        """Return what is left where nothing is told of some persons, and of pairs with any of their references."""
        hidden = {ref for ref, person in self.persons.items() if person in persons}
        return Lessons(
            {ref: person for ref, person in self.persons.items() if person not in persons},
            {pair: same for pair, same in self.readings.items() if not hidden & set(pair)},
        )


@dataclass(frozen=True)
class Comparison:
    """F1 of the numbers in force and of fitted ones, and how much the second is more: (estimate, from, to) at 95 %."""

    people: int
    in_force: float
    fitted: float
    difference: tuple[float, float, float]

    def document(self) -> dict[str, object]:
        """Return it as JSON values; a share that there is none of is None."""
        values = {"in_force": self.in_force, "fitted": self.fitted}
        return {"people": self.people, "difference": [_document_share(share) for share in self.difference]} | {
            name: _document_share(share) for name, share in values.items()
        }

    def sentence(self) -> str:
        """Return what it says and what to do, for people."""
        difference, low, high = self.difference
        if not np.isfinite(self.difference).all():
            return "Nothing tells whether the fitted numbers are better: the labels hold too few pairs of one person."
        if low > 0:
            advice = "the fitted numbers are better: copy them, and judge them on the next file too"
        elif high < 0:
            advice = "the fitted numbers are worse: keep those in force"
        else:
            advice = "nothing tells them apart: keep those in force"
        return (
            f"Of {self.people:,} labelled people, each judged by what was learned without them: F1 {self.fitted:.4f} "
            f"fitted, {self.in_force:.4f} in force, a difference of {difference:+.4f} ({low:+.4f} to {high:+.4f}); "
            f"{advice}."
        )


def compare_fitted(
    link: Callable[[Parameters, Lessons], Mapping[str, str]],
    in_force: Parameters,
    loosened: Parameters,
    lessons: Lessons,
) -> Comparison:
    """Return how right links are with the numbers in force and with fitted ones, half by half of the labelled people.

    `link` returns the person of each reference, linked with parameters and what they may learn from. It is called three
    times.
    """
    standing = link(in_force, Lessons({}, {}))
    known = {ref: person for ref, person in lessons.persons.items() if ref in standing}
    of_standing = count_pairs(known, standing)
    counts: dict[str, tuple[float, ...]] = {}
    for half in range(_HALVES):
        held_out = frozenset(person for person in of_standing if _half_of(person) == half)
        of_fitted = count_pairs(known, link(loosened, lessons.without(held_out)))
        counts |= {person: of_standing[person] + of_fitted[person] for person in held_out}
    table = np.array(list(counts.values()), dtype=float).reshape(-1, 6)
    before, after = (draw_shares(table[:, columns]) for columns in (slice(0, 3), slice(3, 6)))
    estimate, *draws = (after - before).tolist()
    usable = [draw for draw in draws if np.isfinite(draw)]
    low, high = np.quantile(usable, [0.025, 0.975]) if usable else (np.nan, np.nan)
    return Comparison(len(table), float(before[0]), float(after[0]), (estimate, float(low), float(high)))


def _half_of(person: str) -> int:
    return hashlib.sha256(person.encode()).digest()[0] % _HALVES


def _document_share(share: float) -> float | None:
    return round(share, 4) if np.isfinite(share) else None
