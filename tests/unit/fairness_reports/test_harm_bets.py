"""Harm that is seen while lists run: one error for all looks, bounds that hold, and found sooner than once a year."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from statistics import median

import numpy as np
import pytest
from scipy.stats import binomtest

from charter.rules.certainty.failing import ERROR, FAIL
from fairness_reports.audit.watching.harm_bets import Spoken, bet_against, find_first_win, pair_sides, watch_harms
from tests.unit.fairness_reports.simulated_harms import (
    GATES,
    GROUPS,
    START,
    speak_at_limits,
    speak_of_listing,
    speak_of_need,
)

LISTED, REACHED = GATES["listed_ethnicity"], GATES["missed_help_of_issued_ethnicity"]
OVERRIDDEN = GATES["overridden_ethnicity"]
COMPARISONS = 63
"""As many as the shipped charter's second gate watches in the fictional borough."""


def of(values: list[float], beside: list[float], gate: object = LISTED, *, counted: bool = True) -> Spoken:
    days = [START + timedelta(weeks=i) for i in range(len(values))]
    return Spoken(gate, "A", days, np.array(values, dtype=float), np.array(beside, dtype=float),
                  counted=counted, households=len(values), others=len(values))  # fmt: skip


@pytest.mark.parametrize("fewer", [True, False])
def test_no_way_of_betting_wins_on_average_against_a_group_exactly_at_the_limit(fewer: bool) -> None:
    """Every outcome of eight households with its chance, exactly. Broken by a bet that looks at its own step."""
    odds, limit, steps = 0.3, 0.5, 8
    chance = odds * limit / (odds * limit + 1)
    average = 0.0
    for values in product([0.0, 1.0], repeat=steps):
        weight = float(np.prod([chance if value else 1 - chance for value in values]))
        stake = bet_against(of(list(values), [odds] * steps), np.array([limit]), fewer=fewer)[-1, 0]
        average += weight * float(np.exp(stake))
    assert average == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("fewer", [True, False])
@pytest.mark.parametrize("statistic", ["ratio", "difference"])
def test_neither_where_each_stands_beside_everyone_else(fewer: bool, statistic: str) -> None:
    """Of four pairs every outcome, the group's share just the limit from everyone else's."""
    limit, other, steps = (0.5, 0.4, 4) if statistic == "ratio" else (-0.1, 0.4, 4)
    own = other * limit if statistic == "ratio" else other + limit
    gate = REACHED.replace(statistic=statistic, limit=limit)
    average = 0.0
    for outcome in product([0.0, 1.0], repeat=2 * steps):
        values, beside = list(outcome[:steps]), list(outcome[steps:])
        weight = np.prod([own if value else 1 - own for value in values])
        weight *= np.prod([other if value else 1 - other for value in beside])
        stake = bet_against(of(values, beside, gate, counted=False), np.array([limit]), fewer=fewer)[-1, 0]
        average += float(weight) * float(np.exp(stake))
    assert average == pytest.approx(1.0, abs=1e-12)


def test_a_bet_never_loses_more_than_three_quarters() -> None:
    rng = np.random.default_rng(5)
    for fewer in (True, False):
        worst = of([1.0 if fewer else 0.0] * 40, [0.05] * 40)
        stakes = np.diff(bet_against(worst, np.array([0.1, 1.0, 5.0]), fewer=fewer), axis=0)
        assert (stakes >= np.log(0.25) - 1e-9).all()
        pairs = of(rng.random(60).tolist(), rng.random(60).tolist(), OVERRIDDEN, counted=False)
        assert np.isfinite(bet_against(pairs, np.linspace(0.01, 16, 50), fewer=fewer)).all()


def test_bounds_hold_narrow_and_face_the_limit() -> None:
    rng = np.random.default_rng(6)
    half = speak_of_listing(rng, "listed_ethnicity", 0.2, 0.2, 110_000)
    (found,) = watch_harms([half], ERROR)
    assert found["alarm"] is not None
    low, high = found["interval"]
    assert low < 0.2 < high < LISTED.limit
    assert 0.1 < found["value"] < 0.3
    early = replace(half, days=half.days[:300], values=half.values[:300], beside=half.beside[:300])
    (before,) = watch_harms([early], ERROR)
    assert (before["interval"][0] or 0) <= low
    assert before["interval"][1] >= high
    # Too much is a harm as well: overridden twice as often, where one and a half times is the limit.
    more = of(*(np.repeat(side, 400).tolist() for side in ([0.6], [0.2])), OVERRIDDEN, counted=False)
    (told,) = watch_harms([more], ERROR)
    assert told["alarm"] is not None
    assert told["interval"][0] > 1.5
    (nobody,) = watch_harms([of([], [])], ERROR)
    assert (nobody["value"], nobody["interval"], nobody["alarm"]) == (None, None, None)


def test_whoever_has_no_partner_waits_and_many_stand_beside_one() -> None:
    days = [START, START + timedelta(weeks=1), START + timedelta(weeks=2)]
    mine, rest = ([1.0], [0.0, 1.0], [1.0, 1.0, 0.0]), ([], [0.0, 1.0, 0.0, 0.0, 1.0, 0.0], [1.0])
    steps, values, beside = pair_sides(days, [np.array(x) for x in mine], [np.array(x) for x in rest])
    assert steps == [days[1]] * 3 + [days[2]]
    assert values.tolist() == [1.0, 0.0, 1.0, pytest.approx(2 / 3)]
    assert beside.tolist() == [0.5, 0.0, 0.5, 1.0]


