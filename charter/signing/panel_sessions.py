"""What a residents' panel said in a session: of cases that it was shown, and in cases of its own.

    panel/SESSION.json   in the workspace, one for all programmes: roles, days and words; never who, never a household
      answer             what the panel says of a case, beside what the rules said of it at that moment
      rule               a case of its own, as a row of scenarios.toml, and the answer that the rules gave
      family             a made-up family: facts of the points list, and the points that it gave
      recommendation     what the council should do; it is answered in public.toml, under the id it has here
      question           what the panel asks; answered in public within charter.clocks.PANEL_DAYS

Entries are only added, so that nothing is taken back once somebody read it; of two answers on a case the later counts.
The log holds the sha256 of the file after each act.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import read_json, write_json, writer_lock
from charter.contracts.workspace import Workspace
from charter.errors import UsageError

__all__ = [
    "KINDS",
    "SAYS",
    "PanelEntry",
    "PanelSession",
    "add_entry",
    "begin_session",
    "close_session",
    "find_session",
    "list_sessions",
    "session_file",
]

KINDS = ("answer", "rule", "family", "recommendation", "question")
SAYS: Mapping[str, Mapping[str, str]] = {
    "rule": {"allowed": "That may be", "refused": "That may not be", "split": "We do not agree"},
    "practice": {"help": "Offer them help", "leave": "Leave them be", "split": "We do not agree"},
    "family": {
        "few": "Too few points",
        "right": "About right",
        "many": "Too many points",
        "split": "We do not agree",
    },
}
"""What a panel can say of a case, by the kind of case."""
MOST_PRESENT, MOST_ENTRIES, MOST_LETTERS = 200, 500, 1000
_ID = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9a-f]{6}")


@dataclass(frozen=True)
class PanelEntry:
    """One thing that was kept: its kind of KINDS, in which role and when (UTC, ISO 8601), and what it holds."""

    kind: str
    role: str
    at: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class PanelSession:
    """A session: when it began (UTC, ISO 8601) and in which role, how many took part, and what was kept of it.

    `charter_sha256` is of the charter whose rules were asked; `closed_at` is '' while it goes on.
    """

    id: str
    begun_at: str
    begun_by: str
    present: int
    charter_sha256: str
    entries: tuple[PanelEntry, ...] = ()
    closed_at: str = ""
    closed_by: str = ""

    def list_kind(self, kind: str) -> list[tuple[str, PanelEntry]]:
        """Return the entries of a kind, each with its id: the session's and its number, from 1."""
        return [
            (f"{self.id}-{number}", entry) for number, entry in enumerate(self.entries, start=1) if entry.kind == kind
        ]

    @property
    def answers(self) -> dict[str, PanelEntry]:
        """The answer that counts on each case, by the case's id: the last that was given."""
        return {entry.values["case"]: entry for entry in self.entries if entry.kind == "answer"}


def begin_session(workspace: Workspace, *, role: str, present: int, charter_sha256: str) -> PanelSession:
    """Begin a session of so many people; raise UsageError for a number that no panel has."""
    if not 1 <= present <= MOST_PRESENT:
        raise UsageError(f"A panel has 1 to {MOST_PRESENT} people.", "Say how many took part.")
    now = _write_moment()
    session = PanelSession(f"{now[:10]}-{secrets.token_hex(3)}", now, role, present, charter_sha256)
    with writer_lock(workspace.panel):
        _write_session(workspace, session)
    return session


def add_entry(workspace: Workspace, name: str, kind: str, role: str, values: Mapping[str, Any]) -> PanelSession:
    """Add an entry to a session and return it; raise UsageError where it is closed, full, or a text is too long."""
    if any(isinstance(text, str) and len(text) > MOST_LETTERS for text in values.values()):
        raise UsageError(f"A text of a session has at most {MOST_LETTERS} letters.", "Write it shorter.")
    with writer_lock(workspace.panel):
        session = _require_open(workspace, name)
        if len(session.entries) >= MOST_ENTRIES:
            raise UsageError(f"{MOST_ENTRIES} things are kept of this session.", "Begin another.")
        entry = PanelEntry(kind, role, _write_moment(), dict(values))
        return _write_session(workspace, replace(session, entries=(*session.entries, entry)))


def close_session(workspace: Workspace, name: str, role: str) -> PanelSession:
    """Close a session, after which it is published and nothing is added; raise UsageError where it is closed."""
    with writer_lock(workspace.panel):
        session = _require_open(workspace, name)
        return _write_session(workspace, replace(session, closed_at=_write_moment(), closed_by=role))


def list_sessions(workspace: Workspace) -> list[PanelSession]:
    """Return every session, the newest first."""
    sessions = [_read_session(path) for path in sorted(workspace.panel.glob("*.json"))]
    return sorted(sessions, key=lambda session: session.begun_at, reverse=True)


def find_session(workspace: Workspace, name: str) -> PanelSession | None:
    """Return a session by its id; None where there is none."""
    path = session_file(workspace, name)
    return _read_session(path) if _ID.fullmatch(name) and path.exists() else None


def session_file(workspace: Workspace, name: str) -> Path:
    """Return where a session is kept."""
    return workspace.panel / f"{name}.json"


def _require_open(workspace: Workspace, name: str) -> PanelSession:
    session = find_session(workspace, name)
    if session is None or session.closed_at:
        raise UsageError("This session of the panel is closed.", "Begin another.")
    return session


def _write_session(workspace: Workspace, session: PanelSession) -> PanelSession:
    write_json(session_file(workspace, session.id), {"schema_version": SCHEMA_VERSION, **asdict(session)})
    return session


def _read_session(path: Path) -> PanelSession:
    document = {key: value for key, value in read_json(path).items() if key != "schema_version"}
    return PanelSession(**document | {"entries": tuple(PanelEntry(**row) for row in document["entries"])})


def _write_moment() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
