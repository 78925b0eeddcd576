"""The board's paper: what is asked, the options with what they do, all answers as one picture, and what the list is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from charter.rules.data_use import DATA_NEEDED
from charter.rules.gate import decide_findings
from fairness_reports.audit.explaining.minimisation import find_last_helped
from fairness_reports.audit.explaining.model_reads import read_model
from fairness_reports.audit.run_findings import gather_run, measure_run
from fairness_reports.publish.answer_pages import describe_answers
from fairness_reports.publish.answers_picture import Answer, draw_answers
from fairness_reports.publish.council_words import CouncilWords
from fairness_reports.publish.front_pages import describe_data, describe_front, say_verdict
from fairness_reports.publish.list_pages import _tabulate_services, list_used
from fairness_reports.publish.pack import MODELS
from features.grammar.points_in_words import describe_points

TODAY = date(2026, 11, 28)
WORDS = CouncilWords({"youth_justice": "Youth justice"}, {}, {})


def _figure(measure: str, estimate: float, low: float, high: float, **about: Any) -> dict[str, Any]:
    own = {"measure": measure, "estimate": estimate, "low": low, "high": high, "period": "final"}
    return own | about


REPLAY = {
    "headline": "final",
    "figures": [
        _figure("needed_of_listed", 0.2, 0.15, 0.24, model="last_contact", part="all", against=None),
        _figure("needed_of_listed", 0.4, 0.33, 0.47, model="lightgbm", part="all", against=None),
        _figure("listed_of_need", 0.1, 0.08, 0.12, model="lightgbm", part="all", against=None),
        _figure("needed_of_listed", 0.3, 0.2, 0.4, model="agreed", part="all", against=None),
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
def audited(shared_world: Any) -> SimpleNamespace:
    """Return what a world's paper is made of: findings, a decision that refers, and the charter."""
    findings = measure_run(gather_run(shared_world.invocation))
    decision = decide_findings(findings, shared_world.policy, TODAY) | {"decision": "refer"}
    return SimpleNamespace(findings=findings, decision=decision, policy=shared_world.policy)


def front_of(audited: SimpleNamespace, choice: dict[str, Any], replay: Any = REPLAY, **decided: Any) -> dict[str, Any]:
    metrics = {"recommendation": {"sentence": "A sentence."} | choice, "replay": replay}
    decision = audited.decision | decided
    return describe_front(audited.findings, decision, audited.policy, MODELS, metrics, WORDS)


def test_each_option_says_what_it_does_and_a_dash_where_nobody_measured_it(audited: SimpleNamespace) -> None:
    today, simple, shadow, half, all_places = front_of(audited, {})["options"]
    assert today["title"].startswith("Stop: go on as today (longest since last contact first")
    assert (today["listed"], today["missed"]) == ("20 (15 to 24)", "–")
    assert (simple["title"], simple["listed"]) == ("A simple list: the agreed points list", "30 (20 to 40)")
    assert shadow["none"] == str(audited.policy.live.shadow_weeks)
    assert half["title"] == "Go live after that, at 50 places a year"
    assert (half["listed"], half["missed"]) == ("45 (40 to 50)", "95 (94 to 96)")
    # At the teams' own places from all draws of the households, as on every other page.
    assert (all_places["listed"], all_places["missed"]) == ("40 (33 to 47)", "90 (88 to 92)")
    own = _figure("needed_of_listed", 0.25, 0.15, 0.24, model="practice", part="all", against=None)
    assert front_of(audited, {}, {**REPLAY, "figures": [*REPLAY["figures"], own]})["options"][0] == {
        "title": "Stop: go on as today (the way your teams choose now)",
        "listed": "25 (15 to 24)",
        "missed": "–",
        "none": "",
    }


def test_a_blocked_list_says_that_nothing_is_open(audited: SimpleNamespace) -> None:
    blocked = front_of(audited, {"answer": "chosen"}, decision="block")
    assert [("not open" in row["title"]) for row in blocked["options"]] == [False, False, True, True, True]
    assert not any("not open" in row["title"] for row in front_of(audited, {})["options"])
    assert blocked["recommendation"][0].startswith("Stop.")


@pytest.mark.parametrize(
    ("answer", "begins", "ends"),
    [
        ("chosen", "Shadow for", "It is the simplest that is good enough."),
        ("cannot be told", "Shadow for", "LightGBM stands in."),
        ("no better than lots", "Stop.", "drawing lots."),
        ("beaten", "Stop.", "each list that was tried."),
    ],
)
def test_what_is_recommended_follows_from_the_runs_answer(
    audited: SimpleNamespace, answer: str, begins: str, ends: str
) -> None:
    """Broken by one sentence for all: the figures may say that no list is better than drawing lots."""
    told = " ".join(front_of(audited, {"answer": answer})["recommendation"])
    assert told.startswith(begins)
    assert told.endswith(ends)


