"""What residents sent, for those who answer for it: each with its clock, what to do, and a letter that says we have it.

Finding the person and carrying a right out is `sooner resident`, at the desk's own computer: no page looks a person
up.
"""

from __future__ import annotations

from datetime import date

from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving.casework.residents.public_door import list_ways
from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice
from serving.store.arriving.resident_forms import COMPLAINT, FORM_KINDS, ResidentForm, find_due_day

__all__ = ["act_on_form", "show_form", "show_forms"]

_STEPS = {
    "access": "Make sure who they are, and ask how a copy may safely reach them. Then `sooner resident export`; an "
    "officer releases it with `sooner hand-over`.",
    "objection": "Ask for no reason: `sooner resident object`. If a role overrules "
    "it, send the reasons in writing, with who decided and how to complain.",
    "correction": "`sooner resident rectify`; tell the service that recorded it.",
    "challenge": "`sooner resident challenge`: whoever works the case sees it and answers.",
    "complaint": "Look into it without undue delay, tell them how it goes on, and what came of it.",
    "data": "Ask whoever answers for the data. Write question, answer and reason into [[data_request]] of public.toml: "
    "the open data page shows them, and never who asked.",
    "feedback": "Nothing is owed. Bring it to the board.",
}


def show_forms(visit: Visit) -> Response:
    """Show what waits, the nearest clock first, and how many were answered."""
    forms = visit.desk.store.forms()
    waiting = sorted((form for form in forms if not form.answered_at), key=lambda form: (not form.waits, form.at))
    return visit.render(
        "resident_forms.html",
        lines=[_view_form(visit, form) for form in waiting],
        answered=len(forms) - len(waiting),
        notice=find_notice(visit),
    )


def show_form(visit: Visit) -> Response:
    """Show one form, and the letter that acknowledges it."""
    form = _find_form(visit)
    return visit.render(
        "resident_form.html",
        line=_view_form(visit, form),
        fields=form.fields,
        what_to_do=_STEPS[form.kind],
        complaint=form.kind == COMPLAINT,
        ways=list_ways(visit.desk),
    )


def act_on_form(visit: Visit) -> Response:
    """Note that a form was acknowledged or answered."""
    form = _find_form(visit)
    visit.desk.store.note_form(visit.identity, form.id, visit.fields.get("step", ""))
    return visit.go_to("/requests")


def _find_form(visit: Visit) -> ResidentForm:
    form = visit.desk.store.open_form(visit.identity, visit.request.path_params["form"])
    if form is None:
        raise HTTPException(404)
    return form


def _view_form(visit: Visit, form: ResidentForm) -> dict[str, object]:
    desk = visit.desk
    due = find_due_day(form, desk.invocation.council.time_zone)
    return {
        "id": form.id,
        "reference": form.reference,
        "title": FORM_KINDS[form.kind].title,
        "came": desk.day(form.at),
        "due": due,
        "clock": _say_clock(form, due, desk.today()),
        "acknowledged": desk.day(form.acknowledged_at) if form.acknowledged_at else None,
        "answered": desk.day(form.answered_at) if form.answered_at else None,
    }


def _say_clock(form: ResidentForm, due: date, today: date) -> str:
    if not form.waits:
        return "no clock runs"
    left = (due - today).days
    if left < 0:
        return f"{-left} days over"
    return "the last day" if left == 0 else f"{left} days left"
