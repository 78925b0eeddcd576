"""What follows from a decision, in the words of the settings that rule it: said before the button and after it."""

from __future__ import annotations

from charter.council.receivers import REFERRAL
from serving.desk import Desk
from serving.ranking.reasons import write_day

__all__ = ["list_consequences"]


def list_consequences(desk: Desk, disposition: str, *, until: str = "") -> tuple[str, ...]:
    """Return what follows from a decision, in sentences.

    `until` is the day on which a deferred case returns, or until which a family wishes to be left alone.
    """
    sentences = {
        "taken_up": ["You offer help. Nothing leaves the council until the family’s yes is recorded on the case: then "
                     + ("what they agreed to goes to whom they chose, and the receipt stands there."
                        if desk.receivers.sent(REFERRAL) else "you type it into your case system.")],
        "deferred": [f"It returns to your list on {write_day(until)}." if until
                     else "It returns to your list on the day that you choose."],
        "set_aside": ["Nobody contacts the household because of this list."],
        "already_supported": ["Nobody else contacts the household because of this list."],
        "family_said_no": ["A no has no other consequence for the family."],
        "wrong_data": ["Nothing is corrected or sent by this page: it says whom to ask, and keeps the answer. Records "
                       "of somebody else hide the household at once, also from you."],
        "stepped_up": ["The list does nothing more: ring the front door."],
    }  # fmt: skip
    if disposition == "family_said_no" and until:
        return (*sentences[disposition], f"No list of any programme holds the household until {write_day(until)}.")
    weeks = desk.settings.cooling_off.get(disposition, 0)
    rest = (
        f"No list of any programme holds the household for {weeks} weeks."
        if weeks
        else "The next list may hold the household again."
    )
    return (*sentences.get(disposition, []), rest)
