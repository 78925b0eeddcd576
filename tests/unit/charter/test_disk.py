"""A full disk is recognised in the words of each library, and nothing else is taken for one."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import duckdb
import pytest

from charter.machine.disk import is_full


def test_the_operating_systems_errors() -> None:
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        assert is_full(OSError(number, os.strerror(number)))
    assert not is_full(OSError(errno.EACCES, os.strerror(errno.EACCES)))


def test_sqlite_without_room(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "small.db") as database:
        database.execute("pragma max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as refused:
            database.executescript("create table a (b); create table c (d); create table e (f);")
    assert is_full(refused.value)


def test_duckdb_quoting_the_system_and_an_error_that_arose_from_one() -> None:
    assert is_full(duckdb.IOException('IO Error: Could not write file "x": No space left on device'))
    assert not is_full(duckdb.IOException("IO Error: No files found"))
    outer = RuntimeError("it failed")
    outer.__cause__ = OSError(errno.ENOSPC, "full")
    assert is_full(outer)
    assert not is_full(RuntimeError("it failed"))
