"""A goal that is missed says what bounds it, by a measurement beside the figure."""

from __future__ import annotations

import pytest

from benchmarks.bench_judged import bound_wins
from benchmarks.results import RESULTS, is_bounded
from benchmarks.verb_costs import write_verbs_page
from benchmarks.verb_sections import BOUND, REST, START, bound_again, bound_verb
from charter.contracts.files import read_json


def test_every_missed_goal_has_a_measured_bound() -> None:
    missed = [row for row in read_json(RESULTS) if row["met"] is False]
    assert missed
    rows = [row for row in missed if not row["note"].startswith("not run: ")]
    assert [row["name"] for row in rows if not is_bounded(row)] == []


@pytest.mark.parametrize(
    ("peers", "note", "bounded"),
    [
        ({"bound: HTTP alone, ms": 0.4}, "", True),
        ({}, "27 times; bound: begun with 6.0 s of the processor", True),
        ({"ours, ms": 3.2}, "upper bound of a share", False),
    ],
)
def test_a_bound_is_named_as_one(peers: dict[str, float], note: str, bounded: bool) -> None:
    assert is_bounded({"peers": peers, "note": note}) is bounded


def test_a_verb_s_bound_leaves_out_what_the_bare_work_does_and_what_is_not_told_apart() -> None:
    sections = {START: 1.0, "pairs compared": 4.0, "homes and tables": 2.0, REST: 9.0}
    assert bound_verb("link", sections, 2.0)[BOUND] == 1.5
    assert bound_again("build", sections, 10.0)["bound: starting and importing, % of the first run"] == 10.0


def test_what_the_best_attainable_would_win_bounds_the_baselines_beaten() -> None:
    against = {
        "random": (0.6, 0.5),
        "last_contact": (0.5, 0.4),
        "one_feature": (-0.004, -0.05),
        "points": (0.04, -0.01),
    }
    borough = {"attainable": 640, "found": 620, "listed": 1000}
    borough |= {"against": {name: {"estimate": won, "low": low} for name, (won, low) in against.items()}}
    bound = bound_wins([borough])
    assert bound["bound: beaten by the best attainable, by intervals as wide"] == "3 of 4"
    assert bound["best attainable less one_feature, and how much is told apart"] == "+1.6 of 4.6"
    assert bound["best attainable less points, and how much is told apart"] == "+6.0 of 5.0"


def test_the_page_says_what_a_verb_s_seconds_go_to_and_what_bounds_a_second_run() -> None:
    peers = {"memory, MiB": 9, "rows": 5, "again, nothing changed, processor s": 0.5, "bare work, processor s": 2.0}
    link = {"name": "verb/600 homes, link", "figure": 7.0, "date": "2026-11-30", "met": False, "goal": "0.6"}
    link["peers"] = peers | bound_verb("link", {START: 1.0, "pairs compared": 4.0}, 2.0)
    again = {
        "name": "again/600 homes, build where one feature changed",
        "figure": 80.0,
        "met": False,
        "goal": "under 10",
    }
    again["peers"] = bound_again("build", {START: 1.0}, 4.0)
    page = write_verbs_page([again, link])
    assert "- **link**: pairs compared 4.0; starting and importing 1.0." in page
    assert "beside the bare work: 0.5 times it." in page
    assert "| 600 | build where one feature changed | 80 | under 10 | **no** | 25.0 |" in page
