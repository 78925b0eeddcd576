"""Programs that call the API: named in the council's table, with a provider's access token, each within its limits.

    a token of its own (client credentials)   acts as `client:ID`, in the row's role; never what a person answers for
    a person's token, where `for_people`      acts as that person, in the row's role, where their groups give it

What it may do is never more than the role, the row and the token's scopes; a token's life is an hour at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from charter.council.sign_in import ClientRow
from charter.errors import CharterError
from serving.access.provider import OpenIDProvider
from serving.access.rules import SignInTable
from serving.access.tokens import RefusedTokenError, find_claim, list_words
from serving.identity import Identity
from serving.session import API, Session
from serving.store.counting.allowances import MINUTE, Allowances

__all__ = ["CLIENT", "ApiClients", "TooManyCallsError"]

CLIENT = "client:"
"""How a program came in, and who it is in the log: this and its id."""
_LONGEST = 3600 + 60
Admit = Callable[[str, str, frozenset[str]], Identity]
_OF_CLIENT = ("azp", "client_id", "appid", "cid")


class TooManyCallsError(CharterError):
    """A client made more calls than it may in this minute."""


class ApiClients:
    """Reads the bearer tokens of the table's clients."""

    def __init__(self, table: SignInTable, admit: Admit, allowances: Allowances) -> None:
        self._table = table
        self._admit = admit
        self._allowances = allowances

    def read(self, token: str) -> Session | None:
        """Return who calls, or None where no provider here stands by the token.

        Raises TooManyCallsError, and UnreachableProviderError where its provider's keys can't be fetched.
        """
        for row in self._table.rules.offered:
            provider = self._table.provider(row.id) if row.audience else None
            if provider is None:
                continue
            try:
                claims = provider.read_access_token(token)
                client = self._find_client(provider, claims)
                identity = self._identify(provider, client, claims)
            except RefusedTokenError:
                continue
            self._count(client)
            return Session(identity, "", kind=API, way=f"{CLIENT}{client.id}")
        return None

    def _find_client(self, provider: OpenIDProvider, claims: Mapping[str, Any]) -> ClientRow:
        if claims["exp"] - claims["iat"] > _LONGEST:
            raise RefusedTokenError("it holds for more than an hour")
        name = next((claims[key] for key in _OF_CLIENT if isinstance(claims.get(key), str)), "")
        client = self._table.rules.client(provider.row.id, name)
        if client is None:
            raise RefusedTokenError("its program is not named here")
        return client

    def _identify(self, provider: OpenIDProvider, client: ClientRow, claims: Mapping[str, Any]) -> Identity:
        groups = find_claim(claims, provider.row.groups)
        by_itself = claims["sub"] == client.id or groups is None
        if by_itself:
            identity = self._admit(f"{CLIENT}{client.id}", client.role, client.teams)
            return replace(identity, acts=identity.acts & client.may & _read_scopes(claims, client.may))
        if not client.for_people:
            raise RefusedTokenError("people do not act through it")
        user = provider.read_user(claims)
        teams = self._table.rules.standings(provider.row.id, user, provider.read_groups(claims)).get(client.role)
        if teams is None:
            raise RefusedTokenError("their groups do not give them its role")
        identity = self._admit(user, client.role, teams)
        return replace(identity, acts=identity.acts & _read_scopes(claims, identity.acts))

    def _count(self, client: ClientRow) -> None:
        if self._allowances.count("api", client.id, MINUTE) > client.a_minute:
            raise TooManyCallsError(
                f"{client.title} made more than {client.a_minute} calls in this minute.", "Call again in a minute."
            )


def _read_scopes(claims: Mapping[str, Any], known: frozenset[str]) -> frozenset[str]:
    """Return the acts that a token's scopes name: `worklist.read`, or after an address, `api://sooner/worklist.read`."""
    words = list_words(claims.get("scope")) | list_words(claims.get("scp")) | list_words(claims.get("roles"))
    return frozenset(word.rsplit("/", 1)[-1] for word in words) & known
