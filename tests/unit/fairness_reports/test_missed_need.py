"""Whom lists miss: looks below the line weigh by their chance, with statsmodels' error; the interval is kept."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charter.contracts import read_table_contract
from fairness_reports.audit.measuring.intervals import bound_share
from fairness_reports.impact.missed_need import FEWEST, Look, estimate_missed, measure_missed, read_looks
from fairness_reports.impact.trial import measure_trial
from tests.unit.fairness_reports.test_trial import DAY, happen, issue


def draw_looks(rng: np.random.Generator, lists: int = 60) -> tuple[Any, Any, Any, float]:
    """Draw lists whose lots take 1 to 3 of 6 to 20 below the line; where fewer are drawn from more, need is rarer."""
    need, inclusion, whole = [], [], []
    for _ in range(lists):
        below = int(rng.integers(6, 21))
        truth = rng.random(below) < (0.35 if below < 12 else 0.1)
        drawn = int(rng.integers(1, 4))
        need.append(truth[:drawn])
        inclusion.append(np.full(drawn, drawn / below))
        whole.append(truth)
    looks = np.concatenate(need).astype(np.float64)
    return looks, np.concatenate(inclusion), np.arange(len(looks)), float(np.concatenate(whole).mean())


def test_share_and_error_are_those_of_statsmodels_and_the_total_is_by_hand() -> None:
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(2)
    need, inclusion, _, _ = draw_looks(rng)
    household = rng.integers(0, 50, len(need))
    below = estimate_missed(need, inclusion, household)
    fit = api.WLS(need, np.ones((len(need), 1)), weights=1 / inclusion).fit(
        cov_type="cluster", cov_kwds={"groups": household, "use_correction": False}
    )
    assert (below.share, below.error) == pytest.approx((fit.params[0], fit.bse[0]), abs=1e-8)
    independent = min(below.share * (1 - below.share) / fit.bse[0] ** 2, len(np.unique(household)))
    low, high = bound_share(np.array([below.share]), np.array([independent]))
    assert below.interval == pytest.approx((low[0], high[0]), abs=1e-8)
    by_hand = estimate_missed(np.array([1.0, 0, 1]), np.array([0.5, 0.25, 0.2]), np.arange(3))
    assert (by_hand.share, by_hand.needs) == pytest.approx((7 / 11, 7))


def test_the_interval_holds_the_truth_where_lots_differ_in_size() -> None:
    rng = np.random.default_rng(4)
    held, unweighted = [], []
    for _ in range(600):
        need, inclusion, household, truth = draw_looks(rng)
        below = estimate_missed(need, inclusion, household)
        held.append(below.interval[0] <= truth <= below.interval[1])
        unweighted.append(need.mean() - truth)
    assert 0.93 < np.mean(held) < 0.99
    assert np.mean(unweighted) > 0.03


def test_a_need_is_seen_by_a_record_or_by_an_offer_and_few_looks_say_nothing() -> None:
    looks = [Look(f"h{number}", "n", DAY, 0.5) for number in range(FEWEST + 10)]
    had, offers = {(DAY, "h0"), (DAY + timedelta(7), "h5")}, {("h1", "n"), ("h2", "another list")}
    measured = measure_missed(looks, had, offers)
    assert measured["share"] == pytest.approx(2 / len(looks))
    assert measured["needs_a_list"] == pytest.approx(4)
    assert measured["interval"][0] < measured["share"] < measured["interval"][1]
    nobody = measure_missed(looks, set(), set())
    assert nobody["share"] == 0
    assert 0.05 < nobody["interval"][1] < 0.15
    few = measure_missed(looks[: FEWEST - 1], had, offers)
    assert few["share"] is None
    assert "too few" in few["sentence"]
    again = measure_missed([looks[0]] * (FEWEST + 10), had, offers)
    assert again["share"] is None


def add_chances(folder: Path, inclusion: float) -> None:
    path = next(folder.glob("*/issued.csv"))
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, read_table_contract("issued").names)
        writer.writeheader()
        writer.writerows(row | {"inclusion": inclusion if row["arm"] == "random" else 1} for row in rows)


def test_the_trials_answer_says_whom_lists_miss(worlds: Callable[..., Any]) -> None:
    world = worlds(households=200)
    listed = [f"h{number}" for number in range(80)]
    issue(world, listed, ["ranked"] * 40 + ["random"] * 40)
    happen(world, listed, {"h0", "h1", "h45", "h46", "h47", "h48"})
    assert read_looks(world.invocation.workspace.worklist) == []
    assert measure_trial(world.invocation)["missed_need"] is None
    add_chances(world.invocation.workspace.worklist, 0.25)
    looks = read_looks(world.invocation.workspace.worklist)
    assert {(look.as_of, look.inclusion) for look in looks} == {(date(2024, 9, 1), 0.25)}
    actions = world.invocation.workspace.worklist / "actions.csv"
    actions.write_text(
        "entity,list,disposition,decided_at,offered_at,known_at\n"
        "h50,n,offered,2024-09-05T09:00:00+00:00,2024-09-05T09:00:00+00:00,2024-09-05T09:00:00+00:00\n",
        encoding="utf-8",
    )
    assert measure_trial(world.invocation)["missed_need"]["needs_a_list"] == pytest.approx(20)
    actions.unlink()
    answer = measure_trial(world.invocation)
    assert answer["missed_need"]["share"] == pytest.approx(0.1)
    assert answer["missed_need"]["needs_a_list"] == pytest.approx(16)
    assert "Of 100 just below the line 10 have a need" in answer["sentence"]
