"""Going live is denied by default, and so is using real data before it was thought through."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from charter.contracts.files import read_json
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, SignOffError
from charter.invocation import shipped_council
from charter.rules.assessments import Assessment, require_assessments
from charter.rules.gate import decide_findings
from charter.rules.policy import Policy
from charter.signing.second_gate import in_shadow, open_live
from charter.signing.suspensions import GATE, record_resumption, suspend_on_breach

TODAY = date(2026, 9, 28)
CHARTER = Policy.load(shipped_council() / "charter.toml", TODAY)
DECISION = {"run": "r1", "stage": "shadow"}


def test_a_release_is_in_shadow_until_it_is_opened_and_after_it_ends(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "early_help")
    assert "shown to nobody" in in_shadow(workspace, "one", TODAY)
    open_live(workspace, "one", DECISION, "0" * 64, date(2027, 1, 1))
    assert in_shadow(workspace, "one", TODAY) == ""
    assert "in shadow again" in in_shadow(workspace, "one", date(2027, 1, 1))
    assert in_shadow(workspace, "two", TODAY)
    assert in_shadow(workspace, "", TODAY)


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = (shipped_council() / "charter.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "charter.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("shadow_weeks = 8", "shadow_weeks = 0", "must be at least 1"),
        ("false_alarms_a_year = 0.05", "false_alarms_a_year = 1.0", "must be below 1"),
        ('stages = ["shadow"]', 'stages = ["never"]', "holds 'never'"),
        ('stages = ["shadow"]', "stages = []", "another length"),
        ('before = ["link", "train", "shadow"]', 'before = ["lunch"]', "holds 'lunch'"),
        ('state = "not begun"', 'state = "nearly"', "not known"),
    ],
)
def test_a_charter_that_would_show_unwatched_lists_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(CharterError, match=words):
        Policy.load(edited(tmp_path, old, new), TODAY)


EQUALITY, PROTECTION = CHARTER.assessments


def state(one: Assessment, name: str) -> Assessment:
    return one.replace(state=name, reference="minute 4")


def test_made_up_data_needs_no_assessment() -> None:
    require_assessments((), "train", synthetic=True)


@pytest.mark.parametrize("purpose", ["link", "train", "shadow"])
def test_real_data_waits_for_both_assessments(purpose: str) -> None:
    require_assessments((state(EQUALITY, "begun"), state(PROTECTION, "signed")), purpose, synthetic=False)
    for bad in (
        (),
        (EQUALITY, PROTECTION),
        (state(EQUALITY, "begun"), state(PROTECTION, "begun")),
        (state(EQUALITY, "not begun"), state(PROTECTION, "signed")),
        (state(EQUALITY, "begun"), PROTECTION.replace(state="signed", reference=" ")),
        (state(EQUALITY, "begun"),),
    ):
        with pytest.raises(SignOffError, match=f"to {purpose} yet"):
            require_assessments(bad, purpose, synthetic=False)


def live_findings(**changes: object) -> dict[str, object]:
    return {
        "programme": "early_help",
        "run": "r1",
        "model": "lightgbm",
        "charter_sha256": CHARTER.sha256,
        "stage": "shadow",
        "period": {"first": "2026-08-03", "last": "2026-09-28", "days": 56, "outcomes_due": "2027-09-01"},
        "findings": [],
        "drift": [],
        **changes,
    }


def ungated(stage: str) -> Policy:
    gates = tuple(gate for gate in CHARTER.gates if stage not in gate.stages)
    return CHARTER.model_copy(update={"gates": gates, "scenarios_at_least": 0})


def test_eight_weeks_in_shadow_are_enough_and_seven_are_not() -> None:
    enough = decide_findings(live_findings(), ungated("shadow"), TODAY)
    assert (enough["decision"], enough["next_decision_by"]) == ("pass", "2027-09-01")
    few = decide_findings(live_findings(period={"first": "", "last": "", "days": 49}), ungated("shadow"), TODAY)
    assert few["decision"] == "block"
    assert "7 of the 8 weeks" in few["sentence"]


def test_each_stage_asks_its_own_questions() -> None:
    def asked(stage: str) -> set[str]:
        found = decide_findings(live_findings(stage=stage), CHARTER, TODAY)
        assert found["decision"] == "block"
        return {one["gate"] for one in found["verdicts"]}

    of_use = {"useful_enough", "better_than_practice", "data_needed", "order_carried"}
    assert asked("test") == {gate.id for gate in CHARTER.asked("test")} | of_use
    assert asked("shadow") == {gate.id for gate in CHARTER.asked("shadow")}
    assert asked("live") == asked("shadow") | {gate.id for gate in CHARTER.asked("live")}


def test_a_drift_of_selection_blocks_and_another_does_not() -> None:
    def drift(about: str) -> list[dict[str, object]]:
        return [{"title": "Asian among the newly listed", "about": about, "alarm": "2026-09-21"}]

    assert decide_findings(live_findings(drift=drift("input")), ungated("shadow"), TODAY)["decision"] == "pass"
    blocked = decide_findings(live_findings(drift=drift("selection")), ungated("shadow"), TODAY)
    assert blocked["decision"] == "block"
    assert "Asian among the newly listed since 2026-09-21" in blocked["sentence"]


def test_a_breach_suspends_once_and_two_roles_resume(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "early_help")
    path = suspend_on_breach(workspace, "a gap")
    assert suspend_on_breach(workspace, "a gap again") == path
    assert read_json(path)["role"] == GATE
    with pytest.raises(CharterError):
        record_resumption(workspace, CHARTER, suspension=path.stem, role=GATE)
    assert not record_resumption(workspace, CHARTER, suspension=path.stem, role="chief_data_officer")
    assert record_resumption(workspace, CHARTER, suspension=path.stem, role="data_protection_officer")


def test_an_assessment_without_a_reference_is_told_that_and_not_that_it_is_not_signed() -> None:
    bare = PROTECTION.replace(state="signed", reference="")
    with pytest.raises(SignOffError, match="is signed, and names no minute or document") as refused:
        require_assessments((bare,), "train", synthetic=False)
    assert "must be signed" not in refused.value.message
