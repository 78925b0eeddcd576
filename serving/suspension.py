"""The kill switch as serving reads it: files in `suspended/`, so that it works with every database down.

`sooner suspend` writes them, one for each programme, team, feed, model, or for all. A file that can't be read, or of a
kind that isn't known, suspends everything: in doubt no list is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charter.contracts.workspace import Workspace
from charter.errors import BlockedError

__all__ = ["Suspension", "list_feeds", "read_suspensions", "require_running"]

_KINDS = ("all", "programme", "team", "feed", "model")


@dataclass(frozen=True)
class Suspension:
    """What is suspended: `kind` is all, programme, team, feed or model, `name` which one; `id` is its file's name.

    `role` suspended it at a moment (UTC, ISO 8601); `resumed_by` are the roles that asked to start again.
    """

    kind: str
    name: str
    reason: str
    id: str = ""
    role: str = ""
    at: str = ""
    resumed_by: tuple[str, ...] = ()

    def holds(self, programme: str, team: str | None, feeds: Iterable[str], models: Iterable[str]) -> bool:
        """Whether it stops this programme, team, anything that reads one of `feeds`, or one of `models` (any id)."""
        return (
            self.kind == "all"
            or (self.kind == "programme" and self.name == programme)
            or (self.kind == "team" and self.name == team)
            or (self.kind == "feed" and self.name in set(feeds))
            or (self.kind == "model" and self.name in set(models))
        )


def list_feeds(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Return the services that a bundle's model reads."""
    return frozenset(service for feature in manifest.get("features", ()) for service in feature["services"])


def read_suspensions(workspace: Workspace) -> tuple[Suspension, ...]:
    """Return what is suspended now, in the order of the files' names."""
    if not workspace.suspensions.is_dir():
        return ()
    return tuple(_read_suspension(path) for path in sorted(workspace.suspensions.glob("*.json")))


def require_running(
    workspace: Workspace, *, team: str | None = None, feeds: Iterable[str] = (), models: Iterable[str] = ()
) -> None:
    """Raise BlockedError where a suspension holds for this programme, team, feeds or model."""
    services, ids = frozenset(feeds), frozenset(models)
    for suspension in read_suspensions(workspace):
        if suspension.holds(workspace.programme, team, services, ids):
            name = f" {suspension.name}" if suspension.name else ""
            raise BlockedError(
                f"{suspension.kind}{name} is suspended, so no worklist is made or shown.",
                "Ask for help as before: referrals from people never pass through the list. Two roles can resume it.",
            )


def _read_suspension(path: Path) -> Suspension:
    try:
        document = json.loads(path.read_bytes())
        kind, name = str(document["what"]), str(document.get("name", ""))
        roles = tuple(str(role) for role in document.get("resumed_by", ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Suspension("all", "", "Its file can’t be read.", path.stem)
    role, at = str(document.get("role", "")), str(document.get("at", ""))
    return Suspension(
        kind if kind in _KINDS else "all", name, str(document.get("reason", "")), path.stem, role, at, roles
    )
