"""What residents can do, in sentences that follow from the charter, the register and what was asked so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from charter.council.public_file import PublicFile
from charter.council.register import Register
from charter.rules.policy import Policy
from charter.vault.rights_ledger import ACTIONS, read_requests
from fairness_reports.disclosure.door import hide_counts
from fairness_reports.residents.data_uses import DataUse

__all__ = ["FormField", "RightsPart", "count_requests", "list_rights", "say_overruling"]

_ACTION_WORDS: Mapping[str, str] = {
    "object": "Objections",
    "withdraw": "Permissions withdrawn",
    "restrict": "Data kept and not used",
    "erase": "Erasures",
    "overrule": "Of those, overruled",
}
_OVERRULED = "overrule"


@dataclass(frozen=True)
class FormField:
    """A field of a form that residents fill in."""

    name: str
    label: str
    hint: str = ""
    long: bool = False
    needed: bool = False


@dataclass(frozen=True)
class RightsPart:
    """One right: what it is, and the form that uses it (`kind` is the form's name at the door).

    `link` is the address and words of a page of the service that belongs to it.
    """

    id: str
    title: str
    kind: str
    sentences: Sequence[str]
    fields: Sequence[FormField]
    button: str
    link: tuple[str, str] | None = None


NAME = FormField("name", "Your name")
REACH = FormField(
    "reach",
    "How we can reach you safely",
    "A telephone number, an address or a friend's. If it is not safe to write to you at home, say so.",
    needed=True,
)


def list_rights(policy: Policy, register: Register, public: PublicFile) -> tuple[RightsPart, ...]:
    """Return the rights that a page describes, each with its form."""
    own_page = public.own_page_days if public.door else 0
    return (
        RightsPart(
            "see",
            "See what we hold about you",
            "access",
            (
                "You get a copy of what is held about you, and of why you were or were not on a list.",
                "First we make sure that it is you, and how we can reach you safely.",
                "By law you get it within one month.",
                *([_say_own_page(own_page)] if own_page else ()),
            ),
            (NAME, REACH),
            "Ask for a copy",
            (f"{public.door.rstrip('/')}/public/your-page", "Open your own page with a code") if own_page else None,
        ),
        RightsPart(
            "object",
            "Say no to the use of your data",
            "objection",
            (
                "You can say no to all uses of your data here, or to some. It counts from the day that we receive it.",
                say_overruling(policy),
                _say_consent(register),
            ),
            (NAME, REACH, FormField("words", "Which use? Leave it empty for all", long=True)),
            "Say no",
        ),
        RightsPart(
            "correct",
            "Have a mistake put right",
            "correction",
            ("Tell us what is wrong. The service that recorded it is told too, and lists are made anew without it.",),
            (NAME, REACH, FormField("words", "What is wrong, and what is right?", long=True, needed=True)),
            "Send",
        ),
        RightsPart(
            "challenge",
            "Challenge a place on a list",
            "challenge",
            (
                "If you were offered help because of a list, you can ask why, and say that it is wrong.",
                "The worker who has the case sees what you say beside what the list said, and a person answers you.",
            ),
            (NAME, REACH, FormField("words", "What do you want to say?", long=True, needed=True)),
            "Send",
        ),
    )


def say_overruling(policy: Policy) -> str:
    """Return who may overrule an objection by the charter, or that nobody may."""
    titles = [role.title for role in policy.roles if policy.acting.may(role.id, "objection.overrule")]
    if not titles:
        return "Nobody may overrule it."
    return f"It may be overruled only by: {'; '.join(titles)}. Then you get the reasons in writing, and can complain."


def _say_own_page(days: int) -> str:
    within = "within a day" if days == 1 else f"within {days} days"
    return (
        "If you like, you can read your copy as a page of your own: when you come to us we tell you a code, which is"
        f" never posted. It opens the page once, {within}, for half an hour."
    )


def _say_consent(register: Register) -> str:
    titles = [source.title for source in register.sources if register.consent_based(source.service)]
    if not titles:
        return "We do not rest on your consent: the law lets us use these records. That is why you can object."
    return (
        f"We rest on your consent for: {', '.join(titles)}. You can take it back. For the rest the law lets us use it."
    )


def count_requests(uses: Sequence[DataUse]) -> list[tuple[str, str]]:
    """Return how many requests of each kind residents have filed so far, small counts hidden."""
    counts = Counter(request.action for request in read_requests(uses[0].invocation.workspace))
    public_counts = hide_counts({action: counts[action] for action in (*ACTIONS, _OVERRULED)})
    return [(_ACTION_WORDS.get(action, action), public_counts[action]) for action in (*ACTIONS, _OVERRULED)]
