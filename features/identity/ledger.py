"""The rights ledger: what residents asked of the council, kept apart from all data and replayed on everything.

`rights.jsonl` in the workspace, one request per line, appended and never changed. It holds pseudonyms alone: of the
reference the resident gave and of every reference that was theirs when they asked. Each snapshot made later honours
it; each snapshot there is has a line in its `tombstones.jsonl` for every request that was carried out on it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from charter.contracts.files import content_id
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from features.permission import ALL, Choice

__all__ = ["ACTIONS", "Request", "append", "choices", "cleared", "erased", "ledger_file", "read"]

ACTIONS = {"object": "objection", "withdraw": "refusal", "restrict": "restriction", "erase": "objection"}
"""What a resident may ask for here, and the kind of choice that it leaves in force."""


@dataclass(frozen=True)
class Request:
    """One request. `through` is the service of the reference given; `service` and `purpose` are what it is about."""

    action: str
    filed_at: str
    through: str
    ref: str
    refs: tuple[str, ...]
    service: str
    purpose: str

    @property
    def id(self) -> str:
        """The id that tombstones name the request by."""
        return content_id(asdict(self))

    @property
    def clears(self) -> bool:
        """Whether records are removed: not where data is only to be kept unused, or for one purpose of several."""
        return self.action == "erase" or (self.action in ("object", "withdraw") and self.purpose == ALL)


def ledger_file(workspace: Workspace) -> Path:
    """Return where the ledger is."""
    return workspace.root / "rights.jsonl"


def read(workspace: Workspace) -> tuple[Request, ...]:
    """Return every request ever filed, oldest first; raise DataError for a line that is not one."""
    path = ledger_file(workspace)
    if not path.exists():
        return ()
    requests = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            raw = json.loads(line)
            requests.append(Request(**{**raw, "refs": tuple(raw["refs"])}))
        except (ValueError, TypeError, KeyError):
            raise DataError(
                f"line {number} of {path.name} is not a request.",
                "Restore the ledger from its backup: without it no right can be honoured.",
            ) from None
    return tuple(requests)


def append(workspace: Workspace, request: Request) -> None:
    """Add one request to the ledger, on disk before this returns."""
    line = json.dumps(asdict(request), sort_keys=True, separators=(",", ":")) + "\n"
    path = ledger_file(workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def choices(requests: Iterable[Request], taken_at: datetime) -> tuple[Choice, ...]:
    """Return the choices that the requests leave in force, by reference (in `person_id`).

    A choice filed after the snapshot was taken counts at its very last moment: no earlier as-of date sees it, but
    "now" does, so that it is honoured at once. `taken_at` is naive UTC, as the times in tables are.
    """
    made = []
    for request in requests:
        filed = datetime.fromisoformat(request.filed_at).astimezone(UTC).replace(tzinfo=None)
        at = min(filed, taken_at - timedelta(microseconds=1))
        kind = ACTIONS[request.action]
        made += [
            Choice(ref, request.service, request.purpose, kind, "received", at, None, None, at, None)
            for ref in request.refs
        ]
    return tuple(made)


def cleared(requests: Iterable[Request]) -> frozenset[str]:
    """Return the references whose records may not be kept."""
    return frozenset(ref for request in requests if request.clears for ref in request.refs)


def erased(requests: Iterable[Request]) -> frozenset[str]:
    """Return the references of which not even the identity may be kept."""
    return frozenset(ref for request in requests if request.action == "erase" for ref in request.refs)