def count_alarms(homes: int, years: int, seed: int) -> int:
    """Return in how many of so many runs of two years any of ten comparisons, all at the limit, was ever called."""
    rng = np.random.default_rng(seed)
    return sum(
        any(series["alarm"] for series in watch_limits(speak_at_limits(rng, homes), ERROR)) for _ in range(years)
    )


def watch_limits(spoken: list[Spoken], error: float) -> list[dict[str, str | None]]:
    """Return the alarms alone: bounds at every gap of the grid cost a hundred times as much."""
    level = error / len(spoken)
    steps = [
        find_first_win(bet_against(one, np.array([one.gate.limit]), fewer=one.gate.at_least)[:, 0], level)
        for one in spoken
    ]
    return [
        {"alarm": None if step is None else one.days[step].isoformat()} for one, step in zip(spoken, steps, strict=True)
    ]


def test_a_group_exactly_at_its_limit_is_hardly_ever_called_at_any_look() -> None:
    """Broken by the level of each comparison alone, and by a fixed test at every list."""
    alarms = count_alarms(10_000, 30, 7)
    assert binomtest(alarms, 30, ERROR, alternative="greater").pvalue > 0.001, alarms


@pytest.mark.deep
@pytest.mark.parametrize("homes", [10_000, 110_000])
def test_the_error_over_all_looks_is_kept_with_every_group_at_its_limit(homes: int) -> None:
    """Two years of lists, ten comparisons, every one exactly at its limit: at most 5 of 100 ever called."""
    runs = 2000 if homes == 10_000 else 1000
    alarms = count_alarms(homes, runs, 8)
    # What looking at every list with a test made for one look would do, of the largest group's listing alone.
    rng, wolves = np.random.default_rng(9), 0
    for _ in range(300):
        spoken = speak_of_listing(rng, "listed_ethnicity", GROUPS[0], LISTED.limit, homes)
        expected = LISTED.limit * spoken.beside / (LISTED.limit * spoken.beside + 1)
        away = np.cumsum(expected - spoken.values) / np.sqrt(np.cumsum(expected * (1 - expected)))
        wolves += bool((away[30:] > FAIL).any())
    print(f"\n{homes:,} homes: {alarms} of {runs} called; looked at with a fixed test: {wolves} of 300")
    assert binomtest(alarms, runs, ERROR, alternative="greater").pvalue > 0.001, alarms
    assert wolves / 300 > 2 * ERROR


def fail_at_the_year(spoken: Spoken, day: date) -> bool:
    """Whether one look at so many standard errors as failing asks for, on that day, finds it beyond the limit."""
    steps = sum(one < day for one in spoken.days)
    values, beside, limit = spoken.values[:steps], spoken.beside[:steps], spoken.gate.limit
    if spoken.counted:
        expected = limit * beside / (limit * beside + 1)
        error = np.sqrt((expected * (1 - expected)).sum())
        return bool((expected - values).sum() >= FAIL * error)
    away = limit * beside - values
    return bool(away.mean() >= FAIL * away.std() / np.sqrt(steps))


@pytest.mark.deep
@pytest.mark.parametrize("homes", [10_000, 30_000, 110_000])
def test_harm_is_found_sooner_than_by_the_yearly_question(homes: int) -> None:
    """A group of 18 in 100: hardly listed, or of those in need fewer reached; as one of all comparisons there are."""
    rng, runs, year = np.random.default_rng(10), 200, date(START.year + 1, START.month, START.day)
    middles = []
    for kind, gate, speak, ratio in (
        ("listed at 0.1 of everyone else's rate", "listed_ethnicity", speak_of_listing, 0.1),
        ("listed at 0.25 of everyone else's rate", "listed_ethnicity", speak_of_listing, 0.25),
        ("reached 0.25 as often", "missed_help_of_issued_ethnicity", speak_of_need, 0.25),
        ("reached half as often", "missed_help_of_issued_ethnicity", speak_of_need, 0.5),
    ):
        drawn = [speak(rng, gate, 0.18, ratio, homes) for _ in range(runs)]
        alarms = [watch_limits([one], ERROR / COMPARISONS)[0]["alarm"] for one in drawn]
        weeks = sorted((date.fromisoformat(alarm) - START).days / 7 if alarm else 999.0 for alarm in alarms)
        within, ever = (sum(week < most for week in weeks) for most in (52, 999))
        middle = f"{median(weeks):.0f}" if median(weeks) < 999 else "over 104"
        yearly = sum(fail_at_the_year(one, year) for one in drawn)
        told = [f"{100 * count / runs:.0f}" for count in (yearly, within, ever)]
        print(f"\n| {homes:,} | {kind} | {' | '.join(told)} | {middle} |")
        middles.append(median(weeks))
    # Where there are lists enough, the plainest harm is found within weeks.
    assert homes < 110_000 or middles[0] < 13
