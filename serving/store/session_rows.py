"""The sessions in the casework database: a row each, under a keyed digest of the token that only the browser has.

What a provider gave (tokens, groups) is sealed with AES and HMAC (Fernet) under a key of the council's. A row is ended
once, with why and by whom, and then kept until `forget_old`: a late form says whose it was.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from charter.errors import CharterError
from serving.store.connection import PreparedQuery, begin_reading, begin_writing, read_together
from serving.store.issued import write_moment
from serving.store.tables import sessions

__all__ = ["SessionRow", "SessionRows"]

_BY_ID = PreparedQuery(select(sessions).where(sessions.c.id == bindparam("session")))


@dataclass(frozen=True)
class SessionRow:
    """One session; times are UTC, ISO 8601. `teams` are the person's own, `held` is what their provider gave."""

    id: str
    kind: str
    way: str
    actor: str
    role: str
    teams: frozenset[str]
    began_at: str
    used_at: str
    asked_at: str
    vouched_at: str
    ends_at: str
    provider: str = ""
    proof: str | None = None
    ended_at: str = ""
    ended_why: str = ""
    ended_by: str = ""
    held: Mapping[str, Any] = field(default_factory=dict, repr=False)


class SessionRows:
    """The sessions of one database; `secret` is 32 bytes that all workers of the council share."""

    def __init__(self, engine: Engine, secret: bytes) -> None:
        self._engine = engine
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"held" + secret).digest()))

    def add(self, row: SessionRow) -> None:
        """Add a session; raise CharterError where what it is begun with was used before (a replay)."""
        values = {**vars(row), "teams": json.dumps(sorted(row.teams)), "sealed": self._seal(row.held)}
        del values["held"]
        try:
            with begin_writing(self._engine, noted=False) as connection:
                connection.execute(insert(sessions), values)
        except IntegrityError:
            raise CharterError("this sign-in was used before.", "Begin to sign in again.") from None

    def find(self, session: str) -> SessionRow | None:
        """Return a session by its id, ended or not."""
        with begin_reading(self._engine) as connection:
            rows = _BY_ID.ask(connection, {"session": session})
        return self._read(rows[0]) if rows else None

    def read_together(self) -> AbstractContextManager[None]:
        """Let all that is asked of a session within share one connection."""
        return read_together(self._engine)

    def list_open(self, now: str) -> list[SessionRow]:
        """Return every session that nobody ended and whose time is not over, the newest first."""
        query = select(sessions).where(sessions.c.ended_at == "", sessions.c.ends_at > now)
        with begin_reading(self._engine) as connection:
            rows = connection.execute(query.order_by(sessions.c.began_at.desc())).all()
        return [self._read(row) for row in rows]

    def note_use(self, session: str, now: str) -> None:
        """Note that somebody was here."""
        self._change(session, used_at=now)

    def claim_asking(self, row: SessionRow, now: str) -> bool:
        """Whether this caller is the one who asks the provider again: of several workers one does."""
        query = update(sessions).where(sessions.c.id == row.id, sessions.c.asked_at == row.asked_at)
        with begin_writing(self._engine, noted=False) as connection:
            return connection.execute(query.values(asked_at=now)).rowcount == 1

    def vouch(self, session: str, now: str, held: Mapping[str, Any]) -> None:
        """Keep what the provider said when it was asked again."""
        self._change(session, vouched_at=now, sealed=self._seal(held))

    def end(self, session: str, why: str, by: str = "") -> bool:
        """End a session; return whether it was open until now. What the provider gave is thrown away."""
        values = {"ended_at": write_moment(), "ended_why": why, "ended_by": by, "sealed": self._seal({})}
        query = update(sessions).where(sessions.c.id == session, sessions.c.ended_at == "").values(values)
        with begin_writing(self._engine, noted=False) as connection:
            return connection.execute(query).rowcount == 1

    def forget_old(self, before: datetime) -> int:
        """Remove the rows of sessions whose time was over before a moment; the log keeps that they were."""
        with begin_writing(self._engine, noted=False) as connection:
            return connection.execute(delete(sessions).where(sessions.c.ends_at < write_moment(before))).rowcount

    def _change(self, session: str, **values: Any) -> None:
        query = update(sessions).where(sessions.c.id == session, sessions.c.ended_at == "").values(values)
        with begin_writing(self._engine, noted=False) as connection:
            connection.execute(query)

    def _seal(self, held: Mapping[str, Any]) -> bytes:
        return self._fernet.encrypt(json.dumps(dict(held)).encode())

    def _read(self, row: Row[Any]) -> SessionRow:
        values = row._asdict()
        try:
            held = json.loads(self._fernet.decrypt(bytes(values.pop("sealed"))))
        except (InvalidToken, ValueError):
            held = {}
        return SessionRow(**{**values, "teams": frozenset(json.loads(values["teams"])), "held": held})
