"""A browser on a served demo: the real `sooner serve` in a process of its own, and Debian's Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.waiting import PATIENCE, wait_until_ready

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
SCREENSHOTS = ROOT / "docs" / "screenshots"
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
)  # fmt: skip


# A module, not the session: Playwright keeps an event loop running in its thread, and other tests start their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium, or skip and say what brings it; with CI=true a missing browser is a failure."""
    if not Path(CHROMIUM).exists():
        said = "needs a browser: sudo apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def workspace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the demo's workspace that the tests of a module may change together."""
    made = os.environ.get("SOONER_BROWSER_WORKSPACE") or request.getfixturevalue("demo_workspace")
    own = tmp_path_factory.mktemp("served") / "workspace"
    shutil.copytree(made, own, ignore=shutil.ignore_patterns("extracts", "mlartifacts", "mlflow.db"))
    for beside in Path(made).parent.glob("workspace.*.jsonl"):  # a workspace without its anchors opens for nobody
        shutil.copy2(beside, own.parent)
    return own


@pytest.fixture(scope="module")
def served(workspace: Path) -> Iterator[str]:
    """Serve the workspace with the real command; give its address once it is ready, and stop it cleanly."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with (workspace.parent / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sooner", "serve", "--workspace", str(workspace), "--port", str(port)],
            cwd=ROOT, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until_ready(address, process, workspace.parent / "serve.log")
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE)


@pytest.fixture
def page(browser: Browser, served: str) -> Iterator[Page]:
    """Give a fresh page of a person's own, at a desk's width; anything the console complains of fails the test."""
    context = browser.new_context(base_url=served, viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    # A refused form answers 400 on purpose, and Chromium says so on the console.
    assert not [text for text in complaints if "the server responded with a status of 4" not in text]
