"""What came of lists so far: acts are counted once and exactly, and no sentence says more than the findings."""

from __future__ import annotations

import csv
import json
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from charter.contracts import read_table_contract
from charter.contracts.workspace import Workspace
from fairness_reports.impact.so_far import Acts, count_acts, describe_so_far
from fairness_reports.impact.so_far_words import (
    TRIAL_HEADINGS,
    describe_so_far_part,
    say_acts,
    say_help,
    say_needs,
    say_overrides,
    say_trial,
)
from fairness_reports.residents.impact_page import tabulate_effect, tabulate_reach

DECIDED = {"decided_at": "2026-09-03T09:00:00Z", "known_at": "2026-09-03T09:00:00Z", "offered_at": ""}
PLACE = {"as_of": "2026-09-01", "team": "north", "rank": "1", "margin": "0.1", "inclusion": "1.0"}


def write_rows(path: Path, contract: str, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, read_table_contract(contract).names, restval="")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Give two lists: six households by rank, one of them on both, one drawn by lot and one held out."""
    files = Workspace(tmp_path, "early_help")
    lists = {"2026-09-01": ("abc", "x", "y"), "2026-09-08": ("ade", "", "")}
    for number, (day, (ranked, random, control)) in enumerate(lists.items()):
        folder = files.worklist / day
        entry = {"id": f"l{number}", "as_of": day, "bundle": "b1"}
        rows = [
            {**PLACE, "list": f"l{number}", "entity": entity, "arm": arm}
            for arm, entities in (("ranked", ranked), ("random", random), ("control", control))
            for entity in entities
        ]
        write_rows(folder / "issued.csv", "issued", rows)
        (folder / "list.json").write_text(json.dumps({"lists": [entry]}), encoding="utf-8")
    said = [
        ("l0", "a", "set_aside"),
        ("l0", "a", "taken_up"),
        ("l0", "b", "wrong_data"),
        ("l0", "c", "family_said_no"),
        ("l0", "x", "taken_up"),
        ("l1", "a", "deferred"),
        ("l1", "d", "stepped_up"),
        ("l9", "z", "taken_up"),
    ]
    actions = [{**DECIDED, "list": of, "entity": who, "disposition": what} for of, who, what in said]
    write_rows(files.worklist / "actions.csv", "actions", actions)
    return files


def test_each_place_counts_once_by_its_last_word(workspace: Workspace) -> None:
    """Broken by the first word, by a place that a lot drew for a review, and by a decision on another list."""
    assert count_acts(workspace) == Acts(
        lists=2, first="2026-09-01", last="2026-09-08", listed=6, offered=2, declined=1, otherwise=2, waiting=1
    )


def test_nothing_yet_is_said_as_nothing_yet(tmp_path: Path) -> None:
    invocation = SimpleNamespace(
        workspace=Workspace(tmp_path, "early_help"), council=SimpleNamespace(time_zone=UTC)
    )  # what of an invocation is read
    so_far = describe_so_far(cast("Any", invocation))
    assert (so_far["releases"], so_far["trials"]) == ([], [])
    assert say_acts(so_far["acts"], "households") == ["No list was made yet."]
    assert say_help(so_far["trials"]) == "It has not been shown to help: no trial of it has been registered."
    assert describe_so_far_part({}) is None


def find(at: str, estimate: float | None, n: int, **more: Any) -> dict[str, Any]:
    interval = None if estimate is None else [max(estimate - 0.1, 0), min(estimate + 0.1, 1)]
    row = {"measure": "precision", "at": at, "estimate": estimate, "interval": interval, "n": n, "group": None}
    return {**row, "component": None, "characteristic": None, "model": "m"} | more


def live(*rows: dict[str, Any], stage: str = "live") -> dict[str, Any]:
    return {"stage": stage, "findings": list(rows), "period": {"outcomes_due": "2027-09-01"}}


def test_how_overrides_fared_stands_beside_what_was_offered_and_claims_no_effect() -> None:
    said = say_overrides(live(find("decided against", 0.25, 80), find("offered", 0.5, 120), find("capacity", 0.9, 999)))
    assert said[0] == (
        "Of 100 places that a worker decided against, 25 had a need recorded afterwards (the range is 15 to 35; 80 are"
        " counted)."
    )
    assert said[1].startswith("Of 100 places that were offered help, 50 had a need recorded afterwards")
    assert "do not say how well workers choose" in said[2]


@pytest.mark.parametrize(("estimate", "n"), [(0.5, 8), (0.05, 60), (0.95, 60), (None, 60)])
def test_a_share_of_few_is_not_said(estimate: float | None, n: int) -> None:
    """Eight places; three of 60 with a need; all but three of them; nobody's outcome."""
    said = say_overrides(live(find("decided against", estimate, n)))
    assert said[0] == "Of places that a worker decided against so few outcomes are known that no figure can be given."


