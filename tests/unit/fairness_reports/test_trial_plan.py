"""A trial's plan: at the council's own rates, honest where it cannot tell, and its formulas beside others'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from charter.errors import DataError
from charter.signing.trial_steps import spread_steps
from fairness_reports.impact.own_rates import read_own_rates
from fairness_reports.impact.trial_plan import plan_trial, say_plan
from fairness_reports.impact.trial_power import (
    count_orders,
    find_smallest,
    measure_power,
    stepped_error,
    two_arm_error,
    two_arm_households,
)
from fairness_reports.publish.trial_page import write_plan_page
from tests.trial_files import write_trial


@pytest.fixture
def world(worlds: Callable[..., Any]) -> Any:
    world = worlds(households=400)
    write_trial(world.council)
    return world


def test_the_plan_says_what_is_not_enough_and_from_when_it_is(world: Any) -> None:
    plan = plan_trial(world.invocation)
    holdout = plan["holdout"]
    assert 0 < plan["need"] < 1
    assert holdout["per_arm"] > 0
    assert [row["power"] for row in holdout["curve"]] == sorted(row["power"] for row in holdout["curve"])
    words = say_plan(plan)
    assert ("NOT ENOUGH" in words) == (holdout["power"] < 0.8)
    write_trial(world.council, worth_seeing="0.001")
    small = plan_trial(world.invocation)
    assert small["holdout"]["needed_lists"] is None
    assert "NOT ENOUGH, and no duration of ten years is" in say_plan(small)
    write_trial(world.council, worth_seeing="0.04", FROM="2027-01-04", until="2027-01-18")
    short = plan_trial(world.invocation)
    assert short["holdout"]["power"] < 0.8
    assert short["holdout"]["needed_until"] is None or short["holdout"]["needed_until"] > "2027-01-18"


def test_four_teams_cannot_reach_five_percent_and_are_told_so(world: Any) -> None:
    stepped = plan_trial(world.invocation)["stepped"]
    assert (stepped["units"], stepped["orders"], stepped["power"]) == (4, 24, 0.0)
    assert stepped["smallest_p"] == pytest.approx(2 / 24)
    words = say_plan(plan_trial(world.invocation))
    assert "NO TEST CAN REACH 5 %" in words
    assert "Step by area (40 here)" in words
    path = world.council / "trial.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[stepped]\nunit = "area"\n', encoding="utf-8")
    by_area = plan_trial(world.invocation)["stepped"]
    assert by_area["smallest_p"] < 1e-10
    assert by_area["power"] > 0


def test_the_page_has_the_picture_and_every_sentence(world: Any) -> None:
    plan = plan_trial(world.invocation)
    page = write_plan_page(world.invocation, plan, say_plan(plan)).read_text(encoding="utf-8")
    assert "<svg" in page
    assert f"{plan['holdout']['wait']} are held out" in page
    assert "####" not in page
    assert 'aria-label="Power by number of dates"' in page


def test_without_a_replay_there_is_no_plan(world: Any) -> None:
    (world.workspace / "scores" / "early_help" / "r1" / "replayed.parquet").unlink()
    with pytest.raises(DataError, match="no run has replayed past weeks"):
        read_own_rates(world.invocation.workspace)


def test_numbers_of_households_are_those_of_the_textbook_and_power_gives_them_back() -> None:
    size = two_arm_households(0.3, 0.05, 0.05, 0.8)
    assert size == 1248
    assert measure_power(0.05, two_arm_error(size, size, 0.3, 0.05), 0.05) == pytest.approx(0.8, abs=1e-3)
    assert find_smallest(size, size, 0.3, 0.05, 0.8) == pytest.approx(0.05, abs=1e-4)
    assert find_smallest(4, 4, 0.3, 0.05, 0.8) is None
    rng = np.random.default_rng(1)
    listed, held_out = (rng.binomial(size, share, 20_000) / size for share in (0.25, 0.3))
    error = np.sqrt((listed * (1 - listed) + held_out * (1 - held_out)) / size)
    # Of 20,000 four standard deviations are 0.011.
    assert np.mean((held_out - listed) / error > 1.959964) == pytest.approx(0.8, abs=0.012)


@pytest.mark.parametrize(("units", "steps", "alike"), [(4, 4, 0.01), (12, 4, 0.05), (5, 2, 0.0)])
def test_the_stepped_error_is_that_of_least_squares_with_alike_families(units: int, steps: int, alike: float) -> None:
    starts, households, share = [step - 1 for step in spread_steps(units, steps)], 30.0, 0.2
    periods = max(starts) + 1
    total = share * (1 - share)
    columns = [(np.arange(periods) >= start).astype(float) for start in starts]
    design = np.vstack([np.column_stack([begun, np.eye(periods)]) for begun in columns])
    block = np.eye(periods) * (1 - alike) * total / households + alike * total
    bread = np.linalg.pinv(design.T @ design) @ design.T
    theirs = np.sqrt((bread @ np.kron(np.eye(units), block) @ bread.T)[0, 0])
    assert stepped_error(starts, households, share, alike) == pytest.approx(theirs, abs=1e-8)
    assert stepped_error([0, 0], households, share, alike) == np.inf


def test_orders_are_counted() -> None:
    assert spread_steps(4, 3) == [1, 1, 2, 3]
    assert [count_orders(starts) for starts in ([1, 2, 3, 4], [1, 1, 2, 2], [1])] == [24, 6, 1]
