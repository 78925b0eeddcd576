"""Signed-in sessions: a sealed token in a cookie (pages) or a bearer header (API), and the form token against forgery.

Tokens are sealed with Fernet (AES-128-CBC and HMAC-SHA256) under a key derived from the council's, so every worker
reads them and nobody else makes them. They end by themselves after `HOURS`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken

from charter.errors import CharterError
from serving.identity import Identity

__all__ = ["COOKIE", "CURRENT", "HOURS", "KEPT_HOURS", "Session", "Sessions"]

COOKIE = "sooner_session"
HOURS = 8
KEPT_HOURS = 24
"""For so long a browser keeps a cookie: after `HOURS` it opens nothing, and still says whose a late form is."""


@dataclass(frozen=True)
class Session:
    """Who is signed in, and the secret that this session's forms carry."""

    identity: Identity
    form_token: str


CURRENT: ContextVar[Session | None] = ContextVar("sooner_session", default=None)
"""The session of the request that is being answered, for routes that aren't given the request (BentoML's)."""


class Sessions:
    """Makes and reads tokens; `secret` is 32 bytes that all workers share.

    A token holds a person's own teams; `admit` gives, at each reading, who they are now: user, role and teams, cover
    included. It raises CharterError for a role that there is no more.
    """

    def __init__(self, secret: bytes, admit: Callable[[str, str, frozenset[str]], Identity] = Identity) -> None:
        self._secret = secret
        self._admit = admit
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"session" + secret).digest()))

    def begin(self, identity: Identity) -> str:
        """Return a new token for `identity`."""
        claims = {
            "user": identity.user,
            "role": identity.role,
            "teams": sorted(identity.teams),
            "id": secrets.token_hex(16),
        }
        return self._fernet.encrypt(json.dumps(claims).encode()).decode()

    def read(self, token: str, hours: int = HOURS) -> Session | None:
        """Return the session of a token, or None where it is not ours, was altered or began over `hours` ago.

        With more hours than HOURS it says whose session it was, to keep what they typed, and lets nobody in.
        """
        try:
            claims = json.loads(self._fernet.decrypt(token.encode(), ttl=hours * 3600))
            identity = self._admit(claims["user"], claims["role"], frozenset(claims["teams"]))
        except (InvalidToken, ValueError, KeyError, CharterError):
            return None
        form = hmac.new(self._secret, f"form{claims['id']}".encode(), hashlib.sha256).hexdigest()
        return Session(identity, form)
