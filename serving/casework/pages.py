"""What all pages share: rendering, who may open what, the form's own token, and refusals in words."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PackageLoader, PrefixLoader
from jinja2.loaders import ChoiceLoader
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from charter.council.council import Team
from charter.errors import CharterError, SoonerError
from serving.casework.view import day_words
from serving.desk import Desk
from serving.identity import ROLES, Identity
from serving.session import Session
from serving.store.store import ConflictError, Referral

__all__ = ["Pages"]

_HERE = Path(__file__).parent


@cache
def _templates() -> Environment:
    loaders = [
        FileSystemLoader(_HERE / "templates"),
        PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
    ]
    made = Environment(loader=ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    made.filters["day"] = day_words
    return made


class Pages:
    """Handlers that share one desk; `desk` gives the process's desk at the first request."""

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk

    @property
    def desk(self) -> Desk:
        """The process's desk."""
        return self._desk()

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a rendered page."""
        session = request.state.session
        manifest = values.pop("manifest", None) or self.desk.manifest()
        html = (
            _templates()
            .get_template(name)
            .render(
                session=session,
                roles=ROLES,
                council=self.desk.invocation.council.name,
                contact=self.desk.invocation.council.contact,
                synthetic=bool(manifest.get("synthetic", False)),
                household=manifest.get("entity", "household") == "household",
                navigation=self.navigation(request, session),
                cspNonce=request.state.nonce,
                **values,
            )
        )
        return HTMLResponse(html, status_code=status)

    def navigation(self, request: Request, session: Session | None) -> list[dict[str, Any]]:
        """Return the links that this person may follow."""
        if session is None:
            return []
        identity = session.identity
        teams = self.desk.invocation.council.teams
        links = [(t.title, f"/worklists/{t.id}") for t in teams if identity.may("worklist.read", t.id)]
        if identity.may("referral.decide"):
            links.append(("Practice", "/practice"))
        if self.desk.settings.reviewed:
            several = sum(identity.may("review.give", t.id) for t in teams) > 1
            links += [
                (f"Blind review: {t.title}" if several else "Blind review", f"/reviews/{t.id}")
                for t in teams
                if identity.may("review.give", t.id)
            ]
        if identity.may("manager.read"):
            links.append(("Managing the lists", "/manager"))
        if identity.may("analyst.read"):
            links.append(("For analysts", "/analyst"))
        if identity.may("board.read"):
            links.append(("For the board", "/board"))
        return [{"text": text, "href": href, "active": request.url.path == href} for text, href in links]

    def allow(self, request: Request, act: str, team: str | None = None) -> Identity:
        """Return who asks; refuse (401, 403) whoever may not do `act` for `team`."""
        session: Session | None = request.state.session
        if session is None:
            raise HTTPException(401)
        if not session.identity.may(act, team):
            raise HTTPException(403)
        return session.identity

    def referral(self, request: Request, act: str) -> tuple[Identity, Referral, Team]:
        """Return who asks, the referral and its team; refuse where it is not theirs, was removed, or a conflict."""
        referral = self.desk.store.referral(request.path_params["referral"])
        if referral is None or referral.programme != self.desk.programme:
            self.allow(request, act)
            raise HTTPException(404)
        identity = self.allow(request, act, referral.team)
        team = self.desk.team(referral.team)
        if team is None:
            raise HTTPException(404)
        if referral.removed:
            # What was issued stays sealed, for complaints and the data protection officer alone.
            raise HTTPException(410)
        if self.desk.store.knows_family(identity, referral.id):
            raise HTTPException(403, "conflict")
        return identity, referral, team

    def running(self, team: str | None = None, bundle: str | None = None) -> None:
        """Refuse (409) while the list is suspended or in shadow."""
        if silent := self.desk.silent(team, bundle):
            raise HTTPException(409, silent)

    async def form(self, request: Request) -> Mapping[str, str]:
        """Return the form's fields, after checking that it is one of this session's own forms."""
        form = await request.form(max_files=0, max_fields=20)
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        session: Session | None = request.state.session
        if session is None:
            raise HTTPException(401)
        if not secrets.compare_digest(fields.get("form_token", ""), session.form_token):
            raise HTTPException(403, "form")
        return fields

    async def refused(self, request: Request, error: Exception) -> Response:
        """Answer a refusal in words; someone who isn't signed in goes to the sign-in page."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 401:
            return RedirectResponse("/sign-in", status_code=303)
        detail = error.detail if isinstance(error, HTTPException) else ""
        title, message, next_step = {
            403: ("Not yours to open", "Your role or team doesn’t open this page.", "Ask your manager if you need it."),
            404: ("Page not found", "There is nothing at this address.", "Go back to the worklist."),
            410: ("Taken off the list", "This household was taken off the list.", "Go back to the worklist."),
            409: (
                "No list is shown now",
                detail,
                "Work with requests for help as before: they never pass through the list.",
            ),
        }.get(status, ("That didn’t work", "The page could not be made.", "Try again, or tell the operator."))
        if detail == "conflict":
            message, next_step = "You said that you know this family.", "A colleague decides; your manager sees to it."
        if detail == "form":
            message, next_step = "This form is not from your session, so nothing was saved.", "Open the page again."
        return await run_in_threadpool(
            self.page, request, "message.html", status, title=title, message=message, next_step=next_step
        )

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer one of our own errors in its own words."""
        status = 409 if isinstance(error, ConflictError) else 403 if isinstance(error, CharterError) else 400
        message, next_step = (error.message, error.next_step) if isinstance(error, SoonerError) else ("", "")
        link = request.url.path.rsplit("/", 1)[0] if isinstance(error, ConflictError) else ""
        return await run_in_threadpool(
            self.page, request, "message.html", status,
            title="Nothing was saved" if request.method == "POST" else "This page can’t be shown", message=message,
            next_step=next_step, link=link, link_words="Open the case again",
        )  # fmt: skip
