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


@pytest.fixture(scope="module")
def front(shared_world: Any) -> dict[str, Any]:
    findings = measure_run(gather_run(shared_world.invocation))
    decision = decide_findings(findings, shared_world.policy, TODAY)
    return describe_front(findings, decision, shared_world.policy, MODELS, "A sentence.")


def test_each_option_says_what_it_does_and_a_dash_where_nobody_measured_it(front: dict[str, Any]) -> None:
    today, simple, shadow = front["options"]
    assert today["title"].startswith("Stop")
    assert (today["listed"], today["missed"]) == ("20", "–")
    assert (simple["listed"], shadow["listed"]) == ("30", "40")
    assert 0 < int(shadow["missed"]) < int(simple["missed"]) < 100


def test_answers_stand_worst_first_and_name_whom_they_say_nothing_of(front: dict[str, Any]) -> None:
    order = ["No", "Cannot be told", "Informs", "Yes, within the limit"]
    places = [order.index(answer["answer"]) for answer in front["answers"]]
    assert places == sorted(places)
    assert len(places) == 14
    assert any("not recorded" in answer["not_asked"] for answer in front["answers"])
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
