"""A wrong change of each mechanism of a trial, or of the line, is found by the test that is named beside it.

Each change is made in a copy of the code; the named test must fail there, and pass in a copy without a change.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COPIED = ("borough", "charter", "council", "fairness_reports", "features", "serving", "sooner", "tests", "training")


@dataclass(frozen=True)
class WrongChange:
    """What goes wrong, where, by which words in place of which, and the test that finds it."""

    title: str
    file: str
    right: str
    wrong: str
    test: str


CHANGES = (
    WrongChange(
        "places go by rank, not by lot",
        "charter/rules/holdout.py",
        "tickets = sorted(fresh, key=lot.ticket)",
        "tickets = fresh",
        "tests/unit/charter/test_trials.py::test_the_lot_decides_and_not_the_rank",
    ),
    WrongChange(
        "who was offered help counts as listed, whatever arm the lot gave",
        "fairness_reports/impact/effect.py",
        "listed=np.array([float(entry.listed) for entry in over])",
        "listed=np.array(offered, dtype=np.float64)",
        "tests/unit/fairness_reports/test_effect.py::test_help_that_helps_is_found_and_kept",
    ),
    WrongChange(
        "the acting team's own records are an outcome",
        "fairness_reports/impact/analysis_plan.py",
        "    if acting:",
        "    if not primary:",
        "tests/unit/fairness_reports/test_registering.py::test_an_outcome_that_the_acting_team_records_is_refused",
    ),
    WrongChange(
        "a household counts by its last lot",
        "fairness_reports/impact/effect.py",
        "first.setdefault(row.entity, TrialEntry(row.entity, lots.as_of, lots.lot.list, row.arm == LISTED))",
        "first[row.entity] = TrialEntry(row.entity, lots.as_of, lots.lot.list, row.arm == LISTED)",
        "tests/unit/fairness_reports/test_effect.py::test_a_household_counts_by_its_first_lot",
    ),
    WrongChange(
        "an effect is said though families sort around the line",
        "fairness_reports/impact/line.py",
        "    if failed:",
        "    if not checks:",
        "tests/unit/fairness_reports/test_line_estimates.py::test_a_few_boroughs_are_covered_and_sorting_is_refused",
    ),
    WrongChange(
        "a household counts at every line, the last one standing",
        "fairness_reports/impact/line.py",
        "first.setdefault(place.entity, place)",
        "first[place.entity] = place",
        "tests/unit/fairness_reports/test_line.py::test_what_jumps_at_the_line_is_said",
    ),
    WrongChange(
        "who objects to looks is drawn all the same",
        "serving/ranking/places.py",
        "decode() not in no_look]",
        "decode() not in ()]",
        "tests/unit/serving/test_looks_purpose.py::test_who_objects_to_looks_is_in_none_and_keeps_a_place_by_rank",
    ),
    WrongChange(
        "areas begin in the order of their names, not by lot",
        "charter/signing/trial_steps.py",
        'key=lambda unit: hashlib.sha256(f"{seed}/step/{unit}".encode()).digest()',
        "key=str",
        "tests/unit/fairness_reports/test_steps.py::test_steps_are_drawn_by_lot_and_each_has_as_many",
    ),
    WrongChange(
        "who was offered help counts as begun, whatever arm the lot of steps gave",
        "fairness_reports/impact/stepped/stepped_trial.py",
        "begun = begins[turn.unit] <= turns.as_of",
        "begun = not turn.begun",
        "tests/unit/fairness_reports/test_steps.py::test_a_stepped_trial_is_answered_once_by_the_lots_arm",
    ),
    WrongChange(
        "the acting team's own records are an outcome of a stepped trial",
        "fairness_reports/impact/analysis_plan.py",
        "    if acting:",
        '    if acting and trial.design == "holdout":',
        "tests/unit/fairness_reports/test_steps.py"
        "::test_an_outcome_that_the_acting_team_records_is_refused_of_steps_too",
    ),
    WrongChange(
        "whose unit waits is listed all the same",
        "serving/ranking/step_turns.py",
        "excluded = {**header.excluded, **dict.fromkeys(sorted(waiting), NOT_BEGUN)}",
        "excluded = dict(header.excluded)",
        "tests/unit/serving/test_step_turns.py::test_who_waits_is_on_no_list_and_turns_are_as_if_all_had_begun",
    ),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a copy of the code."""
    folder = tmp_path_factory.mktemp("wrong")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "how-to", folder / "docs" / "how-to")
    shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
    yield folder
    shutil.rmtree(folder)


def run_test(folder: Path, test: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode


@pytest.mark.deep
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.title.replace(" ", "_"))
def test_a_wrong_change_is_found_by_the_test_that_is_named(copy: Path, change: WrongChange) -> None:
    path = copy / change.file
    text = path.read_text(encoding="utf-8")
    assert text.count(change.right) == 1
    assert run_test(copy, change.test) == 0, "the test passes before"
    path.write_text(text.replace(change.right, change.wrong), encoding="utf-8")
    try:
        assert run_test(copy, change.test) == 1, f"not found: {change.title}"
    finally:
        path.write_text(text, encoding="utf-8")
