"""The connection that reads extracts: nothing of it is on a terminal or a disk."""

from __future__ import annotations

import pytest

from charter.vault.key import Key
from features.intake.database import open_database


@pytest.mark.parametrize(
    ("setting", "value"), [("enable_progress_bar", False), ("temp_directory", ""), ("TimeZone", "UTC")]
)
def test_nothing_is_drawn_or_spilled(setting: str, value: object) -> None:
    """DuckDB's own bar would stand in the middle of `--json`, and rows that do not fit in memory on the disk."""
    with open_database(Key(b"k" * 32)) as database:
        assert database.execute(f"select current_setting('{setting}')").fetchall() == [(value,)]
