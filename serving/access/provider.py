"""An OpenID Connect provider, asked by authorisation code with PKCE (RFC 7636) and nothing else.

    begin        state, nonce and verifier, kept sealed in the browser; the address that the person is sent to
    finish       the code for an ID token: of this provider, for us, for this very beginning
    ask_again    while a session lasts: does this person still belong, and to which groups?

The provider's documents are fetched over TLS (or from this computer), follow no redirect, and must name the issuer to
the letter. What it answers is never shown and never logged.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core.util import create_half_hash
from requests import Session as HttpSession
from requests.exceptions import RequestException

from charter.acts import NO_ROLE
from charter.council.sign_in import Provider
from charter.errors import CharterError
from serving.access.tokens import RefusedTokenError, SigningKeys, find_claim, list_words, read_algorithm, read_claims

__all__ = ["Belonging", "Login", "OpenIDProvider", "UnreachableProviderError", "read_keys", "read_secret"]

_PATIENCE = 4
"""Seconds that a provider has to answer: less than a request may take."""
_FRESH = 3600.0
_LARGEST = 1_000_000
_USER = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_OURS = ("demo-", "guest-", "client:")


class UnreachableProviderError(CharterError):
    """The provider did not answer, or not as one does."""

    def __init__(self) -> None:
        super().__init__(
            "the council's sign-in does not answer.", "Try again in a minute; if it stays, tell the operator."
        )


@dataclass(frozen=True)
class Login:
    """A sign-in that has begun: what comes back must fit it. It is kept sealed in the browser that began it."""

    provider: str
    state: str
    nonce: str
    verifier: str
    began: float
    invited: str = ""


@dataclass(frozen=True)
class Belonging:
    """Who somebody is, as their provider says: their id, their groups, and what it gave us to ask again with."""

    user: str
    groups: frozenset[str]
    second_factor: bool
    tokens: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_secret(provider_id: str) -> str:
    """Return the provider's secret: $SOONER_SECRET_ID, or the systemd credential sooner-secret-ID; '' for none."""
    variable = f"SOONER_SECRET_{provider_id.upper().replace('-', '_')}"
    if variable in os.environ:
        return os.environ[variable]
    handed_over = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / f"sooner-secret-{provider_id}"
    if "CREDENTIALS_DIRECTORY" in os.environ and handed_over.exists():
        return handed_over.read_text(encoding="utf-8").strip()
    return ""


def read_keys(address: str) -> SigningKeys:
    """Return the public keys at an address, fetched when they are first needed."""
    return SigningKeys(lambda: _fetch_document(address))


