"""How many households below the line a programme's new lists may look at: its share, within the year's most.

`[exploration] share` of worklist.toml asks for so many places of each list, `largest_share` of charter.toml allows so
many, and `most_a_year` so many looks in any twelve months, over all lists of the programme. What was issued counts,
also where the household was taken off since. Where less is left than the lists ask for, the list with the most lots
gives up one after the other; which of two with as many, their ids' hash says, so that it is not always the same team.

Where charter.toml names a purpose for looks (`[exploration] purpose`), whoever objects to it is in none of them, by lot
or as a second look: the households that a lot draws from are fewer, and the chance of each is of those that are left.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from charter.contracts.matrix import MatrixDate
from charter.errors import CharterError
from charter.invocation import Invocation
from serving.ranking.places import Place, find_teams
from serving.store.issued import NO_LOOK
from serving.store.store import IssuedList, Store

__all__ = [
    "RANDOM",
    "LooksAllowed",
    "allow_looks",
    "count_in_a_year",
    "find_share",
    "leave_out_of_looks",
    "require_share",
]

RANDOM = "random"
"""The arm of a household that a lot put on a list from below its line."""

_YEAR = timedelta(days=366)
"""Twelve months are never longer."""


@dataclass(frozen=True)
class LooksAllowed:
    """The share of each new list that goes by lot, by team; how many lots were asked for, and how many looks were made.

    `most` is the charter's for twelve months; None: it names none.
    """

    shares: Mapping[str, float]
    asked: int = 0
    made: int = 0
    most: int | None = None

    def say_drawn(self, places: Sequence[Place]) -> str:
        """Return what the lots drew of what they may in a year; '' where the charter has no most, or none was asked."""
        if self.most is None or not self.asked:
            return ""
        number = sum(place.arm == RANDOM for place in places)
        looks = "1 household was" if number == 1 else f"{number} households were"
        return (
            f"{looks} drawn from below the line, of {self.asked} that worklist.toml asks for: with {self.made} before,"
            f" of at most {self.most} in twelve months."
        )


def require_share(invocation: Invocation) -> float:
    """Return the share of places that is drawn by lot; raise CharterError where the charter does not allow as much."""
    share = invocation.settings.worklist.exploration.share
    allowed = invocation.policy.largest_lot if share else 0.0
    if share > allowed:
        raise CharterError(
            f"worklist.toml draws {share:g} of each list by lot, and the charter allows {allowed:g}.",
            "Set [exploration] share = 0.0, or ask the board for [exploration] largest_share in charter.toml.",
        )
    return share


def allow_looks(invocation: Invocation, store: Store, headers: Mapping[str, IssuedList], share: float) -> LooksAllowed:
    """Return which share of each of the new lists, by team, may go by lot within what is left of the year's most."""
    most = invocation.policy.most_looks_a_year
    shares = dict.fromkeys(headers, share)
    if most is None or not share or not headers:
        return LooksAllowed(shares)
    wanted = {team: int(share * header.capacity) for team, header in headers.items()}
    days = [date.fromisoformat(day) for day in store.days_of_looks(invocation.programme)]
    before = max(count_in_a_year(days, date.fromisoformat(header.as_of)) for header in headers.values())
    lots = dict(wanted)
    ids = {team: hashlib.sha256(header.id.encode()).digest() for team, header in headers.items()}
    for _ in range(sum(wanted.values()) - max(most - before, 0)):
        lots[max(lots, key=lambda team: (lots[team], ids[team]))] -= 1
    fewer = {team: find_share(lots[team], headers[team].capacity) for team in lots if lots[team] < wanted[team]}
    return LooksAllowed(shares | fewer, sum(wanted.values()), before, most)


def leave_out_of_looks(
    invocation: Invocation, headers: Mapping[str, IssuedList], at: MatrixDate, people: Collection[str]
) -> dict[str, IssuedList]:
    """Return the lists, by team, with the households of `people` (pseudonyms) noted as in no look below the line.

    They may be on the list as before. Noted with each list, so that its lots can be drawn again.
    """
    rows = np.unique(at.person_row[np.isin(at.person, np.array(sorted(people), dtype="S32"))])
    teams = find_teams(invocation.council, at)
    lists = dict(headers)
    for row in rows.tolist():
        team, name = str(teams[row]), at.entity[row].decode()
        if team in lists and name not in lists[team].excluded:
            lists[team] = replace(lists[team], excluded={**lists[team].excluded, name: NO_LOOK})
    return lists


def count_in_a_year(days: Iterable[date], day: date) -> int:
    """Return the most looks, one for each of `days`, of any twelve months that hold `day`, also of later lists."""
    looks = Counter(days)
    starts = {start for start in looks if day - _YEAR < start <= day} | {day}
    return max(sum(count for at, count in looks.items() if start <= at < start + _YEAR) for start in starts)


def find_share(lots: int, places: int) -> float:
    """Return a share of which exactly so many lots come, rounded down, however its product is rounded."""
    share = lots / places
    return share if int(share * places) == lots else math.nextafter(share, 1.0)
