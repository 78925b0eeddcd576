"""A secret that a council's file names and that lies in the environment, or in a file that only its owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from charter.errors import UsageError

__all__ = ["read_secret"]


def read_secret(name: str) -> str:
    """Return what the environment variable holds, or the file that the variable with `_FILE` after it names.

    Raises UsageError where there is neither, and for a file that others can read. No error holds the secret.
    """
    if value := os.environ.get(name):
        return value
    place = os.environ.get(f"{name}_FILE")
    if not place:
        raise UsageError(f"${name} is not set.", f"Put the secret in ${name}, or its file's path in ${name}_FILE.")
    path = Path(place)
    if not path.is_file():
        raise UsageError(f"the file that ${name}_FILE names does not exist.", "Correct its path.")
    if path.stat().st_mode & 0o077:
        raise UsageError(f"the file that ${name}_FILE names can be read by others.", "Type: chmod 600, and its path.")
    return path.read_text(encoding="utf-8").strip()
