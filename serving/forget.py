"""Serving's part of an erasure, objection or withdrawal: off every list at once; what was issued stays sealed."""

from __future__ import annotations

from collections.abc import Iterable

from charter.contracts.workspace import Workspace
from serving.database import connect, database_url, migrate
from serving.store import Store

__all__ = ["forget"]


def forget(person_ids: Iterable[str], workspace: Workspace) -> int:
    """Take every referral of these people's households off its list; return how many there were.

    The sealed record of what the worker saw is kept under case retention for complaints and the data protection
    officer alone (design: what issued stays); no page or list shows it any more.
    """
    if not workspace.casework.exists() and database_url(workspace).startswith("sqlite"):
        return 0
    engine = connect(database_url(workspace))
    migrate(engine)
    store = Store(engine, chain="command")
    try:
        return store.remove(person_ids, "withdrawn", actor="sooner")
    finally:
        store.close()
