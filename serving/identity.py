"""Who is acting: a person, in one role, for certain teams. Nobody is let in by default.

Which role may do what is the council's (charter.rules.roles). An identity acts within its own teams; an empty set of
teams is none, not all.
"""

from __future__ import annotations

from dataclasses import dataclass

from charter.acts import COMMAND
from charter.errors import CharterError
from charter.rules.roles import Role

__all__ = ["Identity", "identify_command", "require_act"]


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
    """Return who types a command: in a role, or, where the command asks for none, in no role."""
    return Identity.of("command", role, frozenset()) if role else Identity("command", COMMAND, frozenset())


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