def test_the_paper_says_of_whom_and_by_when(audited: SimpleNamespace) -> None:
    """So many days after the audit as the charter says. Broken by the day of the charter's review."""
    soon = SimpleNamespace(**vars(audited) | {"policy": audited.policy.model_copy(update={"answer_within_days": 3})})
    soon.findings = audited.findings | {"made_at": "2026-12-30T10:00:00+00:00"}
    assert front_of(soon, {})["by"] == "2 January 2027"
    assert front_of(soon, {})["of_whom"] == [role.title for role in audited.policy.signers("decision")]


def test_answers_are_counted_and_a_red_line_that_did_not_hold_is_said() -> None:
    questions = [{"gate": "asked", "verdict": verdict} for verdict in ("pass", "pass", "insufficient", "informs")]
    # That the list does without a service is known, and said in a part of its own: it is no answer that cannot be told.
    questions.append({"gate": DATA_NEEDED, "verdict": "insufficient"})
    said = say_verdict({"questions": questions, "red_lines": [{"held": True}, {"held": False}]})
    assert said == (
        "Of 4 questions, none failed, 2 are within the limit, 1 cannot be told, 1 is there to inform."
        " 1 of the residents' 2 red lines came out wrong."
    )
    assert say_verdict({"questions": [], "sentence": "Nothing was asked."}) == "Nothing was asked."


def test_a_service_that_is_kept_all_the_same_is_named_with_its_signed_reason() -> None:
    """Broken by naming it among those that need not be received, or by leaving it out."""
    row: dict[str, Any] = {"gate": "data_needed", "group": "youth_justice", "reason": "not needed", "finding": "a"}
    row["waiver"] = None
    waiver = {"reason": "A court asks for it.", "role": "chief_data_officer", "expires": "2027-02-01"}
    findings = {"findings": [{"id": "a", "measure": "data_needed", "note": "unread"}]}
    open_one = describe_data(findings, {"verdicts": [row]}, WORDS)
    assert (open_one["unneeded"], open_one["kept"]) == (["Youth justice"], [])
    waived = describe_data(findings, {"verdicts": [row | {"waiver": waiver}]}, WORDS)
    assert waived["unneeded"] == []
    assert waived["kept"] == [
        {
            "name": "Youth justice",
            "reason": "A court asks for it.",
            "role": "chief data officer",
            "until": "1 February 2027",
        }
    ]


def test_the_smallest_set_of_data_is_named_with_what_the_list_loses() -> None:
    row: dict[str, Any] = {"gate": "data_needed", "group": "Visits, in 2 years", "reason": "piece not needed"}
    row |= {"finding": "a", "waiver": None}
    fewer = {"estimate": 0.42, "low": -1.1, "high": 1.94}
    findings = {"findings": [], "smallest_data": {"kept": ["Arrears", "Absence"], "unread": 30, "fewer_of_100": fewer}}
    told = describe_data(findings, {"verdicts": [row]}, WORDS)
    assert (told["unneeded"], told["unneeded_pieces"]) == ([], ["Visits, in 2 years"])
    assert told["smallest"] == {"pieces": ["Arrears", "Absence"], "loss": "0.4 (-1.1 to 1.9)"}
    unknown = findings["smallest_data"] | {"fewer_of_100": dict.fromkeys(fewer)}
    assert describe_data(findings | {"smallest_data": unknown}, {"verdicts": []}, WORDS)["smallest"] is None


def test_each_service_says_when_its_records_were_last_shown_to_help() -> None:
    """By the newest audit that showed it, whatever came after. Broken by the newest audit alone, or by the earliest."""
    row = {"measure": "data_needed", "component": "housing", "note": "helps"}
    audits = [
        {"made_at": "2026-03-01T09:00:00+00:00", "findings": [row]},
        {"made_at": "2026-09-02T09:00:00+00:00", "findings": [row, row | {"component": "a", "note": "unread"}]},
        {"made_at": "2026-11-28T09:00:00+00:00", "findings": [row | {"note": "not needed"}]},
    ]
    assert find_last_helped(audits) == {"housing": "2026-09-02"}
    rows = [row | {"note": "not needed"}, row | {"component": "youth_justice", "note": "unread"}]
    services = _tabulate_services(rows, replace(WORDS, services={"housing": "Housing"}), find_last_helped(audits))
    assert [(one["name"], one["needed"][:3], one["helped"]) for one in services] == [
        ("Housing", "No:", "2 September 2026"),
        ("youth justice", "No:", "never"),
    ]


