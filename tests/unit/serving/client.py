"""A browser's part, without a browser: requests to the guarded app in this process, with cookies and forms."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
from starlette.types import ASGIApp

from serving.casework.app import build_app
from serving.desk import Desk
from serving.web.api import make_routes
from serving.web.guard import Guard

__all__ = ["BASE", "Client", "guarded", "signed_in"]

BASE = "http://127.0.0.1:3000"


def guarded(desk: Desk) -> ASGIApp:
    """Return pages and API behind the guard, as the service mounts them."""
    return Guard(build_app(lambda: desk, make_routes(lambda: desk)), entrance=lambda: desk.entrance)


class Client:
    """Keeps cookies; `client` is the address the requests come from."""

    def __init__(self, app: ASGIApp, client: str = "127.0.0.1") -> None:
        self._transport = httpx.ASGITransport(app, client=(client, 50000), raise_app_exceptions=False)
        self.cookies = httpx.Cookies()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def one() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url=BASE, cookies=self.cookies) as client:
                answer = await client.request(method, path, **options)
                self.cookies.update(client.cookies)
                return answer

        return asyncio.run(one())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """Send a page's form from the page's own origin, as a browser does."""
        return self.send("POST", path, data=fields, headers={"origin": BASE, **headers})

    def sign_in(self, who: str) -> None:
        assert self.post("/sign-in", {"who": who}).status_code == 303

    def form_of(self, path: str, action: str) -> dict[str, str]:
        """Return the hidden fields of the form on `path` that is sent to `action`."""
        html = self.get(path).text
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', html, re.DOTALL)
        assert form, f"no form for {action} on {path}"
        return dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', form.group(0)))

    def token(self, who: str) -> dict[str, str]:
        """Sign in to the API and return its header."""
        answer = self.send("POST", "/v1/session", json={"who": who})
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['token']}"}


def signed_in(desk: Desk, who: str) -> Client:
    """Return the client of a person of the demonstration, signed in."""
    client = Client(guarded(desk))
    client.sign_in(who)
    return client
