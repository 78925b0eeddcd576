"""What goes to a receiver once a family said yes: what they agreed to share, and no more; and what came of it.

    contact   names, the home, and how contact is safe
    needs     the family's own words
    records   what services recorded of each person alone, as the sheet that is taken along has it

A mailbox gets a case number (sending.mail_words), so nothing else is put into a message to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from charter.council.receivers import REFERRAL, Receiver, WebReceiver
from serving.casework.case.glance import name_people
from serving.casework.case.sheet import list_sayable
from serving.casework.view import CaseFile, make_reference, write_day
from serving.casework.visit import Visit
from serving.casework.working.case_file import open_file
from serving.desk import Desk
from serving.store.follow_ups import AgreementDraft
from serving.store.leaving.outbox import RECALL, STATUSES, Message, MessageDraft

__all__ = ["Passage", "draft_message", "list_receivers", "view_passages"]


def list_receivers(desk: Desk) -> tuple[Receiver, ...]:
    """Return who can be sent a referral now."""
    return desk.receivers.sent(REFERRAL)


def draft_message(visit: Visit, receiver: Receiver, draft: AgreementDraft, words: str) -> MessageDraft:
    """Return the message that tells a receiver of what a family agreed to; `words` are the family's own."""
    referral, team = visit.referral, visit.team
    data: dict[str, Any] = {
        "case": make_reference(referral),
        "team": team.title,
        "team_contact": team.contact or visit.desk.invocation.council.contact,
        "until": draft.until,
        "shared": list(draft.shared),
        "made_up": visit.desk.manifest(referral.bundle).get("synthetic") is True,
    }
    if isinstance(receiver, WebReceiver):
        data |= {"referral": referral.id, "programme": referral.programme, "offers": list(draft.offers)}
        data |= _tell_shared(visit, draft, words)
    return MessageDraft(receiver.id, REFERRAL, data, referral.id)


def _tell_shared(visit: Visit, draft: AgreementDraft, words: str) -> dict[str, Any]:
    """Return what the family agreed to share, after the line in the log that says what for."""
    shared: dict[str, Any] = {"needs": words} if "needs" in draft.shared else {}
    if not {"contact", "records"} & set(draft.shared):
        return shared
    file = open_file(visit, "referral")
    if "contact" in draft.shared:
        shared["people"] = list(name_people(file))
        shared["home"] = next((person.address for person in file.identified if person.address), "")
        shared["safe_contact"] = [person.safe_contact for person in file.identified if person.safe_contact]
    if "records" in draft.shared:
        shared["records"] = _tell_records(visit, file, named="contact" in draft.shared)
    return shared


def _tell_records(visit: Visit, file: CaseFile, *, named: bool) -> list[dict[str, Any]]:
    roles = visit.desk.roles.ids_of(visit.identity.role)
    names = name_people(file)
    return [
        {"of": name if named else f"person {number + 1}", "recorded": list(sayable)}
        for number, name in enumerate(names)
        if (sayable := list_sayable(file, number, roles))
    ]


@dataclass(frozen=True)
class Passage:
    """What became of one message, in words: `good` where it was taken, `loud` where somebody must do something."""

    title: str
    detail: str
    good: bool
    loud: bool


def view_passages(desk: Desk, referral_id: str) -> Sequence[Passage]:
    """Return what became of what was sent about a case, and what receivers reported, oldest first."""
    passages = [
        _view_message(desk, message)
        for message in desk.store.messages(referral=referral_id)
        if message.kind in (REFERRAL, RECALL)
    ]
    reports = [
        Passage(
            f"{_name_receiver(desk, outcome.receiver)}: {STATUSES[outcome.status]}",
            f"{write_day(desk.day(outcome.at))}{f', their reference {outcome.reference}' if outcome.reference else ''}",
            good=outcome.status != "declined",
            loud=outcome.status == "declined",
        )
        for outcome in desk.store.list_outcomes(referral_id)
    ]
    return [*passages, *reports]


def _name_receiver(desk: Desk, name: str) -> str:
    receiver = desk.receivers.find(name)
    return receiver.title if receiver else name.replace("_", " ")


def _view_message(desk: Desk, message: Message) -> Passage:
    to, what = _name_receiver(desk, message.receiver), "Calling back" if message.kind == RECALL else "Referral"
    moment = desk.local_time(message.settled_at or message.at)
    when = f"{moment:%H:%M} on {write_day(moment.date())}"
    if message.state == "delivered":
        return Passage(f"{what}: {to} has it", f"{when}. Receipt: {message.receipt}", good=True, loud=False)
    if message.state == "cancelled":
        return Passage(f"{what} to {to}: not sent", f"Stopped at {when}, before it left.", good=True, loud=False)
    if message.state == "waiting":
        times = "once" if message.attempts == 1 else f"{message.attempts} times"
        tried = f"Tried {times}: {message.trouble}. It is tried again." if message.attempts else ""
        return Passage(f"{what} to {to}: on its way", tried or "It goes within a minute.", good=True, loud=False)
    why = "they refused it" if message.state == "refused" else "nobody answered for days"
    return Passage(
        f"{what} to {to}: not delivered, {why}", f"{message.trouble}, {when}. Tell them yourself, or type it in.",
        good=False, loud=True,
    )  # fmt: skip
