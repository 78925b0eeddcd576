"""A stepped trial: steps by lot, turns as if all had begun, its figures beside statsmodels, and 2,000 of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

from borough.trial_answers import EFFECTS, plant_effect
from charter.council.trial_design import Stepped
from charter.errors import DataError, DefinitionError, UsageError
from charter.signing.trial_steps import ListTurns, Turn, draw_steps, find_begins, write_turns
from charter.signing.trials import Registration
from fairness_reports.impact.estimates import TrialRows, estimate_difference
from fairness_reports.impact.registering import describe_lots, register_planned_trial
from fairness_reports.impact.stepped.step_estimates import (
    FEWEST_UNITS,
    StepCounts,
    compare_steps,
    estimate_step_difference,
    leave_out_units,
)
from fairness_reports.impact.stepped.stepped_trial import answer_stepped, judge_steps
from fairness_reports.impact.trial_power import measure_power, stepped_error
from fairness_reports.publish.effect_page import write_effect_page
from tests.resuming import draw_resuming
from tests.trial_files import sign_trial, write_trial
from tests.unit.fairness_reports.test_effect import happen_soon, offer

AREAS = [f"E0199{number:04d}" for number in range(1, 41)]
FIRST = date(2023, 1, 2)
STEPPED = '\n[stepped]\nunit = "area"\nsteps = 4\nstep_weeks = 10\n'


def write_stepped(council: Any, steps: str = STEPPED, **changes: str) -> None:
    path = write_trial(council, design='"stepped"', **changes)
    path.write_text(path.read_text(encoding="utf-8") + steps, encoding="utf-8")


@pytest.fixture
def world(worlds: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a council whose trial ran in 2023; it was registered before, as the clock then had it."""
    world = worlds(households=200)
    write_stepped(world.council, FROM="2023-01-02", until="2023-12-31", groups='["ethnicity"]')
    sign_trial(world.invocation)
    monkeypatch.setattr("charter.signing.trials._has_ended", lambda *_: False)
    return world


def leave_turns(world: Any, registration: Registration, lists: int = 40) -> dict[str, str]:
    """Leave lists of twenty turns, a week apart; return each household's arm."""
    arms = {}
    begins = find_begins(registration)
    for number in range(lists):
        day = FIRST + timedelta(days=7 * number)
        turns = []
        for rank in range(1, 21):
            unit = AREAS[(20 * number + rank) % 40]
            turns.append(Turn(f"h{number:02d}{rank:02d}", unit, rank, 0.0, begins[unit] <= day))
            arms[turns[-1].entity] = "ranked" if turns[-1].begun else "control"
        write_turns(world.invocation.workspace, ListTurns(registration.name, f"north-{day}", day, tuple(turns)))
    return arms


def need_of(arms: dict[str, str], begun: float, waiting: float) -> set[str]:
    rng = np.random.default_rng(3)
    return {name for name, arm in arms.items() if rng.random() < (begun if arm == "ranked" else waiting)}


def test_steps_are_drawn_by_lot_and_each_has_as_many() -> None:
    drawn = [draw_steps(f"{number:064x}", AREAS, Stepped(unit="area", steps=4)) for number in range(200)]
    assert all(Counter(steps.values()) == {0: 10, 1: 10, 2: 10, 3: 10} for steps in drawn)
    assert drawn[0] == draw_steps(f"{0:064x}", AREAS[::-1], Stepped(unit="area", steps=4))
    first = [steps[AREAS[0]] for steps in drawn]
    # Of 200 lots each step is this area's 50 times, give or take 6; four times that is never seen.
    assert all(25 < count < 75 for count in Counter(first).values())
    assert len(Counter(first)) == 4


def test_the_question_is_fixed_with_its_units_and_what_can_tell_nothing_is_not_registered(world: Any) -> None:
    registration = register_planned_trial(world.invocation)
    assert registration.analysis["units"] == AREAS
    assert registration.analysis["looks"] == 1
    assert "once lists begin in the area" in registration.analysis["estimand"]
    assert set(find_begins(registration).values()) == {FIRST + timedelta(weeks=10 * step) for step in range(4)}
    write_stepped(world.council, '\n[stepped]\nunit = "team"\n', name='"by_team"', FROM="2027-01-04")
    sign_trial(world.invocation)
    with pytest.raises(UsageError, match="4 teams can start in 24 orders, so no test can reach 5 %"):
        register_planned_trial(world.invocation)
    write_stepped(world.council, name='"soon"', FROM="2027-01-04", until="2027-06-01")
    sign_trial(world.invocation)
    with pytest.raises(UsageError, match="the last step would be on 2027-08-02, after the trial's end"):
        register_planned_trial(world.invocation)


