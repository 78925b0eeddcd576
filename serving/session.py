"""Signed-in sessions: kept on the server, ended on the server; what a browser has is a number that names one.

    begin   a new random token, 256 bits; the database has its keyed digest alone
    read    who somebody is now: not ended, not idle, not over, still what they were, by `judge`
    end     with why and by whom, in the row and in the log

A page's token is in a cookie and opens pages alone; an API's is sent as a bearer token and opens the API alone.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from charter.errors import CharterError
from serving.identity import Identity
from serving.store.issued import write_moment
from serving.store.session_rows import SessionRow, SessionRows

__all__ = [
    "API",
    "CHOOSING",
    "COOKIE",
    "CURRENT",
    "KEPT_HOURS",
    "PAGE",
    "Beginning",
    "Session",
    "SessionRulesRead",
    "Sessions",
    "name_cookie",
]

COOKIE = "sooner_session"
PAGE, API, CHOOSING = "page", "api", "choosing"
"""What a session opens: pages, the API, or nothing but the choice of one of somebody's roles."""
KEPT_HOURS = 24
"""For so long a browser keeps a cookie: after its session's end it opens nothing, and says whose a late form is."""
_NOTED = timedelta(seconds=60)
"""Use is written down at most so often."""
_ROWS_KEPT = timedelta(days=90)
"""For so long after its time a session's row stays; the log keeps that it was."""
_REMEMBERED = timedelta(minutes=10)
"""For so long a process knows a session without the database: whoever may stop lists can while it is down. All else
that a page does needs the database, and says that it is."""
_MOST_REMEMBERED = 5_000
_LATE = frozenset({"idle", "longest"})
"""Ends after which a form that still comes is kept for whoever sent it."""


def name_cookie(*, secure: bool) -> str:
    """Return what the session's cookie is called: over TLS so that no other host of the domain can set it."""
    return f"__Host-{COOKIE}" if secure else COOKIE


@dataclass(frozen=True)
class Session:
    """Who is signed in, and the secret that this session's forms carry; `way` is how they came in."""

    identity: Identity
    form_token: str
    id: str = ""
    kind: str = PAGE
    way: str = "demo"


CURRENT: ContextVar[Session | None] = ContextVar("sooner_session", default=None)
"""The session of the request that is being answered, for routes that aren't given the request (BentoML's)."""


class SessionRulesRead(Protocol):
    """How long sessions last, as the council says."""

    @property
    def idle(self) -> timedelta:
        """How long nothing may be asked."""
        ...

    @property
    def longest(self) -> timedelta:
        """How long any session lasts."""
        ...


@dataclass(frozen=True)
class Beginning:
    """How a session begins: what it opens, the way in, and what the provider gave.

    `proof` is of what it was begun with: it begins one session and no other. `ends_at`: sooner than any other would.
    """

    kind: str = PAGE
    way: str = "demo"
    provider: str = ""
    proof: str | None = None
    held: Mapping[str, Any] = field(default_factory=dict, repr=False)
    ends_at: datetime | None = None


