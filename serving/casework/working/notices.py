"""What a page says after an act: that it was done, what follows from it, and how to take it back.

An act redirects to a page with `?done=NAME`. The page asks the store whether this person did that just now, so that an
address that somebody made up claims nothing, and reading the page again says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from serving.casework.view import STATUS
from serving.casework.visit import Visit
from serving.casework.working.consequences import list_consequences
from serving.desk import Desk
from serving.store.audit_log import NEED_SEEN
from serving.store.case_decisions import UNDO_MINUTES
from serving.store.leaving.outbox import RECALL

__all__ = ["Notice", "find_notice"]


@dataclass(frozen=True)
class Notice:
    """A notification banner; `undo` is where to take the act back, `link` where to go on."""

    title: str
    text: str
    detail: str = ""
    undo: str = ""
    undo_words: str = ""
    link: str = ""
    link_words: str = ""
    good: bool = True


_DONE = {
    "undone": ("referral.undone", "Taken back. The case is as it was before."),
    "picked": ("referral.picked", "You are working on this case. Colleagues see that somebody is."),
    "let_go": ("referral.let_go", "You let this case go."),
    "explained": ("reading.explained", "Kept. The data protection officer reads the same words."),
    "answered": ("challenge.answered", "Your answer is kept, and the household can read it."),
    "view": ("own_view.given", "Your own view is kept. These are the reasons."),
    "need": (NEED_SEEN, "Kept: you see a need. Who it is about is shown now, and help may be offered."),
    "moved": ("referral.transferred", "The case was moved. It is on the other team’s list now."),
    "known": ("conflict.declared", "A colleague decides on that case. You see it nowhere any more."),
    "refreshed": ("refresh.asked", "A new list was asked for. The next ranking of a later day makes it."),
    "places": ("places.set", "Kept. The list that is made in that week has so many places."),
    "cover": ("cover.set", "Kept. On those days the other team sees and decides these cases too."),
    "cover_ended": ("cover.ended", "Ended. The other team sees these cases no more."),
    "suspended": ("suspended", "Stopped. No list of it is made or shown until two roles resume it."),
    "resumed": ("resumed", "Started again."),
    "asked": ("resume.asked", "You asked to start again. One more role must."),
    "agreed": ("family.agreed", "Recorded: the family said yes."),
    "withdrawn": ("family.withdrawn", "Recorded: the family took it back."),
    "answered_help": ("help.answered", "Kept. The case left your cases; no list reads the answers."),
    "chosen": ("help.chosen", "Kept. Nothing was sent: it goes with the referral once the family said yes."),
    "taken": ("step_up.taken", "You have it. Whoever stepped it up sees that."),
    "hurried": ("message.hurried", "It is tried again now."),
    "hidden": (
        "record.reported",
        "That household left every list at once, also for you. Whoever reviews links sees why.",
    ),
    "reported": ("report.answered", "The answer is kept."),
    "link_judged": (
        "link.judged",
        "Kept. It counts from the next link on; you can say otherwise until then and after.",
    ),
    "link_read": ("link.read", "Your reading is kept."),
    "judged": ("second_look.given", "Your view is kept."),
}


def find_notice(visit: Visit, subject: str = "", *, link: str = "", link_words: str = "") -> Notice | None:
    """Return what to say of the act that brought the reader here, or None; `link` is where to go on."""
    code = visit.request.query_params.get("done", "")
    desk, identity = visit.desk, visit.identity
    if code == "kept":
        return Notice("Kept", "What you typed is kept for you. Nothing was decided.")
    if code == "decided" and subject:
        return _notice_decision(desk, visit, subject, link, link_words)
    if code not in _DONE or not desk.store.did_lately(identity, _DONE[code][0], subject):
        return None
    detail = _say_where_it_goes(desk, code, subject) if code in ("agreed", "withdrawn") and subject else ""
    return Notice("Done", _DONE[code][1], detail, link=link, link_words=link_words)


def _say_where_it_goes(desk: Desk, code: str, subject: str) -> str:
    """Say what leaves, or is called back, because of what was recorded."""
    agreement, sent = desk.store.agreement(subject), desk.store.messages(referral=subject)
    if code == "agreed" and agreement is not None:
        if agreement.receiver:
            return f"It goes to {agreement.recipient} now. The receipt stands under “What was sent”."
        return "Nothing was sent: tell them yourself, or type it into your case system."
    if any(message.kind == RECALL for message in sent):
        return "What was sent is called back. The receipt stands under “What was sent”."
    if any(message.state == "cancelled" for message in sent):
        return "It had not left the council, and does not any more."
    return "Tell whoever holds it: nothing was sent from here, so nothing is called back by it."


def _notice_decision(desk: Desk, visit: Visit, subject: str, link: str, link_words: str) -> Notice | None:
    if not desk.store.did_lately(visit.identity, "referral.decided", subject):
        return None
    decisions = desk.store.decisions(subject)
    if not decisions or decisions[-1].actor != visit.identity.user:
        return None
    decision = decisions[-1]
    undo = desk.store.can_undo(visit.identity, subject)
    end = datetime.fromisoformat(decision.decided_at) + timedelta(minutes=UNDO_MINUTES)
    local = end.astimezone(desk.invocation.council.time_zone)
    return Notice(
        "Recorded",
        f"Recorded: {STATUS[decision.disposition]}.",
        " ".join(list_consequences(desk, decision.disposition, until=decision.until or "")),
        undo=f"/cases/{subject}/undo" if undo else "",
        undo_words=f"until {local:%H:%M}" if undo else "",
        link=link,
        link_words=link_words,
    )
