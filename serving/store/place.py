"""Where the casework database is, and how far its log has come: told without loading what queries it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from charter.contracts.workspace import Workspace
from charter.errors import DataError

__all__ = ["find_database_url", "is_begun", "read_chain_heads"]

_HEADS = """
SELECT audit.chain, audit.digest FROM audit JOIN (SELECT chain, MAX(number) AS number FROM audit GROUP BY chain) newest
ON audit.chain = newest.chain AND audit.number = newest.number
"""


def find_database_url(workspace: Workspace) -> str:
    """Return where the casework database is: $SOONER_DATABASE, or SQLite in the workspace."""
    return os.environ.get("SOONER_DATABASE") or f"sqlite:///{workspace.casework.resolve()}"


def is_begun(workspace: Workspace) -> bool:
    """Whether there is a casework database: nothing was issued before there is one."""
    file = _find_file(find_database_url(workspace))
    return file is None or file.exists()


def read_chain_heads(workspace: Workspace) -> Mapping[str, str]:
    """Return the digest of the last entry of each chain of the casework log; nothing before there is one.

    Every act is one transaction with its entry, so the same heads are the same casework. Raises DataError for a
    database that cannot be read.
    """
    if not is_begun(workspace):
        return {}
    url = find_database_url(workspace)
    file = _find_file(url)
    if file is not None:
        return _read_file(file)

    from serving.store.connection import begin_reading, migrate_database, open_engine

    engine = open_engine(url)
    migrate_database(engine)
    try:
        with begin_reading(engine) as connection:
            return _map_heads(connection.exec_driver_sql(_HEADS).all())
    finally:
        engine.dispose()


def _find_file(url: str) -> Path | None:
    """Return the file of an SQLite database; None for a server's."""
    kind, _, path = url.partition("///")
    return Path(path.partition("?")[0]) if kind.startswith("sqlite") else None


def _read_file(file: Path) -> Mapping[str, str]:
    try:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA query_only=ON")
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit'").fetchall():
                return {}
            return _map_heads(connection.execute(_HEADS).fetchall())
    except sqlite3.Error as fault:
        raise DataError(
            f"the casework database {file.name} cannot be read ({fault}).",
            "See that nothing else holds it, or bring it back from a backup with `sooner restore`.",
        ) from None


def _map_heads(rows: Iterable[Any]) -> Mapping[str, str]:
    return {str(chain): str(digest) for chain, digest in rows}
