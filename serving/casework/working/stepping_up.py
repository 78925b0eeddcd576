"""Stepping a case up at once: whom it reaches, who took it, and what is said where nobody did. It is no emergency line.

within the hours     receivers of [step_up] are told, and somebody says "I have it"
after `minutes`      every page of whoever stepped it up says that nobody took it, and whom to ring
outside the hours    nothing is sent, and nothing waits: the page says whom to ring
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from serving.asking_to_show import keep_shown
from serving.casework.unanswered import find_phone, say_when
from serving.casework.view import make_reference
from serving.casework.visit import Visit
from serving.casework.wanting import file_decision
from serving.casework.working.consequences import list_consequences
from serving.casework.working.notices import find_notice
from serving.desk import Desk
from serving.store.leaving.outbox import write_case
from serving.store.leaving.step_ups import StandingStepUp
from serving.store.store import DecisionDraft

__all__ = ["show_step_ups", "show_stepped_up", "step_up_case", "take_step_up"]


def step_up_case(visit: Visit) -> Response:
    """Step up at once: one button, no reasons to choose, independent of any score; within the hours it is told."""
    desk, referral = visit.desk, visit.referral
    choice = desk.settings.choice("stepped_up")
    reason = choice.reasons[0][0] if choice and choice.reasons else "safety_concern"
    # The newest version on purpose: a worry about safety isn't turned away because somebody else wrote meanwhile.
    draft = DecisionDraft("stepped_up", reason, referral.version)
    decision = file_decision(desk, visit.identity, referral, draft, visit.fields.get("key") or secrets.token_hex(16))
    _tell_step_up(visit, decision.version)
    return visit.go_to(f"/cases/{referral.id}/stepped-up")


def _tell_step_up(visit: Visit, version: int) -> None:
    desk, now = visit.desk, datetime.now(UTC)
    settings = desk.receivers.step_up
    receivers = desk.receivers.told(settings.to)
    if receivers and settings.is_open(desk.local_time(now.isoformat())):
        desk.store.tell_step_up(
            visit.identity, visit.referral.id, version, [receiver.id for receiver in receivers],
            say_when(desk, now.isoformat(), again=False), now + timedelta(minutes=settings.minutes),
        )  # fmt: skip


def show_stepped_up(visit: Visit) -> Response:
    """Say what to do in danger first, then whom to ring, then who was told and took it; the same at each reading."""
    desk, referral, now = visit.desk, visit.referral, datetime.now(UTC)
    ups = [decision for decision in desk.store.decisions(referral.id) if decision.disposition == "stepped_up"]
    undo = desk.store.can_undo(visit.identity, referral.id)
    moment: dict[str, Any] = {"recorded": None}
    if ups:
        moment = {"recorded": say_when(desk, ups[-1].decided_at, again=False)["when"]}
    standing = desk.store.step_up(referral.id)
    settings = desk.receivers.step_up
    return visit.render(
        "stepped_up.html",
        title=f"Step up: case {make_reference(referral)}",
        team=visit.team,
        referral=referral,
        reference=make_reference(referral),
        undo=bool(undo),
        follows=list_consequences(desk, "stepped_up"),
        phone=find_phone(desk, now),
        is_open=settings.is_open(desk.local_time(now.isoformat())),
        told=_say_told(desk, referral.id) if standing else "",
        due=f"{desk.local_time(standing.due_at):%H:%M}" if standing else "",
        late=standing is not None and not standing.taken_by and datetime.fromisoformat(standing.due_at) <= now,
        taken=_say_taken(desk, standing),
        notice=find_notice(visit, referral.id),
        **moment,
    )


def _say_told(desk: Desk, case: str) -> str:
    """Return whom a message reached, and whom it has not: nobody is said to be told before the receipt is there."""
    sentences = []
    for message in desk.store.messages(referral=case, kind="step_up"):
        receiver = desk.receivers.find(message.receiver)
        title = receiver.title if receiver else message.receiver
        if message.state == "delivered":
            sentences.append(f"{title} has the message.")
        elif message.attempts:
            sentences.append(f"The message to {title} has not arrived.")
        else:
            sentences.append(f"A message goes to {title} now.")
    return " ".join(dict.fromkeys(sentences))


def _say_taken(desk: Desk, standing: StandingStepUp | None) -> str:
    if standing is None or not standing.taken_by:
        return ""
    return f"{desk.roles.title(standing.taken_by)}, at {desk.local_time(standing.taken_at):%H:%M}"


def show_step_ups(visit: Visit) -> Response:
    """Show what was stepped up in the last week, to whoever may decide on its team's cases."""
    desk, identity, now = visit.desk, visit.identity, datetime.now(UTC)
    standing = [each for each in desk.store.step_ups(now) if identity.may("referral.decide", each.team)]
    cases = {each.referral: desk.store.referral(each.referral) for each in standing}
    shown = {
        referral.id
        for referral in keep_shown(desk, identity, "step_up", [case for case in cases.values() if case is not None])
    }
    lines = [
        {
            "id": each.referral,
            "reference": write_case(each.referral),
            "when": say_when(desk, each.at, again=False)["when"],
            "late": not each.taken_by and datetime.fromisoformat(each.due_at) <= now,
            "taken": _say_taken(desk, each),
            "own": each.actor == identity.user,
        }
        for each in standing
        if each.referral in shown
    ]
    return visit.render("step_ups.html", lines=lines, phone=find_phone(desk, now), notice=find_notice(visit))


def take_step_up(visit: Visit) -> Response:
    """Note that whoever asks has it: they act on it now."""
    visit.desk.store.take_step_up(visit.identity, visit.referral.id)
    return visit.go_to(f"/cases/{visit.referral.id}/stepped-up?done=taken")
