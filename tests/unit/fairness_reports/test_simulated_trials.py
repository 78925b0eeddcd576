"""2,000 trials of a borough with a planted effect: lists, lots, offers and outcomes; what is said beside the truth.

Weekly lists of four teams with ten places each, five by lot, for a year; the lots are drawn by the code that `rank`
uses. The chance of a need falls down the list. The same trials are answered three ways. The complier effect is asked
three times: as offers differ here (50 and 10 of 100), where they hardly do (14 and 10), and where they do not.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

from borough.trial_answers import EFFECTS, plant_effect
from charter.council.trial_design import Answer
from charter.rules.holdout import CONTROL, LISTED, TailLot, derive_seed, draw_tail
from fairness_reports.impact.estimates import TrialRows, bound_compliers
from fairness_reports.impact.looks import take_look
from fairness_reports.impact.trial_power import measure_power, two_arm_error
from tests.resuming import draw_resuming

TRIALS, WEEKS, TEAMS, PLACES, BY_LOT = 2000, 52, 4, 10, 5
HOUSEHOLDS = 1200
TAKE_UP, CROSSING = 0.5, 0.1
UPTAKES = {"strong": TAKE_UP, "weak": 0.14, "none": CROSSING}
ONCE, THRICE = Answer(looks=1, worth_seeing=0.05), Answer(looks=3, worth_seeing=0.05)


@cache
def borough_of(team: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the margins of a team's households, the largest first, and their chance of a need without help."""
    margins = np.sort(np.random.default_rng(team).normal(-1.5, 0.8, HOUSEHOLDS))[::-1]
    return margins, 1 / (1 + np.exp(-margins))


def draw_lists(number: int) -> dict[str, np.ndarray]:
    """Return everybody of one trial's lots: list, week, arm and chance of a need.

    Whoever was listed rests for the year; whoever lost is passed over for as long.
    """
    columns: dict[str, list[float]] = {"list": [], "week": [], "listed": [], "chance": []}
    for team in range(TEAMS):
        _, chance = borough_of(team)
        waiting = list(range(HOUSEHOLDS))
        for week in range(WEEKS):
            list_id = f"{team}-{week}"
            first, pool = waiting[: PLACES - BY_LOT], waiting[PLACES - BY_LOT : PLACES + BY_LOT]
            lot = TailLot(derive_seed(f"{number:064x}", list_id), list_id, BY_LOT / PLACES)
            draw = draw_tail(lot, [(rank, str(name)) for rank, name in enumerate(pool, start=1)], BY_LOT)
            for row in draw.households:
                assert row.arm in (LISTED, CONTROL)
                columns["list"].append(team * WEEKS + week)
                columns["week"].append(week)
                columns["listed"].append(row.arm == LISTED)
                columns["chance"].append(chance[int(row.entity)])
            waiting = waiting[len(first) + len(pool) :]
    return {name: np.array(values, dtype=np.float64) for name, values in columns.items()}


def answer_once(number: int) -> dict[str, Any]:
    """Return what one trial says under each planted effect, with the truth that it estimates."""
    lists = draw_lists(number)
    size = len(lists["listed"])
    rng = np.random.default_rng([number, 7])
    drawn, kind, taken = rng.random(size), rng.random(size), rng.random(size)
    offered = taken < np.where(lists["listed"] == 1, TAKE_UP, CROSSING)
    told: dict[str, Any] = {}
    for name, effect in EFFECTS.items():
        answers = plant_effect(lists["chance"], effect, drawn, kind)
        need = answers.observe(offered).astype(np.float64)
        rows = TrialRows(lists["listed"], need, offered.astype(np.float64), lists["list"].astype(np.int64))
        # Half of each list was listed, so every household weighs the same.
        truth = float(np.mean(answers.chance_with - answers.chance_without) * (TAKE_UP - CROSSING))
        look = take_look(rows, ONCE, [1.0])
        assert look.interval is not None
        told[name] = {
            "covered": look.interval[0] <= truth <= look.interval[1],
            "verdict": look.verdict,
            "bias": look.estimate - truth if look.estimate is not None else None,
            "thrice": look_thrice(rows, lists["week"]),
        }
        for uptake, rate in UPTAKES.items():
            told[name][uptake] = bound_effect(lists, answers, taken < np.where(lists["listed"] == 1, rate, CROSSING))
        if name == "helps":
            share = float((answers.chance_without * (1 - CROSSING) + answers.chance_with * CROSSING).mean())
            told["planned"] = measure_power(-truth, two_arm_error(size / 2, size / 2, share, -truth), 0.05)
    return told


