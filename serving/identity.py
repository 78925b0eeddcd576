"""Who is acting: a person, in one role, for certain teams. Nobody is let in by default.

Which role may do what is one table for all rooms, `charter/acts.py`. An identity acts within its own teams; an empty
set of teams is none, not all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from charter.acts import ACTS, ROLES
from charter.errors import CharterError

__all__ = ["ACTS", "CHARTER_ROLES", "ROLES", "Identity", "require_act"]

CHARTER_ROLES: Mapping[str, str] = {
    "sro": "senior_responsible_owner",
    "cdo": "chief_data_officer",
    "dpo": "data_protection_officer",
}
"""What charter.toml calls the roles that may suspend; it has the last word on whether they may."""


@dataclass(frozen=True)
class Identity:
    """A signed-in person: `user` is an opaque id, never a name; `teams` are ids of council.toml."""

    user: str
    role: str
    teams: frozenset[str]

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise CharterError(f"there is no role {self.role!r}.", f"Choose one of: {', '.join(ROLES)}.")
        if not self.user:
            raise CharterError("an identity has no user.", "Sign in.")

    def may(self, act: str, team: str | None = None) -> bool:
        """Whether this person's role allows `act`, and `team` (where one is concerned) is one of theirs."""
        return self.role in ACTS.get(act, frozenset()) and (team is None or team in self.teams)


def require_act(identity: Identity | None, act: str, team: str | None = None) -> Identity:
    """Return the identity; raise CharterError unless there is one and it may do `act` for `team`."""
    if identity is None:
        raise CharterError("nobody is signed in.", "Sign in.")
    if not identity.may(act, team):
        raise CharterError(
            f"the role {ROLES[identity.role]!r} may not do {act}{f' for the team {team}' if team else ''}.",
            "Ask your manager for the role or the team.",
        )
    return identity
