"""The family's yes: what may be shared, with whom, until when, and which help; and their taking it back.

Nothing leaves the council before it is recorded here. A receiver of receivers.toml is sent what was agreed (working
.handing_over); anybody else is told by whoever works the case, and the page says so. Their taking it back calls back
what was sent.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from charter.council.receivers import WebReceiver
from features.grammar import months
from serving.casework.view import make_reference
from serving.casework.visit import Visit
from serving.casework.working.choosing_help import list_chosen
from serving.casework.working.handing_over import draft_message, list_receivers
from serving.ranking.reasons import write_day
from serving.store.follow_ups import SHARED, Agreement, AgreementDraft
from serving.store.papers import DRAFT

__all__ = ["WORDS", "record_agreement", "record_withdrawal", "show_agreement", "view_agreement"]

_MONTHS = (3, 6, 12)
_RECIPIENT, _WORDS = 120, 1000
_ANOTHER = "another"
"""In place of a receiver: somebody who is told by hand."""

WORDS = "family"
"""The kind of paper that holds what a family wants help with, in their words."""


def view_agreement(visit: Visit, agreement: Agreement | None) -> dict[str, Any] | None:
    """Return what a family agrees to, as the case page says it."""
    if agreement is None:
        return None
    paper = visit.desk.papers.read(WORDS, "", agreement.referral)
    return {
        "shared": [SHARED[name] for name in agreement.shared],
        "recipient": agreement.recipient,
        "until": write_day(agreement.until),
        "by_hand": not agreement.receiver,
        "offers": agreement.offers,
        "words": paper.fields.get("words", "") if paper and "needs" in agreement.shared else "",
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
        receivers=[(each.id, each.title, isinstance(each, WebReceiver)) for each in list_receivers(visit.desk)],
        chosen=list_chosen(visit),
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
    chosen = _find_receiver(fields, visit)
    if chosen == "" and list_receivers(visit.desk):
        errors["to-1"] = "Choose with whom it may be shared."
    elif chosen in ("", _ANOTHER) and not fields.get("recipient", "").strip():
        errors["recipient"] = "Say with whom it may be shared."
    if fields.get("until", "") not in dict(_list_days(visit.desk.today())):
        errors["until-1"] = "Choose until when."
    return errors


def _find_receiver(fields: dict[str, str], visit: Visit) -> str:
    """Return the receiver that a form chose, _ANOTHER for somebody else, '' where it chose nobody there is."""
    chosen = fields.get("to", "")
    known = {receiver.id for receiver in list_receivers(visit.desk)} | {_ANOTHER}
    return chosen if chosen in known else ""


def record_agreement(visit: Visit) -> Response:
    """Record what the family agreed to and put what goes to a receiver, or go back to the form with what it lacks."""
    fields, desk, case = dict(visit.fields), visit.desk, visit.referral.id
    name = f"{case}/agreement"
    if _find_unsaid(fields, visit):
        typed = {key: value for key, value in fields.items() if key != "form_token" and value}
        desk.papers.keep(DRAFT, visit.identity.user, name, typed, referral=case)
        return visit.go_to(f"/cases/{case}/agreement?problem=1")
    shared = [code for code in SHARED if fields.get(f"shared-{code}") == "yes"]
    words = fields.get("words", "").strip()[:_WORDS] if "needs" in shared else ""
    receiver = desk.receivers.find(_find_receiver(fields, visit))
    recipient = receiver.title if receiver else fields["recipient"].strip()[:_RECIPIENT]
    offers = [words for _, words in list_chosen(visit)]
    draft = AgreementDraft(shared, recipient, fields["until"], receiver.id if receiver else "", offers)
    message = draft_message(visit, receiver, draft, words) if receiver else None
    desk.papers.keep(WORDS, "", case, {"words": words}, referral=case)
    desk.store.agree(visit.identity, case, draft, message)
    desk.papers.drop(DRAFT, visit.identity.user, name)
    return visit.go_to(f"/cases/{case}?done=agreed")


def record_withdrawal(visit: Visit) -> Response:
    """Record that the family took its agreement back."""
    visit.desk.store.withdraw(visit.identity, visit.referral.id)
    visit.desk.papers.drop(WORDS, "", visit.referral.id)
    return visit.go_to(f"/cases/{visit.referral.id}?done=withdrawn")
