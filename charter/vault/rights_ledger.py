"""The rights ledger: what residents asked of the council, kept apart from all data and replayed on everything.

One request per line, appended and never changed, in two places: `rights.jsonl` in the workspace, and a copy outside it
(`$SOONER_RIGHTS`, by default `WORKSPACE.rights.jsonl` beside the workspace), so that a workspace restored from an old
backup learns what was asked since. It holds pseudonyms alone: of the reference that the resident gave and of every
reference that was theirs when they asked. Each snapshot has a line in its `tombstones.jsonl` for every request that was
carried out on it, and the vault a mark; nothing is built, ranked or served while one is outstanding. What retention
removed has a line too: a copy made before it holds those records again.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from charter.contracts.files import content_id, find_current, read_json, write_text
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, DataError
from charter.vault.envelope import VAULT_FILE

__all__ = [
    "ACTIONS",
    "BY",
    "Request",
    "adopt_vault",
    "append_request",
    "count_withdrawn",
    "find_last_certificate",
    "find_retention_due",
    "ledger_file",
    "list_carried_out",
    "list_outstanding",
    "outside_ledger_file",
    "read_copies",
    "read_requests",
    "read_tombstones",
    "require_carried_out",
    "write_copies",
]

ACTIONS = {"object": "objection", "withdraw": "refusal", "restrict": "restriction", "erase": "objection"}
"""What a resident may ask for that removes data or keeps it unused, and the kind of choice that it leaves in force."""

BY = ("self", "parent", "carer")
"""Who asks: the person themself, either parent, or another who may speak for them."""


@dataclass(frozen=True)
class Request:
    """One request. `through` is the service of the reference given; `service` and `purpose` are what it is about.

    `by` says who asked. A request that overrules another `answers` its id and was `decided_by` a role. The action
    `retained` is no resident's, and names nobody: what was past its date at `moment` was removed, and a copy made
    before learns of it here.
    """

    action: str
    filed_at: str
    through: str
    ref: str
    refs: tuple[str, ...]
    service: str
    purpose: str
    by: str = BY[0]
    answers: str = ""
    decided_by: str = ""
    moment: str = ""

    @property
    def id(self) -> str:
        """The id that tombstones name the request by; what a request does not say is no part of it."""
        later = {"by": BY[0], "answers": "", "decided_by": "", "moment": ""}
        return content_id({name: value for name, value in asdict(self).items() if later.get(name) != value})

    @property
    def clears(self) -> bool:
        """Whether records are removed: not where data is only to be kept unused, or for one purpose of several."""
        return self.action == "erase" or (self.action in ("object", "withdraw") and self.purpose == "*")


def ledger_file(workspace: Workspace) -> Path:
    """Return where the workspace's own copy of the ledger is."""
    return workspace.root / "rights.jsonl"


def outside_ledger_file(workspace: Workspace) -> Path:
    """Return where the copy outside the workspace is."""
    variable = os.environ.get("SOONER_RIGHTS")
    root = workspace.root.resolve()
    return Path(variable) if variable else root.with_name(f"{root.name}.rights.jsonl")


def read_requests(workspace: Workspace) -> tuple[Request, ...]:
    """Return every request ever filed, in either copy, oldest first; raise DataError for a line that is not one."""
    return read_copies((outside_ledger_file(workspace), ledger_file(workspace)))


def read_copies(paths: Iterable[Path]) -> tuple[Request, ...]:
    """Return every request that any of these copies holds, oldest first; raise DataError for a line that is not one."""
    requests = {request.id: request for path in paths for request in _read_copy(path)}
    return tuple(sorted(requests.values(), key=lambda request: (request.filed_at, request.id)))


def _read_copy(path: Path) -> list[Request]:
    if not path.exists():
        return []
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
    return requests


def append_request(workspace: Workspace, request: Request) -> None:
    """Add one request to both copies of the ledger, each on disk before this returns."""
    line = _write_line(request)
    for path in (outside_ledger_file(workspace), ledger_file(workspace)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise DataError(
                f"the rights ledger {path.name} can't be written: {error.strerror}; nothing was done.",
                "Name a file that you may write in $SOONER_RIGHTS, then file the request again.",
            ) from None
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)


def write_copies(workspace: Workspace, requests: Iterable[Request]) -> None:
    """Make both copies of the ledger hold these requests, each whole at any moment; none that is there is dropped."""
    text = "".join(map(_write_line, requests))
    for path in (outside_ledger_file(workspace), ledger_file(workspace)):
        if text and (not path.exists() or path.read_text(encoding="utf-8") != text):
            write_text(path, text)


