"""The lists a model would have made: who would have been on them, at each test date, within each team's capacity.

Ranking follows rules.tie_break: margin, then the published lottery, within the team of the row's area, cut at the
team's places. A row whose area no team serves is on no list, but its outcome still counts among those missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.council.council import Council
from charter.errors import DataError
from charter.rules.tie_break import lots, order_rows, rank_within
from training.data.dataset import MISSING, Dataset

__all__ = ["Period", "Places", "find_teams", "list_contact_features", "mark_in_touch", "measure_lead_days"]

_NO_TEAM = ""

_RECENT_DAYS = 91
"""A service that acted within so many days is still in touch with the household."""


@dataclass(frozen=True)
class Places:
    """Each team's places at each as-of date, and each row's team id (empty: none); by date."""

    by_date: Mapping[date, Mapping[str, int]]
    teams: Mapping[date, NDArray[np.str_]]

    @classmethod
    def of(
        cls,
        data: Dataset,
        days: Sequence[date],
        capacity: Mapping[date, Mapping[str, int]],
        council: Council,
        may_be_few: bool = False,
    ) -> Places:
        """Look up the team of every row; raise DataError where a team has more places than households.

        `may_be_few`: not so where each row has its own date, and as many come as come.
        """
        teams = {day: find_teams(data.at(day).area, day, council) for day in days}
        for day in days:
            for team, places in capacity[day].items():
                rows = int((teams[day] == team).sum())
                if rows < places and not may_be_few:
                    raise DataError(
                        f"team {team} has {places} places on {day} and only {rows} in the cohort, so a ranking would"
                        " choose nobody.",
                        "Lower the places of its [[team.offer]] in council.toml or `weeks` in worklist.toml.",
                    )
        return cls(capacity, teams)


def find_teams(area: NDArray[np.bytes_], day: date, council: Council) -> NDArray[np.str_]:
    """Return the id of the team that serves each row's area on a day; empty where none does. Shape (rows,)."""
    codes, row = np.unique(np.asarray(area), return_inverse=True)
    teams = [council.team_of(bytes(code).decode(), day) for code in codes]
    names = np.array([team.id if team else _NO_TEAM for team in teams] or [_NO_TEAM])
    chosen: NDArray[np.str_] = names[row] if len(codes) else np.zeros(0, dtype="<U1")
    return chosen


@dataclass(frozen=True)
class Period:
    """The rows of some test dates, in date order: everything about them that does not depend on a model.

    `household` numbers the entities (the bootstrap's clusters); `group` numbers (date, team), -1 for no team;
    `room` is each group's places; `labels` are as known by the snapshot; `components` (rows, components); `in_touch`
    says whether a service was already busy with the household.
    """

    days: tuple[date, ...]
    day: NDArray[np.int32]
    entity: NDArray[np.bytes_]
    household: NDArray[np.int32]
    group: NDArray[np.int32]
    group_team: tuple[str, ...]
    group_day: NDArray[np.int32]
    room: NDArray[np.int64]
    labels: NDArray[np.int8]
    components: NDArray[np.bool_]
    lead_days: NDArray[np.float64]
    in_touch: NDArray[np.bool_]
    area: NDArray[np.bytes_]

    @classmethod
    def of(cls, data: Dataset, days: Sequence[date], places: Places) -> Period:
        """Gather the rows of `days`."""
        rows = [data.at(day) for day in days]
        entity = np.concatenate([np.asarray(part.entity) for part in rows])
        groups: list[tuple[int, str, int]] = []
        numbered = []
        for place, day in enumerate(days):
            team = places.teams[day]
            number = np.full(len(team), -1, dtype=np.int32)
            for name, room in places.by_date[day].items():
                number[team == name] = len(groups)
                groups.append((place, name, room))
            numbered.append(number)
        return cls(
            days=tuple(days),
            day=np.repeat(np.arange(len(days), dtype=np.int32), [len(part.entity) for part in rows]),
            entity=entity,
            household=np.unique(entity, return_inverse=True)[1].astype(np.int32),
            group=np.concatenate(numbered),
            group_team=tuple(name for _, name, _ in groups),
            group_day=np.array([place for place, _, _ in groups], dtype=np.int32),
            room=np.array([room for _, _, room in groups], dtype=np.int64),
            labels=np.concatenate([data.labels(day, data.taken_at) for day in days]),
            components=np.concatenate([data.components(day, data.taken_at) for day in days]),
            lead_days=np.concatenate([measure_lead_days(data, day) for day in days]),
            in_touch=np.concatenate([mark_in_touch(data, day) for day in days]),
            area=np.concatenate([np.asarray(part.area) for part in rows]),
        )

    @property
    def households(self) -> int:
        """How many different households the period has."""
        return int(self.household.max()) + 1 if len(self.household) else 0

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Which rows have a label."""
        return np.asarray(self.labels != MISSING)

    @cached_property
    def positive(self) -> NDArray[np.bool_]:
        """Which rows had the outcome."""
        return np.asarray(self.labels == 1)

    @cached_property
    def _lots(self) -> NDArray[np.bytes_]:
        """Each row's lot: drawn once for all models."""
        lots_by_day = [lots(self.entity[self.day == number], day) for number, day in enumerate(self.days)]
        return np.concatenate(lots_by_day) if lots_by_day else np.zeros(0, dtype="S32")

    def places(self, margins: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each row's place from 1 within its date and team; rows without a team come out 0. Shape (rows,)."""
        place = np.zeros(len(margins), dtype=np.int64)
        for number, day in enumerate(self.days):
            rows = np.flatnonzero(self.day == number)
            among_all = order_rows(self.entity[rows], day, margins[rows], self._lots[rows])
            place[rows] = rank_within(among_all, self.group[rows])
        place[self.group < 0] = 0
        return place

    def listed(self, place: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows are within their team's places; shape (rows,)."""
        room = np.where(self.group >= 0, self.room[self.group] if len(self.room) else 0, 0)
        return (place >= 1) & (place <= room)


def measure_lead_days(data: Dataset, day: date) -> NDArray[np.float64]:
    """Return days from the as-of date to the first outcome known by the snapshot; NaN where there is none."""
    times = np.where(data.components(day, data.taken_at), data.at(day).outcome_at, np.iinfo(np.int64).max)
    first = times.min(axis=1) if times.shape[1] else np.full(len(times), np.iinfo(np.int64).max)
    start = int(data.council.midnight(day).timestamp() * 1_000_000)
    return np.where(first < np.iinfo(np.int64).max, (first - start) / 86_400_000_000, np.nan)


def list_contact_features(definition: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the features of a definition that say whether a service is busy with a household, or was lately.

    Where there are none, who is new to every service cannot be told.
    """
    return tuple(
        feature["name"]
        for feature in definition["features"]
        if feature["system_response"] and feature["expression"].get("word") in ("open_at", "days_since")
    )


def mark_in_touch(data: Dataset, day: date) -> NDArray[np.bool_]:
    """Return which households a service was busy with: by its features of system response, open or newer than that."""
    rows = data.at(day)
    busy = np.zeros(len(rows.entity), dtype=bool)
    words = {feature["name"]: feature["expression"].get("word") for feature in data.matrix.definition["features"]}
    for name in list_contact_features(data.matrix.definition):
        values = np.asarray(rows.features[:, data.matrix.features.index(name)])
        busy |= values > 0 if words[name] == "open_at" else values < _RECENT_DAYS
    return busy
