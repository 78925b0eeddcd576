"""Deciding on a case: one page for each choice, with what follows from it; taking back.

    GET  /cases/ID/decide/CHOICE   the form, with what was typed into it before, and what is wanting where it was sent
    POST /cases/ID/decision        files it, or keeps it sealed (store/papers.py) and goes back to the form

Every act redirects: reading a page again files nothing, and says the same. What was typed is kept until it is filed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.council.worklist_settings import Choice
from charter.plain_text import is_whole
from serving.casework.view import make_reference
from serving.casework.visit import Visit
from serving.casework.wanting import Want, WantingError, file_decision, list_wants
from serving.casework.working.case_file import open_file
from serving.casework.working.consequences import list_consequences
from serving.casework.working.reporting import file_reports, find_unsaid, list_people, list_records
from serving.ranking.reasons import write_day
from serving.store.papers import DRAFT
from serving.store.store import DecisionDraft

__all__ = [
    "pick_case",
    "record_decision",
    "show_decision",
    "undo_decision",
]

_NOTE, _REFERENCE = 500, 60
_FIELDS: Mapping[str, str] = {"reason": "reason-1", "safe_to_contact_checked": "safe", "until": "until-1"}
"""Where the form has what a check finds wanting, by the check's field."""

_TYPED = ("reason", "note", "reference", "safe", "until", "until_day", "record", "person", "wrong")
_WEEKS = (1, 2, 4)


def show_decision(visit: Visit) -> Response:
    """Show the form of one choice, with what was typed into it before."""
    choice = _find_choice(visit, visit.request.path_params["choice"])
    paper = visit.desk.papers.read(DRAFT, visit.identity.user, _name_draft(visit, choice.id))
    form = dict(paper.fields) if paper else {}
    wants: tuple[Want, ...] = ()
    if paper and visit.request.query_params.get("problem") == "1":
        wants = list_wants(visit.desk, visit.identity, visit.referral, _read_draft(visit, choice.id, form))
    errors = {_FIELDS[want.check.field]: want.sentence.message for want in wants if want.check.field in _FIELDS}
    records, people = _list_wrong(visit, choice.id)
    if wants or (paper and visit.request.query_params.get("problem") == "1"):
        errors |= find_unsaid(choice.id, form)
    changed = next((want.sentence for want in wants if want.check.id == "version"), None)
    return visit.render(
        "decide.html",
        manifest=visit.desk.manifest(visit.referral.bundle),
        title=f"{choice.title}: case {make_reference(visit.referral)}",
        team=visit.team,
        referral=visit.referral,
        reference=make_reference(visit.referral),
        choice=choice,
        follows=list_consequences(visit.desk, choice.id),
        days=_list_days(visit.desk.today(), choice.id),
        records=records,
        people=people,
        form=dict.fromkeys(_TYPED, "") | form,
        kept=bool(paper) and not errors and changed is None,
        changed=changed,
        key=secrets.token_hex(16),
        errors=errors,
        error_list=[{"text": text, "href": f"#{field}"} for field, text in errors.items()],
    )


def _find_choice(visit: Visit, name: str) -> Choice:
    choice = visit.desk.settings.choice(name)
    if choice is None or choice.id == "stepped_up":
        raise HTTPException(404)
    return choice


def _name_draft(visit: Visit, choice: str) -> str:
    return f"{visit.referral.id}/{choice}"


