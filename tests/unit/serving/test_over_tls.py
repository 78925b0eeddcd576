"""What answers carry behind a proxy with TLS, and that every kind of answer has its security headers."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from serving.desk import Desk
from serving.identity import Identity
from serving.session import Beginning
from tests.unit.serving.client import guarded

WORKER = "demo-north-lead_practitioner"
SECURE = "https://127.0.0.1:3000"
ANSWERS = ("/sign-in", "/worklists/north", "/nothing", "/v1/lists", "/livez", "/assets/sooner.css")
ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def ask(
    desk: Desk,
    method: str,
    path: str,
    base: str = "https://127.0.0.1:3000",
    proxy: str = "127.0.0.1",
    **options: object,
) -> httpx.Response:
    """Ask as uvicorn does behind a proxy on this computer, whose word for the scheme is taken."""
    app = ProxyHeadersMiddleware(guarded(desk), trusted_hosts="127.0.0.1")  # type: ignore[arg-type]  # as uvicorn does

    async def one() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(proxy, 50000))
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type]

    return asyncio.run(one())


@pytest.mark.parametrize(
    "path", ["/sign-in", "/worklists/north", "/nothing", "/v1/lists", "/livez", "/assets/sooner.css"]
)
def test_every_kind_of_answer_has_its_security_headers(desk: Desk, path: str) -> None:
    answer = ask(desk, "GET", path)
    assert ALWAYS.items() <= dict(answer.headers).items()
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    for name in ("default-src", "object-src", "frame-ancestors", "base-uri"):
        assert policy[name] == "'none'"
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "access-control-allow-origin" not in answer.headers
    assert "server" not in answer.headers
    assert "strict-transport-security" not in ask(desk, "GET", path, "http://127.0.0.1:3000").headers


def test_a_session_s_cookie_is_this_host_s_alone_over_tls(desk: Desk) -> None:
    answer = ask(desk, "POST", "/sign-in", data={"who": WORKER}, headers={"origin": "https://127.0.0.1:3000"})
    (cookie,) = answer.headers.get_list("set-cookie")
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-sooner_session=")
    assert {part.lower() for part in attributes} >= {"secure", "httponly", "samesite=strict", "path=/"}
    assert not any(part.lower().startswith("domain") for part in attributes)


@pytest.mark.parametrize(("proxy", "status"), [("127.0.0.1", 303), ("192.0.2.7", 403)])
def test_forms_work_behind_a_proxy_that_is_trusted_and_behind_no_other(desk: Desk, proxy: str, status: int) -> None:
    """The proxy ends TLS: what reaches us is http, with its word that it was https."""
    identity = Identity("u-1", "lead_practitioner", frozenset({"north"}))
    token = desk.sessions.begin(identity, Beginning(way="emergency"))
    session = desk.sessions.read(token)
    assert session is not None
    headers = {
        "x-forwarded-proto": "https",
        "origin": "https://127.0.0.1:3000",
        "cookie": f"__Host-sooner_session={token}",
    }
    form = {"form_token": session.form_token}
    answer = ask(desk, "POST", "/sign-out", "http://127.0.0.1:3000", proxy=proxy, data=form, headers=headers)
    assert answer.status_code == status
