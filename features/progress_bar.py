"""DuckDB's own progress bar, stopped: it is drawn on standard output, in the middle of what a script reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["stop_progress_bar"]


def stop_progress_bar(connection: duckdb.DuckDBPyConnection) -> None:
    """Let no bar be drawn for a connection.

    Where there is none already it is left so: in a notebook without ipywidgets DuckDB refuses the setting itself.
    """
    (drawn,) = connection.execute("select current_setting('enable_progress_bar')").fetchall()[0]
    if drawn:
        connection.execute("set enable_progress_bar = false")
