"""From a bare machine to staff who signed in and see a list: the deployment page's steps, in a new environment."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import venv
from pathlib import Path

import httpx
import pytest

from charter.council.council import Council
from tests.unit.serving.conftest import ROOT
from tests.unit.serving.entering import write_table
from tests.unit.serving.signing_provider import Provider
from tests.waiting import PATIENCE, wait_until_ready

pytestmark = pytest.mark.deep

INSTALLING = 1800
"""Seconds that a package index and a slow disk may take."""


def read_steps() -> list[str]:
    """Return the commands of the page's first block, without what it says beside them."""
    page = (ROOT / "docs/how-to/deploy.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("    ")][:2]
    return [line.split("#")[0].strip() for line in lines]


def test_from_a_bare_machine_to_staff_who_signed_in_and_see_a_list(tmp_path: Path, provider: Provider) -> None:
    """Nothing of this checkout's environment is used, nor of its user's home; the data is the fictional borough's."""
    install, serve = read_steps()
    assert install == "pip install -c constraints.txt ."
    assert serve == "sooner serve --workers 2"
    venv.create(tmp_path / "venv", with_pip=True)
    (tmp_path / "home").mkdir()
    kept = {"PATH", "LANG", "SSL_CERT_FILE", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "HTTPS_PROXY", "NO_PROXY"}
    bare = {name: value for name, value in os.environ.items() if name in kept}
    bare |= {"HOME": str(tmp_path / "home"), "PATH": f"{tmp_path / 'venv/bin'}:{bare['PATH']}"}
    bare |= dict.fromkeys(("SOONER_SECRET_STAFF", "SOONER_SECRET_OTHER"), "a secret of the tests")
    # The night's verbs run on the same machine here, so what they need is installed too.
    run([*install.replace("constraints.txt .", f"{ROOT}/constraints.txt {ROOT}[train,link,report]").split()], bare)
    workspace = tmp_path / "workspace"
    run(["sooner", "demo", "--no-serve", "--households", "3000", "--workspace", str(workspace)], bare, tmp_path)
    council = workspace / "council"
    team = Council.load(council).serving("early_help").teams[0]
    write_table(council, provider, **{'teams = ["north"]': f'teams = ["{team.id}"]', 'teams = ["east"]': "teams = []"})
    provider.person("w-1", ["workers-north"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "serve.log"
    words = [*serve.split(), "--port", str(port), "--workspace", str(workspace)]
    with log.open("w") as handle:
        process = subprocess.Popen(words, cwd=tmp_path, env=bare, stdout=handle, stderr=handle)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, process, log)
        with httpx.Client(base_url=address) as browser:
            there = browser.get("/sign-in/with/staff").headers["location"]
            back = provider.let_in(there, "w-1")
            assert browser.get(back, follow_redirects=True).status_code == 200
            page = browser.get(f"/worklists/{team.id}")
            assert page.status_code == 200, page.text[-500:]
            assert re.search(r'href="/cases/[0-9a-f]+"', page.text)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)


def run(words: list[str], environment: dict[str, str], folder: Path = ROOT) -> str:
    """Run a command as somebody types it; return what it printed."""
    ran = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALLING)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout
