"""How long tests wait: until it happens or its process ends, never until a guessed time is over.

A busy machine makes everything slow and nothing wrong. `PATIENCE` only keeps a test that hangs from hanging for ever.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import httpx
import pytest

PATIENCE = 3600.0
"""Seconds after which a test gives up on something that neither happens nor ends."""


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the service at `address` says that it is ready; fail with its log where its process ended before."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the service did not get ready:\n{log.read_text(encoding='utf-8')}")
