"""What the casework store holds, as values: issued lists, referrals and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from charter.errors import SoonerError

__all__ = [
    "NOT_BEGUN",
    "NO_LOOK",
    "WITH_WORKER",
    "ConflictError",
    "Decision",
    "DecisionDraft",
    "IssuedList",
    "Referral",
    "write_moment",
]

NOT_BEGUN = "lists have not begun there"
"""Why a list leaves out whom a stepped trial has not come to."""
NO_LOOK = "is in no look below the line"
"""Why a household that may be on the list is drawn for no look: somebody there objects to looks."""
WITH_WORKER = "has a worker already"
"""Why a list leaves out a household with an open case that `[leave_out]` of worklist.toml names."""


class ConflictError(SoonerError):
    """Somebody else changed the case since it was shown."""

    exit_code = 11


@dataclass(frozen=True)
class IssuedList:
    """One list of one team. Times are UTC in ISO 8601; `excluded` says whom it left out and why, by entity."""

    programme: str
    id: str
    team: str
    as_of: str
    issued_at: str
    expires_at: str
    capacity: int
    eligible: int
    excluded: Mapping[str, str]
    snapshot: str
    matrix: str
    bundle: str

    @property
    def left_out(self) -> Mapping[str, str]:
        """Whom the list left out, and why, by entity: not those who may be on it, and are in no look below its line."""
        return {entity: why for entity, why in self.excluded.items() if why != NO_LOOK}

    @property
    def no_look(self) -> frozenset[str]:
        """Who may be on the list, and is in no look below its line."""
        return frozenset(entity for entity, why in self.excluded.items() if why == NO_LOOK)


@dataclass(frozen=True)
class Referral:
    """One household on a list; `sealed` is the record of what was shown (sealed_record), `digest` its sha256."""

    id: str
    programme: str
    list: str
    team: str
    entity: str
    rank: int
    margin: float
    band: str
    arm: str
    snapshot: str
    matrix: str
    bundle: str
    sealed: bytes
    digest: str
    status: str = "new"
    version: int = 1
    removed: str = ""


@dataclass(frozen=True)
class DecisionDraft:
    """A decision as somebody sent it; `version` is the referral's as they read it, 0 where they sent none.

    `until` is the local day (ISO 8601) on which a deferred case returns, '' where it does with the next list.
    """

    disposition: str = ""
    reason: str = ""
    version: int = 0
    safe_to_contact_checked: bool = False
    note: str = ""
    reference: str = ""
    until: str = ""

    @property
    def steps_up(self) -> bool:
        """Whether it steps the case up."""
        return self.disposition == "stepped_up"


@dataclass(frozen=True)
class Decision:
    """What a person decided on one version of a referral; `until` is the day on which a deferred case returns."""

    referral: str
    version: int
    disposition: str
    reason: str
    note: str
    own_view: str
    reference: str
    actor: str
    role: str
    decided_at: str
    offered_at: str | None
    until: str | None = None


def write_moment(moment: datetime | None = None) -> str:
    """Return a moment (default: now) as the database keeps it: UTC in ISO 8601 with microseconds."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")
