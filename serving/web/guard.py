"""The guard before everything served: who is asking, from where, with what; and what no answer may lack.

    known path?  ->  allowed host?  ->  small enough?  ->  pages: own origin for every POST
                                                       ->  /v1: JSON only, a bearer token, never the cookie
    then the session is put beside the request, and every answer gets its security headers

It covers BentoML's own routes too: those take forms and text as input, and would answer anybody. The log holds the kind
of page, never an address with an id in it.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charter.plain_text import is_whole
from serving.casework.demo_people import refuse_connection
from serving.casework.page_table import PAGES
from serving.casework.visit import ANYBODY
from serving.session import COOKIE, CURRENT, KEPT_HOURS, Session, Sessions
from serving.web.api import ENDPOINTS
from serving.web.problem import describe_misfit, make_problem

__all__ = ["Guard"]

_LOG = logging.getLogger("sooner.access")
_LARGEST = 1_000_000
_REQUEST = re.compile(r"[A-Za-z0-9_-]{8,64}")
"""A caller's own id of a request, that the answer and the log's line repeat; any other gets one of ours."""
_LONGEST_PATH = 500
_OURS = 500
"""From this status on the fault is ours."""
_SCORE_FIELDS = frozenset({"referrals", "rows"})
_OPEN = frozenset({"livez", "readyz", "healthz", "assets"})
_PAGES = frozenset(page.path.split("/")[1] for page in PAGES)
_LOCAL = frozenset({"metrics", "docs.json"})
_TOKENLESS = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.act == ANYBODY)


class Guard:
    """ASGI middleware; `sessions` gives the session reader, `hosts` the host names answered to beside loopback's."""

    def __init__(self, app: ASGIApp, *, sessions: Callable[[], Sessions], hosts: Iterable[str] = ()) -> None:
        self.app = app
        self._sessions = sessions
        self._hosts = frozenset({"127.0.0.1", "localhost", "[::1]", *hosts})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        first = scope["path"].split("/")[1]
        started = time.perf_counter()
        answer = _Answer(send, scope, first)
        refusal = self._refusal(scope, first)
        if refusal is not None:
            await refusal(scope, receive, answer.send)
        else:
            session = self._session(scope, first)
            scope.setdefault("state", {})["session"] = session
            scope["state"]["ended"] = self._ended(scope, first) if session is None else None
            CURRENT.set(session)
            if first == "v1" and session is None and scope["path"] not in _TOKENLESS:
                await make_problem(
                    401,
                    "This needs a bearer token.",
                    "Send Authorization: Bearer TOKEN.",
                    {"www-authenticate": "Bearer"},
                )(scope, receive, answer.send)
            else:
                await self.app(scope, _limit_body(receive), answer.send)
        milliseconds = (time.perf_counter() - started) * 1000
        _LOG.info(
            "%s /%s %s %.1f ms %s", scope["method"], _path_kind(first), answer.status, milliseconds, answer.request
        )

    def _refusal(self, scope: Scope, first: str) -> Response | None:
        headers = Headers(scope=scope)
        if first not in _OPEN | _PAGES | _LOCAL | {"v1"}:
            return PlainTextResponse("There is nothing at this address.\n", 404)
        if len(scope["path"]) > _LONGEST_PATH or not scope["path"].isprintable():
            return _refuse(first, 404, "There is nothing at this address.")
        host = headers.get("host", "")
        if host.rsplit(":", 1)[0] not in self._hosts and host not in self._hosts:
            return _refuse(first, 400, "This host name is not served here.")
        if first in _LOCAL and refuse_connection(HTTPConnection(scope)):
            return _refuse(first, 403, "This is for this computer alone.")
        length = headers.get("content-length", "0")
        if not is_whole(length) or int(length) > _LARGEST:
            return _refuse(first, 413, "That is too much at once.")
        if scope["method"] not in ("GET", "HEAD"):
            return self._unsafe(scope, first, headers)
        return None

    def _unsafe(self, scope: Scope, first: str, headers: Headers) -> Response | None:
        """Refuse a request that changes something and isn't clearly meant: a forged form, or not JSON."""
        if scope["method"] != "POST":
            return _refuse(first, 405, "Only GET and POST are answered.")
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if first == "v1":
            return None if kind == "application/json" else make_problem(415, "Send application/json.")
        if first not in _PAGES:
            return _refuse(first, 405, "Only GET is answered here.")
        if kind != "application/x-www-form-urlencoded":
            return _refuse(first, 415, "Send the page's own form.")
        if headers.get("origin") != f"{scope['scheme']}://{headers.get('host', '')}":
            return _refuse(first, 403, "This form came from another site, so nothing was saved.")
        return None

    def _ended(self, scope: Scope, first: str) -> Session | None:
        """Return whose form comes late, so that what was typed is kept for them; they are let in nowhere."""
        token = Request(scope).cookies.get(COOKIE, "") if first in _PAGES and scope["method"] == "POST" else ""
        return self._sessions().read(token, KEPT_HOURS) if token else None

    def _session(self, scope: Scope, first: str) -> Session | None:
        if first == "v1":
            scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
            return self._sessions().read(token.strip()) if scheme.lower() == "bearer" and token else None
        if first not in _PAGES:
            return None
        token = Request(scope).cookies.get(COOKIE, "")
        return self._sessions().read(token) if token else None


