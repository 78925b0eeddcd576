"""Which Sooner this is: its version, and the commit where it runs from a checkout."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

__all__ = ["describe_version"]


def describe_version() -> str:
    """Return `sooner 0.1.0`, and in a checkout ` (commit 1a2b3c4d5e6f)`, with a plus where files differ from it."""
    name = f"sooner {version('sooner')}"
    checkout = Path(__file__).resolve().parent.parent
    if not (checkout / ".git").exists():
        return name
    words = ["git", "-C", str(checkout), "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+"]
    try:
        commit = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  # no input in it
    except (OSError, subprocess.CalledProcessError):  # no git here, or a folder that it does not trust
        return name
    return f"{name} (commit {commit})"
