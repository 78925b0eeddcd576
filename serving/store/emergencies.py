"""Access in an emergency, in the casework database: for whom, why, until when, and what a review said of it.

The reason is sealed, the code hashed. A code opens one session. Nobody reviews their own: the database says so.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, Row, insert, select, update

from serving.identity import Identity
from serving.store.connection import begin_reading, begin_writing
from serving.store.issued import write_moment
from serving.store.tables import emergencies

__all__ = ["OUTCOMES", "Emergencies", "Emergency"]

OUTCOMES = ("in_order", "not_in_order")
"""What a review may find."""


@dataclass(frozen=True)
class Emergency:
    """One emergency access; times are UTC, ISO 8601, '' where it has not come to that."""

    id: str
    actor: str
    role: str
    teams: frozenset[str]
    reason: str
    opened_at: str
    ends_at: str
    used_at: str
    reviewed_at: str
    reviewed_by: str
    outcome: str

    @property
    def identity(self) -> Identity:
        """Who was let in, for the log and a session's row."""
        return Identity(self.actor, self.role, self.teams)

    def overdue(self, now: datetime) -> bool:
        """Whether nobody reviewed it by the end of the day after it was opened."""
        opened = datetime.fromisoformat(self.opened_at)
        end = datetime.combine(opened.date() + timedelta(days=2), datetime.min.time(), opened.tzinfo)
        return not self.reviewed_at and now >= end


class Emergencies:
    """The emergency accesses of one database; `secret` is 32 bytes that all workers of the council share."""

    def __init__(self, engine: Engine, secret: bytes) -> None:
        self._engine = engine
        self._secret = secret
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"reason" + secret).digest()))

    def open(self, identity: Identity, reason: str, ends_at: datetime) -> tuple[Emergency, str]:
        """Open one; return it and the code that signs its holder in, once: it is told this once."""
        code = "-".join(secrets.token_hex(2) for _ in range(8))
        values = {
            "id": secrets.token_hex(8), "code": self._digest(code), "actor": identity.user, "role": identity.role,
            "teams": json.dumps(sorted(identity.teams)), "reason": self._fernet.encrypt(reason.encode()),
            "opened_at": write_moment(), "ends_at": write_moment(ends_at),
        }  # fmt: skip
        with begin_writing(self._engine) as connection:
            connection.execute(insert(emergencies), values)
        made = self.find(str(values["id"]))
        assert made is not None  # noqa: S101  # it was just committed
        return made, code

    def use(self, code: str) -> Emergency | None:
        """Return the emergency that a code opens, once; None for any other code, or one that was used or is over."""
        now = write_moment()
        mine = emergencies.c.code == self._digest(code.strip().lower())
        query = update(emergencies).where(mine, emergencies.c.used_at == "", emergencies.c.ends_at > now)
        with begin_writing(self._engine, noted=False) as connection:
            if connection.execute(query.values(used_at=now)).rowcount != 1:
                return None
            return self._read(connection.execute(select(emergencies).where(mine)).one())

    def find(self, emergency: str) -> Emergency | None:
        """Return one by its id."""
        with begin_reading(self._engine) as connection:
            row = connection.execute(select(emergencies).where(emergencies.c.id == emergency)).one_or_none()
        return self._read(row) if row is not None else None

    def list_all(self) -> list[Emergency]:
        """Return every one, those that wait for a review first, then the newest."""
        with begin_reading(self._engine) as connection:
            rows = connection.execute(select(emergencies).order_by(emergencies.c.opened_at.desc())).all()
        return sorted((self._read(row) for row in rows), key=lambda one: bool(one.reviewed_at))

    def review(self, emergency: str, by: Identity, outcome: str) -> bool:
        """Keep what a review said; return whether nobody had reviewed it, and it is not the reviewer's own."""
        query = update(emergencies).where(
            emergencies.c.id == emergency, emergencies.c.reviewed_at == "", emergencies.c.actor != by.user
        )
        values = {"reviewed_at": write_moment(), "reviewed_by": by.user, "outcome": outcome}
        with begin_writing(self._engine) as connection:
            return connection.execute(query.values(values)).rowcount == 1

    def _digest(self, code: str) -> str:
        return hmac.digest(self._secret, f"emergency{code}".encode(), "sha256").hex()

    def _read(self, row: Row[Any]) -> Emergency:
        values = {name: row._mapping[name] for name in Emergency.__dataclass_fields__}
        try:
            reason = self._fernet.decrypt(bytes(values["reason"])).decode()
        except (InvalidToken, ValueError):
            reason = ""
        return Emergency(**{**values, "teams": frozenset(json.loads(values["teams"])), "reason": reason})
