"""The council's own practice beside lists: counted as slow loops count it, on households drawn again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from charter.contracts.matrix import Matrix
from charter.council.council import Council
from tests.unit.training.test_replay import rules_of, weeks_of
from training.data.dataset import Dataset, to_microseconds
from training.data.help_record import NO_HELP, HelpRecord
from training.data.weeks import gather_weeks
from training.judging.own_practice import (
    PracticeWeeks,
    compare_practice,
    find_practice,
    measure_practice,
    say_practice,
)
from training.judging.replay import Exposure, HouseholdDraws
from training.judging.replay_figures import ReplayInput
from training.judging.replay_weeks import WeekPlan

SIGNALS = ("early_help.episode",)
PART = np.array([-1, -1, *[0] * 8], dtype=np.int8)


def shared_of(seed: int, households: int = 40) -> ReplayInput:
    weeks = weeks_of(seed, households, len(PART))
    plan = WeekPlan(weeks.days, PART, ("selection",), 7)
    draws = HouseholdDraws.of(weeks.names, draws=60, lotteries=5, seed=1)
    margins = {"points": np.random.default_rng(seed).normal(size=len(weeks.household))}
    return ReplayInput(plan, rules_of(taken_up=0.5), weeks, margins, draws, Exposure.of(weeks, PART, draws, 7), 1)


def practice_of(shared: ReplayInput, seed: int) -> PracticeWeeks:
    generator, rows = np.random.default_rng(seed), len(shared.weeks.household)
    until = np.where(generator.random(rows) < 0.3, generator.integers(0, 365, rows), np.nan).astype(np.float32)
    return PracticeWeeks(SIGNALS, until < 60, until, generator.random(rows) < 0.2, PART + 2, PART + 1)


def test_practice_is_counted_as_a_model_is() -> None:
    """Broken by counting a family twice, weeks of the burn-in, rows on no list, or a draw's copies once."""
    shared, weeks = shared_of(5), shared_of(5).weeks  # an odd seed: some rows are on no list
    practice = practice_of(shared, 4)
    assert (weeks.list_of[practice.helped] < 0).any()
    spreads = measure_practice(shared, practice, 0)
    for draw in range(3):
        times = shared.draws.times[draw]
        listings = [
            row for row in range(len(weeks.household))
            if practice.helped[row] and PART[weeks.week[row]] == 0 and weeks.list_of[row] >= 0
        ]  # fmt: skip
        spells = [row for row in listings if weeks.labelled[row]]
        first: dict[int, int] = {}
        for row in spells:
            if weeks.needed[row]:
                first.setdefault(int(weeks.household[row]), row)
        families = sum(int(times[household]) for household in {int(weeks.household[row]) for row in spells})

        def weigh(rows: list[int], times: np.ndarray = times) -> int:
            return sum(int(times[weeks.household[row]]) for row in rows)

        before = sum(int(times[household]) for household in first)
        days = sum(float(weeks.days_until[row]) * int(times[household]) for household, row in first.items())
        expected = {
            "needed_of_listed": weigh([row for row in spells if weeks.needed[row]]) / weigh(spells),
            "needed_of_families": before / families,
            "listed_of_need": before / shared.exposure.in_need[1 + draw, 0],
            "days_before": days / before,
            "new_of_listed": weigh([row for row in spells if weeks.new[row]]) / weigh(spells),
            "places_filled": weigh(listings) / shared.exposure.years[0],
        }
        assert {name: spreads[name].drawn[draw] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert spreads["needed_of_listed"].less(spreads["needed_of_listed"]).drawn.tolist() == [0.0] * 60


def test_help_in_the_matrix_is_found_week_by_week(shared_matrix: Matrix, council: Council) -> None:
    """Broken by help before the list, a horizon that is too long, or help after the need that counts as before it."""
    data = Dataset.open(shared_matrix, council)
    weeks = gather_weeks(data, lambda _: {"north": 2})
    generator, names = np.random.default_rng(1), np.unique(data.at(data.dates[0]).person)
    whole = [to_microseconds(council.midnight(date(year, 1, 1))) for year in (2017, 2028)]
    person, began = generator.choice(names, 800), np.sort(generator.integers(whole[0], whole[1], 800))
    record = HelpRecord(SIGNALS, person, began, began, ((whole[0], whole[1]),))
    counted = np.arange(len(data.dates)) > 2
    practice = find_practice(data, record, weeks, counted, 7)
    by_person: dict[bytes, list[int]] = {}
    for who, at in zip(person.tolist(), began.tolist(), strict=True):
        by_person.setdefault(who, []).append(at)
    checked = 0
    for row in range(0, len(weeks.household), 7):
        day = data.dates[weeks.week[row]]
        start, end = to_microseconds(council.midnight(day)), to_microseconds(data.horizon_end(day))
        back = to_microseconds(council.midnight(date(day.year - 1, day.month, day.day)))
        times = by_person.get(bytes(weeks.names[weeks.household[row]]), [])  # a household's people have its name here
        after = [at for at in times if start <= at < end]
        until = (min(after) - start) / 86_400_000_000 if after else np.nan
        assert practice.days_until[row] == pytest.approx(until, nan_ok=True)
        assert practice.helped[row] == (bool(after) and until < 7)
        before_need = bool(after and weeks.needed[row] and until <= weeks.days_until[row])
        assert practice.had[row] == (any(back <= at < start for at in times) or before_need)
        checked += len(times) > 0
    assert checked > 100
    assert 0 < practice.within_reach.sum() < practice.events.sum()


def test_what_cannot_be_compared_is_said_and_why(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    weeks = gather_weeks(data, lambda _: {"north": 2})
    counted = np.ones(len(data.dates), dtype=np.bool_)
    nothing = find_practice(data, NO_HELP, weeks, counted, 7)
    assert "no signal in [offers] helped" in nothing.why
    record = replace(NO_HELP, signals=SIGNALS)
    assert "no delivery of early_help" in find_practice(data, record, weeks, counted, 7).why
    gap = [to_microseconds(council.midnight(date(2023, month, 1))) for month in (1, 3)]
    for covered in (
        ((to_microseconds(council.midnight(date(2021, 1, 1))), 2**62),),  # it starts late
        ((0, gap[0]),),  # it ends early
        ((0, gap[0]), (gap[1], 2**62)),  # it has a gap
    ):
        partly = replace(record, covered=covered)
        document = compare_practice(shared_of(1), find_practice(data, partly, weeks, counted, 7), "points", 0.95)
        assert say_practice(document, "the points list", "selection") == [
            "Lists are not set beside the council's own practice: the record of early_help does not cover a horizon"
            " before the first counted list and after the last."
        ]


def test_sooner_than_whom_and_whom_nobody_had() -> None:
    """All are helped 30 days after each list: every list is 30 days sooner; with half had, half the needs are new."""
    shared = shared_of(5, households=60)
    rows = len(shared.weeks.household)
    practice = PracticeWeeks(
        SIGNALS,
        np.zeros(rows, dtype=np.bool_),
        np.full(rows, 30, dtype=np.float32),
        np.zeros(rows, dtype=np.bool_),
        PART + 2,
        PART + 2,
    )

    def figures_of(practice: PracticeWeeks) -> dict[str, float]:
        document = compare_practice(shared, practice, "points", 0.95)
        return {one["measure"]: one["estimate"] for one in document["figures"]}

    everyone = figures_of(practice)
    lists = shared.replay("points")["selection"]
    assert everyone["days_sooner"] == 30
    assert everyone["nobody_had_of_listed"] == pytest.approx(lists["needed_of_listed"].expected.mean())
    of_families = lists["needed_of_families"].expected.mean()
    assert everyone["nobody_had_a_year"] > 0 < of_families
    assert 0 < everyone["listed_of_helped"] < 1
    none_left = figures_of(replace(practice, had=np.ones(rows, dtype=np.bool_)))
    assert none_left["nobody_had_of_listed"] == none_left["nobody_had_a_year"] == 0
    (sentence,) = say_practice(compare_practice(shared, practice, "points", 0.95), "the points list", "selection")
    assert "30 (30 to 30) days sooner on average" in sentence
    assert f"{everyone['nobody_had_a_year']:.0f} (" in sentence
