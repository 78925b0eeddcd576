"""The casework pages as one Starlette app: each page is a GET, each act a POST that redirects; none needs JavaScript.

Who is acting is settled by the guard (serving.guard); what they may do, here: `_allow` refuses by role and by team.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PackageLoader, PrefixLoader
from jinja2.loaders import ChoiceLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from charter import suspensions
from charter.contracts.files import read_json
from charter.council import Team
from charter.errors import SoonerError
from charter.policy import Policy
from charter.signoffs import today
from serving.casework import demo
from serving.casework.view import STATUS, case, day_words, list_words, reference, row
from serving.desk import Desk
from serving.identity import CHARTER_ROLES, ROLES, Identity
from serving.session import COOKIE, HOURS, Session
from serving.store import ConflictError, IssuedList, Referral

__all__ = ["build"]

_HERE = Path(__file__).parent
_OWN_VIEWS = (
    ("offer", "I would offer help"),
    ("wait", "I would not contact this household now"),
    ("unsure", "I can’t tell without the reasons"),
)
_NOTE = 500


def build(desk: Callable[[], Desk], extra: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the app; `desk` gives the process's desk at the first request, `extra` routes (the API's) come first."""
    pages = _Pages(desk)
    return Starlette(
        routes=[
            *extra,
            Mount("/assets", StaticFiles(directory=_HERE / "assets"), name="assets"),
            Route("/", pages.home),
            Route("/sign-in", pages.sign_in, methods=["GET"]),
            Route("/sign-in", pages.signed_in, methods=["POST"]),
            Route("/sign-out", pages.sign_out, methods=["POST"]),
            Route("/worklists/{team}", pages.worklist),
            Route("/cases/{referral}", pages.case),
            Route("/cases/{referral}/decision", pages.decide, methods=["POST"]),
            Route("/cases/{referral}/step-up", pages.step_up, methods=["POST"]),
            Route("/cases/{referral}/own-view", pages.own_view, methods=["POST"]),
            Route("/cases/{referral}/conflict", pages.conflict, methods=["POST"]),
            Route("/manager", pages.manager),
            Route("/board", pages.board),
            Route("/board/pack", pages.board_pack),
            Route("/board/suspend", pages.suspend, methods=["POST"]),
            Route("/board/resume", pages.resume, methods=["POST"]),
        ],
        exception_handlers={HTTPException: pages.refused, SoonerError: pages.failed},
    )


