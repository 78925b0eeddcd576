"""A manager's second look: cases drawn by lot each month, judged blind, then held beside what was decided.

    agreed        taken up, or help was offered       drawn from the month's decided cases
    overridden    decided against the list
    below         just below the line                  records kept when the list was made (serving.ranking.places)

Until all of a team's cases are judged, nothing says which is of which kind; no page of it shows a name, place or rank.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from charter.council.worklist_settings import SECOND_LOOKS, SecondLook
from serving.store.store import Referral, Store

__all__ = ["VIEWS", "KindTally", "Look", "draw_looks", "tally_looks"]

VIEWS = {
    "offer": "I would offer help",
    "wait": "I would make no contact now",
    "unsure": "I can’t tell from this",
}
_AGREED = frozenset({"taken_up", "family_said_no", "stepped_up"})
_OVERRIDDEN = frozenset({"set_aside", "already_supported", "wrong_data"})


@dataclass(frozen=True)
class Look:
    """One case of the sample; `view` is the manager's, or ''.

    It has a number and a name of its own: by the referral's, anybody could find it on the list.
    """

    referral: Referral
    kind: str
    view: str
    number: int

    @property
    def words(self) -> str:
        """What it is called."""
        return f"Case {self.number}"

    @property
    def id(self) -> str:
        """Its name in addresses: 16 hexadecimal digits of its lot."""
        return _lot(self.referral).hex()[:16]


@dataclass(frozen=True)
class KindTally:
    """Of one kind: how many cases were judged, and to how many help would be offered."""

    kind: str
    judged: int
    offers: int


def draw_looks(store: Store, programme: str, team: str, numbers: SecondLook) -> list[Look]:
    """Return a team's sample of the month of its newest list, in an order that says nothing of its kinds."""
    lists = store.lists(programme, team)
    month = [header for header in lists if header.as_of[:7] == lists[0].as_of[:7]]
    issued = [referral for header in month for referral in store.referrals(programme, header.id)]
    standing = [referral for referral in issued if not referral.removed]
    kinds = {
        "agreed": [referral for referral in standing if referral.status in _AGREED],
        "overridden": [referral for referral in standing if referral.status in _OVERRIDDEN],
        "below": [case for header in month for case in store.below(programme, header.id) if not case.removed],
    }
    sample = [
        (referral, kind) for kind in SECOND_LOOKS for referral in sorted(kinds[kind], key=_lot)[: numbers.of(kind)]
    ]
    views = store.second_looks([referral.id for referral, _ in sample])
    mixed = sorted(sample, key=lambda pair: _lot(pair[0]))
    return [
        Look(referral, kind, views.get(referral.id, ""), number)
        for number, (referral, kind) in enumerate(mixed, start=1)
    ]


def tally_looks(sample: Sequence[Look]) -> list[KindTally]:
    """Return the tally of each kind; nothing before all are judged."""
    if not sample or any(not look.view for look in sample):
        return []
    kinds = {kind: [look for look in sample if look.kind == kind] for kind in SECOND_LOOKS}
    return [
        KindTally(kind, len(looks), sum(look.view == "offer" for look in looks))
        for kind, looks in kinds.items()
        if looks
    ]


def _lot(referral: Referral) -> bytes:
    return hashlib.sha256(f"second look {referral.id}".encode()).digest()
