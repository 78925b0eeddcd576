"""One page or act as a row of the page table, and one visit to it: who asks, for what, and how it is answered.

    a request  ->  its form, with this session's own token  ->  the row's act, for the path's team or case
               ->  the row's handler, which takes the `Visit` and answers

A handler is reached by nobody whose role may not do the row's act; `Visit.require` asks for a further act or team.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PackageLoader, PrefixLoader
from jinja2.loaders import ChoiceLoader
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from charter.contracts.entity_words import EntityWords
from charter.council.council import Team
from charter.law import cite_law
from charter.plain_text import clean_field
from serving.casework.unanswered import list_unanswered
from serving.casework.view import write_day
from serving.casework.wanting import require_case
from serving.desk import Desk
from serving.identity import Identity
from serving.session import Session
from serving.store.store import Referral

__all__ = ["ANYBODY", "SIGNED_IN", "Link", "Page", "SessionEndedError", "Visit", "answer_page", "render_alone"]

ANYBODY = "anybody"
"""In place of an act: nobody need be signed in, and no form carries a session's token."""

SIGNED_IN = "signed in"
"""In place of an act: whoever is signed in, in whatever role."""

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Link:
    """A page's place in the navigation: its words, `{team}` in them for the team's title.

    A page with a team in its path has a link for each of the reader's teams; where there are several the words are
    `several`. `shown` says whether this desk has the page for somebody at all.
    """

    words: str
    several: str = ""
    shown: Callable[[Desk, Identity], bool] = lambda _desk, _identity: True


@dataclass(frozen=True)
class Page:
    """A page (GET) or an act on one (POST).

    `act` is what a role must be allowed to do (charter/acts.py), ANYBODY or SIGNED_IN. With `{team}` in the path it
    must be allowed for that team, with `{referral}` for the team that works the case. `way` is the way out
    (charter.rules.showing) by which it shows or touches a household, '' where it touches none: with `{referral}` it is
    asked before the handler is reached, else the handler asks it of the list and of each case.
    """

    method: str
    path: str
    act: str
    title: str
    handler: Callable[[Visit], Response]
    link: Link | None = None
    way: str = ""


@dataclass(frozen=True)
class Visit:
    """A request for a page of the table, once it is let in; `fields` are those of the form that was sent."""

    desk: Desk
    request: Request
    pages: Sequence[Page]
    title: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    path_team: Team | None = None
    path_referral: Referral | None = None

    @property
    def session(self) -> Session | None:
        """The session of whoever asks."""
        session: Session | None = self.request.state.session
        return session

    @property
    def identity(self) -> Identity:
        """Who asks; whoever isn't signed in is refused (401)."""
        return self.require_session().identity

    @property
    def team(self) -> Team:
        """The team that the path names, or that works its case."""
        if self.path_team is None:
            raise HTTPException(404)
        return self.path_team

    @property
    def referral(self) -> Referral:
        """The referral that the path names."""
        if self.path_referral is None:
            raise HTTPException(404)
        return self.path_referral

    def require_session(self) -> Session:
        """Return the session of whoever asks; refuse (401) whoever isn't signed in."""
        if self.session is None:
            raise HTTPException(401)
        return self.session

    def require(self, act: str, team: str | None = None) -> Identity:
        """Return who asks; refuse (401, 403) whoever may not do `act` for `team`."""
        identity = self.identity
        if not identity.may(act, team):
            raise HTTPException(403)
        return identity

    def links(self) -> list[dict[str, Any]]:
        """Return the navigation: the links that this person may follow, in the order of the table."""
        if self.session is None:
            return []
        links = []
        for page in self.pages:
            if page.link is None or not page.link.shown(self.desk, self.identity):
                continue
            if "{team}" in page.path:
                teams = [team for team in self.desk.invocation.council.teams if self.identity.may(page.act, team.id)]
                words = page.link.several if page.link.several and len(teams) > 1 else page.link.words
                links += [(words.format(team=team.title), page.path.format(team=team.id)) for team in teams]
            elif self.identity.may(page.act):
                links.append((page.link.words, page.path))
        return [{"text": text, "href": href, "active": self.request.url.path == href} for text, href in links]

    def render(
        self, template: str, status: int = 200, manifest: Mapping[str, Any] | None = None, **values: Any
    ) -> HTMLResponse:
        """Return a rendered page; `manifest` is of the bundle it tells of, by default the one in use."""
        bundle = manifest or self.desk.manifest()
        council = self.desk.invocation.council
        html = (
            _load_templates()
            .get_template(template)
            .render(
                {
                    "title": self.title,
                    "session": self.session,
                    "title_of": self.desk.roles.title,
                    "council": council.name,
                    "contact": council.contact,
                    "synthetic": bool(bundle.get("synthetic", False)),
                    "household": bundle.get("entity", "household") == "household",
                    "words": EntityWords.of(bundle),
                    "navigation": self.links(),
                    "unanswered": list_unanswered(self.desk, self.session.identity) if self.session else [],
                    "unexplained": self._count_unexplained(),
                    "cspNonce": self.request.state.nonce,
                    "for_residents": self.request.url.path.startswith("/public/"),
                    **values,
                }
            )
        )
        return HTMLResponse(html, status_code=status)

    def _count_unexplained(self) -> int:
        """Return for how many days whoever is signed in has not said why they read more than is usual."""
        if self.session is None or self.request.url.path == "/own-reading":
            return 0
        return self.desk.store.count_unexplained(self.identity.user, self.desk.today())

    def go_to(self, path: str) -> Response:
        """Return the redirect after an act."""
        return RedirectResponse(path, status_code=303)


