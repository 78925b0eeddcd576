"""Help that works unteaches a model whom it serves: four cycles of retraining, naive and aware, judged by the truth.

Every cycle a model ranks new households, the first tenth is listed, half of those take help up, and help averts most of
their needs. The next model learns from the last two cycles. Naive: from what was observed of everybody. Aware: without
those who took help up (`treated = "leave_out"` under [offers] of training.toml, decision 57), or also with those who
were listed and said no counted for them too. Both are judged by what would have happened without help, which the
fictional borough knows (borough/trial_answers.py). Runs are paired: the same households, needs and decisions.
"""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from borough.trial_answers import PlantedEffect, plant_effect
from tests.resuming import draw_resuming

RUNS, CYCLES, HOUSEHOLDS, LISTED, TAKE_UP = 200, 4, 3000, 300, 0.5
HELP = PlantedEffect(1.0, 0.2)
WAYS = ("naive", "leave_out", "weighted")
SETTINGS = {
    "objective": "binary",
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "learning_rate": 0.1,
    "num_threads": 1,
    "deterministic": True,
    "verbosity": -1,
}

Rows = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]


def draw_cycle(number: int, cycle: int) -> dict[str, NDArray[np.float64]]:
    """Return households with what is recorded of them, their chance without help and what decides on their answers."""
    rng = np.random.default_rng([number, cycle])
    need = rng.normal(size=HOUSEHOLDS)
    seen = np.column_stack([rng.poisson(np.exp(0.8 * need - 0.4 * place)) for place in range(4)]).astype(np.float64)
    chance = 1 / (1 + np.exp(-(1.6 * need - 2.0)))
    return {
        "seen": seen,
        "chance": chance,
        "drawn": rng.random(HOUSEHOLDS),
        "kind": rng.random(HOUSEHOLDS),
        "willing": rng.random(HOUSEHOLDS),
    }


def learn(rows: list[Rows], way: str, seed: int) -> lgb.Booster:
    """Fit on (features, need as observed, listed, helped) of some cycles."""
    seen = np.concatenate([row[0] for row in rows])
    need, listed, helped = (np.concatenate([row[place] for row in rows]) for place in (1, 2, 3))
    kept = np.ones(len(need), dtype=bool) if way == "naive" else ~helped
    weight = np.where(listed, 1 / (1 - TAKE_UP), 1.0) if way == "weighted" else np.ones(len(need))
    data = lgb.Dataset(seen[kept], need[kept].astype(np.float64), weight=weight[kept])
    return lgb.train({**SETTINGS, "seed": seed}, data, num_boost_round=40)


def answer_once(number: int) -> dict[str, Any]:
    """Return of each way and cycle the share of those listed who would have had a need without help."""
    before = [draw_cycle(number, -cycle % 1000) for cycle in (1, 2)]
    nobody = np.zeros(HOUSEHOLDS, dtype=bool)
    history: list[Rows] = [(one["seen"], one["drawn"] < one["chance"], nobody, nobody) for one in before]
    told: dict[str, Any] = {}
    for way in WAYS:
        rows, shares = list(history), []
        for cycle in range(CYCLES + 1):
            now = draw_cycle(number, cycle)
            answers = plant_effect(now["chance"], HELP, now["drawn"], now["kind"])
            margin = learn(rows[-2:], way, number).predict(now["seen"], num_threads=1)
            listed = nobody.copy()
            listed[np.lexsort((now["kind"], -np.asarray(margin)))[:LISTED]] = True
            helped = listed & (now["willing"] < TAKE_UP)
            rows.append((now["seen"], answers.observe(helped), listed, helped))
            shares.append(float(answers.need_without[listed].mean()))
        told[way] = shares
    return told


def judge_runs(drawn: dict[int, Any]) -> dict[str, Any]:
    """Return by way the mean share of each cycle, and the last cycle's difference to naive with its standard error."""
    shares = {way: np.array([one[way] for one in drawn.values()]) for way in WAYS}
    figures: dict[str, Any] = {"runs": len(drawn)}
    for way in WAYS:
        figures[way] = shares[way].mean(axis=0).round(4).tolist()
        gap = shares[way][:, -1] - shares["naive"][:, -1]
        figures[f"{way}_less_naive"] = (float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap))))
        fall = shares[way][:, -1] - shares[way][:, 0]
        figures[f"{way}_fall"] = (float(fall.mean()), float(fall.std(ddof=1) / np.sqrt(len(fall))))
    return figures


def test_before_anybody_was_helped_all_ways_are_one() -> None:
    told = answer_once(0)
    assert len({told[way][0] for way in WAYS}) == 1
    assert told["naive"] != told["leave_out"]


@pytest.mark.deep
def test_naive_retraining_decays_and_the_aware_way_does_not() -> None:
    drawn = draw_resuming("naive_retraining", range(RUNS), answer_once, rooms=("borough",))
    figures = judge_runs(drawn)
    print(figures)
    assert figures["naive_fall"][0] < -3 * figures["naive_fall"][1], "naive retraining decays"
    for way in ("leave_out", "weighted"):
        mean, error = figures[f"{way}_less_naive"]
        assert mean > 3 * error, way
    assert figures["weighted_fall"][0] > figures["naive_fall"][0] / 2, "the aware way keeps most of it"
