"""A package of another distribution under one of our names is named at the first import, and by the doctor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from charter.clashes import ROOMS, find_clashes, find_shared_names

ROOT = Path(__file__).resolve().parents[3]


def run(folder: Path, first: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in an empty folder, with `first` before Sooner on its path."""
    path = os.pathsep.join([str(first), str(ROOT)])
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("room", ["training", "features", "charter", "serving"])
def test_the_first_import_names_the_other_distribution_and_what_to_do(
    room: str, elsewhere: Path, tmp_path: Path
) -> None:
    (elsewhere / room).mkdir()
    (elsewhere / room / "__init__.py").write_text('"""Another distribution\'s."""\n')
    ran = run(tmp_path, elsewhere, "-c", "import sooner; sooner.main()", "--help")
    assert ran.returncode == 11
    sentence, step = ran.stderr.strip().splitlines()
    assert sentence.startswith(f"sooner: another distribution's `{room}` ({elsewhere / room})")
    assert step.startswith("  next: Install Sooner in an environment of its own")
    assert ran.stdout == ""


def test_a_notebook_that_imports_a_room_is_told_too(elsewhere: Path, tmp_path: Path) -> None:
    (elsewhere / "features.py").write_text('"""A module of that name will do."""\n')
    ran = run(tmp_path, elsewhere, "-c", "from training.workbench import Workbench")
    assert ran.returncode == 1
    assert f"ImportError: another distribution's `features` ({elsewhere / 'features.py'})" in ran.stderr


def test_a_folder_that_is_no_package_and_a_room_that_is_not_installed_clash_with_nothing(
    elsewhere: Path, tmp_path: Path
) -> None:
    (elsewhere / "training").mkdir()  # Python would take our package before a bare folder
    assert run(tmp_path, elsewhere, "-c", "import charter.errors").returncode == 0
    assert find_clashes(ROOT) == {}
    assert find_clashes(tmp_path) == {}


def test_the_doctor_names_a_distribution_that_installs_the_same_folder(elsewhere: Path, tmp_path: Path) -> None:
    other = elsewhere / "gym_plans-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: gym-plans\nVersion: 1.0\n")
    (other / "RECORD").write_text("training/__init__.py,,\ngym/__init__.py,,\n")
    where = ["--workspace", str(tmp_path), "--council", str(ROOT / "council"), "--json"]
    ran = run(tmp_path, elsewhere, "-m", "sooner", "doctor", *where)
    assert ran.returncode == 0, ran.stderr
    (check,) = [check for check in json.loads(ran.stdout)["checks"] if check["title"] == "package names to itself"]
    assert not check["found"]
    assert "gym-plans installs `training` too: install Sooner in an environment of its own" in check["note"]
    assert not set(find_shared_names()) - set(ROOMS)
