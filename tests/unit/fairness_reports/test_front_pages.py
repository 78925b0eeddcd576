"""The pack's first two pages: what is asked, the options with what they do, and all answers as one picture."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from charter.rules.gate import decide_findings
from fairness_reports.audit.explaining.model_reads import list_read_features
from fairness_reports.audit.run_findings import gather_run, measure_run
from fairness_reports.publish.answers_picture import Answer, draw_answers
from fairness_reports.publish.front_pages import describe_front
from fairness_reports.publish.pack import MODELS, list_used

TODAY = date(2026, 11, 28)


def _figure(measure: str, estimate: float, low: float, high: float, **about: Any) -> dict[str, Any]:
    own = {"measure": measure, "estimate": estimate, "low": low, "high": high, "period": "final"}
    return own | about


REPLAY = {
    "headline": "final",
    "figures": [
        _figure("needed_of_listed", 0.2, 0.15, 0.24, model="last_contact", part="all", against=None),
        _figure("needed_of_listed", 0.4, 0.33, 0.47, model="lightgbm", part="all", against=None),
        _figure("listed_of_need", 0.1, 0.08, 0.12, model="lightgbm", part="all", against=None),
        _figure("needed_of_listed", 0.5, 0.4, 0.6, model="lightgbm", part="half undecided", against=None),
    ],
    "curve": [
        _figure("needed_of_listed", 0.45, 0.4, 0.5, times_places=0.5),
        _figure("listed_of_need", 0.05, 0.04, 0.06, times_places=0.5),
        _figure("places_filled", 50.0, 50.0, 50.0, times_places=0.5),
        _figure("needed_of_listed", 0.4, 0.3, 0.5, times_places=1.0),
        _figure("listed_of_need", 0.1, 0.05, 0.15, times_places=1.0),
        _figure("places_filled", 100.0, 100.0, 100.0, times_places=1.0),
    ],
}


@pytest.fixture(scope="module")
def front(shared_world: Any) -> dict[str, Any]:
    findings = measure_run(gather_run(shared_world.invocation))
    decision = decide_findings(findings, shared_world.policy, TODAY) | {"decision": "refer"}
    metrics = {"recommendation": {"sentence": "A sentence."}, "replay": REPLAY}
    return describe_front(findings, decision, shared_world.policy, MODELS, metrics)


def test_each_option_says_what_it_does_and_a_dash_where_nobody_measured_it(front: dict[str, Any]) -> None:
    today, simple, shadow, half, all_places = front["options"]
    assert today["title"].startswith("Stop")
    assert (today["listed"], today["missed"]) == ("20 (15 to 24)", "–")
    assert (simple["listed"], simple["missed"]) == ("–", "–")
    assert shadow["none"]
    assert half["title"] == "Live after that: LightGBM, 50 places a year"
    assert (half["listed"], half["missed"]) == ("45 (40 to 50)", "95 (94 to 96)")
    # At the teams' own places from all draws of the households, as on every other page.
    assert (all_places["listed"], all_places["missed"]) == ("40 (33 to 47)", "90 (88 to 92)")


def test_a_blocked_list_says_that_nothing_is_open(shared_world: Any, front: dict[str, Any]) -> None:
    findings = measure_run(gather_run(shared_world.invocation))
    blocked = decide_findings(findings, shared_world.policy, TODAY) | {"decision": "block"}
    metrics = {"recommendation": {"sentence": "A sentence."}, "replay": REPLAY}
    options = describe_front(findings, blocked, shared_world.policy, MODELS, metrics)["options"]
    assert [("not open" in row["title"]) for row in options] == [False, False, True, True, True]
    assert not any("not open" in row["title"] for row in front["options"])


def test_every_question_has_one_cell_or_line_and_names_whom_it_says_nothing_of(front: dict[str, Any]) -> None:
    crossed = front["answers"]
    assert crossed["columns"] == ["Ethnic group", "Sex", "Disability"]
    cells = [one for row in crossed["rows"] for cell in row["cells"] for one in cell]
    assert len(cells) + len(front["others"]) == 14
    assert any("not recorded" in one["not_asked"] for one in cells)
    assert [row["title"] for row in crossed["rows"]][:2] == ["listed before the need", "listed without a need"]
    assert (front["by"], front["weeks"]["drawings"]) == ("31 December 2035", 5)


def test_the_picture_draws_each_answer_with_its_own_limit_and_says_it_in_words() -> None:
    answers = [
        Answer("Black: listed before the need", 0.4, (0.2, 0.7), 0.8, "fail", 12.0),
        Answer("Asian: listed without a need", 9.0, (2.0, None), 1.5, "insufficient"),
        Answer("Other", 1.0, None, 0.8, ""),
        Answer("White", 1.0, (0.9, 1.1), 0.8, "pass", -3.0),
    ]
    svg = str(draw_answers(answers))
    assert svg.count("stroke-dasharray") == 4
    assert "Black: listed before the need: 0.40, 0.20 to 0.70, limit 0.8, beyond the limit." in svg
    assert "2.00 to no end" in svg
    assert "Other: 1.00, no interval, limit 0.8, not asked about." in svg
    assert ">12.0<" in svg


def test_papers_name_what_the_models_bytes_read_and_nothing_else(shared_world: Any) -> None:
    audited = gather_run(shared_world.invocation)
    reads = list_read_features(audited.run / "model.lgb")
    assert set(reads) <= set(audited.matrix.features)
    assert reads
    definition = audited.matrix.definition
    assert [feature["name"] for feature in list_used(definition, {"reads": reads[:1]})] == reads[:1]
    assert len(list_used(definition, {})) == len(definition["features"])