def test_before_outcomes_are_known_the_day_is_said_and_no_figure() -> None:
    (said,) = say_overrides(live(find("decided against", 0.25, 80), stage="shadow"))
    assert said.endswith("can be told from 1 September 2027, when outcomes begin to be known.")


def test_a_trials_answer_is_said_with_its_range_whichever_it_is() -> None:
    trial = {"verdict": "harms", "looked_on": "2026-10-01", "estimate": 0.034, "interval": [0.01, 0.058]}
    assert say_trial(trial) == (
        "Of 100 households listed by the lot 3.4 more had a need afterwards than of 100 that the lot held out (the"
        " difference lies between +1.0 and +5.8). Looked at on 1 October 2026."
    )
    assert "5.0 fewer" in say_trial(trial | {"estimate": -0.05, "interval": [-0.08, -0.02]})
    assert "no figure" in say_trial(trial | {"estimate": None, "interval": None})
    assert say_trial({"verdict": ""}) == ""
    assert say_help([trial]) == "It has not been shown to help: a trial found that it does harm."
    assert set(TRIAL_HEADINGS) == {"helps", "harms", "no effect", "cannot be told", "goes on", ""}


def test_what_the_next_decision_needs_is_what_is_missing() -> None:
    decision = {
        "questions": [
            {"gate": "use", "verdict": "pass"},
            {"gate": "missed", "verdict": "insufficient"},
            {"gate": "later", "verdict": "insufficient"},
            {"gate": "data_needed", "verdict": "insufficient"},
        ],
        "decided_on": "2026-11-29",
        "verdicts": [
            {"gate": "missed", "verdict": "insufficient", "enough_data_by": "2028-02-01"},
            {"gate": "later", "verdict": "insufficient", "enough_data_by": "2027-03-01"},
            {"gate": "missed", "verdict": "insufficient", "enough_data_by": "2026-11-29"},
            {"gate": "missed", "verdict": "insufficient", "enough_data_by": None},
            {"gate": "use", "verdict": "pass", "enough_data_by": "2027-01-01"},
        ],
    }
    said = say_needs(live(stage="shadow"), decision, [])
    assert len(said) == 3
    assert said[0].endswith("they begin to be known on 1 September 2027.")
    assert said[1] == (
        "More data: 2 questions of the charter have no answer yet. Enough data for the first of them is due by"
        " 1 March 2027."
    )
    assert said[2].startswith("A trial with a lot")
    assert say_needs(live(), {}, [{"verdict": "helps"}]) == ["Nothing is missing that these pages know of."]
    assert say_needs(live(), {}, [{"verdict": "goes on"}]) == ["A trial's answer: one is under way."]


def test_of_a_kind_with_one_hidden_group_no_group_is_shown() -> None:
    """Else the hidden one follows from everybody's figure and the others'."""
    shown = {"about": "sex", "name": "female", "hidden": False, "estimate": -0.02, "interval": [-0.05, 0.01]}
    rows = [
        shown,
        shown | {"name": "male"},
        shown | {"about": "ethnicity", "name": "Asian", "hidden": True, "estimate": None, "interval": None},
        shown | {"about": "ethnicity", "name": "White"},
    ]
    table = tabulate_effect(rows, {"sex": "Sex", "ethnicity": "Ethnic group"})
    assert [(row["kind"], row["group"], row["difference"]) for row in table] == [
        ("Sex", "female", "-2.0 (-5.0 to +1.0)"),
        ("Sex", "male", "-2.0 (-5.0 to +1.0)"),
        ("Ethnic group", "Asian", "–"),
        ("Ethnic group", "White", "–"),
    ]


def test_the_reach_of_a_small_group_is_hidden() -> None:
    rows = [
        find("capacity", 0.1, 500, measure="selection_rate", characteristic="sex", group="female", clusters=500),
        find("capacity", 0.5, 6, measure="selection_rate", characteristic="sex", group="not recorded", clusters=6),
        find("offered", 0.1, 500, measure="selection_rate", characteristic="sex", group="female", clusters=500),
    ]
    (table,) = tabulate_reach([row | {"rest": None} for row in rows], {"sex": "Sex"})
    assert [(row["group"], row["share"]) for row in table["rows"]] == [("female", "10.0 %"), ("not recorded", "–")]
