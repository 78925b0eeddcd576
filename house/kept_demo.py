"""A pytest plugin (`-p house.kept_demo`): tests read the demo's workspace that lies at SOONER_KEPT_DEMO.

A folder as `demo_workspace` (tests/conftest.py) leaves it: `workspace`, and `done` with what the command printed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_sessionstart(session: pytest.Session) -> None:
    """Put the kept demo where the fixture looks for one that was made."""
    if "SOONER_KEPT_DEMO" in os.environ:
        base: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        (base / "demo").symlink_to(os.environ["SOONER_KEPT_DEMO"])
