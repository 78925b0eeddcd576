"""Reading tables with DuckDB, all times in UTC."""

from __future__ import annotations

import duckdb

__all__ = ["open_connection"]


def open_connection() -> duckdb.DuckDBPyConnection:
    """Return an in-memory connection whose time zone is UTC, so that no comparison depends on the machine's."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return connection
