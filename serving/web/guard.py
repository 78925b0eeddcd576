"""The guard before everything served: who is asking, from where, with what; and what no answer may lack.

    known path?  ->  allowed host?  ->  small enough?  ->  pages: own origin for every POST
                                                       ->  /v1: JSON only, a bearer token, never the cookie
    then the body is read whole: half a body waits for nobody's place, and a chunked one is no larger than another
    then the session is put beside the request, a place is taken, and the answer comes in time or says what was saved
    every answer gets its security headers

It covers BentoML's own routes too: those take forms and text as input, and would answer anybody. The log holds the kind
of page, never an address with an id in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charter.errors import SoonerError
from charter.plain_text import is_whole
from charter.rules.showing import ASK_FOR_HELP
from serving.access.clients import TooManyCallsError
from serving.access.entrance import Entrance
from serving.casework.demo_people import refuse_connection
from serving.casework.page_table import PAGES
from serving.casework.visit import ANYBODY, render_alone
from serving.faults import FAULTS, Fault, find_fault, say_what_was_saved
from serving.session import CURRENT, Session, name_cookie
from serving.store.saving import SAVING, Saving
from serving.web.api import ENDPOINTS
from serving.web.problem import describe_misfit, make_fault_problem, make_problem

__all__ = ["ANSWERING", "PLACES", "READING", "Guard"]

_LOG = logging.getLogger("sooner.access")
_LARGEST = 1_000_000
_REQUEST = re.compile(r"[A-Za-z0-9_-]{8,64}")
"""A caller's own id of a request, that the answer and the log's line repeat; any other gets one of ours."""
_LONGEST_PATH = 500
READING = 10
"""Seconds that a body has to come."""
ANSWERING = 25
"""Seconds that an answer has; then 504 says what was saved, and nothing more is."""
PLACES = 64
"""How many requests of one worker are answered at once; one more gets 503."""
ASKING = 8
"""How many threads of one worker ask who somebody is: of their own, so that slow answers hold none of them up."""
HSTS = "max-age=31536000; includeSubDomains"
"""Once asked over TLS, a browser asks in no other way for a year."""
ALLOWED = "GET, HEAD, POST"
PUBLIC = "public"
"""Where residents' forms are: those of the residents' own site are sent here too, and none acts for a session."""
OPEN_STILL = "session"
"""The page that an open page asks whether it is still open: asking it is no use of a session."""
_OURS = 500
"""From this status on the fault is ours."""
_SCORE_FIELDS = frozenset({"referrals", "rows"})
_OPEN = frozenset({"livez", "readyz", "healthz", "assets"})
_PAGES = frozenset(page.path.split("/")[1] for page in PAGES)
_LOCAL = frozenset({"metrics", "docs.json"})
_TOKENLESS = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.act == ANYBODY)


class Guard:
    """ASGI middleware; `entrance` says who asks, `hosts` are the host names answered to beside loopback's."""

    def __init__(self, app: ASGIApp, *, entrance: Callable[[], Entrance], hosts: Iterable[str] = ()) -> None:
        self.app = app
        self._entrance = entrance
        self._hosts = frozenset({"127.0.0.1", "localhost", "[::1]", *hosts})
        self._taken = 0
        self._asking = CapacityLimiter(ASKING)

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
        body = b""
        if refusal is None and scope["method"] == "POST":
            refusal, body = await _read_body(receive, first)
        try:
            refusal = refusal or await self._let_in(scope, first)
        except TooManyCallsError as error:
            refusal = make_problem(429, error.message, error.next_step, {"retry-after": "60"})
        except (SoonerError, SQLAlchemyError, OSError) as error:
            refusal = _refuse_for_fault(scope, first, find_fault(error), "Nothing was saved.")
        if refusal is not None:
            await refusal(scope, receive, answer.send)
        else:
            await self._answer_in_time(scope, first, _give_body(body, receive), answer)
        milliseconds = (time.perf_counter() - started) * 1000
        _LOG.info(
            "%s /%s %s %.1f ms %s", scope["method"], _path_kind(first), answer.status, milliseconds, answer.request
        )

    async def _let_in(self, scope: Scope, first: str) -> Response | None:
        """Put the session beside the request; refuse where the API gets no token, or all places are taken."""
        if self._taken >= PLACES and first not in _OPEN:
            return _refuse_for_fault(scope, first, FAULTS["full_house"], "Nothing was saved.")
        session = late = None
        token = _read_token(scope, first)
        if token:
            session, late = await to_thread.run_sync(self._find_session, scope, first, token, limiter=self._asking)
        scope.setdefault("state", {})["session"] = session
        scope["state"]["ended"] = late
        CURRENT.set(session)
        if first == "v1" and session is None and scope["path"] not in _TOKENLESS:
            wants = {"www-authenticate": "Bearer"}
            return make_problem(401, "This needs a bearer token.", "Send Authorization: Bearer TOKEN.", wants)
        return None

    def _find_session(self, scope: Scope, first: str, token: str) -> tuple[Session | None, Session | None]:
        """Return who asks; where nobody does, whose form comes late: kept for them, and they are let in nowhere."""
        entrance = self._entrance()
        if first == "v1":
            return entrance.read_bearer(token), None
        session = entrance.read_page(token, Headers(scope=scope), noted=first != OPEN_STILL)
        late = session is None and scope["method"] == "POST"
        return session, entrance.read_late(token) if late else None

    async def _answer_in_time(self, scope: Scope, first: str, receive: Receive, answer: _Answer) -> None:
        """Answer; where that takes too long, say so and what was saved, and let nothing more be."""
        saving = Saving()
        SAVING.set(saving)
        self._taken += 1
        task = asyncio.ensure_future(self.app(scope, receive, answer.send))
        task.add_done_callback(self._give_place_back)
        await asyncio.wait({task}, timeout=ANSWERING)
        if task.done() or answer.status:
            await task
            return
        saved = say_what_was_saved(saving)
        answer.late = True
        # Its thread goes on and can't be stopped: its place is free once it ends.
        task.cancel()
        late = _Answer(answer.passing, scope, first)
        late.nonce = answer.nonce
        await _refuse_for_fault(scope, first, FAULTS["slow"], saved)(scope, receive, late.send)
        answer.status = late.status

    def _give_place_back(self, task: asyncio.Future[None]) -> None:
        self._taken -= 1
        if not task.cancelled():
            task.exception()

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
            return _refuse(first, 405, "Only GET and POST are answered.", {"allow": ALLOWED})
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if first == "v1":
            return None if kind == "application/json" else make_problem(415, "Send application/json.")
        if first not in _PAGES:
            return _refuse(first, 405, "Only GET is answered here.", {"allow": "GET, HEAD"})
        if kind != "application/x-www-form-urlencoded":
            return _refuse(first, 415, "Send the page's own form.")
        own = f"{scope['scheme']}://{headers.get('host', '')}"
        if first != PUBLIC and headers.get("origin") != own:
            return _refuse(first, 403, "This form came from another site, so nothing was saved.")
        return None


