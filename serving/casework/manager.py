"""A manager's page: places, waiting, and the second look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from charter.council.council import Team
from serving.casework.pages import Pages
from serving.casework.second_look import VIEWS, Look, looks, tally
from serving.casework.view import STATUS, day_words, list_words, make_reference
from serving.identity import Identity
from serving.store.store import IssuedList, now_text

__all__ = ["Manager"]


_KINDS = {
    "agreed": "Where the list was agreed with",
    "overridden": "Where it was not",
    "below": "Just below the line",
}


class Manager(Pages):
    """A manager's page."""

    def manager(self, request: Request) -> Response:
        """Show a manager's own teams: places, waiting, decided, and a second look drawn by lot."""
        identity = self.allow(request, "manager.read")
        counts = self.desk.store.counts(self.desk.programme)
        teams = [
            self._team_figures(team, counts.get(team.id, {}), identity)
            for team in self.desk.invocation.council.teams
            if identity.may("manager.read", team.id)
        ]
        self.desk.store.log(identity, "manager.viewed", purpose="display")
        return self.page(request, "manager.html", title="Managing the lists", teams=teams, kinds=_KINDS)

    def _team_figures(self, team: Team, counts: Mapping[str, int], identity: Identity) -> Mapping[str, Any]:
        header = self.desk.store.current_list(self.desk.programme, team.id)
        sample = self._looks(team.id) if header else []
        return {
            "team": team,
            "header": header,
            "words": list_words(header, self.desk.day) if header else "",
            "waiting": counts.get("new", 0) + counts.get("deferred", 0),
            "decided": [(STATUS[s], n) for s, n in sorted(counts.items()) if s not in ("new", "deferred")],
            "left_out": len(header.excluded) if header else 0,
            "sample": sample,
            "tally": tally(sample),
            "conflicts": self._conflicts(header, identity) if header else [],
            "asked": self._asked(header) if header else "",
        }

    def _asked(self, header: IssuedList) -> str:
        """Return the day on which a new list was asked for, in words, or ''."""
        asked = self.desk.store.refresh_asked(self.desk.programme, header.id)
        return day_words(self.desk.day(asked)) if asked else ""

    async def refresh(self, request: Request) -> Response:
        """Ask for a new list before this one ends; the next ranking makes it."""
        fields = await self.form(request)
        return await run_in_threadpool(self._refresh, request, fields)

    def _refresh(self, request: Request, fields: Mapping[str, str]) -> Response:
        team = fields.get("team", "")
        identity = self.allow(request, "list.refresh", team)
        header = self.desk.store.current_list(self.desk.programme, team)
        if header is None:
            raise HTTPException(404)
        if self.desk.store.refresh_asked(self.desk.programme, header.id) is None:
            self.desk.store.log(identity, "refresh.asked", subject=f"{self.desk.programme}/{header.id}", purpose="rank")
        return RedirectResponse("/manager", status_code=303)

    def _conflicts(self, header: IssuedList, identity: Identity) -> list[tuple[str, str]]:
        """Return the cases that wait for somebody who doesn't know the family, unless this manager does too."""
        own = self.desk.store.families_known(identity)
        waiting = {
            referral.id: referral
            for referral in self.desk.store.worked(header, now_text())
            if referral.status in ("new", "deferred") and not referral.removed and referral.id not in own
        }
        known = self.desk.store.conflicts(list(waiting))
        return [(one, f"Case {make_reference(waiting[one])}") for one in sorted(known)]

    def _looks(self, team: str) -> list[Look]:
        return looks(self.desk.store, self.desk.programme, team, self.desk.settings.second_look)

    def _look(self, request: Request) -> tuple[Identity, Team, Look]:
        """Return who asks, and the case of the sample that is asked for; refuse any other."""
        identity = self.allow(request, "manager.read")
        for team in self.desk.invocation.council.teams:
            if identity.may("manager.read", team.id) and self.desk.store.lists(self.desk.programme, team.id):
                for look in self._looks(team.id):
                    if look.id == request.path_params["look"]:
                        self.running(team.id, look.referral.bundle)
                        return identity, team, look
        raise HTTPException(404)

    def second_look(self, request: Request) -> Response:
        """Show one case of the sample without names, place, or what was decided."""
        identity, team, look = self._look(request)
        self.desk.store.log(identity, "second_look.viewed", subject=look.referral.id, purpose="evaluate")
        record = self.desk.record(look.referral)
        return self.page(
            request,
            "blind.html",
            title=f"Second look: {look.words}",
            team=team,
            judged=look.view,
            action=f"/manager/second-look/{look.id}",
            hidden={},
            back={"text": "Managing the lists", "href": "/manager"},
            ages=[person.age for person in record.people],
            reasons=record.reasons,
            as_of=record.as_of,
            views=VIEWS,
        )

    async def looked(self, request: Request) -> Response:
        """Record what the manager would do, then go on to the next."""
        fields = await self.form(request)
        return await run_in_threadpool(self._looked, request, fields)

    def _looked(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, team, look = self._look(request)
        view = fields.get("view", "")
        if view not in VIEWS:
            return RedirectResponse(f"/manager/second-look/{look.id}", status_code=303)
        if not look.view:
            detail = {"view": view, "kind": look.kind}
            self.desk.store.log(
                identity, "second_look.given", subject=look.referral.id, purpose="evaluate", detail=detail
            )
        following = next((one for one in self._looks(team.id) if not one.view), None)
        target = f"/manager/second-look/{following.id}" if following else "/manager"
        return RedirectResponse(target, status_code=303)
