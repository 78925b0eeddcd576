"""Members of the board on a decision: for, against or a question, each with what they read, on the board's page.

It signs nothing, so it is the same on real data; the words stand with the sign-offs, in the log and in the pack.
"""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.contracts.files import writer_lock
from charter.signing.members_words import READ, MembersWords, keep_words
from serving.casework.signing_off import STAGES, find_audit, require_same
from serving.casework.visit import Visit

__all__ = ["speak_on_decision"]


def speak_on_decision(visit: Visit) -> Response:
    """Keep what a member says of a gate's decision, once they say what they read of it."""
    desk, identity, fields = visit.desk, visit.identity, visit.fields
    stage, sha256 = visit.request.path_params["stage"], fields.get("decision", "")
    if stage not in STAGES:
        raise HTTPException(404)
    workspace = desk.invocation.workspace
    parts = tuple(part for part in READ if fields.get(f"read-{part}") == "yes")
    with writer_lock(workspace.root):
        require_same(workspace, stage, sha256)
        folder = find_audit(workspace, stage)
        assert folder is not None  # noqa: S101 - a decision that is the same has a folder
        words = MembersWords(
            identity.role, desk.roles.title(identity.role), sha256, fields.get("says", ""),
            fields.get("words", "").strip(), parts, datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        keep_words(folder, words)
        desk.store.log(
            identity, "decision.discussed", subject=sha256,
            detail={"stage": stage, "says": words.says, "read": " ".join(parts)},
        )  # fmt: skip
    return visit.go_to(f"/board#{stage}")
