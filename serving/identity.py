"""Who is acting: a person, in one role, for certain teams. Nobody is let in by default.

Which role may do what is the council's (charter.rules.roles). An identity acts within its own teams; an empty set of
teams is none, not all.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from charter.acts import COMMAND
from charter.errors import CharterError, UsageError
from charter.rules.roles import Role

__all__ = ["Identity", "identify_command", "require_act", "require_user_id"]


@dataclass(frozen=True)
class Identity:
    """A signed-in person: `user` is an opaque id, never a name; `teams` are ids of council.toml.

    `acts` is all that the role may do; an identity made without them is good for the log alone.
    """

    user: str
    role: str
    teams: frozenset[str]
    acts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.user or not self.role:
            raise CharterError("an identity has no user or no role.", "Sign in.")

    @classmethod
    def of(cls, user: str, role: Role, teams: frozenset[str]) -> Identity:
        """Return the identity of somebody in a role of the charter."""
        return cls(user, role.id, teams, role.acts)

    def may(self, act: str, team: str | None = None) -> bool:
        """Whether this person's role allows `act`, and `team` (where one is concerned) is one of theirs."""
        return act in self.acts and (team is None or team in self.teams)


def identify_command(role: Role | None = None) -> Identity:
    """Return who types a command: in a role, or, where the command asks for none, in no role.

    `$SOONER_USER` says who it is, by the id that they sign in with; else nobody in particular is named. Raises
    UsageError for what can't be such an id.
    """
    user = require_user_id(os.environ.get("SOONER_USER") or COMMAND)
    return Identity.of(user, role, frozenset()) if role else Identity(user, COMMAND, frozenset())


def require_user_id(user: str) -> str:
    """Return the id of a person as they sign in with it; raise UsageError for what can't be one."""
    if not re.fullmatch(r"[A-Za-z0-9._@:-]{1,64}", user):
        raise UsageError(
            "that is no id of a person: 1 to 64 letters, digits and . _ @ : -.", "Write the id that they sign in with."
        )
    return user


def require_act(identity: Identity | None, act: str, team: str | None = None) -> Identity:
    """Return the identity; raise CharterError unless there is one and it may do `act` for `team`."""
    if identity is None:
        raise CharterError("nobody is signed in.", "Sign in.")
    if not identity.may(act, team):
        raise CharterError(
            f"the role {identity.role!r} may not do {act}{f' for the team {team}' if team else ''}.",
            "Ask your manager for the role or the team.",
        )
    return identity
