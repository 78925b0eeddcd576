"""Reasons: plain words with their source and date; what was not seen is said, and never a reason."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from features.grammar import Definition, Feature, category, months, signal
from serving.ranking.bundle import Bundle
from serving.ranking.reasons import ExplainedRow, Reason, Reasons, explain_row, group_by_source, write_sentence
from tests.unit.serving.conftest import AS_OF, DEFINITION, SEEN, SERVICES, World, rows_of

LONDON = ZoneInfo("Europe/London")
FRESH = dict.fromkeys(SERVICES, "2026-09-27T23:00:00+00:00")


def all_reasons(world: World, seed: int, rows: int) -> list[tuple[Reasons, np.ndarray, float]]:
    made = Bundle.current(world.workspace)
    arrays = rows_of(seed, rows)
    contributions, base = made.model.contributions(arrays["features"])
    margins = made.model.margins(arrays["features"])
    return [
        (
            explain_row(
                made.manifest,
                ExplainedRow(
                    arrays["features"][n].tolist(),
                    contributions[n].tolist(),
                    float(base[n]),
                    seen=dict(zip(SEEN, arrays["seen"][n].tolist(), strict=True)),
                    members=int(arrays["members"][n]),
                ),
                FRESH,
                AS_OF,
                LONDON,
            ),
            arrays["features"][n],
            float(margins[n]),
        )
        for n in range(rows)
    ]


def test_ten_thousand_reasons_hold_no_column_name_code_or_banned_word(world: World) -> None:
    names = [feature.name for feature in DEFINITION.features]
    checked = 0
    for found, _, _ in all_reasons(world, 21, 2000):
        for reason in (*found.for_, *found.against):
            text = f"{reason.text} {reason.because} {reason.source}"
            assert not re.search(r"\brisk|nan|None|\{|\}|_", text), text
            assert not any(name in text for name in names), text
            assert not text[0].islower()
            checked += 1
    assert checked > 10_000


def test_reasons_unseen_and_base_sum_to_the_margin(world: World) -> None:
    for found, _, margin in all_reasons(world, 22, 1000):
        parts = [reason.contribution for reason in (*found.for_, *found.against)]
        assert abs(math.fsum([*parts, found.unseen, found.base]) - margin) < 1e-6


def test_a_reason_says_when_records_of_its_service_are_there_by_an_uncertain_link(world: World) -> None:
    made, arrays = Bundle.current(world.workspace), rows_of(24, 1)
    contributions, base = made.model.contributions(arrays["features"])
    row = ExplainedRow(
        arrays["features"][0].tolist(),
        contributions[0].tolist(),
        float(base[0]),
        seen=dict(zip(SEEN, arrays["seen"][0].tolist(), strict=True)),
        members=int(arrays["members"][0]),
    )
    certain, doubtful = (
        explain_row(made.manifest, one, FRESH, AS_OF, LONDON) for one in (row, replace(row, uncertain={"housing"}))
    )
    assert not any(one.uncertain for one in (*certain.for_, *certain.against))
    told = {one.service: one.uncertain for one in (*doubtful.for_, *doubtful.against) if " and " not in one.source}
    assert told.pop("housing")
    assert told
    assert not any(told.values())


def test_what_another_service_hides_of_a_shared_feature_is_not_said_of_this_one(world: World) -> None:
    """Of a feature that reads housing and schools, where schools see nobody: housing is seen all the same."""
    made, arrays = Bundle.current(world.workspace), rows_of(24, 1)
    shared = {**made.manifest["features"][3], "services": ["education", "housing"]}
    shared["seen"] = ["education:6_months", "housing:12_months"]
    manifest = {**made.manifest, "features": [*made.manifest["features"][:3], shared, *made.manifest["features"][4:]]}
    members = int(arrays["members"][0])
    values = arrays["features"][0].tolist()
    values[0] = values[1] = values[3] = math.nan
    seen = {name: 0 if name.startswith("education") else members for name in SEEN}
    row = ExplainedRow(values, [0.0] * len(values), 0.0, seen, members)
    found = explain_row(manifest, row, FRESH, AS_OF, LONDON)
    said = {one.service: (one.state, one.words) for one in found.seeing}
    assert said["housing"] == ("seen", "Seen")
    assert said["education"][0] == "not seen"


def test_a_missing_value_is_never_a_reason_and_is_said(world: World) -> None:
    hidden = 0
    for found, values, _ in all_reasons(world, 23, 1000):
        if not np.isnan(values[0]):
            continue
        hidden += 1
        assert not [r for r in (*found.for_, *found.against) if r.service == "education"]
        schools = next(one for one in found.seeing if one.service == "education")
        assert schools.state == "not seen"
        assert schools.words.startswith("Not seen")
    assert hidden > 50


def test_reasons_for_raise_and_against_lower_strongest_first(world: World) -> None:
    for found, _, _ in all_reasons(world, 24, 300):
        raising = [reason.contribution for reason in found.for_]
        lowering = [reason.contribution for reason in found.against]
        assert raising == sorted(raising, reverse=True)
        assert lowering == sorted(lowering)
        assert all(value > 0 for value in raising)
        assert all(value < 0 for value in lowering)


def test_a_share_of_members_seen_is_said(world: World) -> None:
    partly = [
        reason for found, _, _ in all_reasons(world, 25, 300) for reason in (*found.for_, *found.against) if reason.seen
    ]
    assert partly
    assert all(re.fullmatch(r"seen for \d+ of \d+ people", reason.seen) for reason in partly)


def test_a_feed_that_fell_behind_its_promise_is_late(world: World) -> None:
    made = Bundle.current(world.workspace)
    row = rows_of(7, 50)["features"][0]
    row[np.isnan(row)] = 1
    explained = ExplainedRow(row.tolist(), [0.1] * 7, 0.0, seen=dict.fromkeys(SEEN, 3), members=3)
    freshness = FRESH | {"housing": "2026-06-30T23:00:00+00:00"}
    found = explain_row(made.manifest, explained, freshness, AS_OF, LONDON)
    states = {one.service: (one.state, one.words) for one in found.seeing}
    assert states["housing"] == ("late", "Late: what happened after 1 July 2026 is not here yet")
    assert states["education"] == ("seen", "Seen")


def feature(name: str) -> dict:
    document = Definition.document(DEFINITION, {"housing.arrears_stage": "GBP"})
    return next(one for one in document["features"] if one["name"] == name)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("absences_6m", 3, "3 unauthorised absences in six months"),
        ("absences_6m", 0, "No unauthorised absences in six months"),
        ("absences_change", 2, "Unauthorised absences: 2 more"),
        ("absences_change", -1, "Unauthorised absences: 1 fewer"),
        ("absences_change", 0, "Unauthorised absences: no change"),
        ("arrears_stage", 2, "Newest letter about rent: second letter"),
        ("arrears_stage", 0, "Newest letter about rent: none"),
        ("arrears_total", 1240.5, "Rent arrears in a year: £1,240"),
        ("since_contact", 12, "Days since somebody was worried: 12"),
        ("since_contact", 731, "Days since somebody was worried: none"),
        ("early_help_open", 1, "Early help open now: 1"),
        ("early_help_open", 0, "Early help open now: none"),
        ("age_youngest", 0, "Age of the youngest: 0"),
    ],
)
def test_values_are_said_as_people_say_them(name: str, value: float, said: str) -> None:
    assert write_sentence(feature(name), value, date(2026, 9, 28)) == said


@pytest.mark.parametrize(
    ("code", "said"), [(2, "Tenure now: temporary"), (3, "Tenure now: another"), (0, "Tenure now: none")]
)
def test_a_category_is_one_reason_in_the_words_of_its_detail(code: float, said: str) -> None:
    tenure = category(signal("housing.tenure"), details=["council", "temporary"], last=months(24))
    asked = Feature("tenure", tenure, "Tenure now: {value}", "Where a family lives changes what helps.")
    document = asked.document() | {"seen": []}
    manifest = {"features": [document], "services": {"housing": {"title": "Housing"}}}
    explained = explain_row(manifest, ExplainedRow([code], [0.4], -2.0, {}, 3), {}, AS_OF, LONDON)
    assert [reason.text for reason in explained.for_] == [said]


def test_reasons_are_grouped_by_service_with_their_sum() -> None:
    reasons = [
        Reason("", "", "", source, "", "", (), contribution, about_service=False)
        for source, contribution in (("Schools", 0.5), ("Housing", 0.9), ("Schools", 0.6))
    ]
    groups = group_by_source(reasons)
    assert [(group.source, round(group.contribution, 9)) for group in groups] == [("Schools", 1.1), ("Housing", 0.9)]
    assert [len(group.reasons) for group in groups] == [2, 1]
    assert json.dumps([group.document() for group in groups])