def test_an_outcome_that_the_acting_team_records_is_refused_of_steps_too(world: Any) -> None:
    write_stepped(world.council, acting='["early_help", "homelessness"]', FROM="2023-01-02", until="2023-12-31")
    sign_trial(world.invocation)
    with pytest.raises(DefinitionError, match="recorded by homelessness, whose workers act on the list"):
        register_planned_trial(world.invocation)


@pytest.mark.parametrize(
    ("begun", "waiting", "verdict"), [(0.2, 0.5, "helps"), (0.5, 0.2, "harms"), (0.3, 0.3, "cannot be told")]
)
def test_a_stepped_trial_is_answered_once_by_the_lots_arm(
    world: Any, begun: float, waiting: float, verdict: str
) -> None:
    registration = register_planned_trial(world.invocation)
    arms = leave_turns(world, registration)
    happen_soon(world, arms, need_of(arms, begun, waiting))
    offer(world, arms)
    answer, words = answer_stepped(world.invocation, registration)
    assert (answer["households"], answer["over"], answer["verdict"], answer["deviations"]) == (800, 800, verdict, [])
    (look,) = answer["looks"]
    assert look["listed"] == sum(arm == "ranked" for arm in arms.values())
    assert look["interval"][0] < begun - waiting < look["interval"][1]
    assert "By the error of each unit" in words
    of_groups = [row for row in look["also"] if row["estimate"] is not None]
    assert of_groups
    assert all(row["interval"][0] < row["estimate"] < row["interval"][1] for row in of_groups)
    assert answer_stepped(world.invocation, registration)[0]["looks"] == answer["looks"], (
        "asking again is no other look"
    )
    page = write_effect_page(world.invocation, answer, words).read_text(encoding="utf-8")
    assert "whose turn it was by rank" in page
    assert page.count("<circle") == 1 + sum(row["estimate"] is not None for row in look["also"])


def test_before_all_is_over_nothing_is_compared_and_a_list_made_otherwise_is_said(world: Any) -> None:
    registration = register_planned_trial(world.invocation)
    leave_turns(world, registration, lists=3)
    document, words = describe_lots(world.invocation)
    assert (document["listed"] + document["held_out"], len(document["begins"])) == (60, 40)
    assert "drawn again from the seed: 10 on 2023-01-02" in words
    day = date(2026, 6, 1)
    wrong = ListTurns(registration.name, f"north-{day}", day, (Turn("h9901", AREAS[0], 1, 0.0, False),))
    write_turns(world.invocation.workspace, wrong)
    happen_soon(world, {f"h{number:02d}01": "" for number in range(3)} | {"h9901": ""}, set())
    answer, words = answer_stepped(world.invocation, registration)
    assert (answer["looks"], answer["verdict"]) == ([], "goes on")
    assert "it is looked at once, when all are" in words
    assert f"On the list north-{day} units had begun, or waited, otherwise than the lot says" in words
    with pytest.raises(DataError, match="otherwise than the lot says"):
        describe_lots(world.invocation)


def draw_counts(seed: int, effect: float = -0.1) -> StepCounts:
    rng = np.random.default_rng(seed)
    starts = rng.permutation(np.arange(12) % 4)
    households = rng.integers(0, 20, (12, 4))
    begun = np.arange(4)[None, :] >= starts[:, None]
    chance = np.clip(rng.normal(0.4, 0.05, 12)[:, None] - 0.03 * np.arange(4) + effect * begun, 0, 1)
    return StepCounts(starts, households.astype(float), rng.binomial(households, chance).astype(float))