class _Pages:
    """The handlers, sharing one desk and one template environment."""

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk
        self.templates = Environment(
            loader=ChoiceLoader(
                [
                    FileSystemLoader(_HERE / "templates"),
                    PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
                ]
            ),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters["day"] = day_words

    # Shared

    @property
    def desk(self) -> Desk:
        """The process's desk."""
        return self._desk()

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a rendered page."""
        session = request.state.session
        manifest = values.pop("manifest", None) or self.desk.manifest()
        html = self.templates.get_template(name).render(
            session=session,
            roles=ROLES,
            council=self.desk.invocation.council.name,
            contact=self.desk.invocation.council.contact,
            synthetic=bool(manifest.get("synthetic", False)),
            household=manifest.get("entity", "household") == "household",
            navigation=self._navigation(request, session),
            cspNonce=request.state.nonce,
            **values,
        )
        return HTMLResponse(html, status_code=status)

    def _navigation(self, request: Request, session: Session | None) -> list[dict[str, Any]]:
        if session is None:
            return []
        identity = session.identity
        teams = self.desk.invocation.council.teams
        links = [(t.title, f"/worklists/{t.id}") for t in teams if identity.may("worklist.read", t.id)]
        if identity.may("manager.read"):
            links.append(("Managing the lists", "/manager"))
        if identity.may("board.read"):
            links.append(("For the board", "/board"))
        return [{"text": text, "href": href, "active": request.url.path == href} for text, href in links]

    def _allow(self, request: Request, act: str, team: str | None = None) -> Identity:
        session: Session | None = request.state.session
        if session is None:
            raise HTTPException(401)
        if not session.identity.may(act, team):
            raise HTTPException(403)
        return session.identity

    def _referral(self, request: Request, act: str) -> tuple[Identity, Referral, Team]:
        referral = self.desk.store.referral(request.path_params["referral"])
        if referral is None or referral.programme != self.desk.programme:
            self._allow(request, act)
            raise HTTPException(404)
        identity = self._allow(request, act, referral.team)
        team = self.desk.team(referral.team)
        if team is None:
            raise HTTPException(404)
        if referral.removed:
            # What was issued stays sealed, for complaints and the data protection officer alone.
            raise HTTPException(410)
        if self.desk.store.knows_family(identity, referral.id):
            raise HTTPException(403, "conflict")
        return identity, referral, team

    def _running(self, team: str | None = None, bundle: str | None = None) -> None:
        if silent := self.desk.silent(team, bundle):
            raise HTTPException(409, silent)

    async def _form(self, request: Request) -> Mapping[str, str]:
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
        status = 409 if isinstance(error, ConflictError) else 400
        message, next_step = (error.message, error.next_step) if isinstance(error, SoonerError) else ("", "")
        link = request.url.path.rsplit("/", 1)[0] if isinstance(error, ConflictError) else ""
        return await run_in_threadpool(
            self.page, request, "message.html", status,
            title="Nothing was saved" if request.method == "POST" else "This page can’t be shown", message=message,
            next_step=next_step, link=link, link_words="Open the case again",
        )  # fmt: skip

    # Signing in and out

    def home(self, request: Request) -> Response:
        """Send everybody to their own first page."""
        links = self._navigation(request, request.state.session)
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
        await self._form(request)
        response = RedirectResponse("/sign-in", status_code=303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    # Lists and cases

    def worklist(self, request: Request) -> Response:
        """Show a team's newest list."""
        team = self.desk.team(request.path_params["team"])
        identity = self._allow(request, "worklist.read", team.id if team else None)
        if team is None:
            raise HTTPException(404)
        header = self.desk.store.current_list(self.desk.programme, team.id)
        self._running(team.id, header.bundle if header else None)
        if header is None:
            return self.page(request, "worklist.html", title="Worklist", heading=self.desk.settings.title, team=team,
                             header=None)  # fmt: skip
        referrals = self.desk.store.referrals(self.desk.programme, header.id)
        shown = [referral for referral in referrals if not referral.removed]
        held = {referral.id: self.desk.record(referral) for referral in shown}
        persons = self.desk.people(identity, held, "worklist")
        manifest = self.desk.manifest(header.bundle)
        also = self.desk.sought()
        rows = [row(r, held[r.id], manifest, self.desk.settings, persons, also) for r in shown]
        status, need = request.query_params.get("status", ""), request.query_params.get("need", "")
        return self.page(
            request,
            "worklist.html",
            manifest=manifest,
            title=team.title,
            heading=self.desk.settings.title,
            basis=self.desk.settings.basis,
            team=team,
            header=header,
            list_words=list_words(header, self.desk.day),
            expired=self.desk.expired(header),
            rows=rows,
            shown=[one for one in rows if status in ("", one.status) and (not need or need in one.need)],
            statuses=list(STATUS.items()),
            needs=[one.title for one in self.desk.settings.needs],
            chosen_status=status,
            chosen_need=need,
            bands=[one for one in manifest.get("bands", ()) if any(r.band == one["id"] for r in shown)],
        )

    def case(self, request: Request) -> Response:
        """Show one case."""
        identity, referral, team = self._referral(request, "referral.read")
        return self._case_page(request, identity, referral, team)

    def _case_page(
        self,
        request: Request,
        identity: Identity,
        referral: Referral,
        team: Team,
        *,
        error: str = "",
        error_href: str = "",
        form: Mapping[str, str] | None = None,
    ) -> Response:
        self._running(team.id, referral.bundle)
        record = self.desk.record(referral)
        persons = self.desk.people(identity, {referral.id: record}, "case")
        self.desk.store.log(identity, "referral.viewed", subject=referral.id, purpose="display")
        manifest = self.desk.manifest(referral.bundle)
        decisions = self.desk.store.decisions(referral.id)
        return self.page(
            request,
            "case.html",
            400 if error else 200,
            manifest=manifest,
            title=f"Case {reference(referral)}",
            team=team,
            case=case(
                referral, record, manifest, self.desk.settings, persons, decisions, self.desk.day, self.desk.sought()
            ),
            choices=self.desk.settings.choices,
            ask_own_view=self.desk.asks_own_view(identity, referral),
            own_views=_OWN_VIEWS,
            one_in=self.desk.settings.own_view_one_in,
            key=secrets.token_hex(16),
            error=error,
            error_href=error_href,
            form={"disposition": "", "reason": "", "note": "", "reference": "", "safe": "", **(form or {})},
            as_of=record["as_of"],
            case_bundle=referral.bundle,
            snapshot=referral.snapshot,
        )

    async def decide(self, request: Request) -> Response:
        """Record a decision, or show the case again with what is missing."""
        fields = await self._form(request)
        return await run_in_threadpool(self._decide, request, fields)

    def _decide(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, referral, team = self._referral(request, "referral.decide")
        error, href = self._wanting(fields)
        if error:
            return self._case_page(request, identity, referral, team, error=error, error_href=href, form=fields)
        self.desk.store.decide(
            identity,
            referral.id,
            version=int(fields["version"]),
            disposition=fields["disposition"],
            reason=fields["reason"].split(":", 1)[1],
            note=fields.get("note", "").strip()[:_NOTE],
            own_view=self.desk.store.own_view(identity, referral.id) or "",
            reference=fields.get("reference", "").strip()[:60],
            key=fields.get("key") or None,
        )
        self.desk.exporter.decided()
        return RedirectResponse(f"/cases/{referral.id}", status_code=303)

    def _wanting(self, fields: Mapping[str, str]) -> tuple[str, str]:
        """Return what the decision form lacks and where, or ('', '')."""
        choice = self.desk.settings.choice(fields.get("disposition", ""))
        if choice is None or not fields.get("version", "").isdigit():
            return "Choose your decision.", "#disposition-1"
        decision, _, code = fields.get("reason", "").partition(":")
        if code not in {known for known, _ in choice.reasons} or decision != choice.id:
            return f"Choose a reason for “{choice.title}”.", "#reason"
        if choice.id == "taken_up" and fields.get("safe") != "yes":
            return "Check how and when contact is safe before you take up the case.", "#safe"
        return "", ""

    async def step_up(self, request: Request) -> Response:
        """Step up at once: one button, no reasons to choose, independent of any score."""
        fields = await self._form(request)
        return await run_in_threadpool(self._step_up, request, fields)

    def _step_up(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, referral, _ = self._referral(request, "referral.decide")
        choice = self.desk.settings.choice("stepped_up")
        reason = choice.reasons[0][0] if choice and choice.reasons else "safety_concern"
        # The newest version on purpose: a worry about safety isn't turned away because somebody else wrote meanwhile.
        self.desk.store.decide(
            identity, referral.id, version=referral.version, disposition="stepped_up", reason=reason,
            key=fields.get("key") or None,
        )  # fmt: skip
        self.desk.exporter.decided()
        front_door = self.desk.invocation.council.contact
        return self.page(
            request,
            "message.html",
            title="Stepped up",
            message=f"This case is marked as stepped up. Tell the front door now: {front_door}.",
            next_step="If somebody is in danger, call 999.",
            link=f"/cases/{referral.id}",
            link_words="Back to the case",
        )

    async def own_view(self, request: Request) -> Response:
        """Record the reviewer's own view, then show the reasons."""
        fields = await self._form(request)
        return await run_in_threadpool(self._own_view, request, fields)

    def _own_view(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, referral, _ = self._referral(request, "referral.decide")
        view = fields.get("view", "")
        if view in {known for known, _ in _OWN_VIEWS} and self.desk.store.own_view(identity, referral.id) is None:
            self.desk.store.log(identity, "own_view.given", subject=referral.id, purpose="rank", detail={"view": view})
        return RedirectResponse(f"/cases/{referral.id}", status_code=303)

    async def conflict(self, request: Request) -> Response:
        """Record that the reviewer knows the family: the case closes to them, and their manager sees that it waits."""
        await self._form(request)
        return await run_in_threadpool(self._conflict, request)

    def _conflict(self, request: Request) -> Response:
        identity, referral, team = self._referral(request, "referral.decide")
        self.desk.store.log(identity, "conflict.declared", subject=referral.id, purpose="rank")
        return RedirectResponse(f"/worklists/{team.id}", status_code=303)

    # Managers and the board

    def manager(self, request: Request) -> Response:
        """Show a manager's own teams: places, waiting, decided, and a second look drawn by lot."""
        identity = self._allow(request, "manager.read")
        counts = self.desk.store.counts(self.desk.programme)
        teams = [
            self._team_figures(team, counts.get(team.id, {}))
            for team in self.desk.invocation.council.teams
            if identity.may("manager.read", team.id)
        ]
        self.desk.store.log(identity, "manager.viewed", purpose="display")
        return self.page(request, "manager.html", title="Managing the lists", teams=teams)

    def _team_figures(self, team: Team, counts: Mapping[str, int]) -> Mapping[str, Any]:
        header = self.desk.store.current_list(self.desk.programme, team.id)
        return {
            "team": team,
            "header": header,
            "words": list_words(header, self.desk.day) if header else "",
            "waiting": counts.get("new", 0) + counts.get("deferred", 0),
            "decided": [(STATUS[s], n) for s, n in sorted(counts.items()) if s not in ("new", "deferred")],
            "left_out": len(header.excluded) if header else 0,
            "sample": self._second_look(header) if header else [],
            "conflicts": self._conflicts(header) if header else [],
        }

    def _second_look(self, header: IssuedList) -> list[tuple[str, str]]:
        """Return up to four decided cases, drawn by the lottery of their ids; which were agreed is not said."""
        decided = [
            referral
            for referral in self.desk.store.referrals(self.desk.programme, header.id)
            if referral.status not in ("new", "deferred")
        ]
        drawn = sorted(decided, key=lambda referral: referral.digest)[:4]
        return [(referral.id, f"Case {reference(referral)}") for referral in drawn]

    def _conflicts(self, header: IssuedList) -> list[tuple[str, str]]:
        """Return the cases that wait for somebody who doesn't know the family."""
        waiting = {
            referral.id: referral
            for referral in self.desk.store.referrals(self.desk.programme, header.id)
            if referral.status in ("new", "deferred") and not referral.removed
        }
        known = self.desk.store.conflicts(list(waiting))
        return [(one, f"Case {reference(waiting[one])}") for one in sorted(known)]

    def board(self, request: Request) -> Response:
        """Show what is in use, why it was let in, and how to stop it."""
        identity = self._allow(request, "board.read")
        self.desk.store.log(identity, "board.viewed", purpose="display")
        manifest = self.desk.manifest()
        facts = [
            ("Programme", self.desk.programme.replace("_", " ")),
            ("What it looks for", manifest.get("outcome", {}).get("title", "")),
            ("Whom it looks at", manifest.get("cohort", "")),
            ("Model", manifest.get("model", "none yet")),
            ("Bundle", manifest.get("id", "none yet")),
            ("Charter signed (sha256)", manifest.get("charter_sha256", "")[:16]),
        ]
        return self.page(
            request,
            "board.html",
            title="For the board",
            facts=[(key, value) for key, value in facts if value],
            decision=manifest.get("decision", {}).get("sentence", ""),
            suspended=self._suspensions(identity),
            may_suspend=identity.may("suspend"),
            pack=self.desk.board_pack is not None,
            lists=self.desk.store.lists(self.desk.programme)[:20],
        )

    def _suspensions(self, identity: Identity) -> list[Mapping[str, Any]]:
        """Return what is suspended, by file, and whether this person's role may still ask to resume it."""
        role = CHARTER_ROLES.get(identity.role, "")
        found: list[Mapping[str, Any]] = []
        for path in sorted(self.desk.invocation.workspace.suspensions.glob("*.json")):
            one = read_json(path)
            asked = list(one.get("resumed_by", ()))
            found.append({**one, "id": path.stem, "asked": asked, "mine": bool(role) and role not in asked})
        return found

    async def suspend(self, request: Request) -> Response:
        """Stop every list of the programme, alone and at once."""
        fields = await self._form(request)
        return await run_in_threadpool(self._suspend, request, fields)

    def _suspend(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity = self._allow(request, "suspend")
        what = "all" if fields.get("what") == "all" else "programme"
        path = suspensions.suspend(
            self.desk.invocation.workspace, self._policy(), what=what,
            name=self.desk.programme if what == "programme" else "", role=CHARTER_ROLES[identity.role],
            reason=fields.get("reason", "").strip()[:_NOTE],
        )  # fmt: skip
        self.desk.store.log(identity, "suspended", subject=path.stem, detail={"what": what})
        return RedirectResponse("/board", status_code=303)

    async def resume(self, request: Request) -> Response:
        """Ask to start again; it does when a second role has asked too."""
        fields = await self._form(request)
        return await run_in_threadpool(self._resume, request, fields)

    def _resume(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity = self._allow(request, "suspend")
        name = fields.get("suspension", "")
        if not name.isalnum():
            raise HTTPException(404)
        role = CHARTER_ROLES[identity.role]
        done = suspensions.resume(self.desk.invocation.workspace, self._policy(), suspension=name, role=role)
        self.desk.store.log(identity, "resumed" if done else "resume.asked", subject=name)
        return RedirectResponse("/board", status_code=303)

    def _policy(self) -> Policy:
        invocation = self.desk.invocation
        return Policy.load(invocation.council.folder / "charter.toml", today(invocation))

    def board_pack(self, request: Request) -> Response:
        """Show the newest audit's report as it is: a page of its own, without scripts."""
        identity = self._allow(request, "board.read")
        path = self.desk.board_pack
        if path is None:
            raise HTTPException(404)
        self.desk.store.log(identity, "board.pack_read", subject=path.parent.name, purpose="display")
        response = HTMLResponse(path.read_text(encoding="utf-8"))
        response.headers["content-security-policy"] = (
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
        )
        return response
