"""Where the board answers for a question itself: a verdict that it accepts for now, an answer that says nothing.

    waiver   a role accepts a verdict until a day, and says why; it is shown wherever the answer is
    caveat   of one group the question can't be answered, and why: it is referred to the board every time, never passed

Both are part of the charter, so they are signed with it. One that names a programme holds for that programme alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from charter.council.reading import MarkedRow, RefersTo, Text, broken
from charter.rules.gate_sentences import say_day

__all__ = ["Caveat", "Waiver", "find_waiver", "say_waived"]


def _sentence(text: str) -> str:
    if len(text.split()) < 5:
        raise broken("is no reason that a resident could read", "Write why in a sentence.")
    return text


_Gate = Annotated[
    str, RefersTo("gate", "charter.toml"), Field(description="The [[gate]] it is about.", examples=["missed_help_sex"])
]
_Group = Annotated[
    Text, Field(description="The group, as findings name it; of a data_needed, the service.", examples=["not recorded"])
]
_Reason = Annotated[
    str,
    AfterValidator(_sentence),
    Field(
        description="Why, in a sentence that residents read.",
        examples=[
            "Adults are asked for their ethnicity when they ask for help, so the others are those who never asked."
        ],
    ),
]
_Programme = Annotated[
    str,
    RefersTo("programme", "the council's folder"),
    Field(description="The programme it holds for; none named: all.", examples=["homelessness"]),
]


class Waiver(MarkedRow):
    """A gate's verdict about one group, or about one service's data, that a role accepts until it expires."""

    gate: _Gate
    group: _Group
    role: Annotated[
        str,
        RefersTo("role", "charter.toml"),
        Field(description="The role that accepts it.", examples=["director_of_services"]),
    ]
    reason: _Reason
    expires: Annotated[date, Field(description="The day from which it holds no more.", examples=[date(2026, 12, 1)])]
    programme: _Programme = ""

    def as_document(self) -> dict[str, str]:
        """Return the waiver as a decision document has it."""
        return {"role": self.role, "reason": self.reason, "expires": self.expires.isoformat()}


class Caveat(MarkedRow):
    """A group of which a gate's figures say nothing, whatever they are."""

    gate: _Gate
    group: _Group
    reason: _Reason
    programme: _Programme = ""


def find_waiver(waivers: Sequence[Waiver], gate: str, group: str | None, today: date) -> Waiver | None:
    """Return the first waiver of that question about that group, or that service's data, that holds today."""
    return next((one for one in waivers if (one.gate, one.group) == (gate, group) and one.expires > today), None)


def say_waived(waiver: Waiver) -> str:
    """Say who accepts a verdict, until when and why."""
    return f"Waived until {say_day(waiver.expires)} by {waiver.role}: {waiver.reason}"