def test_the_error_of_leaving_out_units_is_that_of_as_many_fits_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    counts = draw_counts(5)

    def fit(units: list[int]) -> float:
        period = np.tile(np.arange(4), len(units))
        size = counts.households[units].ravel()
        columns = np.column_stack([counts.begun[units].ravel(), *(period == number for number in range(4))])
        share = counts.needs[units].ravel() / np.maximum(size, 1)
        return float(api.WLS(share, columns, weights=size).fit().params[0])

    slopes = np.array([fit([unit for unit in range(12) if unit != out]) for out in range(12)])
    ours = leave_out_units(counts)
    assert ours is not None
    assert ours.estimate == pytest.approx(fit(list(range(12))), abs=1e-8)
    assert ours.error == pytest.approx(np.sqrt(11 / 12 * np.sum((slopes - ours.estimate) ** 2)), abs=1e-8)
    assert ours.freedom == 11


def test_a_groups_interval_by_units_holds_the_truth_where_one_by_household_does_not() -> None:
    """Of 400 trials of twelve units, whose families are alike by what each unit has of its own."""
    held = [0, 0]
    for seed in range(400):
        counts = draw_counts(seed)
        rng = np.random.default_rng([seed, 2])
        chance = np.clip(0.45 + rng.normal(0, 0.15, 12)[:, None] - 0.1 * counts.begun, 0, 1)
        needs = rng.binomial(counts.households.astype(int), chance)
        by_unit = leave_out_units(StepCounts(counts.starts, counts.households, needs.astype(float)))
        size = counts.households.astype(int).ravel()
        begun, period = np.repeat(counts.begun.ravel(), size), np.repeat(np.tile(np.arange(4), 12), size)
        need = np.concatenate([np.arange(n) < k for n, k in zip(size, needs.ravel(), strict=True)]).astype(float)
        by_household = estimate_difference(TrialRows(begun, need, need, period))
        for number, ours in enumerate((by_unit, by_household)):
            assert ours is not None
            low, high = ours.interval(0.05)
            held[number] += low <= -0.1 <= high
    assert held[0] >= 370, held
    assert held[1] < 350, held


def test_of_a_group_in_few_units_nothing_is_said() -> None:
    counts = draw_counts(5)
    few, enough = (np.arange(12)[:, None] < number for number in (FEWEST_UNITS - 1, FEWEST_UNITS))
    assert leave_out_units(StepCounts(counts.starts, counts.households * few, counts.needs * few)) is None
    assert leave_out_units(StepCounts(counts.starts, counts.households * enough, counts.needs * enough)) is not None


@pytest.mark.parametrize("seed", range(3))
def test_the_difference_is_that_of_statsmodels(seed: int) -> None:
    api = pytest.importorskip("statsmodels.api")
    counts = draw_counts(seed)
    rows = [
        (unit, period, float(number < counts.needs[unit, period]))
        for unit in range(12)
        for period in range(4)
        for number in range(int(counts.households[unit, period]))
    ]
    unit, period, need = (np.array(column) for column in zip(*rows, strict=True))
    design = np.column_stack([period >= counts.starts[unit], period[:, None] == np.arange(4)[None, :]]).astype(float)
    theirs = api.OLS(need, design).fit(cov_type="cluster", cov_kwds={"groups": unit, "use_correction": False})
    ours, test = estimate_step_difference(counts), compare_steps(counts, 0.05)
    assert ours is not None
    assert test is not None
    assert ours.estimate == pytest.approx(theirs.params[0], abs=1e-8)
    assert test.estimate == pytest.approx(theirs.params[0], abs=1e-8)
    assert ours.error == pytest.approx(theirs.bse[0] * np.sqrt(12 / 11), abs=1e-8)


def test_periods_in_which_nobody_can_be_compared_say_nothing() -> None:
    everybody = StepCounts(np.zeros(3, dtype=np.int64), np.full((3, 2), 5.0), np.ones((3, 2)))
    assert compare_steps(everybody, 0.05) is None
    assert estimate_step_difference(everybody) is None
    assert judge_steps(None, 0.05) == "cannot be told"


WEEKS, STEPS, TEAMS, PLACES, ALIKE, TAKE_UP, CROSSING = 13, 4, 4, 10, 0.01, 0.5, 0.1


