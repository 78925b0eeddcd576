"""Days as whole numbers (days since 1970-01-01), the borough's months, and the school year.

A month here runs from the 28th to the 28th, so that ten of the borough's years are 120 equal steps that end at the
snapshot. `NEVER` is the day that has not come: an open end, or a date that nobody wrote down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER", "Days", "HalfTerm", "list_half_terms", "measure_age", "number_day"]

NEVER = np.int32(2**31 - 1)
_YEAR = 365.25


def number_day(day: date) -> int:
    """Return a day's number."""
    return (day - date(1970, 1, 1)).days


def measure_age(birth: NDArray[np.int32], day: NDArray[np.int32] | int) -> NDArray[np.float32]:
    """Return ages in years on `day`, negative before birth."""
    return ((np.asarray(day, dtype=np.float64) - birth) / _YEAR).astype(np.float32)


@dataclass(frozen=True)
class HalfTerm:
    """A half-term: its name (`2025-1` to `2025-6`), first Monday, and the day after its last Friday."""

    name: str
    start: int
    end: int

    @property
    def weeks(self) -> NDArray[np.int32]:
        """The Mondays of its school weeks."""
        return np.arange(self.start, self.end, 7, dtype=np.int32)


# First Monday's (month, day) on or after which each half-term begins, and how many weeks it lasts: 38 in a year.
_HALF_TERMS = ((9, 3, 7), (10, 31, 7), (1, 4, 6), (2, 19, 6), (4, 13, 5), (6, 1, 7))


def list_half_terms(year: int) -> list[HalfTerm]:
    """Return the six half-terms of the school year that begins in September of `year`."""
    terms = []
    for index, (month, day, weeks) in enumerate(_HALF_TERMS):
        first = number_day(date(year if month >= 9 else year + 1, month, day))
        monday = first + (4 - first) % 7  # 1970-01-05 was a Monday: day number 4
        terms.append(HalfTerm(f"{year}-{index + 1}", monday, monday + 7 * weeks - 2))
    return terms


@dataclass(frozen=True)
class Days:
    """The ten years: the month edges (one more than there are months)."""

    edges: NDArray[np.int32]

    @classmethod
    def between(cls, first: date, last: date) -> Days:
        """Return the months from `first` to `last`, both on the same day of the month."""
        months = (last.year - first.year) * 12 + last.month - first.month
        starts = [
            number_day(date(first.year + (first.month - 1 + step) // 12, (first.month - 1 + step) % 12 + 1, first.day))
            for step in range(months + 1)
        ]
        return cls(np.array(starts, dtype=np.int32))

    @property
    def months(self) -> int:
        """How many months."""
        return len(self.edges) - 1

    @property
    def first(self) -> int:
        """The first day."""
        return int(self.edges[0])

    @property
    def last(self) -> int:
        """The day after the last."""
        return int(self.edges[-1])

    def within(self, rng: np.random.Generator, month: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return a random day of each month given by its index."""
        day: NDArray[np.int32] = self.edges[month] + rng.integers(0, 28, len(month), dtype=np.int32)
        return day

    def month_of(self, day: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the index of each day's month; days outside the ten years go to the first or last month."""
        return np.clip(np.searchsorted(self.edges, day, side="right") - 1, 0, self.months - 1)
