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

    def select(self, margin: NDArray[np.float64] | None = None, times: float = 1.0) -> NDArray[np.bool_]:
        """Return who would be listed (scored,), by these margins or others, at so many times the teams' places."""
        by = self.margin if margin is None else margin
        room = np.floor(self.room * times).astype(np.int64)
        selected = np.zeros(len(self.day), dtype=np.bool_)
        for day, rows, drawn in self._lots:
            place = rank_within(order_rows(self.entity[rows], day, by[rows], drawn), self.team[rows])
            selected[rows] = place <= room[rows]
        return selected

    @cached_property
    def _lots(self) -> list[tuple[date, NDArray[np.int64], NDArray[np.bytes_]]]:
        """Each date's rows and their lots: many lists are made of the same rows, and drawing them again costs more."""
        by_day = [(day, np.flatnonzero(self.day == number)) for number, day in enumerate(self.days)]
        return [(day, rows, lots(self.entity[rows], day)) for day, rows in by_day]
