"""What all tests share: one small borough, taken through every verb once for the whole run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A key of the tests' own, so that pseudonyms, and with them every later byte, are the same on every machine.
TEST_KEY = "5a" * 32
os.environ.setdefault("SOONER_KEY", TEST_KEY)
# Read when OpenMP starts: threads that wait awake take the other worker's core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each module's tests on one worker, unless they name a group: what they share is made once."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))


@dataclass(frozen=True)
class Ran:
    """What one `sooner` command did."""

    code: int
    out: str
    err: str


def run_sooner(*words: str, cwd: Path = ROOT, timeout: float = 600, env: dict[str, str] | None = None) -> Ran:
    """Run the real command in a process of its own, as a user's shell would."""
    done = subprocess.run(
        [sys.executable, "-m", "sooner", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return the workspace of `sooner demo --no-serve` on 3,000 households; made once, read by all, changed by none.

    Its council is the shipped one as it is, with four teams and places for a larger borough: lists that can be tested.

    A test that changes a workspace copies it first (`own_workspace`).
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "demo"
    shared.mkdir(exist_ok=True)
    workspace = shared / "workspace"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            size = ("--households", "3000", "--seed", "1", "--council", "council")
            ran = run_sooner("demo", "--no-serve", *size, "--workspace", str(workspace))
            (shared / "done").write_text(f"{ran.code}\n{ran.out}\n{ran.err}")
    told = (shared / "done").read_text()
    assert told.startswith("0\n"), told
    return workspace


@pytest.fixture
def own_workspace(demo_workspace: Path, tmp_path: Path) -> Path:
    """Give a copy of the demo's workspace that the test may change."""
    own = tmp_path / "workspace"
    subprocess.run(["cp", "-a", str(demo_workspace), str(own)], check=True)
    return own
