"""The whole order as a second opinion: equal to a hand computation, scikit-learn and fairlearn; it decides nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import fairlearn.metrics as fm
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from charter.rules.gate import decide_findings
from fairness_reports.audit.explaining.whole_order import TIMES, measure_whole_order
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping
from fairness_reports.audit.run_findings import Audited, gather_run, measure_run
from fairness_reports.publish.order_opinion import describe_whole_order, say_whole_order


@pytest.fixture(scope="module")
def audited(shared_world: Any) -> Audited:
    return gather_run(shared_world.invocation)


@pytest.fixture(scope="module")
def rows(audited: Audited) -> list[dict[str, Any]]:
    return measure_whole_order(audited.people, audited.groups)


def test_areas_are_scikit_learns_and_shares_fairlearns(audited: Audited, rows: list[dict[str, Any]]) -> None:
    """Broken by counting whose outcome is not known, and by places of one date alone."""
    people = audited.people
    labelled = people.label != UNKNOWN
    label, margin = people.label[labelled], people.margin[labelled]
    within = {times: people.listing.select(times=times)[people.listed_as][labelled] for times in TIMES}
    compared = 0
    for row in rows:
        groups = audited.groups[row["characteristic"]]
        mine = groups.code[labelled] == groups.names.index(row["group"])
        for side, figure in ((mine, row["estimate"]), (~mine, row["rest"])):
            if figure is None:
                continue
            if row["measure"] == "auc":
                expected = roc_auc_score(label[side], margin[side])
            else:
                times = float(row["at"].split(" ")[0])
                expected = fm.true_positive_rate(label[side], within[times][side].astype(int))
            assert figure == pytest.approx(expected, abs=1e-12)
            compared += 1
    assert compared > 60


def test_a_standard_error_is_what_a_hand_computes() -> None:
    """20 in need of a group, 10 within the places; 40 of everyone else, 30 within. Broken by counting people twice."""
    group = np.repeat([0, 1], [20, 40])
    inside = np.r_[np.arange(20) < 10, np.arange(40) < 30]
    by_hand = math.sqrt(0.5 * 0.5 / 20 + 0.75 * 0.25 / 40)
    for copies in (1, 2):
        # Brothers and sisters are one household: they say nothing that one of them does not.
        doubled = _need_alone(np.tile(group, copies), np.tile(inside, copies), np.tile(np.arange(60), copies))
        row = _row_at(measure_whole_order(doubled, _groups_of(group, copies)), "A", "1 times the places")
        assert row["difference"] == pytest.approx(-0.25)
        assert row["standard_error"] == pytest.approx(by_hand, rel=1e-12)
    # One fewer within is too few: of nobody within, the error would be nothing at all.
    fewer = _need_alone(group, np.r_[np.arange(20) < 9, np.arange(40) < 30])
    row = _row_at(measure_whole_order(fewer, _groups_of(group, 1)), "A", "1 times the places")
    assert row["standard_error"] is None
    assert row["difference"] == pytest.approx(-0.3)


class _Fixed:
    """A listing that selects the same rows at any places."""

    def __init__(self, inside: Any) -> None:
        self._inside = inside

    def select(self, times: float) -> Any:
        return self._inside if times else None


def _need_alone(group: Any, inside: Any, cluster: Any = None) -> Any:
    number = len(group)
    return SimpleNamespace(
        cluster=np.arange(number) if cluster is None else cluster,
        label=np.ones(number, dtype=np.int8),
        margin=inside.astype(float),
        listed_as=np.arange(number),
        listing=_Fixed(inside),
    )


def _groups_of(group: Any, copies: int) -> dict[str, Grouping]:
    return {"ethnicity": Grouping(np.tile(group, copies).astype(np.int64), ("A", "B"))}


def _row_at(rows: list[dict[str, Any]], group: str, at: str) -> dict[str, Any]:
    (row,) = (row for row in rows if (row["group"], row["at"]) == (group, at))
    return row


def test_a_standard_error_is_that_of_drawing_households(audited: Audited, rows: list[dict[str, Any]]) -> None:
    people, rng = audited.people, np.random.default_rng(4)
    need = people.label == 1
    groups = audited.groups["ethnicity"]
    mine = groups.code == groups.names.index("Black")
    homes, number = np.unique(people.cluster, return_inverse=True)
    within = people.listing.select(times=4.0)[people.listed_as]
    counts = [
        np.bincount(number, chosen, len(homes))
        for chosen in (need & mine & within, need & mine, need & ~mine & within, need & ~mine)
    ]
    drawn = []
    for _ in range(600):
        times = np.bincount(rng.integers(0, len(homes), len(homes)), minlength=len(homes))
        a, b, c, d = (times @ count for count in counts)
        drawn.append(a / b - c / d)
    (row,) = (row for row in rows if (row["characteristic"], row["group"], row["at"][0]) == ("ethnicity", "Black", "4"))
    assert row["standard_error"] == pytest.approx(float(np.std(drawn)), rel=0.1)


def test_it_decides_nothing(shared_world: Any, audited: Audited) -> None:
    """Broken by a gate that reads it."""
    document = measure_run(replace(audited, groups={"ethnicity": audited.groups["ethnicity"]}, used="no lists"))
    assert {row["group"] for row in document["whole_order"]} == set(audited.groups["ethnicity"].names)
    worst = [row | {"estimate": 0.0, "difference": -1.0, "standard_error": 0.001} for row in document["whole_order"]]
    gates = [gate for gate in shared_world.policy.gates if gate.id == "missed_help_ethnicity"]
    policy = shared_world.policy.replace(gates=tuple(gates), scenarios_at_least=0, usefulness=None, data_use=None)
    today = date(2026, 9, 28)
    without = decide_findings({**document, "whole_order": []}, policy, today)
    assert without["decision"] == "refer"
    assert decide_findings(document, policy, today) == without
    assert decide_findings({**document, "whole_order": worst}, policy, today) == without


def _told(group: str, difference: float | None, error: float | None = 0.02, households: int = 50) -> dict[str, Any]:
    return {
        "characteristic": "ethnicity", "group": group, "measure": "recall", "at": "4 times the places",
        "estimate": None if difference is None else 0.4 + difference, "rest": 0.4, "difference": difference,
        "standard_error": error, "households": households, "households_of_rest": 400,
    }  # fmt: skip


def test_words_say_who_stands_lower_by_more_than_chance_and_who_is_nearest_to_it() -> None:
    cases = [
        [_told("A", gap, error), _told("B", 0.01), _told("C", 0.02)]
        for gap, error in ((-0.1, 0.02), (-0.04, 0.02), (-0.3, None))
    ]
    lower, nobody, unknown = (_sentence(rows) for rows in cases)
    assert (
        "lower than everyone else, by more than chance in 3 comparisons: A, of those in need, within 4 times" in lower
    )
    assert "30.0 % against 40.0 %: -10.0 points (2.0)" in lower
    # Two standard errors are not enough where three groups are looked at: chance alone takes one so far.
    assert "puts nobody lower" in nobody
    assert "Nearest to it is A" in nobody
    assert "Nearest to it is B" in unknown
    screen = [say_whole_order([*rows, _told("D", None, None) | {"characteristic": "sex"}]) for rows in cases]
    assert "which decides nothing: lower than everyone else by more than chance: A (ethnicity), of those" in screen[0]
    assert (
        "nobody lower than everyone else by more than chance by ethnicity; too few in need to tell by sex." in screen[1]
    )
    assert say_whole_order([]) == ""


def _sentence(rows: list[dict[str, Any]]) -> str:
    part = describe_whole_order(rows, {"ethnicity": "Ethnicity"})
    assert part is not None
    return str(part["tables"][0]["sentence"])


def test_a_group_of_few_households_has_no_figure_in_words() -> None:
    part = describe_whole_order([_told("A", -0.3, 0.02, 9), _told("B", 0.01), _told("C", None, None)], {})
    assert part is not None
    (table,) = part["tables"]
    assert [row["cells"] for row in table["rows"]] == [["–"], ["41.0 % against 40.0 %: +1.0 points (2.0)"], ["–"]]
    assert "A" not in table["sentence"].replace("At", "")
    assert describe_whole_order([], {}) is None
    assert "too few in need" in _sentence([_told("A", -0.3, None)])


def test_the_error_at_four_times_the_places_is_smaller_beside_what_it_measures(rows: list[dict[str, Any]]) -> None:
    part = describe_whole_order(rows, {})
    assert part is not None
    ratio = float(part["sharper"].split(" is ")[1].split(" ")[0])
    assert 0.2 < ratio < 0.7
