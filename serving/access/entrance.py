"""The one place that says who asks: by a page's cookie, a bearer token, or a proxy's signed header beside the cookie.

    page    the cookie of a session for pages; a proxy's session holds while its header names the same person
    API     a session for the API (the demonstration's), or a provider's access token of a named program

Nothing that opens a page opens the API, and the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from cryptography.fernet import Fernet, InvalidToken

from charter.errors import CharterError
from serving.access.clients import CLIENT, ApiClients
from serving.access.provider import Belonging, Login, read_keys
from serving.access.rules import SignInTable
from serving.access.standing import PROXY
from serving.access.tokens import RefusedTokenError, SigningKeys, read_claims
from serving.identity import Identity
from serving.session import API, PAGE, Beginning, Session, Sessions

__all__ = ["LOGIN_SECONDS", "Entrance"]

LOGIN_SECONDS = 600
"""For so long a sign-in that has begun can come back."""


class Entrance:
    """Lets people and programs in; one for each process, safe to share between threads."""

    def __init__(self, sessions: Sessions, clients: ApiClients, table: SignInTable, fernet: Fernet) -> None:
        self.sessions = sessions
        self.table = table
        self._clients = clients
        self._fernet = fernet
        self._proxy_keys: dict[str, SigningKeys] = {}

    def read_page(self, token: str, headers: Mapping[str, str], *, noted: bool = True) -> Session | None:
        """Return the session of a page's cookie, or None."""
        session = self.sessions.read(token, PAGE, noted=noted)
        if session is None or session.way != PROXY:
            return session
        try:
            belonging, provider = self.read_header(headers)
            standings = self.table.rules.standings(provider, belonging.user, belonging.groups)
            teams = standings.get(session.identity.role)
            same = belonging.user == session.identity.user and teams is not None and teams <= session.identity.teams
        except CharterError:
            same = False
        if not same:
            self.sessions.end_token(token, "proxy")
            return None
        return session

    def read_bearer(self, token: str) -> Session | None:
        """Return who calls the API with a bearer token, or None.

        Raises TooManyCallsError, and UnreachableProviderError where its provider's keys can't be fetched.
        """
        return self._clients.read(token) if token.count(".") == 2 else self.sessions.read(token, API)

    def services_of(self, session: Session) -> frozenset[str]:
        """Return the services that a program may ask for: those of its own row."""
        rows = [row for row in self.table.rules.clients if session.way == f"{CLIENT}{row.id}" and not row.example]
        return frozenset().union(*(row.services for row in rows))

    def may_hear_names(self, session: Session) -> bool:
        """Whether a caller is told who lives in a household: a program where its row says so, people as on the page."""
        if not session.way.startswith(CLIENT):
            return True
        rows = [row for row in self.table.rules.clients if session.way == f"{CLIENT}{row.id}" and not row.example]
        return any(row.names for row in rows)

    def read_late(self, token: str) -> Session | None:
        """Return whose form comes late."""
        return self.sessions.read_late(token)

    def read_header(self, headers: Mapping[str, str]) -> tuple[Belonging, str]:
        """Return whom a proxy's signed header names, and by which provider's claims; raise CharterError for nobody."""
        proxy = self.table.rules.proxy
        provider = self.table.provider(proxy.provider) if proxy is not None and not proxy.example else None
        if proxy is None or provider is None:
            raise RefusedTokenError("no proxy signs people in here")
        token = headers.get(proxy.header.lower(), "")
        keys = self._proxy_keys.setdefault(proxy.keys, read_keys(proxy.keys))
        claims = read_claims(token, keys, issuer=proxy.issuer, audience=proxy.audience)
        return provider.read_person(claims), provider.row.id

    def seal_login(self, login: Login) -> str:
        """Return a sign-in that has begun, sealed for the browser that began it."""
        return self._fernet.encrypt(json.dumps(asdict(login)).encode()).decode()

    def open_login(self, sealed: str) -> Login:
        """Return a sign-in that has begun; raise CharterError where it was begun elsewhere, or too long ago."""
        try:
            login = Login(**json.loads(self._fernet.decrypt(sealed.encode(), ttl=LOGIN_SECONDS)))
        except (InvalidToken, ValueError, TypeError):
            raise RefusedTokenError("it was not begun in this browser, or too long ago") from None
        return login

    def begin(self, identity: Identity, how: Beginning, before: str = "") -> str:
        """Begin a session, and end the one that the browser had before."""
        if before:
            self.sessions.end_token(before, "begun_again")
        return self.sessions.begin(identity, how)
