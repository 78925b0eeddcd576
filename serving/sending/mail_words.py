"""What a mail says: a case number and what to do, and nothing else about anybody, whatever the family agreed to."""

from __future__ import annotations

import json

from charter.plain_text import clean_line
from serving.store.leaving.outbox import Message, write_case

__all__ = ["write_mail"]


def write_mail(message: Message, council: str) -> tuple[str, str]:
    """Return the subject and the text of a message's mail.

    Of the message's data only what is no word about a person is read: the team that refers and how it is reached.
    """
    case = write_case(message.referral) if message.referral else ""
    data = json.loads(message.body)["data"]
    subject, lines = {
        "referral": _write_referral,
        "recall": _write_recall,
        "step_up": _write_step_up,
        "alert": _write_alert,
    }[message.kind](case, council, data)
    # A title of the council's files may hold a line end: a subject is one line, and begins no other header.
    return clean_line(subject), "\n".join([
        *map(clean_line, lines), "", f"Message {message.name}. Sent by Sooner, which reads no answers.", "",
    ])  # fmt: skip


def _write_referral(case: str, council: str, data: dict[str, str]) -> tuple[str, list[str]]:
    team, contact = data["team"], data["team_contact"]
    return f"Referral: case {case}", [
        f"{council} has a referral for you: case {case}.",
        "The family said yes. What they agreed to share does not stand in a mail.",
        f"Ask {team}{f' ({contact})' if contact else ''}, and name the case.",
    ]


def _write_recall(case: str, council: str, _data: dict[str, str]) -> tuple[str, list[str]]:
    return f"Called back: case {case}", [
        f"{council} calls the referral of case {case} back.",
        "Use nothing of it any more, and delete what you were told, unless the law asks you to keep it.",
    ]


def _write_step_up(case: str, council: str, data: dict[str, str]) -> tuple[str, list[str]]:
    again = "Nobody has taken it yet. " if data["again"] == "yes" else ""
    return f"Stepped up: case {case}", [
        f"{council}: case {case} was stepped up at {data['when']}. {again}Somebody may not be safe.",
        "Sign in to Sooner, open “Stepped up”, and say that you have it.",
        "If you know that somebody is in danger: 999.",
    ]


def _write_alert(_case: str, council: str, data: dict[str, str]) -> tuple[str, list[str]]:
    return f"Sooner: {data['title']}", [f"{council}: {data['sentence']}", data["next_step"]]
