"""Guests in the casework database: who invited them, in which role, until when; their codes are hashed.

Nothing of a guest is here but a keyed digest of who their provider says they are, once they came.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update

from serving.identity import Identity
from serving.store.connection import begin_reading, begin_writing
from serving.store.issued import write_moment
from serving.store.tables import invitations

__all__ = ["Invitation", "Invitations"]


@dataclass(frozen=True)
class Invitation:
    """An invitation; times are UTC, ISO 8601. `subject` is a digest of whoever took it up, None until then."""

    id: str
    role: str
    teams: frozenset[str]
    sponsor: str
    sponsor_role: str
    made_at: str
    ends_at: str
    subject: str | None
    ended_at: str
    ended_by: str

    @property
    def user(self) -> str:
        """The id that the guest signs in with."""
        return f"guest-{self.id}"

    def holds(self, now: datetime) -> bool:
        """Whether nobody ended it and its time is not over."""
        return not self.ended_at and now < datetime.fromisoformat(self.ends_at)


class Invitations:
    """The guests of one database; `secret` is 32 bytes that all workers of the council share."""

    def __init__(self, engine: Engine, secret: bytes) -> None:
        self._engine = engine
        self._secret = secret

    def make(self, sponsor: Identity, role: str, teams: frozenset[str], ends_at: datetime) -> tuple[Invitation, str]:
        """Make an invitation; return it and the code that the sponsor hands on: it is told this once."""
        code = secrets.token_hex(16)
        values = {
            "id": secrets.token_hex(8), "code": self._digest("code", code), "role": role,
            "teams": json.dumps(sorted(teams)), "sponsor": sponsor.user, "sponsor_role": sponsor.role,
            "made_at": write_moment(), "ends_at": write_moment(ends_at),
        }  # fmt: skip
        with begin_writing(self._engine) as connection:
            connection.execute(insert(invitations), values)
            row = connection.execute(select(invitations).where(invitations.c.id == values["id"])).one()
        return _read(row), code

    def take_up(self, code: str, provider: str, user: str) -> Invitation | None:
        """Bind an invitation to whoever came with its code, once; return it, or None where the code opens nothing."""
        subject = self._digest("subject", f"{provider}\x1f{user}")
        mine = invitations.c.code == self._digest("code", code)
        with begin_writing(self._engine, noted=False) as connection:
            row = connection.execute(select(invitations).where(mine)).one_or_none()
            if row is None or row.subject not in (None, subject) or not _read(row).holds(datetime.now(UTC)):
                return None
            if row.subject is None:
                # One person has one invitation: the one before gives way.
                before = update(invitations).where(invitations.c.subject == subject)
                connection.execute(before.values(subject=None, ended_at=write_moment()))
                binding = update(invitations).where(mine, invitations.c.subject.is_(None)).values(subject=subject)
                if connection.execute(binding).rowcount != 1:
                    return None
        return self.of(provider, user)

    def of(self, provider: str, user: str) -> Invitation | None:
        """Return the invitation of somebody as their provider names them, whether it holds or not."""
        subject = self._digest("subject", f"{provider}\x1f{user}")
        return self._first(invitations.c.subject == subject)

    def find(self, invitation: str) -> Invitation | None:
        """Return an invitation by its id."""
        return self._first(invitations.c.id == invitation)

    def list_all(self) -> list[Invitation]:
        """Return every invitation, the newest first."""
        with begin_reading(self._engine) as connection:
            return [
                _read(row)
                for row in connection.execute(select(invitations).order_by(invitations.c.made_at.desc())).all()
            ]

    def end(self, invitation: str, by: Identity) -> bool:
        """End an invitation; return whether it was open until now."""
        wanted = update(invitations).where(invitations.c.id == invitation, invitations.c.ended_at == "")
        with begin_writing(self._engine) as connection:
            return connection.execute(wanted.values(ended_at=write_moment(), ended_by=by.user)).rowcount == 1

    def _first(self, condition: Any) -> Invitation | None:
        with begin_reading(self._engine) as connection:
            row = connection.execute(select(invitations).where(condition)).one_or_none()
        return _read(row) if row is not None else None

    def _digest(self, what: str, text: str) -> str:
        return hmac.digest(self._secret, f"{what}{text}".encode(), "sha256").hex()


def _read(row: Row[Any]) -> Invitation:
    values = {name: row._mapping[name] for name in Invitation.__dataclass_fields__}
    return Invitation(**{**values, "teams": frozenset(json.loads(values["teams"]))})
