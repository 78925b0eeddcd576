"""The board's pages: what is in use, why it was let in, and how to stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from charter.contracts.files import file_digest
from charter.rules.policy import Policy
from charter.signing import suspensions
from charter.signing.members_words import READ, SAYS
from charter.vault.command_log import CommandLog
from serving.casework.signing_off import STAGES, find_pack, read_gates
from serving.casework.visit import Visit
from serving.desk import Desk, FaultError
from serving.identity import Identity
from serving.ranking.reasons import write_day
from serving.store.saving import commit_if_awaited
from serving.suspension import list_feeds, read_suspensions

__all__ = ["resume_lists", "show_board", "show_pack", "suspend_lists"]

_NOTE = 500
_MODELS = {
    "points": "A points list, fitted",
    "agreed": "A points list that people agreed on",
    "logistic": "A regression",
    "lightgbm": "Boosted trees (LightGBM)",
}
_WAY_BACK = "<!-- way back -->"
"""Where a pack leaves room for the link to the page that it was opened from."""


def show_board(visit: Visit) -> Response:
    """Show what is in use, why it was let in, and how to stop it."""
    desk, identity = visit.desk, visit.identity
    desk.store.log(identity, "board.viewed", purpose="display")
    manifest = desk.manifest()
    facts = [
        ("Programme", desk.programme.replace("_", " ")),
        ("What it looks for", manifest.get("outcome", {}).get("title", "")),
        ("Whom it looks at", manifest.get("cohort", "")),
        ("What puts them in order", _MODELS.get(manifest.get("model", ""), manifest.get("model", "Nothing yet"))),
        ("Charter", f"Version {desk.invocation.charter.version}"),
    ]
    names = [
        ("What is in use (bundle)", manifest.get("id", "")),
        ("The charter that was signed (sha256)", manifest.get("charter_sha256", "")[:16]),
    ]
    titles = {team.id: team.title for team in desk.invocation.council.teams}
    return visit.render(
        "board.html",
        facts=[(key, value) for key, value in facts if value],
        decision=manifest.get("decision", {}).get("sentence", ""),
        gates=read_gates(desk.invocation),
        mine=identity.role,
        demo=desk.demonstrates,
        suspended=read_suspensions(desk.invocation.workspace),
        may_suspend=identity.may("suspend"),
        may_speak=identity.may("board.speak"),
        says=SAYS,
        read=READ,
        stoppers=_list_words([role.title for role in desk.roles.able("suspend")]),
        stoppable=_list_stoppable(desk),
        names=[(key, value) for key, value in names if value],
        lists=[
            (f"{titles.get(header.team, header.team)}, {write_day(date.fromisoformat(header.as_of))}", header)
            for header in desk.store.lists(desk.programme)[:20]
        ],
    )


def _log_anyway(
    desk: Desk, identity: Identity, action: str, subject: str, detail: Mapping[str, str] | None = None
) -> None:
    """Log what was done to the lists; in the log of typed commands while the database does not take it."""
    try:
        desk.store.log(identity, action, subject=subject, detail=detail)
    except SQLAlchemyError:
        log = CommandLog.under(desk.key, desk.invocation.workspace)
        log.append(actor=identity.user, role=identity.role, action=action, subject=subject, detail=detail)


def _read_manifest(desk: Desk) -> Mapping[str, Any]:
    """Return the manifest of the bundle in use; nothing where it is gone: lists can be stopped all the same."""
    try:
        return desk.manifest()
    except FaultError:
        return {}


def _list_stoppable(desk: Desk) -> list[tuple[str, str]]:
    """Return what can be stopped, as `kind:name` and in words; the programme first."""
    manifest, programme = _read_manifest(desk), desk.programme
    services = manifest.get("services", {})
    stoppable = [(f"programme:{programme}", "Every list of this programme")]
    stoppable += [(f"team:{team.id}", f"The lists of {team.title}") for team in desk.invocation.council.teams]
    stoppable += [
        (f"feed:{name}", f"Whatever rests on {services.get(name, {}).get('title', name)}")
        for name in sorted(list_feeds(manifest))
    ]
    stoppable += [(f"model:{manifest['id']}", "Whatever this model made")] if "id" in manifest else []
    return [*stoppable, ("all:", "Everything, of every programme")]


def suspend_lists(visit: Visit) -> Response:
    """Stop the programme or what was chosen, alone and at once; an unknown choice stops the programme."""
    desk, identity = visit.desk, visit.identity
    stoppable = _list_stoppable(desk)
    chosen = visit.fields.get("what", "")
    kind, _, name = (chosen if chosen in dict(stoppable) else stoppable[0][0]).partition(":")
    with commit_if_awaited():
        path = suspensions.start_suspension(
            desk.invocation.workspace, _read_policy(desk), what=kind, name=name, role=identity.role,
            reason=visit.fields.get("reason", "").strip()[:_NOTE],
        )  # fmt: skip
    _log_anyway(desk, identity, "suspended", path.stem, {"what": kind})
    return visit.go_to("/board")


def resume_lists(visit: Visit) -> Response:
    """Ask to start again; it does when a second role has asked too."""
    desk, identity, name = visit.desk, visit.identity, visit.fields.get("suspension", "")
    if not name.isalnum():
        raise HTTPException(404)
    with commit_if_awaited():
        resumed = suspensions.record_resumption(
            desk.invocation.workspace, _read_policy(desk), suspension=name, role=identity.role
        )
    _log_anyway(desk, identity, "resumed" if resumed else "resume.asked", name)
    return visit.go_to("/board")


def _read_policy(desk: Desk) -> Policy:
    """Return the charter as it is now. One whose review is overdue allows nothing more, but lists can be stopped."""
    return Policy.read(desk.invocation.council.folder / "charter.toml")


def _list_words(titles: Sequence[str]) -> str:
    """Say the roles of whom any one will do: the owner, the data officer or the protection officer."""
    words = [f"the {title[:1].lower()}{title[1:]}" for title in titles]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def show_pack(visit: Visit) -> Response:
    """Show a gate's report as it is, with a way back: a page of its own, without scripts.

    It keeps its origin, so that whoever goes back is still signed in; nothing in it can run or load anything.
    """
    stage = visit.request.path_params["stage"]
    path = find_pack(visit.desk.invocation.workspace, stage) if stage in STAGES else None
    if path is None:
        raise HTTPException(404)
    visit.desk.store.log(
        visit.identity, "board.pack_read", subject=file_digest(path), purpose="display", detail={"stage": stage}
    )
    back = f'<p class="back"><a href="/board#{stage}">Back to the board’s page</a></p>'
    page = path.read_text(encoding="utf-8").replace(_WAY_BACK, back, 1)
    response = HTMLResponse(page)
    response.headers["content-security-policy"] = (
        "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        " frame-ancestors 'none'"
    )
    return response
