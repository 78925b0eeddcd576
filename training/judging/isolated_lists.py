"""The policy replayed: the lists of all test dates in turn, with a rest after each listing, as lists are really used.

Figures at capacity judge each date alone, so one household can fill a place on every list. Here a household that was
listed rests; its place goes to the next one. What is counted is households, each once. Over the year there is a list a
week: between two as-of dates the order of the first one is worked down, and a household is found only if its outcome
had not come before its list.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.data.lists import Period
from training.judging.bootstrap import Draws, find_interval

__all__ = ["Replay", "measure_stability", "replay_policy"]

_LONG_AGO = -1_000_000


@dataclass(frozen=True)
class Replay:
    """What lists with a rest of so many weeks would have done: households listed, and found before the outcome.

    `weekly`: a list a week. `pass_over_busy`: who is already open to a service takes no place. `low` and `high` bound
    the share found of those listed: households drawn again, lists as they were made; None for a replay without draws.
    """

    rest_weeks: int
    weekly: bool
    pass_over_busy: bool
    listings: int
    households: int
    found: int
    in_need: int
    low: float | None = None
    high: float | None = None

    @property
    def recall(self) -> float | None:
        """Of the households that had the outcome after some test date, the share that was listed before one."""
        return self.found / self.in_need if self.in_need else None


def replay_policy(
    period: Period,
    place: NDArray[np.int64],
    rest_weeks: int,
    *,
    weekly: bool = False,
    pass_over_busy: bool = False,
    draws: Draws | None = None,
    level: float = 0.95,
) -> Replay:
    """Make each date's lists in turn from the order `place` (Period.places), leaving resting households out."""
    last = np.full(period.households, _LONG_AGO)
    listed, found = np.zeros(period.households, dtype=bool), np.zeros(period.households, dtype=bool)
    listings = 0
    for number, offset in _list_offsets(period, weekly):
        today = period.days[number].toordinal() + offset
        for group in np.flatnonzero(period.group_day == number):
            rows = np.flatnonzero(period.group == group)
            free = rows[today - last[period.household[rows]] >= 7 * rest_weeks]
            if pass_over_busy:
                free = free[~period.in_touch[free]]
            chosen = free[np.argsort(place[free], kind="stable")][: int(period.room[group])]
            listings += len(chosen)
            last[period.household[chosen]] = today
            listed[period.household[chosen]] = True
            # A household whose outcome came before its list was not found by it; one without a date counts.
            found[period.household[chosen[period.positive[chosen] & ~(period.lead_days[chosen] < offset)]]] = True
    in_need = len(np.unique(period.household[period.positive]))
    low, high = _share_found(draws, listed, found, level) if draws else (None, None)
    return Replay(rest_weeks, weekly, pass_over_busy, listings, int(listed.sum()), int(found.sum()), in_need, low, high)


def _list_offsets(period: Period, weekly: bool) -> list[tuple[int, int]]:
    """Return each list as its as-of date's number and the days since; weekly ones go on until the next date."""
    if not weekly:
        return [(number, 0) for number in range(len(period.days))]
    gaps = [(after - before).days for before, after in pairwise(period.days)]
    lasting = [*gaps, gaps[-1] if gaps else 7]
    return [(number, offset) for number, gap in enumerate(lasting) for offset in range(0, min(gap, 365), 7)]


def _share_found(
    draws: Draws, listed: NDArray[np.bool_], found: NDArray[np.bool_], level: float
) -> tuple[float | None, float | None]:
    number, hits = draws.of_households(listed.astype(np.float64)), draws.of_households(found.astype(np.float64))
    return find_interval(np.divide(hits, number, out=np.full(number.shape, np.nan), where=number > 0)[1:], level)


def measure_stability(period: Period, place: NDArray[np.int64]) -> float | None:
    """Return the share of listed households that had been on the list of the date before; None for a single date."""
    on_list = period.listed(place)
    by_day = [set(period.household[on_list & (period.day == number)].tolist()) for number in range(len(period.days))]
    stayed = sum(len(before & after) for before, after in pairwise(by_day))
    number = sum(len(after) for after in by_day[1:])
    return stayed / number if number else None