def answer_once(number: int) -> dict[str, Any]:
    """Return what one trial of forty areas in four steps says under each planted effect, with the truth beside it.

    Four teams of ten places a week; families of one area are alike by 0.01, and need falls down the list.
    """
    rng = np.random.default_rng([number, 56])
    steps = draw_steps(f"{number:064x}", AREAS, Stepped(unit="area", steps=STEPS, step_weeks=WEEKS))
    starts = np.array([steps[area] for area in AREAS])
    size = TEAMS * PLACES * WEEKS * STEPS
    period = np.repeat(np.arange(STEPS), size // STEPS)
    unit = rng.integers(0, len(AREAS) // TEAMS, size) * TEAMS + np.arange(size) % TEAMS
    margin = rng.normal(-0.3, 0.5, size) - 0.15 * period
    own = rng.normal(0, 2 * np.sqrt(ALIKE), len(AREAS))
    chance = 1 / (1 + np.exp(-(margin + own[unit])))
    begun = starts[unit] <= period
    drawn, kind, taken = (rng.random(size) for _ in range(3))
    offered = taken < np.where(begun, TAKE_UP, CROSSING)
    cell = unit * STEPS + period
    households = np.bincount(cell, minlength=len(AREAS) * STEPS).astype(float).reshape(-1, STEPS)
    of_period = households.sum(axis=0)
    there = np.bincount(period, begun, minlength=STEPS)
    weights = (there - there**2 / of_period) / np.sum(there - there**2 / of_period)
    told: dict[str, Any] = {}
    for name, effect in EFFECTS.items():
        answers = plant_effect(chance, effect, drawn, kind)
        need = answers.observe(offered).astype(np.float64)
        changed = (answers.chance_with - answers.chance_without) * (TAKE_UP - CROSSING)
        truth = float(weights @ (np.bincount(period, changed, minlength=STEPS) / of_period))
        counts = StepCounts(starts, households, np.bincount(cell, need, minlength=households.size).reshape(-1, STEPS))
        test, by_unit = compare_steps(counts, 0.05), estimate_step_difference(counts)
        assert test is not None
        assert by_unit is not None
        low, high = by_unit.interval(0.05)
        told[name] = {
            "covered": bool(test.interval[0] <= truth <= test.interval[1]),
            "covered_by_unit": bool(low <= truth <= high),
            "verdict": judge_steps(test, 0.05),
            "bias": test.estimate - truth,
        }
        if name == "helps":
            share = float((answers.chance_without * (1 - CROSSING) + answers.chance_with * CROSSING).mean())
            error = stepped_error(sorted(starts.tolist()), size / households.size, share, ALIKE)
            told["planned"] = measure_power(-truth, error, 0.05)
    return told


def judge_trials(drawn: dict[int, Any]) -> dict[str, Any]:
    count = len(drawn)

    def share(name: str, key: str, value: object) -> float:
        return sum(one[name][key] == value for one in drawn.values()) / count

    return {
        "trials": count,
        "coverage": {name: share(name, "covered", True) for name in EFFECTS},
        "coverage_by_unit": {name: share(name, "covered_by_unit", True) for name in EFFECTS},
        "bias": {name: float(np.mean([one[name]["bias"] for one in drawn.values()])) for name in EFFECTS},
        "power": share("helps", "verdict", "helps"),
        "planned": float(np.mean([one["planned"] for one in drawn.values()])),
        "false_helps": share("nothing", "verdict", "helps"),
        "false_harms": share("nothing", "verdict", "harms"),
        "harms_said_of_help": share("helps", "verdict", "harms"),
    }


def test_a_few_simulated_stepped_trials_keep_their_promises_roughly() -> None:
    figures = judge_trials({number: answer_once(number) for number in range(12)})
    assert min(figures["coverage"].values()) >= 9 / 12
    assert figures["harms_said_of_help"] == 0
    assert all(abs(bias) < 0.03 for bias in figures["bias"].values())


@pytest.mark.deep
def test_simulated_stepped_trials_cover_find_and_do_not_invent() -> None:
    count = 2000
    drawn = draw_resuming("steps", range(count), answer_once, rooms=("charter", "fairness_reports/impact", "borough"))
    figures = judge_trials(drawn)
    print(figures)
    for name, coverage in figures["coverage"].items():
        assert stats.binom.cdf(round(coverage * count), count, 0.94) > 0.001, (name, coverage)
    wrong = figures["false_helps"] + figures["false_harms"]
    assert stats.binom.sf(round(wrong * count) - 1, count, 0.05) > 0.001
    assert figures["false_helps"] <= 0.05
    assert abs(figures["power"] - figures["planned"]) < 0.05
    assert figures["harms_said_of_help"] <= 0.001
