"""A manager's page: places, waiting, and the second look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from charter.council import Team
from serving.casework.pages import Pages
from serving.casework.view import STATUS, list_words, reference
from serving.store import IssuedList

__all__ = ["Manager"]


class Manager(Pages):
    """A manager's page."""

    def manager(self, request: Request) -> Response:
        """Show a manager's own teams: places, waiting, decided, and a second look drawn by lot."""
        identity = self.allow(request, "manager.read")
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
