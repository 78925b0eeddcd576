"""A session of the residents' panel for tests that walk every page."""

from __future__ import annotations

from charter.signing.panel_sessions import begin_session, list_sessions
from serving.desk import Desk

__all__ = ["find_sitting"]


def find_sitting(desk: Desk) -> str:
    """Return the id of a session that goes on, begun where there is none."""
    workspace = desk.invocation.workspace
    sessions = list_sessions(workspace) or [
        begin_session(workspace, role="residents_panel", present=9, charter_sha256="0" * 64)
    ]
    return sessions[0].id
