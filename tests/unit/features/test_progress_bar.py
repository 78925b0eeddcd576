"""No bar of DuckDB's own, at a terminal or in a notebook without widgets, where DuckDB refuses the very setting."""

from __future__ import annotations

import duckdb
import pytest

from features.progress_bar import stop_progress_bar

ASK = "select current_setting('enable_progress_bar')"


@pytest.mark.parametrize("drawn", ["true", "false"])
def test_no_bar_is_drawn_whether_there_was_one_or_not(drawn: str) -> None:
    with duckdb.connect() as database:
        database.execute(f"set enable_progress_bar = {drawn}")
        stop_progress_bar(database)
        assert database.execute(ASK).fetchall() == [(False,)]
