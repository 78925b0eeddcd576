"""The board's pages: what is in use, why it was let in, and how to stop it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from charter.contracts.files import file_digest, read_json
from charter.rules.policy import Policy
from charter.signing import suspensions
from charter.signing.signoffs import today
from serving.casework.pages import Pages
from serving.casework.signing_off import STAGES, gates, pack_of
from serving.identity import CHARTER_ROLES, Identity
from serving.suspension import bundle_feeds

__all__ = ["Board"]

_NOTE = 500


class Board(Pages):
    """The board's pages."""

    def board(self, request: Request) -> Response:
        """Show what is in use, why it was let in, and how to stop it."""
        identity = self.allow(request, "board.read")
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
            gates=gates(self.desk.invocation.workspace, self.desk.invocation.council.folder),
            mine=CHARTER_ROLES.get(identity.role, "") if identity.may("decision.sign") else "",
            demo=self.desk.demo,
            suspended=self._suspensions(identity),
            may_suspend=identity.may("suspend"),
            stoppable=self._stoppable(),
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

    def _stoppable(self) -> list[tuple[str, str]]:
        """Return what can be stopped, as `kind:name` and in words; the programme first."""
        manifest, programme = self.desk.manifest(), self.desk.programme
        services = manifest.get("services", {})
        found = [(f"programme:{programme}", "Every list of this programme")]
        found += [(f"team:{team.id}", f"The lists of {team.title}") for team in self.desk.invocation.council.teams]
        found += [
            (f"feed:{name}", f"Whatever rests on {services.get(name, {}).get('title', name)}")
            for name in sorted(bundle_feeds(manifest))
        ]
        found += [(f"model:{manifest['id']}", "Whatever this model made")] if "id" in manifest else []
        return [*found, ("all:", "Everything, of every programme")]

    async def suspend(self, request: Request) -> Response:
        """Stop the programme or what was chosen, alone and at once; an unknown choice stops the programme."""
        fields = await self.form(request)
        return await run_in_threadpool(self._suspend, request, fields)

    def _suspend(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity = self.allow(request, "suspend")
        chosen = fields.get("what", "")
        first = self._stoppable()[0][0]
        what, _, name = (chosen if chosen in dict(self._stoppable()) else first).partition(":")
        path = suspensions.suspend(
            self.desk.invocation.workspace, self._policy(), what=what, name=name, role=CHARTER_ROLES[identity.role],
            reason=fields.get("reason", "").strip()[:_NOTE],
        )  # fmt: skip
        self.desk.store.log(identity, "suspended", subject=path.stem, detail={"what": what})
        return RedirectResponse("/board", status_code=303)

    async def resume(self, request: Request) -> Response:
        """Ask to start again; it does when a second role has asked too."""
        fields = await self.form(request)
        return await run_in_threadpool(self._resume, request, fields)

    def _resume(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity = self.allow(request, "suspend")
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
        """Show a gate's report as it is: a page of its own, without scripts."""
        identity = self.allow(request, "board.read")
        stage = request.path_params["stage"]
        path = pack_of(self.desk.invocation.workspace, stage) if stage in STAGES else None
        if path is None:
            raise HTTPException(404)
        self.desk.store.log(
            identity, "board.pack_read", subject=file_digest(path), purpose="display", detail={"stage": stage}
        )
        response = HTMLResponse(path.read_text(encoding="utf-8"))
        response.headers["content-security-policy"] = (
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
        )
        return response