def test_data_that_tells_who_worked_is_asked_about_in_its_own_words() -> None:
    row = {"gate": "order_carried", "group": "Which team last wrote", "reason": "carried", "finding": "t"}
    findings = {"findings": [{"id": "t", "measure": "order_carried", "note": "tells which worker or team acted"}]}
    told = describe_data(findings, {"verdicts": [row | {"estimate": 0.02, "waiver": None}]}, WORDS)
    assert told["carrying"] == [{"name": "Which team last wrote", "share": "2", "of_workers": True}]


def test_every_question_has_one_cell_or_line_and_names_whom_it_says_nothing_of(audited: SimpleNamespace) -> None:
    answers = describe_answers(audited.findings, audited.decision, audited.policy)
    crossed = answers["crossed"]
    assert crossed["columns"] == ["Ethnic group", "Sex", "Disability"]
    cells = [one for row in crossed["rows"] for cell in row["cells"] for one in cell]
    of_data = {"data_needed", "order_carried"} & {one["gate"] for one in audited.decision["questions"]}
    assert len(cells) + len(answers["others"]) + len(of_data) == 14
    assert any("not recorded" in one["not_asked"] for one in cells)
    assert [row["title"] for row in crossed["rows"]][:2] == ["listed before the need", "listed without a need"]
    assert answers["first"]
    assert all(one["sentences"] for one in answers["first"])


def test_the_picture_begins_with_the_most_harm_a_year(audited: SimpleNamespace) -> None:
    """Across harms. Broken by the charter's order of harms, or by what cannot be counted in between."""
    picture = str(describe_answers(audited.findings, audited.decision, audited.policy)["picture"])
    column = picture.split("more a year</text>")[1]
    figures = [part.partition("<")[0] for part in column.split('text-anchor="end">')]
    shown = [0.0 if one == "none" else float(one) for one in figures if one == "none" or one[:1].isdigit()]
    assert len(shown) > 3
    assert shown == sorted(shown, reverse=True)


def test_the_picture_draws_each_answer_with_its_own_limit_and_says_it_in_words() -> None:
    long = "Ethnic group and sex: Gypsy or Irish Traveller and not recorded, listed before the need"
    answers = [
        Answer("Black: listed before the need", 0.4, (0.2, 0.7), 0.8, "fail", 12.0),
        Answer("Asian: listed without a need", 9.0, (2.0, None), 1.5, "insufficient"),
        Answer("Other", 1.0, None, 0.8, ""),
        Answer(long, 1.0, (0.9, 1.1), 0.8, "pass", -3.0),
    ]
    svg = str(draw_answers(answers))
    assert svg.count("stroke-dasharray") == 4
    assert "Black: listed before the need: 0.40, 0.20 to 0.70, limit 0.8, beyond the limit." in svg
    assert "2.00 to no end" in svg
    assert "Other: 1.00, no interval, limit 0.8, not asked about." in svg
    assert ">12.0<" in svg
    assert ">none<" in svg
    # A long name stands on two lines, and none of it is cut.
    written = [part.partition("</tspan>")[0].partition(">")[2].strip() for part in svg.split("<tspan ")[1:]]
    assert " ".join(written[-2:]) == long


def test_papers_name_what_the_models_bytes_read_and_nothing_else(shared_world: Any) -> None:
    gathered = gather_run(shared_world.invocation)
    reads = read_model(gathered.run / "model.lgb").features
    assert set(reads) <= set(gathered.matrix.features)
    assert reads
    definition = gathered.matrix.definition
    assert [feature["name"] for feature in list_used(definition, {"reads": reads[:1]})] == reads[:1]
    assert len(list_used(definition, {})) == len(definition["features"])


def test_rules_and_pieces_are_said_in_the_councils_words(shared_world: Any) -> None:
    """Broken by the generated title ("Number of events: housing, arrears stage"), or by a code."""
    feature = {"name": "rent_steps_6m", "unit": "events", "reason": "Letters about rent owed in six months: {value}"}
    definition = gather_run(shared_world.invocation).matrix.definition
    words = CouncilWords.of(shared_world.invocation.register, definition | {"features": [feature]})
    assert words.name("rent_steps_6m") == "Letters about rent owed in six months"
    rule = {"feature": "rent_steps_6m", "threshold": 2.0, "at_least": True, "points": 1}
    assert describe_points([rule], [feature]) == ["1 point: Letters about rent owed in six months: at least 2"]
    told = words.put_into("The feature rent_steps_6m knows too much; housing.notice and rest do not.")
    assert told == (
        "The feature “Letters about rent owed in six months” knows too much; “Notice served on a tenancy” and rest"
        " do not."
    )
    assert replace(words, pieces={}).name("rent_steps_6m") == "rent steps 6m"