def _list_wrong(visit: Visit, choice: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the records and people that can be said to be wrong, where that is the choice."""
    if choice != "wrong_data":
        return [], []
    file = open_file(visit, "wrong data")
    return list_records(file, visit.desk.roles.ids_of(visit.identity.role)), list_people(file)


def _list_days(today: date, choice: str) -> list[tuple[str, str]]:
    """Return days to defer to, or until which a family may wish to be left alone, as ISO 8601 and in words."""
    if choice == "family_said_no":
        wishes = [(today + timedelta(weeks=104), "For two years"), (today + timedelta(weeks=520), "For ten years")]
        return [(day.isoformat(), f"{words}, until {write_day(day)}") for day, words in wishes]
    days = [(today + timedelta(weeks=weeks), weeks) for weeks in _WEEKS]
    return [
        (day.isoformat(), f"In {weeks} {'week' if weeks == 1 else 'weeks'}, {day:%A} {write_day(day)}")
        for day, weeks in days
    ]


def _read_draft(visit: Visit, disposition: str, fields: Mapping[str, str]) -> DecisionDraft:
    """Return the decision that a form has."""
    decision, _, code = fields.get("reason", "").partition(":")
    version = fields.get("version", "")
    return DecisionDraft(
        disposition=disposition,
        reason=code if decision == disposition else "",
        version=int(version) if is_whole(version) else visit.referral.version,
        safe_to_contact_checked=fields.get("safe") == "yes",
        note=fields.get("note", "").strip()[:_NOTE],
        reference=fields.get("reference", "").strip()[:_REFERENCE],
        until=_read_until(disposition, fields),
    )


def _read_until(disposition: str, fields: Mapping[str, str]) -> str:
    """Return the day that a form names; on a page a deferred case asks for one, so none is said as no day."""
    chosen = fields.get("until", "")
    if disposition != "deferred":
        return chosen if disposition == "family_said_no" else ""
    return (fields.get("until_day", "").strip() if chosen == "another" else chosen) or "none"


def record_decision(visit: Visit) -> Response:
    """File a decision and go back to the case, or keep what was typed and go back to its form."""
    desk, referral, fields = visit.desk, visit.referral, visit.fields
    disposition = fields.get("disposition", "")
    if desk.settings.choice(disposition) is None:
        return visit.go_to(f"/cases/{referral.id}?problem=1#decide")
    name = _name_draft(visit, disposition)
    _keep_typed(visit, name)
    if fields.get("act") == "keep":
        return visit.go_to(f"/cases/{referral.id}?done=kept")
    if find_unsaid(disposition, fields):
        return visit.go_to(f"/cases/{referral.id}/decide/{disposition}?problem=1")
    draft = _read_draft(visit, disposition, {"version": "0", **fields})
    key = fields.get("key") or secrets.token_hex(16)
    again = desk.store.was_filed(key)
    try:
        file_decision(desk, visit.identity, referral, draft, key)
    except WantingError as error:
        # What the form can't mend comes first: nobody chooses a reason for a case that is not theirs to decide.
        hindrances = tuple(want for want in error.wants if want.check.field not in _FIELDS)
        if any(want.check.id != "version" for want in hindrances):
            raise WantingError(hindrances) from None
        return visit.go_to(f"/cases/{referral.id}/decide/{disposition}?problem=1")
    desk.papers.drop(DRAFT, visit.identity.user, name)
    place = file_reports(visit) if disposition == "wrong_data" and not again else ""
    return visit.go_to(place or f"/cases/{referral.id}?done=decided")


def _keep_typed(visit: Visit, name: str) -> None:
    typed = {key: visit.fields[key] for key in (*_TYPED, "version") if visit.fields.get(key)}
    visit.desk.papers.keep(DRAFT, visit.identity.user, name, typed, referral=visit.referral.id)


def undo_decision(visit: Visit) -> Response:
    """Take back one's own last decision."""
    visit.desk.store.undo(visit.identity, visit.referral.id)
    visit.desk.exporter.changed()
    return visit.go_to(f"/cases/{visit.referral.id}?done=undone")


def pick_case(visit: Visit) -> Response:
    """Say that one works on a case, or let it go."""
    let_go = visit.fields.get("let_go") == "yes"
    visit.desk.store.pick(visit.identity, visit.referral.id, let_go=let_go)
    return visit.go_to(f"/cases/{visit.referral.id}?done={'let_go' if let_go else 'picked'}")
