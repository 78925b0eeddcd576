"""The end of a programme, or of everything: asked for in one role, confirmed in another, and then never undone.

    closed/PROGRAMME.json               who asked, who confirmed, why; when it was done and where open cases went
    closed/PROGRAMME.certificate.json   what was destroyed, what stays and why (sooner.ending)
    closed/_all.json                    the same of every programme, and of the data that they shared

Two roles, because nobody takes a service from families alone: one that signs decisions, and one that carries out
retention. From the confirmation on nothing is made of the programme any more, also while its data is still going. A
file that can't be read counts as a closure: in doubt nothing is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.errors import BlockedError, CharterError, DataError, UsageError
from charter.rules.roles import Role, Roles

__all__ = [
    "ALL",
    "Closure",
    "ask_closure",
    "cancel_closure",
    "certificate_file",
    "confirm_closure",
    "end_closure",
    "find_closure",
    "find_day",
    "read_closure",
    "require_open",
]

ALL = "_all"
"""The target that stands for every programme and what they share."""

_CONFIRMS = "retention.carry_out"
_LONG_AGO = "1970-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Closure:
    """What is closed (a programme, or ALL), who asked and confirmed, why, and how far it came.

    Times are UTC in ISO 8601, '' where it has not come to that. `holder` took the open cases; `done_at` is set last.
    """

    target: str
    reason: str
    asked_by: str
    asked_at: str
    confirmed_by: str = ""
    confirmed_at: str = ""
    holder: str = ""
    done_at: str = ""

    @property
    def of_all(self) -> bool:
        """Whether every programme is closed, and what they share."""
        return self.target == ALL

    @property
    def title(self) -> str:
        """What a sentence calls its target."""
        return "everything" if self.of_all else f"the programme {self.target}"

    def document(self) -> dict[str, str]:
        """Return it as JSON values."""
        return asdict(self)


def certificate_file(workspace: Workspace, target: str) -> Path:
    """Return where the certificate of a closure is."""
    return workspace.closed / f"{target}.certificate.json"


def read_closure(workspace: Workspace, target: str) -> Closure | None:
    """Return the closure of a target, asked for or further; None where nobody asked."""
    path = workspace.closed / f"{target}.json"
    if not path.exists():
        return None
    try:
        raw: Mapping[str, Any] = read_json(path)
        return Closure(**{name: str(value) for name, value in raw.items()})
    except (DataError, TypeError, ValueError, AttributeError):
        return Closure(target, "Its file can't be read.", "", "", confirmed_at=_LONG_AGO)


def find_closure(workspace: Workspace) -> Closure | None:
    """Return the closure that ended, or is ending, the workspace's programme; None while it is open."""
    if not workspace.closed.is_dir():
        return None
    closures = (read_closure(workspace, target) for target in (ALL, workspace.programme))
    return next((closure for closure in closures if closure and closure.confirmed_at), None)


def require_open(workspace: Workspace, *, shared: bool = False) -> None:
    """Raise BlockedError where the programme is closed; what programmes share goes on until everything is."""
    closure = find_closure(workspace)
    if closure is None or (shared and not closure.of_all):
        return
    raise BlockedError(
        f"{closure.title} was closed on {closure.confirmed_at[:10]}: nothing is made of it any more.",
        "A new start is a new workspace, with a charter that the board signs."
        if closure.done_at
        else "`sooner close confirm` finishes it.",
    )


def ask_closure(workspace: Workspace, roles: Roles, target: str, role: str, reason: str) -> Closure:
    """Ask, in a role that signs decisions, for a target to be closed; return what was asked.

    Raises UsageError without a reason or where it was asked already, CharterError for another role.
    """
    if not reason.strip():
        raise UsageError("the end of a programme needs its reason: the public reads it.", "Add --reason.")
    asking = _find_signer(roles, role)
    before = read_closure(workspace, target)
    if before is not None:
        raise UsageError(
            f"{before.asked_by or 'somebody'} asked for that on {before.asked_at[:10]} already.",
            "`sooner close confirm` in another role, or `sooner close cancel`.",
        )
    closure = Closure(target, reason.strip(), asking.id, _now())
    _write(workspace, closure)
    return closure


def cancel_closure(workspace: Workspace, roles: Roles, target: str, role: str) -> None:
    """Take back what was asked, in a role that may ask or confirm; raise UsageError once it was confirmed."""
    if not roles.may(role, _CONFIRMS):
        _find_signer(roles, role)
    closure = _require_asked(workspace, target)
    if closure.confirmed_at:
        raise UsageError("it was confirmed, and data is gone: it can't be taken back.", "Finish it: close confirm.")
    (workspace.closed / f"{target}.json").unlink()


def confirm_closure(workspace: Workspace, roles: Roles, target: str, role: str, holder: str) -> Closure:
    """Confirm, in a role that carries out retention and did not ask; from then on the target is closed.

    Confirmed again, it stays as it was: whoever goes on after a kill types the same. Raises UsageError where nobody
    asked, CharterError for a role that may not or that asked itself.
    """
    confirming = roles.require(role, _CONFIRMS).id
    closure = _require_asked(workspace, target)
    if confirming == closure.asked_by:
        raise CharterError(
            f"{confirming} asked for it, and nobody closes anything alone.",
            "Another role confirms: one that the charter lets carry out retention.",
        )
    if not closure.confirmed_at:
        closure = replace(closure, confirmed_by=confirming, confirmed_at=_now(), holder=holder)
        _write(workspace, closure)
    return closure


def end_closure(workspace: Workspace, closure: Closure) -> Closure:
    """Say that all of a closure is done; return it."""
    closure = replace(closure, done_at=closure.done_at or _now())
    _write(workspace, closure)
    return closure


def find_day(closure: Closure, zone: ZoneInfo) -> date:
    """Return the local day on which a closure was confirmed."""
    return datetime.fromisoformat(closure.confirmed_at).astimezone(zone).date()


def _find_signer(roles: Roles, role: str) -> Role:
    asking = roles.find(role)
    if "decision" not in asking.signs:
        signers = ", ".join(each.id for each in roles if "decision" in each.signs)
        raise CharterError(f"{asking.id} does not sign decisions, so it closes nothing.", f"These do: {signers}.")
    return asking


def _require_asked(workspace: Workspace, target: str) -> Closure:
    closure = read_closure(workspace, target)
    if closure is None:
        raise UsageError("nobody asked for that to be closed.", "`sooner close ask --role ROLE --reason WHY` does.")
    return closure


def _write(workspace: Workspace, closure: Closure) -> None:
    write_json(workspace.closed / f"{closure.target}.json", closure.document())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
