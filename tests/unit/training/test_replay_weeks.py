"""Which weeks are replayed, which count, and what drawing lots would list by expectation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from charter.invocation import Invocation
from tests.unit.training.test_replay import rules_of, weeks_of
from training.data.list_rules import ListRules
from training.judging.bootstrap import bound
from training.judging.replay import HouseholdDraws, replay_model
from training.judging.replay_figures import expect_lots
from training.judging.replay_run import replay_run
from training.judging.replay_weeks import WeekPlan, choose_fold, plan_weeks, say_weeks
from training.models.fitting import Bins, fit_folds
from training.models.planning import Plan, make_plan

RULES = ListRules(7, {"taken_up": 26}, (), {"taken_up": 0.5}, 3)


@pytest.fixture
def planned(make: Callable[[Any], Invocation], how: Any) -> Plan:
    return make_plan(make(how(households=200)))


def fresh(planned: Plan, until: str) -> Plan:
    """Return the plan of a snapshot to which the outcome's feeds had delivered until a moment."""
    freshness = dict.fromkeys(("homelessness", "education", "social_care"), until)
    matrix = planned.data.matrix
    manifest = dict(matrix.manifest) | {"freshness": freshness | {"housing": "2020-01-01T00:00:00+00:00"}}
    return replace(planned, data=replace(planned.data, matrix=replace(matrix, manifest=manifest)))


def test_lists_begin_with_the_first_model_and_end_a_horizon_and_a_lag_before_the_coverage_does(planned: Plan) -> None:
    """Broken by ending at the snapshot, or a reporting lag too late."""
    plan = plan_weeks(planned, RULES)
    assert plan.days[0] == planned.folds[0].test[0] == date(2024, 3, 1)
    assert all(after - before == timedelta(days=7) for before, after in zip(plan.days, plan.days[1:], strict=False))
    data = planned.data
    assert data.matures(plan.days[-1]) <= data.taken_at < data.matures(plan.days[-1] + timedelta(days=7))
    earlier = plan_weeks(fresh(planned, "2026-06-01T00:00:00+00:00"), RULES)
    assert earlier.days == plan.days[: len(earlier.days)]
    assert data.matures(earlier.days[-1]).date() <= date(2026, 6, 1)
    assert data.matures(earlier.days[-1] + timedelta(days=7)).date() > date(2026, 6, 1)


def test_the_first_rest_is_burn_in_and_the_final_weeks_choose_nothing(planned: Plan) -> None:
    plan = plan_weeks(planned, RULES)
    final = planned.folds[-1].test[0]
    assert plan.burn_in == RULES.burn_in == 27
    assert plan.periods == ("selection", "final")
    assert min(plan.days_of(1)) >= final > max(plan.days_of(0))
    assert plan.count_weeks(0) == len(plan.days_of(0)) == 26
    blind = plan_weeks(planned, RULES, look=False)
    assert blind.periods == ("selection",)
    assert blind.days_of(0) == plan.days_of(0)


def test_under_26_weeks_nothing_is_told(planned: Plan) -> None:
    longer = ListRules(7, {"taken_up": 27}, (), {"taken_up": 0.5}, 3)
    plan = plan_weeks(planned, longer)
    assert plan.days == ()
    assert "there are 25 weeks of lists whose outcome is known, and 26 are needed" in plan.why
    assert plan.why.endswith("more folds in [folds] of training.toml would begin earlier")
    assert say_weeks(plan).startswith("Lists as they are used: nothing can be told yet: after the 28 weeks")


def test_from_when_history_is_enough_is_said(planned: Plan) -> None:
    """Broken by counting from the last list instead of the first."""
    young = fresh(planned, "2025-06-01T00:00:00+00:00")
    plan = plan_weeks(young, RULES)
    told = re.search(r"there are from (\S+) on$", plan.why)
    assert told is not None
    enough = plan_weeks(fresh(planned, f"{told[1]}T23:59:00+00:00"), RULES)
    assert enough.why == ""
    before = date.fromisoformat(told[1]) - timedelta(days=1)
    assert plan_weeks(fresh(planned, f"{before}T00:00:00+00:00"), RULES).why


def test_the_plan_is_said_in_a_sentence(planned: Plan) -> None:
    text = say_weeks(plan_weeks(planned, RULES))
    assert text.startswith("Lists as they are used: ")
    assert "the first 27 are burn-in, 26 weeks choose the model, " in text
    assert text.endswith("weeks choose nothing.")


def test_at_most_two_years_are_counted(planned: Plan) -> None:
    early = replace(planned.folds[0], test=(date(2021, 1, 1), *planned.folds[0].test[1:]))
    plan = plan_weeks(replace(planned, folds=[early, *planned.folds[1:]]), RULES)
    counted = [day for day, part in zip(plan.days, plan.part, strict=True) if part >= 0]
    assert len(plan.days) == 27 + 104
    assert len(counted) == 104
    assert plan.days[-1] > date(2025, 8, 1)


def test_a_week_is_ranked_by_the_newest_model_that_was_there(planned: Plan) -> None:
    folds = planned.folds
    assert choose_fold(folds, folds[1].test[0] - timedelta(days=1)) == folds[0]
    assert choose_fold(folds, folds[1].test[0]) == folds[1]
    assert choose_fold(folds, date(2030, 1, 1)) == folds[-1]


def test_lots_by_expectation_are_what_many_lotteries_list_on_average() -> None:
    """Broken by giving every household one chance, however many places its team has."""
    weeks = weeks_of(8, 400, 12, places=6)
    draws = HouseholdDraws.of(weeks.names, draws=20, lotteries=300, seed=3)
    part = np.zeros(12, dtype=np.int8)
    replay = replay_model(weeks, np.zeros(len(weeks.household)), part, rules_of(taken_up=0.0), draws)
    drawn = replay.expected[:, 0, 2] / replay.expected[:, 0, 1]
    expected = expect_lots(weeks, part == 0, draws)["needed_of_listed"]
    error = drawn.std() / np.sqrt(len(drawn))
    assert abs(bound(expected, 0.95)[0] - drawn.mean()) < 4 * error
    assert np.ptp(expected.expected) == 0


def test_a_workspace_without_its_snapshot_says_why_and_recommends_nothing(
    make: Callable[[Any], Invocation], how: Any
) -> None:
    invocation = make(how(households=200))
    planned = make_plan(invocation)
    trained = fit_folds(planned, Bins.of(planned), lambda: None)
    replayed, choice, likelihoods, lists, _ = replay_run(invocation, planned, trained, 0.03, lambda: None)
    assert lists is None
    assert "snapshot" in choice.why
    assert (choice.model, replayed.spreads) == ("points", {})
    # What was agreed never stands in for what was not seen.
    (band,) = likelihoods.bands
    assert (band["observed"], band["stated"], band["from_score"]) == (None, None, 0.0)
    assert band["title"] == "How likely is not known yet"
    assert not set(re.findall(r"\d+", band["meaning"])) - {"12"}
    assert likelihoods.scaling is None


def test_a_plan_counts_weeks_however_far_lists_are_apart() -> None:
    plan = WeekPlan((date(2024, 1, 1),) * 10, np.zeros(10, dtype=np.int8), ("selection",), 28)
    assert plan.count_weeks(0) == 40
