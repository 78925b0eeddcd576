"""Residents' red lines as tests: cases that a residents' panel was shown, asked of the rules that production uses.

Each scenario of `council/scenarios.toml` is a question with the answer that the panel expects: may this signal be used
for that purpose, may this characteristic, may somebody in this role do that. It is answered by the charter and the
register as they are; who may do what is what the charter says of its roles, as every page and route reads it. One that
comes out otherwise blocks the gate.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from charter.acts import ACTS
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, broken
from charter.council.register import Register
from charter.errors import CharterError
from charter.purposes import PURPOSES
from charter.rules.policy import Policy

__all__ = ["Scenario", "Scenarios", "answer_scenarios"]


def _no_slip_of_an_act(act: str) -> str:
    """Refuse what is nearly an act that there is: nobody may do it, so a case that expects a no would never tell."""
    near = get_close_matches(act, ACTS, n=1, cutoff=0.85)
    if near and act not in ACTS:
        raise broken(f"is {act!r}, which nobody may do", f"Did you mean {near[0]!r}?")
    return act


class Scenario(MarkedRow):
    """One case: who would do what with which data and for what, and the answer that residents expect.

    It names an act and the role that would do it, or a signal or characteristic and the purpose it is for, or both.
    """

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["police_ask_for_the_list"])]
    story: Annotated[
        Text, Field(description="The case as told.", examples=["The police ask which families are on the list."])
    ]
    expected: Annotated[
        Literal["allowed", "refused"], Field(description="What residents expect.", examples=["refused"])
    ]
    reason: Annotated[Text, Field(description="Why.", examples=["Nobody would open the door again."])]
    principle: Annotated[
        str,
        RefersTo("principle", "charter.toml"),
        Field(description="The charter's promise that it is about.", examples=["rights"]),
    ]
    role: Annotated[
        Text | None,
        Field(description="Who would do it: any words, a role or somebody who has none.", examples=["police"]),
    ] = None
    act: Annotated[
        Annotated[Text, AfterValidator(_no_slip_of_an_act)] | None,
        Field(
            description="What they would do: an act of Sooner's, or one that it lets nobody do.",
            examples=["worklist.read"],
        ),
    ] = None
    purpose: Annotated[
        Annotated[str, OneOf(PURPOSES)] | None, Field(description="What it would be for.", examples=["rank"])
    ] = None
    signal: Annotated[
        Text | None,
        Field(description="The data it would use, declared or not.", examples=["early_help.refused_help"]),
    ] = None
    characteristic: Annotated[
        Text | None, Field(description="The protected characteristic it would use.", examples=["ethnicity"])
    ] = None

    @model_validator(mode="after")
    def _asks_something_whole(self) -> Self:
        if (self.act is None) != (self.role is None):
            raise broken("is not whole", "A role does an act: name both or neither.")
        if (self.purpose is None) != (self.signal is None and self.characteristic is None):
            raise broken("is not whole", "A signal or characteristic has a purpose: name both or neither.")
        if self.act is None and self.purpose is None:
            raise broken("asks nothing", "Name an act, a signal or a characteristic.")
        return self

    def allowed_by(self, policy: Policy, register: Register) -> bool:
        """Whether the rules allow all of it: every part that the case names must be allowed."""
        allowed = []
        if self.signal is not None:
            allowed.append(self._may_use(policy, register))
        if self.characteristic is not None:
            audited = self.characteristic in policy.characteristics
            allowed.append(audited and self.purpose == "equality_monitoring")
        if self.act is not None:
            allowed.append(policy.acting.may(self.role or "", self.act))
        return all(allowed)

    def _may_use(self, policy: Policy, register: Register) -> bool:
        signal, purpose = self.signal or "", self.purpose or ""
        service = signal.split(".", maxsplit=1)[0]
        known = any(source.service == service for source in register.sources)
        return known and policy.allows(signal, purpose) and register.permits(service, purpose)


class Scenarios(File):
    """All cases that the residents' panel was shown."""

    heading = "Cases that a residents' panel was shown"
    refusal = CharterError
    signed_by = (
        "Nobody signs it; a case that comes out otherwise blocks the gate, and the decision that is signed says so."
    )

    scenarios: Annotated[
        Listed[Scenario], Field(validation_alias="scenario", description="The cases, each asked of the rules.")
    ] = ()

    @classmethod
    def load(cls, path: Path, policy: Policy) -> Scenarios:
        """Read scenarios.toml, whose cases name principles of `policy`; none where there is no such file."""
        known = {"principle": [principle.id for principle in policy.principles]}
        return cls.read(path, known) if path.exists() else cls()


def answer_scenarios(scenarios: Iterable[Scenario], policy: Policy, register: Register) -> list[dict[str, Any]]:
    """Return each case with the answer it got, and whether that is the one residents expect."""
    rows = []
    for one in scenarios:
        answer = "allowed" if one.allowed_by(policy, register) else "refused"
        rows.append(
            {
                "id": one.id,
                "story": one.story,
                "expected": one.expected,
                "answer": answer,
                "held": answer == one.expected,
                "reason": one.reason,
            }
        )
    return rows
