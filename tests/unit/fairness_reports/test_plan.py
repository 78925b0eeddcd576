"""Before any training: the gaps that an audit could see."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from charter.errors import UsageError
from fairness_reports.audit.audit_plan import describe_plan, plan_gaps
from fairness_reports.commands import verbs


def test_larger_groups_show_smaller_gaps(shared_world: Any) -> None:
    rows = {(row["gate"], row["group"]): row for row in plan_gaps(shared_world.invocation)}
    white, mixed = (rows["missed_help_ethnicity", group] for group in ("White", "Mixed"))
    assert white["households"] > mixed["households"]
    assert 0 < mixed["visible"] < white["visible"] < 0.8
    assert rows["unwanted_contact_ethnicity", "White"]["visible"] > 1.5
    assert rows["missed_help_ethnicity", "Elsewhere"]["visible"] is None


def test_the_plan_is_the_same_twice_and_told_in_words(shared_world: Any) -> None:
    rows = plan_gaps(shared_world.invocation)
    assert rows == plan_gaps(shared_world.invocation)
    lines = describe_plan(rows)
    assert "would fail four times in five" in lines
    assert "too few households to tell anything" in lines
    assert "under 10 households" in lines


def test_the_verb_prints_it(shared_world: Any) -> None:
    options = ["--council", str(shared_world.council), "--workspace", str(shared_world.workspace)]
    done = CliRunner().invoke(verbs, ["audit", "plan", "--json", *options])
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout)["plan"][0]["gate"] == "missed_help_ethnicity"


def test_without_a_matrix_or_known_outcomes_nothing_is_planned(worlds: Callable[..., Any]) -> None:
    world = worlds(households=200)
    manifest = world.workspace / "matrix" / "early_help" / "m1" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"taken_at": "2024-01-01T00:00:00+00:00"}))
    with pytest.raises(UsageError, match="outcomes are known yet"):
        plan_gaps(world.invocation)
    (world.workspace / "matrix" / "early_help" / "current").unlink()
    with pytest.raises(UsageError, match="no matrix"):
        plan_gaps(world.invocation)
