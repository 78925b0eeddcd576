"""The replay: the fast one is the slow one, list by list; rests, lots and intervals are what they are said to be."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.training.slow_replay import replay_slowly
from training.data.list_rules import ListRules
from training.data.weeks import ListWeeks, number_households
from training.judging.bootstrap import Spread, bound
from training.judging.replay import Exposure, HouseholdDraws, list_as_ranked, measure_replay, name_keys, replay_model

RESTS = {"taken_up": 2, "family_said_no": 5, "deferred": 0}
SLOW = ("places", "spells", "needed", "new", "new and needed", "families", "before", "days", "unused")


def rules_of(apart: int = 7, after: int = 3, **answers: float) -> ListRules:
    return ListRules(apart, RESTS, (), answers, after)


def weeks_of(seed: int, households: int, number: int, teams: int = 2, places: int = 2, stay: float = 0.8) -> ListWeeks:
    """Make weeks in which each household is there with chance `stay`, sometimes with another team, or none."""
    generator = np.random.default_rng(seed)
    names = np.array([f"{n:04d}" for n in range(households)], dtype="S32")
    household, list_of, start, lists = [], [], [0], []
    for week in range(number):
        there = np.flatnonzero(generator.random(households) < stay)
        team = generator.integers(-1, teams, len(there)) if seed % 2 else there % teams
        list_of.append(np.where(team < 0, -1, team + week * teams))
        household.append(there)
        start.append(start[-1] + len(there))
        lists += [(week, f"team {n}", int(generator.integers(0, places + 1))) for n in range(teams)]
    rows = start[-1]
    labelled = generator.random(rows) < 0.9
    needed = labelled & (generator.random(rows) < 0.4)
    return ListWeeks(
        days=tuple(date(2024, 1, 1) + timedelta(weeks=week) for week in range(number)),
        names=names,
        household=np.concatenate(household).astype(np.int32),
        list_of=np.concatenate(list_of).astype(np.int32),
        start=np.array(start),
        list_week=np.array([week for week, _, _ in lists], dtype=np.int32),
        list_team=tuple(team for _, team, _ in lists),
        room=np.array([room for _, _, room in lists], dtype=np.int32),
        labelled=labelled,
        needed=needed,
        new=generator.random(rows) < 0.5,
        days_until=np.where(needed, generator.integers(0, 365, rows), np.nan).astype(np.float32),
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    households=st.integers(1, 25),
    number=st.integers(1, 12),
    levels=st.integers(1, 6),
    shares=st.tuples(st.floats(0, 0.5), st.floats(0, 0.3), st.floats(0, 0.2)),
    after=st.integers(0, 9),
)
def test_the_fast_replay_is_the_slow_one(
    seed: int, households: int, number: int, levels: int, shares: tuple[float, float, float], after: int
) -> None:
    """Broken by a rest that is one list too long, by lots shared between copies, by counting a copy twice."""
    weeks = weeks_of(seed, households, number)
    margins = np.random.default_rng(seed).integers(0, levels, len(weeks.household)).astype(np.float64)
    part = np.where(np.arange(number) < 2, -1, np.arange(number) % 2).astype(np.int8)
    rules = rules_of(after=after, taken_up=shares[0], family_said_no=shares[1], deferred=shares[2])
    draws = HouseholdDraws.of(weeks.names, draws=6, lotteries=3, seed=seed)
    replay = replay_model(weeks, margins, part, rules, draws, threads=2)
    once = np.ones(len(weeks.names), dtype=np.uint8)
    slow = [(replay.expected[n], once, draws.seeds[n]) for n in range(3)]
    slow += [(replay.drawn[n], draws.times[n], draws.seeds[3 + n]) for n in range(6)]
    for fast, times, seed_of in slow:
        expected = replay_slowly(weeks, margins, part, rules, draws.keys, times, int(seed_of))
        for number_of, total in expected.items():
            assert fast[number_of].tolist() == [total[name] for name in SLOW]


def test_an_order_that_is_too_short_is_made_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    weeks = weeks_of(2, 300, 20, places=20)
    margins = np.random.default_rng(0).normal(size=len(weeks.household))
    part = np.zeros(20, dtype=np.int8)
    draws = HouseholdDraws.of(weeks.names, draws=3, lotteries=2, seed=1)
    whole = replay_model(weeks, margins, part, rules_of(family_said_no=1.0), draws)
    monkeypatch.setattr(ListRules, "mean_rest", -2.5)
    short = replay_model(weeks, margins, part, rules_of(family_said_no=1.0), draws)
    assert (short.drawn == whole.drawn).all()
    assert (short.expected == whole.expected).all()


def test_who_is_decided_on_rests_and_the_next_moves_up() -> None:
    """One place a week, four households: with a rest of two weeks after each list the third list is not the first."""
    weeks = weeks_of(4, 4, 5, teams=1, places=1, stay=1.1)
    weeks = ListWeeks(**{**weeks.__dict__, "room": np.ones(5, dtype=np.int32)})
    margins = -(weeks.household % 4).astype(np.float64)
    listed = list_as_ranked(weeks, margins, rules_of(taken_up=1.0), seed=1)
    assert weeks.household[listed].tolist() == [0, 1, 2, 0, 1]
    undecided = list_as_ranked(weeks, margins, rules_of(taken_up=0.0), seed=1)
    assert weeks.household[undecided].tolist() == [0] * 5


def test_households_have_one_number_in_all_weeks() -> None:
    names, number = number_households([np.array([b"b", b"c"], dtype="S4"), np.array([b"a", b"b"], dtype="S4")])
    assert names[number].tolist() == [b"b", b"c", b"a", b"b"]
    assert len(names) == 3


def test_figures_are_of_the_totals() -> None:
    weeks = weeks_of(6, 40, 10)
    margins = np.random.default_rng(3).normal(size=len(weeks.household))
    part = np.zeros(10, dtype=np.int8)
    draws = HouseholdDraws.of(weeks.names, draws=4, lotteries=2, seed=1)
    rules = rules_of(taken_up=0.7)
    exposure = Exposure.of(weeks, part, draws, rules.apart)
    measured = measure_replay(replay_model(weeks, margins, part, rules, draws), exposure, 0)
    total = replay_slowly(weeks, margins, part, rules, draws.keys, draws.times[2], int(draws.seeds[4]))[0]
    copies = np.repeat(np.arange(40), draws.times[2])
    in_need = sum(bool((weeks.needed & (weeks.household == h)).any()) for h in copies)
    present = sum(int((weeks.household == h).sum()) for h in copies) / 10
    years = 70 / 365.25
    assert {name: spread.drawn[2] for name, spread in measured.items()} == pytest.approx(
        {
            "needed_of_listed": total["needed"] / total["spells"],
            "needed_of_families": total["before"] / total["families"],
            "listed_of_need": total["before"] / in_need,
            "days_before": total["days"] / total["before"],
            "unneeded_per_1000": (total["spells"] - total["needed"]) / (present * years / 1000),
            "new_of_listed": total["new"] / total["spells"],
            "new_needed_of_listed": total["new and needed"] / total["spells"],
            "places_unused": total["unused"] / (total["unused"] + total["places"]),
            "places_filled": total["places"] / years,
        }
    )


def test_lots_are_no_part_of_an_interval() -> None:
    """Who lives there spreads the draws by 2, the lots by 1.5: the interval has the 2 alone."""
    generator = np.random.default_rng(5)
    lots = Spread(10 + 1.5 * generator.normal(size=4000), 10 + np.hypot(2, 1.5) * generator.normal(size=4000))
    estimate, low, high = bound(lots, 0.95)
    assert estimate == pytest.approx(10, abs=0.1)
    assert low is not None
    assert high is not None
    assert (high - low) / (2 * 1.96) == pytest.approx(2, rel=0.05)


def test_what_no_draw_can_tell_has_no_interval() -> None:
    assert bound(Spread(np.full(5, np.nan), np.full(9, np.nan)), 0.95) == (None, None, None)
    assert bound(Spread(np.full(5, 0.5), np.r_[np.full(8, np.nan), 0.5]), 0.95) == (0.5, None, None)
    assert bound(Spread(np.full(5, 0.5), np.full(9, 0.5)), 0.95) == (0.5, 0.5, 0.5)


def test_keys_name_households_apart() -> None:
    assert len(set(name_keys(np.array([f"{n}" for n in range(500)], dtype="S8")).tolist())) == 500