def _read_token(scope: Scope, first: str) -> str:
    """Return what a request says who it is of with: the bearer token of the API, the cookie of a page, or ''."""
    if first == "v1":
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    name = name_cookie(secure=scope["scheme"] == "https")
    return Request(scope).cookies.get(name, "") if first in _PAGES else ""


class _Answer:
    """Passes an answer on with its security headers, and BentoML's own refusals as problem details."""

    def __init__(self, send: Send, scope: Scope, first: str) -> None:
        self._send = self.passing = send
        self.late = False
        self._api = first == "v1"
        self._assets = first == "assets"
        self._start: Message | None = None
        self._body = b""
        self.status = 0
        self.nonce = secrets.token_urlsafe(16)
        asked = Headers(scope=scope).get("x-request-id", "")
        self._secured = scope["scheme"] == "https"
        self.request = asked if _REQUEST.fullmatch(asked) else secrets.token_hex(8)
        scope.setdefault("state", {})["nonce"] = self.nonce

    async def send(self, message: Message) -> None:
        if self.late:
            return
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
        if self._secured:
            headers["strict-transport-security"] = HSTS
        headers["referrer-policy"] = "same-origin"
        headers["cross-origin-opener-policy"] = "same-origin"
        headers["cross-origin-resource-policy"] = "same-origin"
        headers["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
        headers.setdefault(
            "content-security-policy",
            f"default-src 'none'; style-src 'self'; script-src 'self' 'nonce-{self.nonce}'; img-src 'self' data:; "
            "connect-src 'self'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
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


async def _read_body(receive: Receive, first: str) -> tuple[Response | None, bytes]:
    """Return a request's whole body; refuse one that is too large, whatever its headers said, or does not come."""
    body = bytearray()
    try:
        async with asyncio.timeout(READING):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return _refuse(first, 400, "The request was not sent to its end."), b""
                body += message.get("body", b"")
                if len(body) > _LARGEST:
                    return _refuse(first, 413, "That is too much at once."), b""
                more = message.get("more_body", False)
    except TimeoutError:
        return _refuse(first, 408, "The request did not come in time, so nothing was saved."), b""
    return None, bytes(body)


def _give_body(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, then whatever comes."""
    given = False

    async def give() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give


def _refuse_for_fault(scope: Scope, first: str, fault: Fault, saved: str) -> Response:
    """Say that the service failed, before or instead of whatever would have answered."""
    saved = saved if scope["method"] == "POST" else ""
    if first == "v1":
        return make_fault_problem(fault, saved)
    request = Request(scope)
    words = {"title": "The service has a fault", "next_step": ASK_FOR_HELP}
    message = f"{fault.message} The fault is the service’s, not yours. {saved}".strip()
    return render_alone(request, fault.status, "Sooner", message=message, **words)


def _refuse(first: str, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    if first == "v1":
        return make_problem(status, detail, headers=headers)
    return PlainTextResponse(f"{detail}\n", status, headers)


def _path_kind(first: str) -> str:
    return first if first in _OPEN | _PAGES | _LOCAL | {"v1"} else "unknown"