class SessionEndedError(Exception):
    """A form came after its session had ended; `identity` is whose form it is, None where that can't be told."""

    def __init__(self, identity: Identity | None, fields: Mapping[str, str]) -> None:
        super().__init__("The session ended.")
        self.identity = identity
        self.fields = fields


def render_alone(request: Request, status: int, council: str, **words: Any) -> HTMLResponse:
    """Return a message page that needs no database, vault or bundle, and so can say that one of them is gone."""
    values = {"session": None, "council": council, "navigation": [], "cspNonce": request.state.nonce, **words}
    return HTMLResponse(_load_templates().get_template("message.html").render(values), status_code=status)


@cache
def _load_templates() -> Environment:
    loaders = [
        FileSystemLoader(_TEMPLATES),
        PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
    ]
    # Files of the package don't change under it: without this each part of each page is looked for anew.
    templates = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
    templates.filters["day"] = write_day
    templates.filters["law"] = cite_law
    return templates


def answer_page(
    page: Page, desk: Callable[[], Desk], pages: Sequence[Page]
) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers requests for one row of the table; `desk` gives the process's desk at the first of them."""

    async def answer(request: Request) -> Response:
        fields = await _read_form(request, page) if page.method == "POST" else {}
        return await run_in_threadpool(visit_page, request, fields)

    def visit_page(request: Request, fields: Mapping[str, str]) -> Response:
        opened = desk()
        with opened.store.read_together():
            return page.handler(_let_in(page, Visit(opened, request, pages, page.title, fields)))

    return answer


async def _read_form(request: Request, page: Page) -> Mapping[str, str]:
    """Return the form's fields, after checking that it is one of this session's own forms."""
    form = await request.form(max_files=0, max_fields=20)
    fields = {name: clean_field(value) for name, value in form.items() if isinstance(value, str)}
    session: Session | None = request.state.session
    if page.act == ANYBODY:
        return fields
    if session is None:
        ended: Session | None = getattr(request.state, "ended", None)
        if ended is None:
            raise HTTPException(401)
        own = secrets.compare_digest(fields.get("form_token", ""), ended.form_token)
        raise SessionEndedError(ended.identity if own else None, fields)
    if not secrets.compare_digest(fields.get("form_token", ""), session.form_token):
        raise HTTPException(403, "form")
    return fields


def _let_in(page: Page, visit: Visit) -> Visit:
    """Return the visit with the team and case of its path; refuse whoever may not do the page's act there."""
    if page.act == ANYBODY:
        return visit
    if page.act == SIGNED_IN:
        visit.require_session()
        return visit
    parameters, desk = visit.request.path_params, visit.desk
    if "{referral}" in page.path:
        referral = desk.store.referral(parameters["referral"])
        if referral is None or referral.programme != desk.programme:
            visit.require(page.act)
            raise HTTPException(404)
        require_case(desk, visit.identity, referral, page.way, page.act)
        return replace(visit, path_team=desk.team(referral.team), path_referral=referral)
    if "{team}" in page.path:
        team = desk.team(parameters["team"])
        visit.require(page.act, team.id if team else None)
        if team is None:
            raise HTTPException(404)
        return replace(visit, path_team=team)
    visit.require(page.act)
    return visit
