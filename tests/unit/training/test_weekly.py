"""How steady a list is from week to week: who stays, counted slowly, and the weeks that are looked at."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np

from tests.unit.training.test_bootstrap import period_of
from training.judging.bootstrap import Draws
from training.report.terminal import say_steadiness
from training.studies.weekly import list_weeks_before, measure_weeks_kept


def test_weeks_end_on_the_day_asked_for() -> None:
    weeks = list_weeks_before(date(2025, 1, 1), 3)
    assert weeks == [date(2024, 12, 11), date(2024, 12, 18), date(2024, 12, 25), date(2025, 1, 1)]


def test_who_stays_is_counted_as_sets_of_households_would_be() -> None:
    period = period_of(days=4)
    draws = Draws.of(period, 200, seed=2)
    listed = period.listed(period.places(np.random.default_rng(4).normal(size=len(period.day))))
    found = measure_weeks_kept(draws, listed, 0.95)
    weeks = [set(period.household[listed & (period.day == day)].tolist()) for day in range(4)]
    assert [(one["listed"], one["kept"]) for one in found["weeks"]] == [
        (len(after), len(before & after)) for before, after in pairwise(weeks)
    ]
    kept = found["kept"]
    stayed, listings = (sum(one[name] for one in found["weeks"]) for name in ("kept", "listed"))
    assert kept["estimate"] == stayed / listings
    assert kept["low"] <= kept["estimate"] <= kept["high"]


def test_a_list_that_never_changes_is_kept_whole_and_one_that_nobody_measured_is_not_spoken_of() -> None:
    period = period_of(days=3)
    listed = period.listed(period.places(np.tile(np.arange(40.0), 3)))
    found = measure_weeks_kept(Draws.of(period, 50, seed=2), listed, 0.95)
    assert found["kept"] == {"estimate": 1.0, "low": 1.0, "high": 1.0}
    sentence = say_steadiness(found | {"as_of": [day.isoformat() for day in period.days]})
    assert "100.0 (100.0 to 100.0) of 100 stay on the list, over the 2 weeks" in sentence
    assert say_steadiness(None) == ""
