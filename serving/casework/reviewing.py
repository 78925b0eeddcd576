"""Blind review: whom a reviewer would help who does not know who is listed, for the second gate.

    drawn by lot from a team's newest list, whatever was decided   [blind_review] listed
    just below its line, as kept when the list was made            [second_look] below

A case has a number and no name, place or reference, and comes once; its view goes to `reviews.csv`. It works in the
shadow weeks too, because it shows no list: only while the programme is suspended is nothing shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving.asking_to_show import keep_shown, require_list
from serving.casework.facts import list_sights
from serving.casework.second_look import VIEWS
from serving.casework.visit import Visit
from serving.ranking.strengths import sort_strengths
from serving.store.store import ConflictError, IssuedList, Referral, Store

__all__ = ["draw_sample", "give_review", "show_review"]


@dataclass(frozen=True)
class _Sample:
    """A team's newest list and the cases drawn from it and from below its line, in the order of their lot."""

    header: IssuedList
    cases: Sequence[Referral]
    views: Mapping[str, str]

    @property
    def next(self) -> int | None:
        """The number, from 1, of the first case that nobody has judged; None where all are."""
        unjudged = (number for number, case in enumerate(self.cases, start=1) if case.id not in self.views)
        return next(unjudged, None)


def draw_sample(store: Store, header: IssuedList, listed: int) -> list[Referral]:
    """Return `listed` cases drawn by lot from a list and what was kept below its line, in an order that mixes both."""
    standing = [referral for referral in store.referrals(header.programme, header.id) if not referral.removed]
    below = store.below(header.programme, header.id)
    return sorted([*sorted(standing, key=_lot)[:listed], *below], key=_lot)


def _lot(referral: Referral) -> bytes:
    return hashlib.sha256(f"blind review {referral.id}".encode()).digest()


def _read_sample(visit: Visit) -> _Sample:
    desk, team = visit.desk, visit.team
    header = desk.store.current_list(desk.programme, team.id)
    if header is None:
        raise HTTPException(404)
    require_list(desk, "blind", team.id, header)
    drawn = draw_sample(desk.store, header, desk.settings.blind_review.listed)
    cases = keep_shown(desk, visit.identity, "blind", drawn)
    return _Sample(header, cases, desk.store.blind_views([case.id for case in cases]))


def show_review(visit: Visit) -> Response:
    """Show the next case, or that all are judged."""
    sample, desk = _read_sample(visit), visit.desk
    number = sample.next
    if number is None:
        message = "Nothing is left to judge of this list. Thank you: the next list brings new cases."
        return visit.render("message.html", message=message)
    case = sample.cases[number - 1]
    desk.store.log(visit.identity, "review.viewed", subject=case.id, purpose="evaluate")
    record, manifest = desk.record(case), desk.manifest(case.bundle)
    return visit.render(
        "blind.html",
        manifest=manifest,
        title=f"Blind review: case {number} of {len(sample.cases)}",
        team=visit.team,
        ages=[person.age for person in record.people],
        reasons=record.reasons,
        seeing=list_sights(record, manifest),
        strengths=sort_strengths(record, manifest, desk.usual(record)),
        as_of=record.as_of,
        views=VIEWS,
        judged="",
        action=f"/reviews/{visit.team.id}",
        hidden={"list": sample.header.id, "number": number},
        back=None,
    )


def give_review(visit: Visit) -> Response:
    """Record the reviewer's view, then go on to the next case."""
    sample, desk = _read_sample(visit), visit.desk
    view, number = visit.fields.get("view", ""), visit.fields.get("number", "")
    if view in VIEWS:
        if visit.fields.get("list") != sample.header.id or number != str(sample.next):
            raise ConflictError(
                "This case was judged meanwhile, or there is a newer list, so nothing was saved.",
                "Open the blind review again.",
            )
        case = sample.cases[int(number) - 1]
        desk.store.log(visit.identity, "review.given", subject=case.id, purpose="evaluate", detail={"view": view})
        desk.exporter.changed()
    return visit.go_to(f"/reviews/{visit.team.id}")
