"""Households that two programmes would list: once on a list, with the other programme's lead named by role.

Programmes' scores are about different needs, so they are never compared or added: whichever list was made first, and
still holds, keeps the household. The other list gives its place to the next one and notes why; the case page then
names the other team's lead, so that the two agree on one visit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charter.council.council import Team
from serving.ranking.places import Place
from serving.store.store import IssuedList, Store

__all__ = ["LISTED", "SeekingTeam", "find_listed_elsewhere", "find_seeking_teams", "give_way"]

LISTED = "on another list"
"""Why a list leaves a household out that another programme's list holds."""


@dataclass(frozen=True)
class SeekingTeam:
    """Another team that would have listed a household, and the role that answers for its cases."""

    title: str
    lead: str
    contact: str


def find_listed_elsewhere(store: Store, programme: str, moment: str) -> frozenset[str]:
    """Return the households on other programmes' lists that still hold at `moment` (UTC, ISO 8601)."""
    return frozenset(
        referral.entity
        for header in store.running_elsewhere(programme, moment)
        for referral in store.referrals(header.programme, header.id)
        if not referral.removed
    )


def give_way(
    headers: Mapping[str, IssuedList],
    entity: NDArray[np.bytes_],
    elsewhere: frozenset[str],
    fill: Callable[[Mapping[str, IssuedList]], list[Place]],
) -> tuple[dict[str, IssuedList], list[Place]]:
    """Return lists and their places without households that are listed `elsewhere`; the next ones move up.

    Only a household that would have had a place is noted as left out, so that nobody is said to be sought who isn't.
    """
    lists = dict(headers)
    while True:
        places = fill(lists)
        clashing: dict[str, dict[str, str]] = {}
        for place in places:
            name = entity[place.row].decode()
            if name in elsewhere:
                clashing.setdefault(place.header.team, {})[name] = LISTED
        if not clashing:
            return lists, places
        for team, names in clashing.items():
            header = lists[team]
            lists[team] = replace(header, excluded={**header.excluded, **names}, eligible=header.eligible - len(names))


def find_seeking_teams(
    store: Store, programme: str, moment: str, teams: Sequence[Team]
) -> Mapping[str, tuple[SeekingTeam, ...]]:
    """Return, by household, the teams of other programmes whose running lists left it out because it is listed here."""
    by_id = {team.id: team for team in teams}
    seeking: dict[str, tuple[SeekingTeam, ...]] = {}
    for header in store.running_elsewhere(programme, moment):
        team = by_id.get(header.team)
        for entity, why in header.excluded.items():
            if why == LISTED and team is not None:
                another = SeekingTeam(team.title, team.lead or "team manager", team.contact)
                seeking[entity] = (*seeking.get(entity, ()), another)
    return seeking
