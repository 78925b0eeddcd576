"""A real OpenID Connect server in a process of its own (oidc-provider-mock, Flask and Authlib), and how to make it lie.

    python tests/unit/serving/signing_provider.py PORT

The server itself does not ask for PKCE's verifier and gives programs no tokens; what stands before it here does both,
with the server's own key, and answers `POST /lie` with what its next answers are: {"id_token": {...}} changes claims,
{"alg": ...} the signature, {"down": true} nothing at all, {"rotate": true} another key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx

__all__ = ["Provider", "run_provider"]


@dataclass(frozen=True)
class Provider:
    """The running server."""

    issuer: str

    def person(self, user: str, groups: Iterable[str] | None, **claims: Any) -> None:
        """Say who somebody is; with no groups at all, the claim is not there."""
        told = {**({"groups": list(groups)} if groups is not None else {}), **claims}
        httpx.put(f"{self.issuer}/users/{user}", json=told).raise_for_status()

    def revoke(self, user: str) -> None:
        """Take every token of somebody back."""
        httpx.post(f"{self.issuer}/users/{user}/revoke-tokens").raise_for_status()

    def lie(self, **how: Any) -> None:
        """Answer otherwise from now on; with nothing, the truth again."""
        httpx.post(f"{self.issuer}/lie", json=how).raise_for_status()

    def let_in(self, address: str, user: str) -> str:
        """Do what a person does on its page; return where it sends the browser."""
        answer = httpx.post(address, data={"sub": user})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def token(self, **claims: Any) -> str:
        """Return an access token of a program's own, with claims changed."""
        answer = httpx.post(f"{self.issuer}/program", json=claims)
        answer.raise_for_status()
        return str(answer.json()["access_token"])


@contextmanager
def run_provider() -> Iterator[Provider]:
    """Run the server on a free port until the block is over; how to speak to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _wait_for(process, Provider(f"http://127.0.0.1:{port}"))
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], provider: Provider) -> Provider:
    for _ in range(600):
        try:
            httpx.get(f"{provider.issuer}/.well-known/openid-configuration").raise_for_status()
        except httpx.HTTPError:
            assert process.poll() is None, "the provider did not start"
            time.sleep(0.05)
        else:
            return provider
    raise AssertionError("the provider did not answer")


class Liar:
    """WSGI middleware before the server: asks for PKCE, signs for programs, and lies when told to."""

    def __init__(self, app: Any) -> None:
        from joserfc.jwk import RSAKey

        self.app = app
        self.lies: dict[str, Any] = {}
        self.challenges: dict[str, str] = {}
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path, body = environ["PATH_INFO"], self._read(environ)
        host = f"http://{environ['HTTP_HOST']}"
        if path == "/lie":
            self.lies = json.loads(body)
            if self.lies.get("rotate"):
                from joserfc.jwk import RSAKey

                self.key = RSAKey.generate_key(2048, {"kid": hashlib.sha256(str(time.time()).encode()).hexdigest()[:8]})
            return self._say(start, {})
        if self.lies.get("down") and path != "/oauth2/authorize":
            return self._say(start, {"error": "temporarily_unavailable"}, "503 Unavailable")
        if path == "/jwks":
            return self._say(start, {"keys": [self.key.as_dict(private=False)]})
        if path == "/program":
            now = int(time.time())
            claims = {"iss": host, "aud": "sooner-api", "sub": "parking", "azp": "parking", "iat": now,
                      "exp": now + 300, "scope": "residence.check", **json.loads(body)}  # fmt: skip
            return self._say(start, {"access_token": self._sign(claims)})
        if path == "/oauth2/token":
            return self._give_token(environ, start, body)
        if path == "/oauth2/authorize" and environ["REQUEST_METHOD"] == "POST":
            return self._note_challenge(environ, start)
        return self.app(environ, start)

    def _note_challenge(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Keep which challenge a code was given for."""
        asked = dict(parse_qsl(environ["QUERY_STRING"]))
        sent: list[Any] = []
        answer = b"".join(self.app(environ, lambda status, headers, *_: sent.append((status, headers))))
        status, headers = sent[0]
        address = dict(headers).get("Location", "")
        code = parse_qs(urlsplit(address).query).get("code", [""])[0]
        if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            return self._say(start, {"error": "invalid_request"}, "400 Bad Request")
        self.challenges[code] = asked["code_challenge"]
        if "iss" in self.lies:
            headers = [(name, f"{value}&{urlencode({'iss': self.lies['iss']})}" if name == "Location" else value)
                       for name, value in headers]  # fmt: skip
        start(status, headers)
        return [answer]

    def _give_token(self, environ: dict[str, Any], start: Callable[..., Any], body: bytes) -> Iterable[bytes]:
        asked = dict(parse_qsl(body.decode()))
        if asked.get("grant_type") == "authorization_code":
            verifier = asked.get("code_verifier", "")
            digest = _encode(hashlib.sha256(verifier.encode()).digest())
            if self.challenges.pop(asked.get("code", ""), "") != digest:
                return self._say(start, {"error": "invalid_grant"}, "400 Bad Request")
        sent: list[Any] = []
        answer = json.loads(b"".join(self.app(environ, lambda status, *_: sent.append(status))))
        if "id_token" in answer:
            part = answer["id_token"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(part + "=="))
            changes = self.lies.get("id_token", {})
            claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
            answer["id_token"] = self._sign(claims)
        return self._say(start, answer, sent[0])

    def _sign(self, claims: dict[str, Any]) -> str:
        from joserfc import jwt
        from joserfc.jwk import RSAKey

        algorithm, kid = self.lies.get("alg", "RS256"), self.key.kid
        if algorithm in ("none", "HS256"):
            # HS256 is key confusion: the public key's own bytes as a shared secret.
            unsigned = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": algorithm, "kid": kid}, claims))
            secret = self.key.as_pem(private=False)
            signature = hmac.digest(secret, unsigned.encode(), "sha256") if algorithm == "HS256" else b""
            return f"{unsigned}.{_encode(signature)}"
        key = RSAKey.generate_key(2048) if algorithm == "another key" else self.key
        return jwt.encode({"alg": "RS256", "kid": kid}, claims, key)

    @staticmethod
    def _read(environ: dict[str, Any]) -> bytes:
        import io

        body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        return body

    @staticmethod
    def _say(start: Callable[..., Any], document: Any, status: str = "200 OK") -> Iterable[bytes]:
        content = json.dumps(document).encode()
        start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
        return [content]


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _serve(port: int) -> None:
    import os

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import oidc_provider_mock
        from werkzeug.serving import run_simple
    run_simple("127.0.0.1", port, Liar(oidc_provider_mock.app()), threaded=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
