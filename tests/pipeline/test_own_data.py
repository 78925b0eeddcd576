"""The tutorial for one's own data, run as it stands: every command of the page, in order, and no refusal on the way."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs/tutorial/own_data.md"
MINUTES = 3
"""Of processor time, for what a reader is promised in twenty minutes."""


def read_steps(page: str) -> list[str]:
    """Return the page's commands and its definition, in order: a definition as the command that writes it."""
    steps = []
    for python, indented in re.findall(
        r"```python\n(.*?)```|((?:^ {4,6}(?:sooner|sed|python) [^\n]*\n)+)", page, flags=re.M | re.S
    ):
        written = f"cat > harbour/notices/definition.py <<'EOF'\n{python}EOF"
        steps += [written] if python else [line.strip() for line in indented.splitlines()]
    return steps


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Give a reader's folder, in which the examples lie where the page says."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.mark.deep
def test_whoever_follows_the_page_has_a_list(desk: Path) -> None:
    beside = {"PATH": Path(sys.executable).parent, "PYTHONPATH": ROOT}
    environment = {**os.environ, **{name: f"{first}:{os.environ.get(name, '')}" for name, first in beside.items()}}
    steps = read_steps(PAGE.read_text(encoding="utf-8"))
    assert len(steps) > 15
    assert shlex.split(steps[-1])[0] == "sooner"
    before = os.times()
    begun = time.monotonic()
    for step in steps:
        ran = subprocess.run(
            ["bash", "-c", step], cwd=desk, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, (step, ran.stdout, ran.stderr)
    used = os.times()
    spent = used.children_user + used.children_system - before.children_user - before.children_system
    assert spent < MINUTES * 60, time.monotonic() - begun
    (listed,) = desk.glob("workspace/worklist/notices/*/issued.csv")
    assert len(listed.read_text(encoding="utf-8").splitlines()) > 1
    assert (desk / "director.key").stat().st_mode & 0o777 == 0o600
