"""Tokens that somebody else signed: read only with that issuer's own public keys, for us, and while they hold.

    signature   an asymmetric algorithm of ours, by the key that the header names; never `none`, never a shared secret
    claims      the issuer and the audience to the letter, begun and not over (CLOCK_SKEW either way), a subject

Keys are fetched again where a token names one that is not known, so that an issuer can change them at any time; at most
every few seconds, so that made-up names cost it nothing.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from charter.errors import CharterError

__all__ = [
    "ALGORITHMS",
    "CLOCK_SKEW",
    "RefusedTokenError",
    "SigningKeys",
    "find_claim",
    "list_words",
    "read_algorithm",
    "read_claims",
]

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that are believed: all with a key pair."""
CLOCK_SKEW = 60
"""Seconds by which an issuer's clock may differ from ours."""
_AGAIN = 5.0
_LONGEST = 20_000
_DEEPEST = 8


class RefusedTokenError(CharterError):
    """A token that is not believed; its message names the rule and nothing of the token."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"the sign-in was refused: {rule}.", "Begin to sign in again; if it stays, tell the operator.")
        self.rule = rule


class SigningKeys:
    """The public keys of one issuer, as it publishes them; `fetch` gives its JWKS document. Safe between threads."""

    def __init__(self, fetch: Callable[[], Mapping[str, Any]]) -> None:
        self._fetch = fetch
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._lock = threading.Lock()

    def find(self, kid: str | None) -> KeySet:
        """Return the keys, fetched again where none of them has this id; raises what fetching raises."""
        with self._lock:
            has_key = self._keys is not None and (kid is None or any(key.kid == kid for key in self._keys))
            if self._keys is None or (not has_key and time.monotonic() - self._fetched >= _AGAIN):
                self._keys = _import_keys(self._fetch())
                self._fetched = time.monotonic()
            return self._keys


def _import_keys(document: Mapping[str, Any]) -> KeySet:
    """Return an issuer's public signing keys; a shared secret among them is none."""
    rows = document.get("keys")
    signing = [
        row
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and row.get("kty") in ("RSA", "EC", "OKP") and row.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": signing})
    except (JoseError, ValueError, KeyError, TypeError):
        raise RefusedTokenError("the issuer publishes no key to check it with") from None


def read_claims(
    token: str,
    keys: SigningKeys,
    *,
    issuer: str,
    audience: str,
    nonce: str = "",
    now: Callable[[], float] = time.time,
) -> Mapping[str, Any]:
    """Return a signed token's claims; raise RefusedTokenError, which says the rule that it breaks.

    With a `nonce` the token must carry it. Raises what fetching the issuer's keys raises.
    """
    header = _read_header(token)
    kid = header.get("kid")
    if header.get("alg") not in ALGORITHMS or (kid is not None and not isinstance(kid, str)):
        raise RefusedTokenError("it is not signed with a key pair")
    try:
        token_parts = jwt.decode(token, keys.find(kid), algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        raise RefusedTokenError("its signature is not the issuer's") from None
    claims: Mapping[str, Any] = token_parts.claims
    wants: dict[str, Any] = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": audience},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    if nonce:
        wants["nonce"] = {"essential": True, "value": nonce}
    try:
        jwt.JWTClaimsRegistry(now=lambda: int(now()), leeway=CLOCK_SKEW, **wants).validate(dict(claims))
    except JoseError as error:
        claim = str(getattr(error, "claim", "") or "exp")
        raise RefusedTokenError(f"its claim {claim!r} does not fit") from None
    others = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if len(others) > 1 and claims.get("azp") != audience:
        raise RefusedTokenError("it was made for somebody else too")
    return claims


def _read_header(token: str) -> Mapping[str, Any]:
    """Return what a token says of its own signature; nothing of it is believed yet."""
    if len(token) > _LONGEST or token.count(".") != 2 or not token.isascii():
        raise RefusedTokenError("it is no signed token")
    part = token.split(".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise RefusedTokenError("it is no signed token")
    return header


def read_algorithm(token: str) -> str:
    """Return the algorithm that a token, once believed, is signed with."""
    return str(_read_header(token)["alg"])


def find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name, or by a path of names with dots; None where there is none."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split(".")[:_DEEPEST]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def list_words(value: Any) -> frozenset[str]:
    """Return the words of a claim: a list of texts, or one text of words with spaces between."""
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(word for word in value if isinstance(word, str)) if isinstance(value, list) else frozenset()
