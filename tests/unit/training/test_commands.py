from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from charter.errors import UsageError
from charter.invocation import Invocation
from training.commands import verbs
from training.run import Run

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, and its type hints warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


def said(invocation: Invocation, *words: str) -> str:
    where = ["--council", str(invocation.council.folder), "--workspace", str(invocation.workspace.root)]
    result = CliRunner().invoke(verbs, ["train", *where, *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_plan_is_a_table_of_folds_and_trains_nothing(trained: Invocation) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.workspace.root.rglob("*")}
    lines = said(trained, "--plan").splitlines()
    assert lines[0].split()[:3] == ["fold", "trains", "on"]
    assert [line.split()[0] for line in lines[2:5]] == ["2024-03", "2024-09", "final"]
    assert "428 days" in lines[3]
    assert lines[-1].startswith("Lists as they are used: nothing can be told yet: the tables of the matrix's snapshot")
    assert {path: path.stat().st_mtime_ns for path in trained.workspace.root.rglob("*")} == before


def test_the_plan_for_a_script_is_json(trained: Invocation) -> None:
    plan = json.loads(said(trained, "--plan", "--json"))
    assert [fold["fold"] for fold in plan["folds"]] == ["2024-03", "2024-09", "final"]
    assert all(fold["embargo_days"] > 365 for fold in plan["folds"])


def test_training_prints_the_comparison_and_the_recommendation(trained: Invocation) -> None:
    text = said(trained)
    for model in ("drawing lots", "the points list", "LightGBM"):
        assert model in text
    assert "Which model lists most families with a need cannot be told: the tables of the matrix's snapshot" in text
    assert "Annex: isolated dates" in text
    assert "In the final period, scored once" in text
    assert "risk" not in text.lower()


def test_training_for_a_script_is_json_with_intervals(trained: Invocation) -> None:
    result = json.loads(said(trained, "--json"))
    assert result["run"] == Run.open(trained.workspace).id
    estimate, low, high = result["isolated_dates"]["precision"]
    assert low <= estimate <= high


def test_a_workspace_without_a_matrix_says_what_to_type(trained: Invocation, tmp_path: Path) -> None:
    arguments = ["train", "--council", str(trained.council.folder), "--workspace", str(tmp_path / "empty")]
    with pytest.raises(UsageError, match="no matrix"):
        CliRunner().invoke(verbs, arguments, catch_exceptions=False)
