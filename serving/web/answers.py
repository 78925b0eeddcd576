"""What the API answers, as types: the contract says them as they stand here, and a test holds every answer to them.

An answer may gain fields in the same version, so a caller reads what it knows and passes over the rest. What is taken
away or comes to mean something else is under the next version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Changes",
    "CheckAnswer",
    "DecisionAnswer",
    "Lists",
    "LookUpAnswer",
    "OutcomeAnswer",
    "PeopleAnswer",
    "Problem",
    "ReferralAnswer",
    "ResidenceAnswer",
    "Scores",
    "Token",
    "Worklist",
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow")


class Problem(_Answer):
    """How the API says no (RFC 9457): it never repeats what was sent."""

    type: str = Field(examples=["urn:sooner:problem:changed"])
    title: str
    status: int
    code: str = Field(description="What a program tells problems by; never given another meaning.")
    detail: str
    next: str = Field(default="", description="What to do next.")


class Token(_Answer):
    """A bearer token of the demonstration, for eight hours."""

    token: str
    token_type: Literal["bearer"]


class _Header(_Answer):
    list: str = Field(examples=["north-2026-09-28"])
    team: str = Field(examples=["north"])
    as_of: str = Field(description="The morning that the list is of.", examples=["2026-09-28"])
    issued_at: str
    expires_at: str
    capacity: int = Field(description="How many households the team can take.")
    eligible: int = Field(description="How many could have been listed.")


class ListLine(_Answer):
    """A team's newest list, and how it stands; of one that is not shown, nothing else."""

    team: str
    title: str
    state: Literal["live", "shadow", "suspended", "ended"]
    list: str = ""
    as_of: str = ""
    issued_at: str = ""
    expires_at: str = ""
    capacity: int = 0
    eligible: int = 0


class Lists(_Answer):
    """The newest list of each of one's teams."""

    lists: Sequence[ListLine]


class Change(_Answer):
    """A referral that was listed or changed."""

    id: str
    team: str
    list: str
    status: str
    version: int
    changed_at: str


class Changes(_Answer):
    """Changes after a cursor, the longest ago first; the same may come twice, and none is left out."""

    changes: Sequence[Change]
    cursor: str = Field(description="For `after` of the next call.")
    more: bool = Field(description="Whether there are more now.")


class WorklistLine(_Answer):
    """A referral on a list."""

    id: str
    rank: int
    band: str
    status: str
    version: int


class Worklist(_Header):
    """A page of a team's newest list."""

    referrals: Sequence[WorklistLine]
    next: str | None = Field(description="The address of the next page.")


class Need(_Answer):
    """The band, and what it means for households like this: never a figure for this one."""

    band: str
    title: str
    meaning: str


class ReasonLine(_Answer):
    """A reason in plain words; `contribution` is what it adds to the margin (log-odds)."""

    text: str
    because: str
    service: str
    source: str
    data_to: str
    seen: str
    signals: Sequence[str]
    contribution: float
    about_service: bool = Field(description="Counts what a service did, not what happened.")
    uncertain: bool = Field(default=False, description="Some records are this household's by a likely link.")


class SourceReasons(_Answer):
    """The reasons of one source, and what they add together."""

    source: str
    contribution: float
    reasons: Sequence[ReasonLine]


class Strengths(_Answer):
    """What of `against` may be said: `good` is a strength, `less_than_most` only less than most of `compared` have."""

    good: Sequence[str]
    less_than_most: Sequence[str]
    compared: int


class ReferralAnswer(_Answer):
    """One referral."""

    id: str
    list: str
    team: str
    rank: int
    status: str
    version: int = Field(description="Send it back with a decision.")
    as_of: str
    need: Need
    margin: float
    base: float
    unseen: float = Field(description="What missing values add to the margin together; never a reason.")
    for_: Sequence[SourceReasons] = Field(alias="for")
    against: Sequence[SourceReasons]
    strengths: Strengths
    not_seen: Sequence[Mapping[str, object]]
    seeing: Sequence[Mapping[str, object]]
    versions: dict[str, str]
    digest: str = Field(description="sha256 of the sealed record: what the worker was shown.")


class Resident(_Answer):
    """Somebody who lived in the household on the list's morning; '' and null where no service said."""

    name: str
    birth_date: str | None
    age: int | None = Field(description="In whole years, on the list's morning.")
    address: str
    safe_contact: str = Field(description="What is recorded of safe contact; '' does not mean that contact is safe.")


class PeopleAnswer(_Answer):
    """Who a referral is about, as the case page says it."""

    id: str
    people: Sequence[Resident]


class FoundReferral(_Answer):
    """A case of one's own teams that may be shown."""

    id: str
    team: str
    list: str
    status: str
    version: int


class LookUpAnswer(_Answer):
    """The cases, the newest first. None says nothing more: not whether the reference is known."""

    referrals: Sequence[FoundReferral]


class DecisionAnswer(_Answer):
    """A decision that was recorded; `version` is the referral's after it."""

    referral: str
    disposition: str
    decided_at: str
    version: int


class ResidenceAnswer(_Answer):
    """Whether a person is resident at an address, and nothing else."""

    answer: Literal["yes", "no", "can't tell"]


class CheckAnswer(_Answer):
    """One word on what was asked, and nothing else."""

    answer: Literal["yes", "no", "can't tell"]


class OutcomeAnswer(_Answer):
    """A report that was kept: 201 where it is new, 200 where it came before."""

    message: str
    status: str


class ScoreLine(_Answer):
    """One score with its contributions, in log-odds; `referral` where it is of a listed household."""

    margin: float
    base: float
    band: str
    meaning: str
    contributions: dict[str, float]
    referral: str = ""
    bundle: str = ""


class Scores(_Answer):
    """Scores in the order in which they were asked for."""

    scores: Sequence[ScoreLine]
    bundle: str = ""
