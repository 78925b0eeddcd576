"""The family's yes: what may be shared, with whom, until when; and their taking it back.

No page of Sooner sends anything anywhere: what was agreed is recorded here, and whoever works the case types it into
the council's own system. A withdrawal says whom to tell: what was typed elsewhere is not called back by it.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from features.grammar import months
from serving.casework.view import make_reference
from serving.casework.visit import Visit
from serving.ranking.reasons import write_day
from serving.store.follow_ups import SHARED, Agreement
from serving.store.papers import DRAFT

__all__ = ["record_agreement", "record_withdrawal", "show_agreement", "view_agreement"]

_MONTHS = (3, 6, 12)
_RECIPIENT = 120


def view_agreement(agreement: Agreement | None) -> dict[str, Any] | None:
    """Return what a family agrees to, as the case page says it."""
    if agreement is None:
        return None
    return {
        "shared": [SHARED[name] for name in agreement.shared],
        "recipient": agreement.recipient,
        "until": write_day(agreement.until),
    }


def show_agreement(visit: Visit) -> Response:
    """Show the form, with what was typed into it before."""
    paper = visit.desk.papers.read(DRAFT, visit.identity.user, f"{visit.referral.id}/agreement")
    form = dict(paper.fields) if paper else {}
    problem = paper is not None and visit.request.query_params.get("problem") == "1"
    errors = _find_unsaid(form, visit) if problem else {}
    return visit.render(
        "agreement.html",
        title=f"The family said yes: case {make_reference(visit.referral)}",
        team=visit.team,
        referral=visit.referral,
        reference=make_reference(visit.referral),
        shared=list(SHARED.items()),
        days=_list_days(visit.desk.today()),
        form=form,
        errors=errors,
        error_list=[{"text": text, "href": f"#{field}"} for field, text in errors.items()],
    )


def _list_days(today: date) -> list[tuple[str, str]]:
    days = [(months(number).after(today), number) for number in _MONTHS]
    return [(day.isoformat(), f"{number} months, until {write_day(day)}") for day, number in days]


def _find_unsaid(fields: dict[str, str], visit: Visit) -> dict[str, str]:
    """Return what the form lacks, by the id of the field."""
    errors = {}
    if not any(fields.get(f"shared-{name}") == "yes" for name in SHARED):
        errors["shared-contact"] = "Choose what may be shared."
    if not fields.get("recipient", "").strip():
        errors["recipient"] = "Say with whom it may be shared."
    if fields.get("until", "") not in dict(_list_days(visit.desk.today())):
        errors["until-1"] = "Choose until when."
    return errors


def record_agreement(visit: Visit) -> Response:
    """Record what the family agreed to, or go back to the form with what it lacks."""
    fields, desk, case = dict(visit.fields), visit.desk, visit.referral.id
    name = f"{case}/agreement"
    if _find_unsaid(fields, visit):
        typed = {key: value for key, value in fields.items() if key != "form_token" and value}
        desk.papers.keep(DRAFT, visit.identity.user, name, typed, referral=case)
        return visit.go_to(f"/cases/{case}/agreement?problem=1")
    shared = [code for code in SHARED if fields.get(f"shared-{code}") == "yes"]
    desk.store.agree(visit.identity, case, shared, fields["recipient"].strip()[:_RECIPIENT], fields["until"])
    desk.papers.drop(DRAFT, visit.identity.user, name)
    return visit.go_to(f"/cases/{case}?done=agreed")


def record_withdrawal(visit: Visit) -> Response:
    """Record that the family took its agreement back."""
    visit.desk.store.withdraw(visit.identity, visit.referral.id)
    return visit.go_to(f"/cases/{visit.referral.id}?done=withdrawn")
