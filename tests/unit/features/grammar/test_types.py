"""Type checkers follow the definition language: a wrong definition is underlined before it is ever run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
DEFINITION = '''"""A definition with five mistakes, each marked, and none anywhere else."""

from features.grammar import Cohort, Feature, count, months, signal

absence = signal("education.unauthorised_absence")
COHORT = Cohort("Everybody", entity="household")
FEATURE = Feature("absences_6m", count(absence, last=months(6)), "{value} absences", "Attendance often falls first.")
no_expression = Feature("absences", 3, "{value} absences", "A number is no expression.")  # wrong
no_signal = count("education.unauthorised_absence", last=months(6))  # wrong
no_period = count(absence, last=6)  # wrong
no_entity = Cohort("Everybody", entity="family")  # wrong
FEATURE.name = "other"  # wrong
'''
WRONG = {number for number, line in enumerate(DEFINITION.splitlines(), start=1) if "# wrong" in line}


def found(command: list[str], folder: Path) -> set[int]:
    """Return the lines of a definition in which a type checker finds a mistake."""
    path = folder / "definition.py"
    path.write_text(DEFINITION, encoding="utf-8")
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, cwd=ROOT, check=False)
    errors = re.findall(r"definition\.py:(\d+)(?::\d+)*(?: - |: )error", done.stdout)
    assert done.returncode == 1, done.stdout + done.stderr
    return {int(line) for line in errors}


def test_mypy_finds_each_wrong_value_and_nothing_else(tmp_path: Path) -> None:
    command = ["-m", "mypy", "--strict", "--follow-imports", "silent"]
    assert found([sys.executable, *command], tmp_path) == WRONG


@pytest.mark.deep
def test_pyright_finds_each_wrong_value_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("basedpyright", reason="pip install 'sooner[deep]'")
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--level", "error"]
    assert found(command, tmp_path) == WRONG