class _Answer:
    """Passes an answer on with its security headers, and BentoML's own refusals as problem details."""

    def __init__(self, send: Send, scope: Scope, first: str) -> None:
        self._send = send
        self._api = first == "v1"
        self._assets = first == "assets"
        self._start: Message | None = None
        self._body = b""
        self.status = 0
        self.nonce = secrets.token_urlsafe(16)
        asked = Headers(scope=scope).get("x-request-id", "")
        self.request = asked if _REQUEST.fullmatch(asked) else secrets.token_hex(8)
        scope.setdefault("state", {})["nonce"] = self.nonce

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=message["headers"])
            self._secure(headers)
            if self._api and self.status >= 400 and not _is_problem(headers):
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_problem(self._start)
            return
        await self._send(message)

    async def _send_problem(self, start: Message) -> None:
        response = make_problem(self.status, _refusal_words(self._body, self.status))
        headers = MutableHeaders(raw=start["headers"])
        headers["content-type"] = "application/problem+json"
        headers["content-length"] = str(len(response.body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": bytes(response.body)})

    def _secure(self, headers: MutableHeaders) -> None:
        if self._api:
            headers["x-request-id"] = self.request
        headers["x-content-type-options"] = "nosniff"
        # Not `no-referrer`: browsers would then send forms without their origin, and the guard could not check it.
        headers["referrer-policy"] = "same-origin"
        headers["cross-origin-opener-policy"] = "same-origin"
        headers["cross-origin-resource-policy"] = "same-origin"
        headers["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
        headers.setdefault(
            "content-security-policy",
            f"default-src 'none'; style-src 'self'; script-src 'self' 'nonce-{self.nonce}'; img-src 'self' data:; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        )
        if "server" in headers:
            del headers["server"]
        headers["cache-control"] = "public, max-age=3600" if self._assets else "no-store"


def _is_problem(headers: MutableHeaders) -> bool:
    return headers.get("content-type", "").startswith("application/problem+json")


def _refusal_words(body: bytes, status: int) -> str:
    """Return what BentoML said of a refused body: where the fields break their rule, never what was in them."""
    if status >= _OURS:
        return (
            "The service could not do this: the fault is its own. Look whether it was saved before you send it again."
        )
    try:
        answer = json.loads(body)
    except ValueError:
        return "The request was not understood."
    refusal = answer[0] if isinstance(answer, list) and answer else answer
    if not isinstance(refusal, dict):
        return "The request was not understood."
    details = refusal.get("detail")
    if status == 400 and isinstance(details, list):
        return describe_misfit(details, _SCORE_FIELDS)
    return str(refusal.get("error", "The request was not understood."))


def _limit_body(receive: Receive) -> Receive:
    """Stop reading a body that grows beyond the limit whatever its headers said."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > _LARGEST:
            return {"type": "http.disconnect"}
        return message

    return limited


def _refuse(first: str, status: int, detail: str) -> Response:
    return make_problem(status, detail) if first == "v1" else PlainTextResponse(f"{detail}\n", status)


def _path_kind(first: str) -> str:
    return first if first in _OPEN | _PAGES | _LOCAL | {"v1"} else "unknown"
