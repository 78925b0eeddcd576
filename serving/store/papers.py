"""Sealed papers in the casework database: what somebody typed and has not sent, and how they filtered a list.

Nothing typed is lost when a session ends, a case changes meanwhile or a second tab is open: it is kept here, sealed
with AES and HMAC (Fernet) under a key of the council's, and never in a browser's storage. A paper is one person's own:
its name is a keyed hash of who wrote it and of what, so nobody finds another's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, bindparam, delete, insert, select

from serving.store.connection import PreparedQuery, begin_reading, begin_writing
from serving.store.issued import write_moment
from serving.store.tables import papers

__all__ = ["DRAFT", "FILTERS", "Paper", "Papers"]

DRAFT, FILTERS = "draft", "filters"
"""What was typed into a form of a case; how somebody filtered a list."""

_LONGEST = 20_000
_ONE_PAPER = PreparedQuery(select(papers).where(papers.c.id == bindparam("paper")))


@dataclass(frozen=True)
class Paper:
    """One paper: of which case ('' for none), when it was last written (UTC, ISO 8601), and its fields."""

    referral: str
    at: str
    fields: Mapping[str, str]


class Papers:
    """The sealed papers of one database; `secret` is 32 bytes that all workers of the council share."""

    def __init__(self, engine: Engine, secret: bytes) -> None:
        self._engine = engine
        self._secret = secret
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"papers" + secret).digest()))

    def keep(self, kind: str, actor: str, name: str, fields: Mapping[str, str], *, referral: str = "") -> None:
        """Keep a paper of somebody's in place of the one before of that name; too long a one is cut by its fields."""
        kept = {key: value[:_LONGEST] for key, value in fields.items()}
        sealed = self._fernet.encrypt(json.dumps(kept).encode())
        row = {"id": self._name(kind, actor, name), "kind": kind, "actor": actor, "referral": referral,
               "at": write_moment(), "sealed": sealed}  # fmt: skip
        with begin_writing(self._engine, noted=False) as connection:
            connection.execute(delete(papers).where(papers.c.id == row["id"]))
            connection.execute(insert(papers), row)

    def read(self, kind: str, actor: str, name: str) -> Paper | None:
        """Return somebody's paper, or None where there is none or it was altered."""
        with begin_reading(self._engine) as connection:
            rows = _ONE_PAPER.ask(connection, {"paper": self._name(kind, actor, name)})
        if not rows:
            return None
        row = rows[0]
        try:
            return Paper(row.referral, row.at, json.loads(self._fernet.decrypt(bytes(row.sealed))))
        except (InvalidToken, ValueError):
            return None

    def drop(self, kind: str, actor: str, name: str) -> None:
        """Throw a paper of somebody's away."""
        with begin_writing(self._engine, noted=False) as connection:
            connection.execute(delete(papers).where(papers.c.id == self._name(kind, actor, name)))

    def drop_of(self, referrals: Sequence[str]) -> None:
        """Throw away everybody's papers about some cases."""
        with begin_writing(self._engine, noted=False) as connection:
            connection.execute(delete(papers).where(papers.c.referral.in_(list(referrals))))

    def list_cases(self, kind: str, actor: str) -> frozenset[str]:
        """Return the cases of which somebody has a paper of this kind."""
        with begin_reading(self._engine) as connection:
            wanted = select(papers.c.referral).where(papers.c.kind == kind, papers.c.actor == actor)
            return frozenset(connection.execute(wanted).scalars())

    def _name(self, kind: str, actor: str, name: str) -> str:
        text = json.dumps([kind, actor, name]).encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()