class Sessions:
    """Begins, reads and ends sessions; `secret` is 32 bytes that all workers share.

    A row holds a person's own teams; `admit` gives, at each reading, who they are now: user, role and teams, cover
    included. It raises CharterError for a role that there is no more. `judge` says why somebody may not go on, or ''.
    """

    def __init__(
        self,
        secret: bytes,
        rows: SessionRows,
        *,
        rules: Callable[[], SessionRulesRead],
        admit: Callable[[str, str, frozenset[str]], Identity] = Identity,
        judge: Callable[[SessionRow], str] = lambda _row: "",
        log: Callable[[Identity, str, Mapping[str, Any]], Any] = lambda _who, _what, _detail: None,
    ) -> None:
        self._secret = secret
        self.rows = rows
        self._rules = rules
        self._admit = admit
        self._judge = judge
        self._log = log
        self._remembered: dict[str, tuple[Session, datetime]] = {}

    def begin(self, identity: Identity, how: Beginning | None = None) -> str:
        """Return a new token for `identity`; raise CharterError where its proof was used before."""
        how = how or Beginning()
        token, now = secrets.token_urlsafe(32), datetime.now(UTC)
        longest = now + self._rules().longest
        ends = min(longest, how.ends_at) if how.ends_at else longest
        at = write_moment(now)
        row = SessionRow(
            id=self._digest(token), kind=how.kind, way=how.way, provider=how.provider, proof=how.proof,
            actor=identity.user, role=identity.role, teams=identity.teams, began_at=at, used_at=at, asked_at=at,
            vouched_at=at, ends_at=write_moment(ends), held=how.held,
        )  # fmt: skip
        self.rows.add(row)
        self.rows.forget_old(now - _ROWS_KEPT)
        if how.kind != CHOOSING:
            self._log(identity, "session.begun", {"way": how.way, "kind": how.kind})
        return token

    def read(self, token: str, kind: str | None = None, *, noted: bool = True) -> Session | None:
        """Return the session of a token, or None where there is none of that kind, or it has ended.

        `noted`: whether asking counts as use; an open page that only asks whether it is still open is none.
        """
        try:
            with self.rows.read_together():
                return self._read(token, kind, noted=noted)
        except SQLAlchemyError:
            memory = self._remembered.get(self._digest(token))
            if memory is None or datetime.now(UTC) >= memory[1] or (kind or memory[0].kind) != kind:
                raise
            return memory[0]

    def _read(self, token: str, kind: str | None, *, noted: bool) -> Session | None:
        row = self._find(token)
        if row is None or row.ended_at or (kind or row.kind) != row.kind:
            self._remembered.pop(self._digest(token), None)
            return None
        now = datetime.now(UTC)
        why = self._over(row, now) or self._judge(row)
        try:
            identity = self._admit(row.actor, row.role, row.teams)
        except CharterError:
            identity, why = Identity(row.actor, row.role, row.teams), why or "role"
        if why:
            self._remembered.pop(row.id, None)
            self.end(row, why)
            return None
        if noted and now - datetime.fromisoformat(row.used_at) >= min(_NOTED, self._rules().idle / 4):
            self.rows.note_use(row.id, write_moment(now))
        session = Session(identity, self._form_token(row), row.id, row.kind, row.way)
        until = min(now + _REMEMBERED, datetime.fromisoformat(row.ends_at))
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[row.id] = (session, until)
        return session

    def read_row(self, token: str, kind: str) -> SessionRow | None:
        """Return an open session's row as it lies there: for the choice of a role."""
        row = self._find(token)
        open_ = row is not None and row.kind == kind and not row.ended_at and not self._over(row, datetime.now(UTC))
        return row if open_ else None

    def read_late(self, token: str) -> Session | None:
        """Return whose session a token was that ended by time alone, to keep what they typed; it lets nobody in."""
        row = self._find(token)
        if row is None or row.kind != PAGE:
            return None
        now = datetime.now(UTC)
        by_time = row.ended_why in _LATE if row.ended_at else bool(self._over(row, now))
        kept = now - datetime.fromisoformat(row.began_at) < timedelta(hours=KEPT_HOURS)
        return (
            Session(Identity(row.actor, row.role, row.teams), self._form_token(row), row.id)
            if by_time and kept
            else None
        )

    def end(self, row: SessionRow, why: str, by: Identity | None = None) -> bool:
        """End a session, and say so in the log; return whether it was open until now."""
        ended = self.rows.end(row.id, why, by.user if by else "")
        if ended and row.kind != CHOOSING:
            who = by or Identity(row.actor, row.role, row.teams)
            self._log(who, "session.ended", {"why": why, "whose": row.actor, "way": row.way})
        return ended

    def end_of(self, actor: str, why: str, by: Identity | None = None) -> int:
        """End every session of somebody; return how many there were."""
        rows = [row for row in self.rows.list_open(write_moment()) if row.actor == actor]
        return sum(self.end(row, why, by) for row in rows)

    def end_token(self, token: str, why: str) -> None:
        """End the session of a token, where there is one."""
        row = self._find(token)
        if row is not None and not row.ended_at:
            self.end(row, why)

    def form_token(self, row: SessionRow) -> str:
        """Return the secret that a session's forms carry."""
        return self._form_token(row)

    def _over(self, row: SessionRow, now: datetime) -> str:
        if now >= datetime.fromisoformat(row.ends_at):
            return "longest"
        return "idle" if now - datetime.fromisoformat(row.used_at) >= self._rules().idle else ""

    def _find(self, token: str) -> SessionRow | None:
        return self.rows.find(self._digest(token)) if token.isascii() and 20 <= len(token) <= 100 else None

    def _digest(self, token: str) -> str:
        return hmac.digest(self._secret, f"session{token}".encode(), "sha256").hex()

    def _form_token(self, row: SessionRow) -> str:
        return hmac.digest(self._secret, f"form{row.id}".encode(), "sha256").hex()
