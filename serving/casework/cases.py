"""Lists and cases: reading them, deciding, stepping up."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from charter.council.council import Team
from serving.casework.pages import Pages
from serving.casework.timeline_view import view_timeline
from serving.casework.view import STATUS, CaseFile, list_words, make_reference, view_case, view_row
from serving.identity import Identity
from serving.store.challenges import OUTCOMES, answer, challenges_of
from serving.store.store import ConflictError, Referral, now_text

__all__ = ["TRANSFERS", "Cases"]

_OWN_VIEWS = (
    ("offer", "I would offer help"),
    ("wait", "I would not contact this household now"),
    ("unsure", "I can’t tell without the reasons"),
)
TRANSFERS = {
    "moved_home": "The household lives, or will live, in their wards",
    "known_to_team": "We all know this family",
    "other_help": "Their help fits better",
    "cover": "They stand in for us",
}
"""Why a case may be moved to another team."""

_NOTE = 500


class Cases(Pages):
    """A worker's pages."""

    def worklist(self, request: Request) -> Response:
        """Show a team's newest list."""
        team = self.desk.team(request.path_params["team"])
        identity = self.allow(request, "worklist.read", team.id if team else None)
        if team is None:
            raise HTTPException(404)
        header = self.desk.store.current_list(self.desk.programme, team.id)
        self.running(team.id, header.bundle if header else None)
        if header is None:
            return self.page(request, "worklist.html", title="Worklist", heading=self.desk.settings.title, team=team,
                             header=None)  # fmt: skip
        known = self.desk.store.families_known(identity)
        shown = [one for one in self.desk.store.worked(header, now_text()) if not one.removed and one.id not in known]
        held = {referral.id: self.desk.record(referral) for referral in shown}
        persons = self.desk.people(identity, held, "worklist")
        manifest = self.desk.manifest(header.bundle)
        seeking = self.desk.seeking_teams()
        manifests = {bundle: self.desk.manifest(bundle) for bundle in {one.bundle for one in shown}}
        rows = [
            view_row(CaseFile(r, held[r.id], manifests[r.bundle], persons, seeking), self.desk.settings) for r in shown
        ]
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
            conflicts=self.desk.store.conflicts([one.id for one in shown]),
            moved={one.id: self._title(held[one.id].team) for one in shown if held[one.id].team != team.id},
            shown=[one for one in rows if status in ("", one.status) and (not need or need in one.need)],
            statuses=list(STATUS.items()),
            needs=[one.title for one in self.desk.settings.needs],
            chosen_status=status,
            chosen_need=need,
            waivers=manifest.get("decision", {}).get("waivers", []),
            bands=[one for one in manifest.get("bands", ()) if any(r.band == one["id"] for r in shown)],
        )

    def _title(self, team_id: str) -> str:
        team = self.desk.team(team_id)
        return team.title if team else team_id.replace("_", " ")

    def case(self, request: Request) -> Response:
        """Show one case."""
        identity, referral, team = self.referral(request, "referral.read")
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
        self.running(team.id, referral.bundle)
        record = self.desk.record(referral)
        persons = self.desk.people(identity, {referral.id: record}, "case")
        self.desk.store.log(identity, "referral.viewed", subject=referral.id, purpose="display")
        manifest = self.desk.manifest(referral.bundle)
        decisions = self.desk.store.decisions(referral.id)
        file = CaseFile(referral, record, manifest, persons, self.desk.seeking_teams())
        return self.page(
            request,
            "case.html",
            400 if error else 200,
            manifest=manifest,
            title=f"Case {make_reference(referral)}",
            team=team,
            case=view_case(file, self.desk.settings, decisions, self.desk.day),
            timeline=view_timeline(record.timeline, manifest, identity.role),
            timeline_months=record.timeline.months if record.timeline else 0,
            challenges=challenges_of(self.desk.vault, [referral.id]),
            outcomes=list(OUTCOMES.items()),
            choices=self.desk.settings.choices,
            ask_own_view=self.desk.asks_own_view(identity, referral),
            own_views=_OWN_VIEWS,
            one_in=self.desk.settings.own_view_one_in,
            key=secrets.token_hex(16),
            waits=bool(self.desk.store.conflicts([referral.id])) and not decisions,
            moved="" if record.team == team.id else self._title(record.team),
            others=self.desk.others(team) if identity.may("referral.transfer", team.id) else [],
            transfers=TRANSFERS,
            error=error,
            error_href=error_href,
            form={"disposition": "", "reason": "", "note": "", "reference": "", "safe": "", **(form or {})},
            as_of=record.as_of,
            case_bundle=referral.bundle,
            snapshot=referral.snapshot,
        )

    async def decide(self, request: Request) -> Response:
        """Record a decision, or show the case again with what is missing."""
        fields = await self.form(request)
        return await run_in_threadpool(self._decide, request, fields)

    def _decide(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, referral, team = self.referral(request, "referral.decide")
        if fields.get("disposition") != "stepped_up":
            self.desk.require_practice(identity, referral.bundle)
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
        self.desk.exporter.changed()
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
        fields = await self.form(request)
        return await run_in_threadpool(self._step_up, request, fields)

    def _step_up(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, referral, _ = self.referral(request, "referral.decide")
        choice = self.desk.settings.choice("stepped_up")
        reason = choice.reasons[0][0] if choice and choice.reasons else "safety_concern"
        # The newest version on purpose: a worry about safety isn't turned away because somebody else wrote meanwhile.
        self.desk.store.decide(
            identity, referral.id, version=referral.version, disposition="stepped_up", reason=reason,
            key=fields.get("key") or None,
        )  # fmt: skip
        self.desk.exporter.changed()
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
        fields = await self.form(request)
        return await run_in_threadpool(self._own_view, request, fields)

    def _own_view(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, referral, _ = self.referral(request, "referral.decide")
        view = fields.get("view", "")
        if view in {known for known, _ in _OWN_VIEWS} and self.desk.store.own_view(identity, referral.id) is None:
            self.desk.store.log(identity, "own_view.given", subject=referral.id, purpose="rank", detail={"view": view})
        return RedirectResponse(f"/cases/{referral.id}", status_code=303)

    async def challenge(self, request: Request) -> Response:
        """Answer what the household says against the referral."""
        fields = await self.form(request)
        return await run_in_threadpool(self._challenge, request, fields)

    def _challenge(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, referral, _ = self.referral(request, "referral.decide")
        answer(
            self.desk.vault, self.desk.store, identity, referral.id, fields.get("challenge", ""),
            outcome=fields.get("outcome", ""), words=fields.get("answer", ""),
        )  # fmt: skip
        return RedirectResponse(f"/cases/{referral.id}", status_code=303)

    async def conflict(self, request: Request) -> Response:
        """Record that the reviewer knows the family: the case closes to them, and their manager sees that it waits."""
        await self.form(request)
        return await run_in_threadpool(self._conflict, request)

    def _conflict(self, request: Request) -> Response:
        identity, referral, team = self.referral(request, "referral.decide")
        self.desk.store.log(identity, "conflict.declared", subject=referral.id, purpose="rank")
        return RedirectResponse(f"/worklists/{team.id}", status_code=303)

    async def transfer(self, request: Request) -> Response:
        """Move the case to another team."""
        fields = await self.form(request)
        return await run_in_threadpool(self._transfer, request, fields)

    def _transfer(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity, referral, team = self.referral(request, "referral.transfer")
        to, why = fields.get("team", ""), fields.get("why", "")
        if to not in {one.id for one in self.desk.others(team)} or why not in TRANSFERS:
            error = "Choose the team and why the case moves."
            return self._case_page(request, identity, referral, team, error=error, error_href="#to-team")
        if fields.get("version") != str(referral.version):
            raise ConflictError(
                "Somebody else changed this case since you opened it, so it was not moved.",
                "Open the case again and see what changed.",
            )
        self.desk.store.transfer(identity, referral, to, why)
        return RedirectResponse(f"/worklists/{team.id}", status_code=303)
