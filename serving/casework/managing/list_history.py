"""A team's lists of the weeks before: how many were listed, decided and wait, and where moved cases went.

The picture is bars of listed households, the decided part of each filled; the table beside it says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from serving.casework.view import make_reference
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.reasons import write_day

__all__ = ["ListOfWeek", "MovedCase", "read_history", "read_moves"]

_LISTS = 12
_OPEN = ("new", "deferred")


@dataclass(frozen=True)
class ListOfWeek:
    """One list: its day in words, its places, and of those listed how many are decided and wait.

    `share` is the decided part and `width` the whole bar, per cent of the longest; `moved` how many another team works.
    """

    day: str
    places: int
    listed: int
    decided: int
    waiting: int
    moved: int
    width: float
    share: float


@dataclass(frozen=True)
class MovedCase:
    """A case that another team works now, or that came from one."""

    id: str
    words: str


def read_history(desk: Desk, team: str) -> list[ListOfWeek]:
    """Return a team's newest lists, newest first; those taken off their list since are not counted."""
    headers = desk.store.lists(desk.programme, team)[:_LISTS]
    rows = []
    for header in headers:
        issued = [each for each in desk.store.referrals(desk.programme, header.id) if not each.removed]
        waiting = sum(each.status in _OPEN for each in issued)
        rows.append((header, len(issued), waiting, sum(each.team != team for each in issued)))
    longest = max([1, *(listed for _, listed, _, _ in rows)])
    return [
        ListOfWeek(
            day=write_day(date.fromisoformat(header.as_of)),
            places=header.capacity,
            listed=listed,
            decided=listed - waiting,
            waiting=waiting,
            moved=moved,
            width=round(100 * listed / longest, 1),
            share=round(100 * (listed - waiting) / longest, 1),
        )
        for header, listed, waiting, moved in rows
    ]


def read_moves(desk: Desk, identity: Identity, team: str, titles: Mapping[str, str]) -> list[MovedCase]:
    """Return the cases of a team's newest lists that went to another team, and where to; none of a family known."""
    known = desk.store.families_known(identity)
    moves = []
    for header in desk.store.lists(desk.programme, team)[:_LISTS]:
        for each in desk.store.referrals(desk.programme, header.id):
            if each.team != team and not each.removed and each.id not in known:
                where = titles.get(each.team, each.team)
                moves.append(MovedCase(each.id, f"Case {make_reference(each)} went to the {where}"))
    return moves
