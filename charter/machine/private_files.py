"""Files are their owner's alone, whatever the umask and whichever library writes them.

Libraries (SQLite with its write-ahead log, MLflow, DuckDB, NumPy) make files as the process's umask says, so it is set
once, where a process of ours begins. A workspace of an older Sooner is closed at its root, through which every way to
its files leads.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["close_folder", "keep_files_private"]

_OTHERS = 0o077


def keep_files_private() -> None:
    """Let this process, and those that it starts, make files that nobody else can read."""
    os.umask(_OTHERS)


def close_folder(folder: Path) -> None:
    """Let nobody else into a folder that is there and ours."""
    with suppress(PermissionError, FileNotFoundError):
        if folder.stat().st_mode & _OTHERS:
            folder.chmod(0o700)
