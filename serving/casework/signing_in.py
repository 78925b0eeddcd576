"""Signing in and out."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.casework import demo
from serving.casework.pages import Pages
from serving.session import COOKIE, HOURS

__all__ = ["SignIn"]


class SignIn(Pages):
    """The sign-in page, and everybody's own first page."""

    def home(self, request: Request) -> Response:
        """Send everybody to their own first page."""
        links = self.navigation(request, request.state.session)
        return RedirectResponse(links[0]["href"] if links else "/sign-in", status_code=303)

    def sign_in(self, request: Request) -> Response:
        """Show who can sign in: the demonstration's people, or nobody."""
        error = demo.refusal(request) if self.desk.demo else ""
        people = demo.people(self.desk.invocation.council.teams).values()
        return self.page(
            request, "sign_in.html", title="Sign in", demo=self.desk.demo and not error, error=error, people=people
        )

    async def signed_in(self, request: Request) -> Response:
        """Begin a session of the demonstration."""
        if not self.desk.demo or demo.refusal(request):
            raise HTTPException(403)
        form = await request.form(max_files=0, max_fields=20)
        person = demo.people(self.desk.invocation.council.teams).get(str(form.get("who", "")))
        if person is None:
            raise HTTPException(403)
        await run_in_threadpool(self.desk.store.log, person.identity, "session.begun", purpose="display")
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            COOKIE,
            self.desk.sessions.begin(person.identity),
            max_age=HOURS * 3600,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        await self.form(request)
        response = RedirectResponse("/sign-in", status_code=303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response
