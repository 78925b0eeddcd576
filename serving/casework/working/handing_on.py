"""Handing a case on: to a colleague, where one knows the family, or to another team; each asked for once more first."""

from __future__ import annotations

from starlette.responses import Response

from serving.casework.view import make_reference
from serving.casework.visit import Visit
from serving.store.papers import DRAFT
from serving.store.store import ConflictError

__all__ = ["TRANSFERS", "declare_conflict", "show_conflict", "show_transfer", "transfer_case"]

TRANSFERS = {
    "moved_home": "The household lives, or will live, in their wards",
    "known_to_team": "We all know this family",
    "other_help": "Their help fits better",
    "cover": "They stand in for us",
}
"""Why a case may be moved to another team."""

_FIELDS = ("team", "why")


def show_conflict(visit: Visit) -> Response:
    """Ask once more: whoever says that they know a family doesn't see its case any more."""
    return visit.render(
        "confirm.html",
        title=f"You know this family: case {make_reference(visit.referral)}",
        heading="You know this family?",
        referral=visit.referral,
        reference=make_reference(visit.referral),
        lines=[
            "The case closes to you, here and in the API, and a colleague decides.",
            "Your manager sees that it waits, and not why you know them.",
            "You cannot take this back yourself.",
        ],
        action=f"/cases/{visit.referral.id}/conflict",
        button="I know this family: somebody else should decide",
    )


def declare_conflict(visit: Visit) -> Response:
    """Record that the reviewer knows the family: the case closes to them, and their manager sees that it waits."""
    visit.desk.store.log(visit.identity, "conflict.declared", subject=visit.referral.id, purpose="rank")
    return visit.go_to(f"/worklists/{visit.team.id}?done=known&case={visit.referral.id}")


def show_transfer(visit: Visit) -> Response:
    """Ask to which team a case moves, and why."""
    paper = visit.desk.papers.read(DRAFT, visit.identity.user, f"{visit.referral.id}/transfer")
    form = dict(paper.fields) if paper else {}
    errors = {}
    if paper and visit.request.query_params.get("problem") == "1":
        errors = {"to-team": "Choose the team."} if not form.get("team") else {}
        errors |= {"to-why": "Choose why the case moves."} if not form.get("why") else {}
    return visit.render(
        "transfer.html",
        title=f"Move a case: {make_reference(visit.referral)}",
        team=visit.team,
        referral=visit.referral,
        reference=make_reference(visit.referral),
        others=visit.desk.others(visit.team),
        transfers=TRANSFERS,
        form=form,
        errors=errors,
        error_list=[{"text": text, "href": f"#{field}"} for field, text in errors.items()],
    )


def transfer_case(visit: Visit) -> Response:
    """Move the case to another team."""
    desk, referral, team = visit.desk, visit.referral, visit.team
    to, why = visit.fields.get("team", ""), visit.fields.get("why", "")
    if to not in {receiver.id for receiver in desk.others(team)} or why not in TRANSFERS:
        typed = {name: visit.fields.get(name, "") for name in _FIELDS}
        desk.papers.keep(DRAFT, visit.identity.user, f"{referral.id}/transfer", typed, referral=referral.id)
        return visit.go_to(f"/cases/{referral.id}/transfer?problem=1")
    if visit.fields.get("version") != str(referral.version):
        raise ConflictError(
            "Somebody else changed this case since you opened it, so it was not moved.",
            "Open the case again and see what changed.",
        )
    desk.store.transfer(visit.identity, referral, to, why)
    desk.papers.drop(DRAFT, visit.identity.user, f"{referral.id}/transfer")
    return visit.go_to(f"/worklists/{team.id}?done=moved&case={referral.id}")
