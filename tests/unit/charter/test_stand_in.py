"""The points list is asked what the model is asked, in the same signed decision; it stands in unless it fails."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from charter.contracts import check_document
from charter.contracts.files import read_json
from charter.invocation import Invocation, shipped_council
from charter.signing.stand_in import decide_with_stand_in, find_signed_stand_in
from tests.unit.charter.audits import audited, figures, kept_level, policy_of

TODAY = date(2026, 11, 1)


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    return Invocation.open(shipped_council(), "early_help", tmp_path / "workspace", quiet=True)


def with_points(invocation: Invocation, value: float) -> dict[str, Any]:
    """Return findings of a fair model, and of a points list that treats one group `value` times as others."""
    findings = read_json(audited(invocation, spread=0.05) / "findings.json")
    asked = {(gate.measure, gate.characteristic): gate for gate in policy_of(invocation).asked("test")}
    rows = []
    for row in findings["findings"]:
        gate = asked.get((row["measure"], row["characteristic"]))
        worse = gate is not None and gate.measure == "listed_before_need"
        changed = figures(value, 0.05, kept_level(gate)) if gate is not None and worse else {}
        if row["measure"] != "recorded_per_independent":
            rows.append({**row, **changed, "model": "points"})
    return {**findings, "findings": [*findings["findings"], *rows], "stand_in": "points"}


@pytest.mark.parametrize(("value", "may"), [(1.0, True), (0.3, False)])
def test_a_points_list_that_fails_the_gate_does_not_stand_in(invocation: Invocation, value: float, may: bool) -> None:
    """Broken by asking the questions of the model's own findings again."""
    findings, policy = with_points(invocation, value), policy_of(invocation)
    decision = decide_with_stand_in(findings, policy, TODAY, red_lines=invocation.red_lines)
    check_document("decision", decision)
    assert decision["decision"] != "block"
    answer = decision["stand_in"]
    assert (answer["decision"] != "block") == may
    asked = {question["gate"] for question in answer["questions"]}
    assert {gate.id for gate in policy.asked("test") if not gate.of_pair} <= asked
    signed = find_signed_stand_in(decision)
    assert (signed is not None) == may
    if signed:
        assert signed["model"] == "points"
        assert "questions" not in signed


def test_a_question_without_a_finding_of_the_points_list_blocks_it(invocation: Invocation) -> None:
    findings = with_points(invocation, 1.0)
    findings["findings"] = [
        row for row in findings["findings"] if row["model"] != "points" or row["measure"] != "unneeded_listings"
    ]
    decision = decide_with_stand_in(findings, policy_of(invocation), TODAY, red_lines=invocation.red_lines)
    assert decision["decision"] != "block"
    assert find_signed_stand_in(decision) is None


def test_the_model_itself_stands_in_where_it_is_the_points_list_and_nothing_where_none_is_named(
    invocation: Invocation,
) -> None:
    findings = with_points(invocation, 1.0)
    mine = {**findings, "stand_in": findings["model"]}
    own = decide_with_stand_in(mine, policy_of(invocation), TODAY, red_lines=invocation.red_lines)
    assert own["stand_in"]["decision"] == own["decision"]
    assert own["stand_in"]["questions"] == own["questions"]
    del findings["stand_in"]
    without = decide_with_stand_in(findings, policy_of(invocation), TODAY, red_lines=invocation.red_lines)
    assert "stand_in" not in without
    assert find_signed_stand_in(without) is None
