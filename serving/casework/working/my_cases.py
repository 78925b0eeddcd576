"""One's own cases until they are closed: what is begun, in hand, offered, deferred; and what one looked at last."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from serving.asking_to_show import keep_shown
from serving.casework.view import STATUS, CaseFile, make_reference, view_row
from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice
from serving.ranking.reasons import write_day
from serving.store.papers import DRAFT
from serving.store.store import Referral

__all__ = ["OwnCase", "show_my_cases"]


@dataclass(frozen=True)
class OwnCase:
    """One line: the case, what it waits for, and until when."""

    id: str
    reference: str
    household: str
    status: str
    until: str
    begun: bool


def show_my_cases(visit: Visit) -> Response:
    """Show what a person has in hand, and what they looked at last."""
    desk, identity = visit.desk, visit.identity
    own = desk.store.own_cases(identity, desk.programme)
    recent = desk.store.recent_cases(identity, desk.programme)
    begun = desk.papers.list_cases(DRAFT, identity.user)
    ids = {referral.id for referral in (*own, *recent)}
    missing = [desk.store.referral(name) for name in begun if name and name not in ids]
    drafted = [referral for referral in missing if referral is not None and not referral.removed]
    unique = {referral.id: referral for referral in (*drafted, *own, *recent)}.values()
    in_team = [referral for referral in unique if identity.may("worklist.read", referral.team)]
    shown = keep_shown(desk, identity, "list", in_team)
    lines = _view_lines(visit, shown, begun)
    return visit.render(
        "my_cases.html",
        own=[lines[referral.id] for referral in (*drafted, *own) if referral.id in lines],
        recent=[lines[referral.id] for referral in recent if referral.id in lines],
        notice=find_notice(visit),
    )


def _view_lines(visit: Visit, referrals: list[Referral], begun: frozenset[str]) -> dict[str, OwnCase]:
    desk = visit.desk
    records = {referral.id: desk.record(referral) for referral in referrals}
    persons = desk.people(visit.identity, records, "own cases") if records else {}
    due = desk.store.due_days(list(records))
    lines = {}
    for referral in referrals:
        file = CaseFile(referral, records[referral.id], desk.manifest(referral.bundle), persons)
        row = view_row(file, desk.settings)
        lines[referral.id] = OwnCase(
            referral.id, make_reference(referral), row.household, STATUS[referral.status],
            write_day(due.get(referral.id, "")), referral.id in begun,
        )  # fmt: skip
    return lines
