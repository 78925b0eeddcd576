"""`make ui` brings MLflow's pages up, soon, on two cores."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.deep


def test_make_ui_is_up_within_twenty_seconds(own_workspace: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["make", "-n", "ui", f"WORKSPACE={own_workspace}", f"PORT={port}"]
    recipe = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in recipe.splitlines() if "mlflow ui" in line]
    environment = dict(os.environ) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    start = time.monotonic()
    serving = subprocess.Popen(shlex.split(line), cwd=ROOT, env=environment, start_new_session=True)
    try:
        took = _wait_for(f"http://127.0.0.1:{port}/health", start, serving)
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 200
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait(timeout=60)
    assert took < 20


def _wait_for(url: str, start: float, serving: subprocess.Popen[bytes]) -> float:
    while time.monotonic() - start < 120 and serving.poll() is None:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return time.monotonic() - start
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError("MLflow's pages did not come up")
