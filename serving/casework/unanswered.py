"""Step-ups that nobody took in time: noted once, told to whom the council names besides, and said on every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.reasons import write_day
from serving.store.leaving.outbox import write_case

__all__ = ["Unanswered", "find_phone", "list_unanswered", "note_unanswered", "say_when"]


def say_when(desk: Desk, moment: str, *, again: bool) -> Mapping[str, str]:
    """Return what a message says of a moment, and whether it is said again."""
    local = desk.local_time(moment)
    return {"when": f"{local:%H:%M} on {write_day(local.date())}", "again": "yes" if again else ""}


def note_unanswered(desk: Desk, now: datetime) -> int:
    """Note each step-up that nobody took in time, tell whom [step_up] names besides; return how many there were."""
    settings = desk.receivers.step_up
    late = [
        each
        for each in desk.store.step_ups(now)
        if not each.taken_by and not each.nobody and datetime.fromisoformat(each.due_at) <= now
    ]
    receivers = [receiver.id for receiver in desk.receivers.told(settings.then_to)]
    for each in late:
        desk.store.note_untaken(each, receivers, say_when(desk, each.at, again=True))
    return len(late)


@dataclass(frozen=True)
class Unanswered:
    """A step-up that nobody took in time, as every page of whoever stepped it up says it."""

    id: str
    reference: str
    when: str
    minutes: int
    phone: str


def list_unanswered(desk: Desk, identity: Identity) -> list[Unanswered]:
    """Return somebody's own step-ups that nobody took in time; none where nobody is told of any."""
    settings = desk.receivers.step_up
    if not settings.to:
        return []
    now = datetime.now(UTC)
    late = [
        each
        for each in desk.store.step_ups(now, identity.user)
        if not each.taken_by and datetime.fromisoformat(each.due_at) <= now
    ]
    return [
        Unanswered(each.referral, write_case(each.referral), f"{desk.local_time(each.at):%H:%M}", settings.minutes,
                   find_phone(desk, now))
        for each in late
    ]  # fmt: skip


def find_phone(desk: Desk, now: datetime) -> str:
    """Return whom a worker rings now: '' where the council names nobody."""
    settings = desk.receivers.step_up
    is_open = settings.is_open(desk.local_time(now.isoformat()))
    return settings.phone if is_open else settings.out_of_hours_phone or settings.phone
