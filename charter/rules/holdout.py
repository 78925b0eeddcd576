"""The lot at the line: of those just above and just below it, who gets the last places of a list now.

    rank          6   7   8 | 9  10  11      eight places, of which three (the tail) go by lot
    tail          a   b   c   d   e   f      as many above the line as below it
    lot           2   5   1   3   6   4      sha256 of seed, list and household; the smallest three win
    listed        a       c   d              in the order of their rank, as places 6, 7 and 8
    control           b           e   f      later, not never: a later list may have them

A lot stands for some weeks: who won keeps a place of the tail, who lost is passed over, and neither takes part again.
Lists are worked off, so whoever is just below the line today would be above it next week: without that nothing would be
compared. Whoever lost and then rises above all who went by lot is listed by rank at once (`serving.ranking.tail_lots`),
and no place is left empty for anybody's sake. Needs no library, so that anybody can draw it again.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CONTROL", "LISTED", "TailDraw", "TailHousehold", "TailLot", "derive_seed", "draw_tail"]

LISTED, CONTROL = "ranked", "control"
"""The arms, as the contract `issued` has them."""


@dataclass(frozen=True)
class TailLot:
    """What the lot of one list needs: its seed (hexadecimal), and the share of the list's places that go by it.

    `winners` and `losers` are households whose earlier lots still stand, the losers passed over by the whole list;
    whom another programme's list holds (`elsewhere`) takes no part.
    """

    seed: str
    list: str
    tail: float
    winners: frozenset[str] = frozenset()
    losers: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()

    def count_places(self, capacity: int) -> int:
        """Return how many of a list's places go by lot, in whole places (rounded down)."""
        return int(self.tail * capacity + 1e-9)

    def ticket(self, entity: str) -> bytes:
        """Return a household's lot; the smallest win."""
        return hashlib.sha256(f"{self.seed}/{self.list}/{entity}".encode()).digest()


@dataclass(frozen=True)
class TailHousehold:
    """A household in the tail: its rank before the lot, whether it has a place, and its arm.

    `inclusion` is the probability with which it came to have one; `arm` is empty where it took part in no lot.
    """

    entity: str
    rank: int
    has_place: bool
    arm: str = ""
    inclusion: float = 1.0


@dataclass(frozen=True)
class TailDraw:
    """Everybody in one list's tail, by rank."""

    households: tuple[TailHousehold, ...]

    @property
    def lots(self) -> tuple[TailHousehold, ...]:
        """Those between whom the lot decided."""
        return tuple(household for household in self.households if household.arm)


def derive_seed(master: str, list_id: str) -> str:
    """Return the seed of one list (64 hexadecimal digits): HMAC-SHA256 of its id under the trial's own seed.

    A list's seed can be shown with the list, and says nothing of those to come.
    """
    return hmac.digest(bytes.fromhex(master), list_id.encode(), "sha256").hex()


def draw_tail(lot: TailLot, ordered: Sequence[tuple[int, str]], places: int) -> TailDraw:
    """Decide who of a tail gets its `places`: `ordered` are rank and household, by rank, those above the line first.

    Where there are no more households than places, everybody has one and there is no lot.
    """
    names = [entity for _, entity in ordered]
    standing = [name for name in names if name in lot.winners][:places]
    fresh = [name for name in names if name not in lot.winners | lot.losers]
    free = places - len(standing)
    tickets = sorted(fresh, key=lot.ticket)
    chosen = {*standing, *tickets[:free]}
    # Whoever lost before gets what would stay empty, and so does a winner of before for whom there was no room.
    waiting = [name for name in names if name not in chosen and name not in fresh]
    chosen.update(waiting[: max(0, places - len(chosen))])
    by_lot = 0 < free < len(fresh)
    inclusion = free / len(fresh) if by_lot else 1.0
    return TailDraw(
        tuple(
            TailHousehold(
                entity,
                rank,
                entity in chosen,
                (LISTED if entity in chosen else CONTROL) if by_lot and entity in set(fresh) else "",
                inclusion if by_lot and entity in set(fresh) else 1.0,
            )
            for rank, entity in ordered
        )
    )
