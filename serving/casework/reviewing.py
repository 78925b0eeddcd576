"""Blind review: whom a reviewer would help who does not know who is listed, for the second gate.

    drawn by lot from a team's newest list, whatever was decided   [blind_review] listed
    just below its line, as kept when the list was made            [second_look] below

A case has a number and no name, place or reference, and comes once; its view goes to `reviews.csv`. It works in the
shadow weeks too, because it shows no list: only while the programme is suspended is nothing shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from charter.council.council import Team
from serving.casework.pages import Pages
from serving.casework.second_look import VIEWS
from serving.identity import Identity
from serving.store.store import ConflictError, IssuedList, Referral, Store

__all__ = ["Reviewing", "sample"]


@dataclass(frozen=True)
class _Drawn:
    """A team's newest list and the cases drawn from it and from below its line, in the order of their lot."""

    header: IssuedList
    cases: Sequence[Referral]
    judged: Mapping[str, str]

    @property
    def next(self) -> int | None:
        """The number, from 1, of the first case that nobody has judged; None where all are."""
        open_ = (number for number, one in enumerate(self.cases, start=1) if one.id not in self.judged)
        return next(open_, None)


def sample(store: Store, header: IssuedList, listed: int) -> list[Referral]:
    """Return `listed` cases drawn by lot from a list and what was kept below its line, in an order that mixes both."""
    on = [one for one in store.referrals(header.programme, header.id) if not one.removed]
    below = store.below(header.programme, header.id)
    return sorted([*sorted(on, key=_lot)[:listed], *below], key=_lot)


def _lot(referral: Referral) -> bytes:
    return hashlib.sha256(f"blind review {referral.id}".encode()).digest()


class Reviewing(Pages):
    """The pages of a blind review."""

    def _drawn(self, request: Request) -> tuple[Identity, Team, _Drawn]:
        team = self.desk.team(request.path_params["team"])
        identity = self.allow(request, "review.give", team.id if team else None)
        header = self.desk.store.current_list(self.desk.programme, team.id) if team else None
        if team is None or header is None:
            raise HTTPException(404)
        if self.desk.suspended(team.id, header.bundle) is not None:
            raise HTTPException(409, "This list is suspended: nothing is ranked or shown until two roles resume it.")
        known = self.desk.store.families_known(identity)
        drawn = [one for one in sample(self.desk.store, header, self.desk.settings.reviewed) if one.id not in known]
        return identity, team, _Drawn(header, drawn, self.desk.store.blind_views([one.id for one in drawn]))

    def review(self, request: Request) -> Response:
        """Show the next case, or that all are judged."""
        identity, team, drawn = self._drawn(request)
        number = drawn.next
        if number is None:
            return self.page(
                request, "message.html", title="Blind review",
                message="Nothing is left to judge of this list. Thank you: the next list brings new cases.",
            )  # fmt: skip
        one = drawn.cases[number - 1]
        self.desk.store.log(identity, "review.viewed", subject=one.id, purpose="evaluate")
        record = self.desk.record(one)
        return self.page(
            request,
            "blind.html",
            manifest=self.desk.manifest(one.bundle),
            title=f"Blind review: case {number} of {len(drawn.cases)}",
            team=team,
            ages=[person.age for person in record.people],
            reasons=record.reasons,
            as_of=record.as_of,
            views=VIEWS,
            judged="",
            action=f"/reviews/{team.id}",
            hidden={"list": drawn.header.id, "number": number},
            back=None,
        )

    async def reviewed(self, request: Request) -> Response:
        """Record the reviewer's view, then go on to the next case."""
        fields = await self.form(request)
        return await run_in_threadpool(self._reviewed, request, fields)

    def _reviewed(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, team, drawn = self._drawn(request)
        view, number = fields.get("view", ""), fields.get("number", "")
        if view in VIEWS:
            if fields.get("list") != drawn.header.id or number != str(drawn.next):
                raise ConflictError(
                    "This case was judged meanwhile, or there is a newer list, so nothing was saved.",
                    "Open the blind review again.",
                )
            one = drawn.cases[int(number) - 1]
            self.desk.store.log(identity, "review.given", subject=one.id, purpose="evaluate", detail={"view": view})
            self.desk.exporter.changed()
        return RedirectResponse(f"/reviews/{team.id}", status_code=303)
