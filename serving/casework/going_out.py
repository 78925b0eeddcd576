"""For whoever runs the service: what waits to leave the council, what did not arrive, and whom anything can be sent to.

No case, no person and no word of a message stands here: a receiver, since when, how often it was tried, and why not.
"""

from __future__ import annotations

from starlette.responses import Response

from charter.council.receivers import MailReceiver
from charter.errors import UsageError
from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice
from serving.ranking.reasons import write_day
from serving.store.leaving.outbox import Message

__all__ = ["hurry_message", "show_outbox"]

_KINDS = {"referral": "Referral", "recall": "Calling back", "step_up": "Stepped up", "alert": "Alert"}
_STATES = {"waiting": "Waits", "refused": "Refused", "given_up": "Nobody answered"}


def show_outbox(visit: Visit) -> Response:
    """Show what waits and what did not arrive, and the receivers."""
    desk = visit.desk
    standing = [message for state in _STATES for message in desk.store.messages(state=state)]
    receivers = [
        {
            "title": receiver.title,
            "channel": "e-mail" if isinstance(receiver, MailReceiver) else "webhook",
            "gets": ", ".join(_KINDS[kind].lower() for kind in receiver.gets),
            "example": desk.receivers.is_example(receiver),
        }
        for receiver in desk.receivers.receivers
    ]
    return visit.render(
        "going_out.html",
        lines=[_view_line(visit, message) for message in standing],
        receivers=receivers,
        delivered=len(desk.store.messages(state="delivered")),
        notice=find_notice(visit),
    )


def _view_line(visit: Visit, message: Message) -> dict[str, object]:
    desk = visit.desk
    receiver = desk.receivers.find(message.receiver)
    moment = desk.local_time(message.at)
    return {
        "name": message.name,
        "kind": _KINDS[message.kind],
        "to": receiver.title if receiver else message.receiver,
        "since": f"{moment:%H:%M} on {write_day(moment.date())}",
        "attempts": message.attempts,
        "state": _STATES[message.state],
        "trouble": message.trouble,
        "waits": message.state == "waiting",
    }


def hurry_message(visit: Visit) -> Response:
    """Try a message that waits at once."""
    if not visit.desk.store.hurry_message(visit.identity, visit.fields.get("message", "")):
        raise UsageError("That message does not wait any more.", "Open the page again.")
    return visit.go_to("/going-out?done=hurried")
