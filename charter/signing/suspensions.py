"""The kill switch: one file in `suspended/` for each thing that is suspended, so that it works with databases down.

Any one role that the charter lets suspend does so alone and at once; so does the second gate, when what was issued
breaks the charter's limits. Resuming takes two different roles; the first is written into the file, the second moves
it to `suspended/resumed/`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charter.acts import GATE
from charter.contracts.files import content_id, read_json, write_json
from charter.contracts.workspace import Workspace
from charter.errors import UsageError
from charter.rules.policy import Policy

__all__ = ["KINDS", "record_resumption", "start_suspension", "suspend_on_breach"]

KINDS = ("all", "programme", "team", "feed", "model")


def start_suspension(
    workspace: Workspace, policy: Policy, *, what: str, name: str, role: str, reason: str, now: datetime | None = None
) -> Path:
    """Suspend everything, a programme, a team, a feed or a model; return the file that does it.

    Raises UsageError for another kind or an empty reason, CharterError for a role that may not.
    """
    if what not in KINDS:
        raise UsageError(f"there is no {what!r} to suspend.", f"Choose one of: {', '.join(KINDS)}.")
    if not reason.strip():
        raise UsageError("a suspension needs a reason that others can read later.", "Add --reason.")
    suspending = policy.acting.require(role, "suspend").id
    return _write_suspension(workspace, what, name, suspending, reason, now)


def suspend_on_breach(workspace: Workspace, reason: str, now: datetime | None = None) -> Path:
    """Suspend the programme because the second gate failed; return the file that does it.

    Once is enough: where a breach suspends it already, that file stays as it is.
    """
    for path in sorted(workspace.suspensions.glob("*.json")):
        before = read_json(path)
        if (before.get("what"), before.get("name"), before.get("role")) == ("programme", workspace.programme, GATE):
            return path
    return _write_suspension(workspace, "programme", workspace.programme, GATE, reason, now)


def _write_suspension(workspace: Workspace, what: str, name: str, role: str, reason: str, now: datetime | None) -> Path:
    at = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    document = {"what": what, "name": name, "role": role, "reason": reason, "at": at, "resumed_by": []}
    path = workspace.suspensions / f"{content_id(document)}.json"
    write_json(path, document)
    return path


def record_resumption(workspace: Workspace, policy: Policy, *, suspension: str, role: str) -> bool:
    """Record that `role` wants to resume; return whether that was the second role, so that it is resumed.

    Raises UsageError where there is no such suspension or the role has said so before, CharterError for a role that
    may not.
    """
    resuming = policy.acting.require(role, "suspend").id
    path = workspace.suspensions / f"{suspension}.json"
    if not path.exists():
        there = ", ".join(sorted(entry.stem for entry in workspace.suspensions.glob("*.json"))) or "none"
        raise UsageError(f"there is no suspension {suspension!r}.", f"There is: {there}.")
    document: dict[str, Any] = read_json(path)
    before = list(document.get("resumed_by", []))
    if resuming in before:
        raise UsageError(f"{resuming} has asked to resume already.", "Another role must too: nobody resumes alone.")
    document["resumed_by"] = [*before, resuming]
    if not before:
        write_json(path, document)
        return False
    write_json(workspace.suspensions / "resumed" / path.name, document)
    path.unlink()
    return True
