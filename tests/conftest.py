"""What all tests share: one small borough, taken through every verb once for the whole run."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from house.covering import leave_covered
from tests.deep_minutes import DeepMinutes
from tests.forked_commands import run_forked
from tests.waiting import PATIENCE

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


def pytest_configure(config: pytest.Config) -> None:
    """Time the long tests in `make deep`."""
    if config.option.markexpr == "deep" and not config.option.collectonly:
        config.pluginmanager.register(DeepMinutes(), "deep-minutes")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that neither worker waits for the other (`--dist loadfile` keeps the order).

    One file that needs the demo comes first and makes it; meanwhile come those that make a path of their own, then the
    others that need the demo, and many short ones last.
    """
    using_demo = {item.path for item in items if needs_demo(item)}
    # Not a page in a browser: it starts Chromium before it asks for the demo.
    makers = (item.path for item in items if "demo_workspace" in getattr(item, "fixturenames", ()))
    first = next(makers, None)

    def turn(item: pytest.Item) -> int:
        if item.path == first:
            return 0
        if item.path in using_demo:
            return 2
        return 3 if "unit" in item.path.relative_to(ROOT).parts else 1

    items.sort(key=turn)


def needs_demo(item: pytest.Item) -> bool:
    """Whether a test waits until the demo is made, be it that the pages' `workspace` asks for it only as it runs."""
    names = getattr(item, "fixturenames", ())
    return "demo_workspace" in names or ("workspace" in names and item.path.parent == ROOT / "tests" / "browser")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave what this worker ran of the product: xdist ends its workers without their last words."""
    if "SOONER_COVERED" in os.environ and hasattr(session.config, "workerinput"):
        leave_covered()


@dataclass(frozen=True)
class Ran:
    """What one `sooner` command did."""

    code: int
    out: str
    err: str


def run_sooner(
    *words: str,
    cwd: Path = ROOT,
    timeout: float = PATIENCE,
    env: dict[str, str] | None = None,
    afresh: bool = False,
) -> Ran:
    """Run the real command in a process of its own; `afresh` starts it as a user's shell would, with nothing loaded."""
    environment = {**os.environ, **(env or {})}
    if not afresh and "SOONER_COVERED" not in environment:
        return Ran(*run_forked(words, cwd, environment, timeout))
    if not _is_first_of_its_kind(words):
        environment.pop("SOONER_COVERED", None)
    done = subprocess.run(
        [sys.executable, "-m", "sooner", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _is_first_of_its_kind(words: Sequence[str]) -> bool:
    """Whether no worker has noted yet what this verb runs with these options: noting takes a second a process."""
    if "SOONER_COVERED" not in os.environ:
        return True
    kind = "-".join(word.lstrip("-") for word in words if re.fullmatch("-*[a-z][a-z-]*", word))
    kinds = Path(os.environ["SOONER_COVERED"]) / "kinds"
    kinds.mkdir(parents=True, exist_ok=True)
    try:
        (kinds / (kind[:200] or "none")).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


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
            ran = run_sooner("demo", "--no-serve", *size, "--workspace", str(workspace), afresh=True)
            (shared / "done").write_text(f"{ran.code}\n{ran.out}\n{ran.err}")
    told = (shared / "done").read_text()
    assert told.startswith("0\n"), told
    return workspace


@pytest.fixture
def own_workspace(demo_workspace: Path, tmp_path: Path) -> Path:
    """Give a copy of the demo's workspace that the test may change."""
    own = tmp_path / "workspace"
    subprocess.run(["cp", "-a", str(demo_workspace), str(own)], check=True)
    for beside in demo_workspace.parent.glob("workspace.*.jsonl"):
        shutil.copy2(beside, tmp_path / beside.name)
    return own
