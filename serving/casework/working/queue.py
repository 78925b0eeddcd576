"""The cases that a team works through, in order: what waits for a decision first, then what is deferred, then the rest.

on the team's newest list, or moved to it       its place on the list
deferred on an earlier list, and due today      returns among what waits, as its day said it would
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from charter.council.council import Team
from serving.asking_to_show import keep_shown
from serving.desk import Desk
from serving.identity import Identity
from serving.store.store import IssuedList, Referral, write_moment

__all__ = ["Queue", "read_queue"]


@dataclass(frozen=True)
class Queue:
    """A team's cases in order, those that the reader may not be shown left out; `due` are deferred cases' days."""

    header: IssuedList | None
    cases: Sequence[Referral]
    due: Mapping[str, str]
    today: str

    def waits(self, referral: Referral) -> bool:
        """Whether a case waits for a decision: nobody made one, or its day has come."""
        if referral.status == "deferred":
            return self.due.get(referral.id, "9") <= self.today
        return referral.status == "new"

    @property
    def waiting(self) -> list[Referral]:
        """The cases that wait for a decision, in order."""
        return [referral for referral in self.cases if self.waits(referral)]

    @property
    def progress(self) -> str:
        """How many are decided, in words."""
        done = len(self.cases) - len(self.waiting)
        return f"{done} of {len(self.cases)} decided."

    def following(self, referral_id: str) -> Referral | None:
        """Return the case to go on to after another: the next one that waits, or the first; None where none does."""
        places = {referral.id: place for place, referral in enumerate(self.cases)}
        others = [referral for referral in self.waiting if referral.id != referral_id]
        later = [referral for referral in others if places[referral.id] > places.get(referral_id, -1)]
        return next(iter([*later, *others]), None)


def read_queue(desk: Desk, identity: Identity, team: Team) -> Queue:
    """Return what a team works through today, as one of its people may see it."""
    header = desk.store.current_list(desk.programme, team.id)
    today = desk.today().isoformat()
    if header is None:
        return Queue(None, (), {}, today)
    issued = desk.store.worked(header, write_moment())
    listed = {referral.entity for referral in issued}
    returned = [
        referral
        for referral in desk.store.returned(desk.programme, team.id, header.id, today)
        if referral.entity not in listed
    ]
    cases = keep_shown(desk, identity, "list", [*issued, *returned], [header])
    due = desk.store.due_days([referral.id for referral in cases if referral.status == "deferred"])
    return Queue(header, cases, due, today)