class OpenIDProvider:
    """One provider; safe to share between threads. Its documents are kept for an hour."""

    def __init__(self, row: Provider, secret: str = "") -> None:
        self.row = row
        self._secret = secret
        self._documents: Mapping[str, Any] = {}
        self._fetched = 0.0
        self.keys = SigningKeys(lambda: _fetch_document(self._address("jwks_uri")))

    def begin(self, redirect: str, invited: str = "") -> tuple[Login, str]:
        """Return a sign-in that begins, and the address that the browser is sent to."""
        login = Login(
            self.row.id,
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            began=time.time(),
            invited=invited,
        )
        address, _ = self._session(redirect).create_authorization_url(
            self._address("authorization_endpoint"),
            state=login.state,
            code_verifier=login.verifier,
            nonce=login.nonce,
        )
        return login, str(address)

    def finish(self, login: Login, answer: Mapping[str, str], redirect: str) -> Belonging:
        """Return who came back with the browser; raise CharterError where the answer does not fit the beginning."""
        if not hmac.compare_digest(answer.get("state", "").encode(), login.state.encode()):
            raise RefusedTokenError("it was not begun in this browser")
        self._require_issuer(answer.get("iss"))
        if answer.get("error"):
            raise RefusedTokenError("the provider let nobody in")
        code = answer.get("code", "")
        if not 0 < len(code) <= 4096:
            raise RefusedTokenError("the provider gave no code")
        tokens = self._fetch_token(redirect, grant_type="authorization_code", code=code, code_verifier=login.verifier)
        claims = self._read_id_token(tokens, login.nonce)
        return self._read_belonging(claims, tokens)

    def ask_again(self, tokens: Mapping[str, Any], user: str) -> Belonging:
        """Return what the provider says of somebody now.

        Raises RefusedTokenError where they are let in no more, UnreachableProviderError where it does not answer.
        """
        newest = dict(tokens)
        if tokens.get("refresh_token"):
            fresh = self._fetch_token("", grant_type="refresh_token", refresh_token=str(tokens["refresh_token"]))
            newest |= {name: value for name, value in fresh.items() if value}
            claims = self._read_id_token(fresh, "") if fresh.get("id_token") else {}
        else:
            claims = {}
        belonging = self._read_belonging(claims, newest)
        if belonging.user != user:
            raise RefusedTokenError("the provider speaks of somebody else")
        return belonging

    def read_access_token(self, token: str) -> Mapping[str, Any]:
        """Return the claims of an access token for our API; raise RefusedTokenError for any other token."""
        claims = read_claims(token, self.keys, issuer=self.row.issuer, audience=self.row.audience)
        if "nonce" in claims:
            raise RefusedTokenError("it is an ID token")
        self._require_claims(claims)
        return claims

    def read_user(self, claims: Mapping[str, Any]) -> str:
        """Return a person's id out of their claims; raise RefusedTokenError for what can't be one."""
        user = find_claim(claims, self.row.user)
        if not isinstance(user, str) or not _USER.fullmatch(user):
            raise RefusedTokenError(f"its claim {self.row.user!r} is no id of a person (an e-mail address is none)")
        if user.startswith(_OURS) or user in {*NO_ROLE, "sooner"}:
            raise RefusedTokenError(f"its claim {self.row.user!r} is a word of ours")
        return user

    def read_person(self, claims: Mapping[str, Any]) -> Belonging:
        """Return who claims are about; raise RefusedTokenError where they lack what the council asks for."""
        self._require_claims(claims)
        factors = list_words(claims.get("amr")) | list_words(claims.get("acr"))
        return Belonging(self.read_user(claims), self.read_groups(claims), bool(factors & self.row.second_factor))

    def read_groups(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Return a person's groups out of their claims."""
        value = find_claim(claims, self.row.groups)
        return frozenset({value}) if isinstance(value, str) else list_words(value)

    def sign_out_address(self) -> str:
        """Return where a person ends their session with the provider too, '' where it has no such page."""
        try:
            return self._address("end_session_endpoint")
        except CharterError:
            return ""

    def _read_belonging(self, claims: Mapping[str, Any], given: Mapping[str, Any]) -> Belonging:
        """Return who it is: of the ID token's claims, and of the provider's own answer where those lack something."""
        if find_claim(claims, self.row.groups) is None and given.get("access_token"):
            more = self._fetch_user_info(str(given["access_token"]))
            if claims and more.get("sub") != claims.get("sub"):
                raise RefusedTokenError("the provider speaks of somebody else")
            claims = {**more, **claims}
        lasting = {name: given[name] for name in ("access_token", "refresh_token") if given.get(name)}
        return replace(self.read_person(claims), tokens=lasting)

    def _require_claims(self, claims: Mapping[str, Any]) -> None:
        for claim in self.row.claims:
            if find_claim(claims, claim.name) != claim.value:
                raise RefusedTokenError(f"its claim {claim.name!r} is not the council's")

    def _require_issuer(self, issuer: str | None) -> None:
        """Refuse an answer that another provider gave (RFC 9207)."""
        says = self._read_documents().get("authorization_response_iss_parameter_supported") is True
        if (issuer is None and says) or (issuer is not None and issuer != self.row.issuer):
            raise RefusedTokenError("another provider answered")

    def _read_id_token(self, given: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        token = given.get("id_token")
        if not isinstance(token, str):
            raise RefusedTokenError("the provider gave no ID token")
        claims = read_claims(token, self.keys, issuer=self.row.issuer, audience=self.row.client_id, nonce=nonce)
        if "at_hash" in claims:
            half_hash = create_half_hash(str(given.get("access_token", "")), read_algorithm(token))
            if half_hash is None or not hmac.compare_digest(half_hash, str(claims["at_hash"]).encode()):
                raise RefusedTokenError("its claim 'at_hash' does not fit")
        return claims

    def _fetch_token(self, redirect: str, **fields: str) -> dict[str, Any]:
        session = self._session(redirect)
        try:
            answer: Any = session.fetch_token(
                self._address("token_endpoint"), **fields, timeout=_PATIENCE, allow_redirects=False
            )
        except OAuthError as error:
            if error.error in ("temporarily_unavailable", "server_error"):
                raise UnreachableProviderError from None
            raise RefusedTokenError("the provider does not stand by it") from None
        except (RequestException, ValueError):
            raise UnreachableProviderError from None
        if not isinstance(answer, Mapping):
            raise RefusedTokenError("the provider does not stand by it")
        return dict(answer)

    def _fetch_user_info(self, access_token: str) -> Mapping[str, Any]:
        try:
            return _fetch_document(self._address("userinfo_endpoint"), bearer=access_token)
        except RefusedAnswerError:
            raise RefusedTokenError("the provider does not stand by it") from None

    def _session(self, redirect: str) -> OAuth2Session:
        return OAuth2Session(
            self.row.client_id,
            self._secret or None,
            scope=" ".join(self.row.scopes),
            redirect_uri=redirect or None,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
        )

    def _address(self, name: str) -> str:
        address = self._read_documents().get(name)
        if not isinstance(address, str) or not _is_safe(address):
            raise UnreachableProviderError
        return address

    def _read_documents(self) -> Mapping[str, Any]:
        if not self._documents or time.monotonic() - self._fetched > _FRESH:
            documents = _fetch_document(f"{self.row.issuer.rstrip('/')}/.well-known/openid-configuration")
            if documents.get("issuer") != self.row.issuer:
                raise UnreachableProviderError
            self._documents, self._fetched = documents, time.monotonic()
        return self._documents


class RefusedAnswerError(UnreachableProviderError):
    """The provider answered, and said no (401 or 403)."""


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    near = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    return parts.scheme == "https" or near


def _fetch_document(address: str, bearer: str = "") -> Mapping[str, Any]:
    """Return a JSON object from a provider; raise UnreachableProviderError where there is none."""
    headers = {"accept": "application/json", **({"authorization": f"Bearer {bearer}"} if bearer else {})}
    try:
        with HttpSession() as session:
            answer = session.get(address, headers=headers, timeout=_PATIENCE, allow_redirects=False, stream=True)
            if answer.status_code in (401, 403):
                raise RefusedAnswerError
            content = answer.raw.read(_LARGEST + 1, decode_content=True)
            if answer.status_code != 200 or len(content) > _LARGEST:
                raise UnreachableProviderError
        document = json.loads(content)
    except (RequestException, ValueError, RecursionError, OSError):
        raise UnreachableProviderError from None
    if not isinstance(document, dict):
        raise UnreachableProviderError
    return document