def bound_effect(lists: dict[str, np.ndarray], answers: Any, offered: np.ndarray) -> dict[str, bool]:
    """Return whether an offer's effect was bounded, and whether the bounds hold it: who complies, a lot says here."""
    need, taken = answers.observe(offered).astype(np.float64), offered.astype(np.float64)
    bounds = bound_compliers(TrialRows(lists["listed"], need, taken, lists["list"].astype(np.int64)), 0.05)
    truth = float(np.mean(answers.chance_with - answers.chance_without))
    return {"named": bounds is not None, "held": bounds is None or bool(bounds[0] <= truth <= bounds[1])}


def look_thrice(rows: TrialRows, week: np.ndarray) -> str:
    """Return the verdict with which a trial of three looks ends."""
    shares: list[float] = []
    for share in (1 / 3, 2 / 3, 1.0):
        shares.append(share)
        look = take_look(rows.choose(week < WEEKS * share), THRICE, shares)
        if look.verdict != "goes on":
            return look.verdict
    raise AssertionError


def judge_trials(drawn: dict[int, Any]) -> dict[str, Any]:
    count = len(drawn)

    def share(name: str, key: str, value: object) -> float:
        return sum(one[name][key] == value for one in drawn.values()) / count

    return {
        "trials": count,
        "coverage": {name: share(name, "covered", True) for name in EFFECTS},
        "bias": {name: float(np.mean([one[name]["bias"] for one in drawn.values()])) for name in EFFECTS},
        "compliers": {
            uptake: {
                "named": sum(one["helps"][uptake]["named"] for one in drawn.values()) / count,
                "coverage": {
                    name: sum(one[name][uptake]["held"] for one in drawn.values()) / count for name in EFFECTS
                },
            }
            for uptake in UPTAKES
        },
        "power": share("helps", "verdict", "helps"),
        "planned": float(np.mean([one["planned"] for one in drawn.values()])),
        "power_of_three_looks": share("helps", "thrice", "helps"),
        "false_helps": share("nothing", "verdict", "helps"),
        "false_harms": share("nothing", "verdict", "harms"),
        "false_helps_of_three_looks": share("nothing", "thrice", "helps"),
        "false_harms_of_three_looks": share("nothing", "thrice", "harms"),
        "harms_said_of_help": share("helps", "verdict", "harms"),
    }


def hold_promises(figures: dict[str, Any]) -> None:
    """Assert what a trial promises; each share beside its exact binomial bound at 0.001."""
    count = figures["trials"]
    for name, coverage in figures["coverage"].items():
        assert stats.binom.cdf(round(coverage * count), count, 0.94) > 0.001, (name, coverage)
    for uptake, told in figures["compliers"].items():
        for name, coverage in told["coverage"].items():
            assert stats.binom.cdf(round(coverage * count), count, 0.94) > 0.001, (uptake, name, coverage)
    # Where offers do not differ, an effect of an offer is named as often as a test of 5 % errs.
    assert stats.binom.sf(round(figures["compliers"]["none"]["named"] * count) - 1, count, 0.05) > 0.001
    for looks in ("", "_of_three_looks"):
        wrong = figures[f"false_helps{looks}"] + figures[f"false_harms{looks}"]
        assert stats.binom.sf(round(wrong * count) - 1, count, 0.05) > 0.001, (looks, wrong)
        assert figures[f"false_helps{looks}"] <= 0.05
    assert abs(figures["power"] - figures["planned"]) < 0.05
    assert figures["harms_said_of_help"] <= 0.001


def test_a_few_simulated_trials_keep_their_promises_roughly() -> None:
    drawn = {number: answer_once(number) for number in range(12)}
    figures = judge_trials(drawn)
    assert min(figures["coverage"].values()) >= 9 / 12
    assert figures["harms_said_of_help"] == 0
    assert all(abs(bias) < 0.02 for bias in figures["bias"].values())


@pytest.mark.deep
def test_simulated_trials_cover_find_and_do_not_invent() -> None:
    drawn = draw_resuming("trials", range(TRIALS), answer_once, rooms=("charter", "fairness_reports/impact", "borough"))
    figures = judge_trials(drawn)
    print(figures)
    hold_promises(figures)
