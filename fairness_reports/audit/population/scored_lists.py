"""The lists that scores would have made: who is within each team's places at each date, by the published order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from charter.rules.tie_break import lots, order_rows, rank_within

__all__ = ["Listing"]


@dataclass(frozen=True)
class Listing:
    """Every scored household at every scored date, each array (scored,): what a list is made from.

    `day` indexes `days`; `team` is the id of the team of the household's area (empty: none) and `room` that team's
    places at that date.
    """

    days: tuple[date, ...]
    day: NDArray[np.int64]
    entity: NDArray[np.bytes_]
    margin: NDArray[np.float64]
    score: NDArray[np.float64]
    team: NDArray[np.str_]
    room: NDArray[np.int64]

    def select(
        self, margin: NDArray[np.float64] | None = None, times: float = 1.0, since: int = 0
    ) -> NDArray[np.bool_]:
        """Return who would be listed (scored,), by these margins or others, at so many times the teams' places.

        Of dates before number `since` no list is made again by other margins, and nobody is selected.
        """
        room = np.floor(self.room * times).astype(np.int64)
        if margin is None:
            return np.asarray((self._own_places <= room) & (self.day >= since))
        selected = np.zeros(len(self.day), dtype=np.bool_)
        for dated in self._dates[since:]:
            selected[dated.rows] = dated.place(self.entity, margin, self._team) <= room[dated.rows]
        return selected

    @cached_property
    def _own_places(self) -> NDArray[np.int64]:
        """Each row's place in its team's list by the list's own margins: the same however many places there are."""
        places = np.zeros(len(self.day), dtype=np.int64)
        for dated in self._dates:
            places[dated.rows] = dated.place(self.entity, self.margin, self._team)
        return places

    @cached_property
    def _team(self) -> NDArray[np.int64]:
        """Each row's team as a number: ranking sorts by it, and names are slow to sort."""
        numbers: dict[str, int] = {}
        found = (numbers.setdefault(team, len(numbers)) for team in self.team.tolist())
        return np.fromiter(found, np.int64, len(self.team))

    @cached_property
    def _dates(self) -> list[_Date]:
        """Each date's rows with their lots: many lists are made of the same rows, and drawing them again costs more."""
        by_day = [(day, np.flatnonzero(self.day == number)) for number, day in enumerate(self.days)]
        return [_Date(day, rows, _rank_lots(lots(self.entity[rows], day))) for day, rows in by_day]


@dataclass(frozen=True)
class _Date:
    """One date's rows of the listing, and their places in the order of their lots."""

    day: date
    rows: NDArray[np.int64]
    lot: NDArray[np.int64]

    def place(
        self, entity: NDArray[np.bytes_], margin: NDArray[np.float64], team: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the place of each of the date's rows within its team."""
        return rank_within(order_rows(entity[self.rows], self.day, margin[self.rows], self.lot), team[self.rows])


def _rank_lots(drawn: NDArray[np.bytes_]) -> NDArray[np.int64]:
    rank = np.empty(len(drawn), dtype=np.int64)
    rank[np.argsort(drawn, kind="stable")] = np.arange(len(drawn))
    return rank
