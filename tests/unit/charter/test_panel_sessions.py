"""A session of the panel is added to and closed; nothing is taken back, and what is closed stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from charter.contracts.workspace import Workspace
from charter.errors import UsageError
from charter.signing import panel_sessions
from charter.signing.panel_sessions import (
    add_entry,
    begin_session,
    close_session,
    find_session,
    list_sessions,
    session_file,
)

ROLE = "residents_panel"


def begin(workspace: Workspace, present: int = 9) -> str:
    return begin_session(workspace, role=ROLE, present=present, charter_sha256="0" * 64).id


def test_a_session_is_read_as_it_was_kept_and_ends(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "early_help")
    assert list_sessions(workspace) == []
    name = begin(workspace)
    add_entry(workspace, name, "question", ROLE, {"words": "Who sees it?"})
    kept = add_entry(workspace, name, "recommendation", ROLE, {"words": "Say it."})
    assert [number for number, _ in kept.list_kind("recommendation")] == [f"{name}-2"]
    assert find_session(workspace, name) == kept == list_sessions(workspace)[0]
    assert session_file(workspace, name).stat().st_mode & 0o077 == 0
    closed = close_session(workspace, name, ROLE)
    assert closed.closed_by == ROLE
    for act in (lambda: add_entry(workspace, name, "question", ROLE, {}), lambda: close_session(workspace, name, ROLE)):
        with pytest.raises(UsageError, match="closed"):
            act()
    assert find_session(workspace, "../casework") is None
    assert find_session(workspace, "2026-01-01-abcdef") is None


@pytest.mark.parametrize("present", [0, 201])
def test_a_session_of_nobody_or_of_a_crowd_is_refused(tmp_path: Path, present: int) -> None:
    with pytest.raises(UsageError, match="1 to 200 people"):
        begin(Workspace(tmp_path, "early_help"), present)


def test_what_is_too_long_or_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path, "early_help")
    name = begin(workspace)
    with pytest.raises(UsageError, match="at most 1000 letters"):
        add_entry(workspace, name, "question", ROLE, {"words": "x" * 1001})
    monkeypatch.setattr(panel_sessions, "MOST_ENTRIES", 1)
    add_entry(workspace, name, "question", ROLE, {"words": "One."})
    with pytest.raises(UsageError, match="1 things are kept"):
        add_entry(workspace, name, "question", ROLE, {"words": "Two."})
