"""The policy replayed: the lists of all test dates in turn, with a rest after each listing, as lists are really used.

Figures at capacity judge each date alone, so one household can fill a place on every list. Here a household that was
listed rests; its place goes to the next one. What is counted is households, each once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.lists import Period

__all__ = ["Replay", "replay", "stability"]


@dataclass(frozen=True)
class Replay:
    """What lists with a rest of so many weeks would have done: households listed, and found before the outcome."""

    rest_weeks: int
    listings: int
    households: int
    found: int
    in_need: int

    @property
    def recall(self) -> float | None:
        """Of the households that had the outcome after some test date, the share that was listed before one."""
        return self.found / self.in_need if self.in_need else None


def replay(period: Period, place: NDArray[np.int64], rest_weeks: int) -> Replay:
    """Make each date's lists in turn from the order `place` (Period.places), leaving resting households out."""
    last: dict[int, date] = {}
    listed: set[int] = set()
    found: set[int] = set()
    listings = 0
    for number, day in enumerate(period.days):
        resting = {household for household, when in last.items() if (day - when).days < 7 * rest_weeks}
        for group in np.flatnonzero(period.group_day == number):
            rows = np.flatnonzero(period.group == group)
            free = rows[[int(period.household[row]) not in resting for row in rows]] if len(rows) else rows
            chosen = free[np.argsort(place[free], kind="stable")][: int(period.room[group])]
            listings += len(chosen)
            for row in chosen:
                household = int(period.household[row])
                last[household] = day
                listed.add(household)
                if period.positive[row]:
                    found.add(household)
    in_need = len(np.unique(period.household[period.positive]))
    return Replay(rest_weeks, listings, len(listed), len(found), in_need)


def stability(period: Period, place: NDArray[np.int64]) -> float | None:
    """Return the share of listed households that had been on the list of the date before; None for a single date."""
    listed = period.listed(place)
    by_day = [set(period.household[listed & (period.day == number)].tolist()) for number in range(len(period.days))]
    stayed = sum(len(before & after) for before, after in pairwise(by_day))
    number = sum(len(after) for after in by_day[1:])
    return stayed / number if number else None
