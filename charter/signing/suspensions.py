"""The kill switch: one file in `suspended/` for each thing that is suspended, so that it works with databases down.

Any one role that the charter lets suspend does so alone and at once; so does the second gate, when what was issued
breaks the charter's limits. Resuming takes two different roles; the first is written into the file, the second moves
it to `suspended/resumed/`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charter.contracts.files import content_id, read_json, write_json
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, UsageError
from charter.rules.policy import Policy

__all__ = ["GATE", "KINDS", "record_resumption", "start_suspension", "suspend_on_breach"]

KINDS = ("all", "programme", "team", "feed", "model")

GATE = "gate"
"""Who suspends on a breach: no role, but the charter itself, by `sooner decide --live`."""


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
    _check_may_suspend(policy, role)
    return _write_suspension(workspace, what, name, role, reason, now)


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
    _check_may_suspend(policy, role)
    path = workspace.suspensions / f"{suspension}.json"
    if not path.exists():
        there = ", ".join(sorted(entry.stem for entry in workspace.suspensions.glob("*.json"))) or "none"
        raise UsageError(f"there is no suspension {suspension!r}.", f"There is: {there}.")
    document: dict[str, Any] = read_json(path)
    before = list(document.get("resumed_by", []))
    if role in before:
        raise UsageError(f"{role} has asked to resume already.", "Another role must too: nobody resumes alone.")
    document["resumed_by"] = [*before, role]
    if not before:
        write_json(path, document)
        return False
    write_json(workspace.suspensions / "resumed" / path.name, document)
    path.unlink()
    return True


def _check_may_suspend(policy: Policy, role: str) -> None:
    if not policy.role(role).may_suspend:
        able = ", ".join(holder.id for holder in policy.roles if holder.may_suspend) or "none"
        raise CharterError(f"the charter does not let {role} suspend or resume.", f"These roles may: {able}.")