def _write_line(request: Request) -> str:
    stated = {name: value for name, value in asdict(request).items() if name != "moment" or value}
    return json.dumps(stated, sort_keys=True, separators=(",", ":")) + "\n"


def read_tombstones(snapshot: Path) -> list[Mapping[str, Any]]:
    """Return what was carried out on a snapshot: request, kind, service, purpose, time, people, rows removed."""
    path = snapshot / "tombstones.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def list_carried_out(snapshot: Path) -> frozenset[str]:
    """Return the ids of the requests that were carried out on a snapshot."""
    return frozenset(str(line["request"]) for line in read_tombstones(snapshot))


def list_outstanding(workspace: Workspace) -> tuple[Request, ...]:
    """Return the requests that a snapshot or the vault has not honoured yet: those filed since a backup's moment."""
    requests = read_requests(workspace)
    if not requests:
        return ()
    by_snapshot = [list_carried_out(path.parent) for path in workspace.store.glob("*/manifest.json")]
    in_vault = _read_marks(workspace)
    due = find_retention_due(workspace, requests)
    kinds = (*ACTIONS, "overrule")

    def waits(request: Request) -> bool:
        if request.action not in (*kinds, "retained"):
            return False
        on_vault = in_vault is not None and request.id not in in_vault
        on_snapshot = request.action in kinds and any(request.id not in ids for ids in by_snapshot)
        return on_vault or on_snapshot or request == due

    return tuple(request for request in requests if waits(request))


def adopt_vault(workspace: Workspace) -> bool:
    """Mark in a vault of an older Sooner what every snapshot has a tombstone for; return whether there was one to mark.

    Such a vault has no marks at all; one that has any, or is not there, is left as it is.
    """
    path = workspace.vault / VAULT_FILE
    if not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=10)) as vault, vault:
        if vault.execute("select 1 from sqlite_master where name = 'carried_out'").fetchone():
            return False
        by_snapshot = [list_carried_out(manifest.parent) for manifest in workspace.store.glob("*/manifest.json")]
        done = frozenset.intersection(*by_snapshot) if by_snapshot else frozenset()
        vault.execute("create table carried_out (request text primary key) without rowid")
        vault.executemany("insert into carried_out values (?)", [(request,) for request in sorted(done)])
    return True


def find_retention_due(workspace: Workspace, requests: Sequence[Request]) -> Request | None:
    """Return the last time that retention was carried out, where the workspace has no certificate of that moment."""
    done = [request for request in requests if request.action == "retained"]
    newest = max(done, key=lambda request: datetime.fromisoformat(request.moment), default=None)
    if newest is None:
        return None
    certified = find_last_certificate(workspace)
    return newest if certified is None or certified < datetime.fromisoformat(newest.moment) else None


def find_last_certificate(workspace: Workspace) -> datetime | None:
    """Return the moment that retention was last carried out for; what was past its date then never comes in again."""
    certificates: Sequence[Path] = sorted(workspace.retention.glob("*.json"))
    moments = [datetime.fromisoformat(read_json(path)["moment"]) for path in certificates]
    return max(moments, default=None)


def _read_marks(workspace: Workspace) -> frozenset[str] | None:
    """Return the ids of what was carried out on the vault; None where there is no vault."""
    path = workspace.vault / VAULT_FILE
    if not path.exists():
        return None
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as vault:
        try:
            return frozenset(row[0] for row in vault.execute("select request from carried_out"))
        except sqlite3.DatabaseError:
            return frozenset()  # A vault of an older Sooner, or none: opening it says so in its own words.


def require_carried_out(workspace: Workspace) -> None:
    """Raise CharterError while a resident's request has not been carried out on what is here."""
    waiting = list_outstanding(workspace)
    if waiting:
        raise CharterError(
            f"{len(waiting)} of the residents' requests were not carried out on this data, which may be a restored "
            "copy: nothing is built, ranked or served from it.",
            "Run `sooner replay`.",
        )


def count_withdrawn(workspace: Workspace) -> int:
    """Return how many rows were withdrawn since the model in use learned from them; 0 where none is in use."""
    bundle = find_current(workspace.bundle)
    if bundle is None:
        return 0
    try:
        name = str(read_json(bundle / "manifest.json")["release"])
    except DataError:  # it cannot be read: what stands in for it is of the release in use as well
        name = (find_current(workspace.release) or bundle).name
    release = workspace.release / name / "manifest.json"
    run = workspace.scores / str(read_json(release)["run"]) / "manifest.json" if release.exists() else release
    return int(read_json(run).get("withdrawn_rows", 0)) if run.exists() else 0
