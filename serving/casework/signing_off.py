"""The board's decisions: each gate's answer with its pack, who signed or refused it, and a form for whoever must.

Who signs here typed it in the demonstration, so it counts as `demo`: for made-up data alone. On real data a role signs
with its own key (`sooner sign`), and the page says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.contracts.files import file_digest, find_current, read_json, writer_lock
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from charter.signing.acceptance import Signable, refuse_as, sign_as
from charter.signing.members_words import MembersWords, list_words
from charter.signing.refusals import list_refusals
from charter.signing.signoffs import read_signoffs
from serving.casework.view import write_day
from serving.casework.visit import Visit
from serving.store.store import ConflictError

__all__ = [
    "STAGES",
    "GateView",
    "Signer",
    "find_audit",
    "find_pack",
    "read_gates",
    "require_same",
    "sign_decision",
]

STAGES: Mapping[str, str] = {"test": "The gate", "live": "The second gate: of what was issued"}
_NOTE = 500


@dataclass(frozen=True)
class Signer:
    """A role that must sign a decision, what it answered, in words, and whether that was to accept it."""

    role: str
    title: str
    answer: str
    accepted: bool = False


@dataclass(frozen=True)
class GateView:
    """One gate's decision, as the board is shown it; `open` where it can be signed."""

    stage: str
    title: str
    sentence: str
    sha256: str
    pack: bool
    open: bool
    signers: tuple[Signer, ...]
    words: tuple[MembersWords, ...]


def find_audit(workspace: Workspace, stage: str) -> Path | None:
    """Return the folder of the newest audit, or of the audit of what the current release issued."""
    if stage == "test":
        return find_current(workspace.audit)
    release = find_current(workspace.release)
    return workspace.audit / str(read_json(release / "manifest.json")["run"]) / "live" if release else None


def find_pack(workspace: Workspace, stage: str) -> Path | None:
    """Return a gate's board pack, or None where there is none."""
    folder = find_audit(workspace, stage)
    path = folder / "report.html" if folder else None
    return path if path is not None and path.exists() else None


def read_gates(invocation: Invocation) -> tuple[GateView, ...]:
    """Return what each gate decided last, with what every role that signs it answered."""
    gates = []
    for stage, title in STAGES.items():
        folder = find_audit(invocation.workspace, stage)
        if folder is None or not (folder / "decision.json").exists():
            continue
        policy = invocation.reread().charter
        decision, sha256 = read_json(folder / "decision.json"), file_digest(folder / "decision.json")
        gates.append(
            GateView(
                stage,
                title,
                decision["sentence"],
                sha256,
                (folder / "report.html").exists(),
                decision["decision"] != "block",
                tuple(_view_signer(folder, sha256, role.id, role.title) for role in policy.signers("decision")),
                list_words(folder, sha256),
            )
        )
    return tuple(gates)


def _view_signer(folder: Path, sha256: str, role: str, title: str) -> Signer:
    for refusal in list_refusals(folder, sha256):
        if refusal.role == role:
            return Signer(role, title, f"Refused on {write_day(refusal.at)}: {refusal.reason}")
    for signoff in read_signoffs(folder / "signoffs.toml"):
        if (signoff.role, signoff.sha256) == (role, sha256):
            kind = "typed in a demonstration" if signoff.kind == "demo" else "signed with the role’s key"
            return Signer(role, title, f"Accepted until {write_day(signoff.expires)}, {kind}", accepted=True)
    return Signer(role, title, "")


def sign_decision(visit: Visit) -> Response:
    """Accept or refuse a decision in one's own role."""
    desk, identity, fields = visit.desk, visit.identity, visit.fields
    stage, says = visit.request.path_params["stage"], fields.get("says", "")
    if stage not in STAGES or says not in ("accept", "refuse"):
        raise HTTPException(404)
    if not desk.demonstrates:
        raise CharterError(
            "on real data a sign-off is made with the role's own key, not on a page.",
            "Type `sooner sign --what decision --role ROLE`: it says which line to sign.",
        )
    if says == "accept" and fields.get("read") != "yes":
        raise UsageError("A decision is accepted by whoever has read its pack.", "Read the pack, then say so.")
    invocation, role, live = desk.invocation, identity.role, stage == "live"
    with writer_lock(invocation.workspace.root):
        require_same(invocation.workspace, stage, fields.get("decision", ""))
        if says == "accept":
            sign_as(invocation, role, Signable("decision", live=live), demo=True, actor=identity.user)
        else:
            refuse_as(invocation, role, fields.get("reason", "")[:_NOTE], live=live, actor=identity.user)
        desk.store.log(
            identity, "decision.accepted" if says == "accept" else "decision.refused",
            subject=fields["decision"], detail={"stage": stage},
        )  # fmt: skip
    return visit.go_to(f"/board#{stage}")


def require_same(workspace: Workspace, stage: str, sha256: str) -> None:
    """Raise ConflictError unless the decision is still the one that the page showed."""
    folder = find_audit(workspace, stage)
    if folder is None or not (folder / "decision.json").exists():
        raise DataError("there is no decision to sign.", "Run `sooner decide`.")
    if file_digest(folder / "decision.json") != sha256:
        raise ConflictError(
            "There is a newer decision than the one you read, so nothing was signed.",
            "Open the board's page again and read the new pack.",
        )
