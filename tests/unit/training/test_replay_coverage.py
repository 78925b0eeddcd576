"""A simulation of the replay's intervals: how often they hold what fresh boroughs of the same kind would show.

A household has a need that comes some week, and two scores that see it through noise; scores are frozen, as models are
held fixed. The truth is the mean over 1,000 fresh populations, each with lots and decisions of its own.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pytest

from tests.resuming import draw_resuming
from training.data.list_rules import ListRules
from training.data.weeks import ListWeeks
from training.judging.bootstrap import Spread, bound
from training.judging.replay import Exposure, HouseholdDraws, measure_replay, replay_model

RULES = ListRules(7, {"taken_up": 8, "set_aside": 3}, (), {"taken_up": 0.5, "set_aside": 0.3}, 3)
HOUSEHOLDS, WEEKS, TEAMS, PLACES, HORIZON = 400, 40, 2, 2, 20
PART = np.where(np.arange(WEEKS) < RULES.burn_in, -1, 0).astype(np.int8)
FRESH, REPLICATES = range(10**6, 10**6 + 1000), range(50_000, 52_000)
"""Seeds of fresh populations and of replicates: none of those under 5,000, on which the way was chosen."""
FIGURES = ("needed_of_listed", "needed_of_families", "listed_of_need", "unneeded_per_1000", "days_before")


def population(seed: int, levels: int | None, households: int = HOUSEHOLDS) -> tuple[ListWeeks, np.ndarray, np.ndarray]:
    """Draw a population; the second score has few `levels`, where any are given, so that lots decide much."""
    generator = np.random.default_rng(seed)
    need = generator.normal(size=households)
    when = generator.exponential(30 / np.exp(0.9 * need))
    sharp, blunt = (need + noise * generator.normal(size=households) for noise in (0.8, 1.2))
    household = np.tile(np.arange(households, dtype=np.int32), WEEKS)
    week = np.repeat(np.arange(WEEKS), households)
    # Who came to need is not in the cohort any more.
    rows = np.flatnonzero((when[household] > week) & (generator.random(len(week)) < 0.95))
    weekly = 0.3 * generator.normal(size=(2, len(week)))
    margins = [(score[household] + noise)[rows] for score, noise in zip((sharp, blunt), weekly, strict=True)]
    weeks = ListWeeks(
        days=tuple(date(2024, 1, 1) + timedelta(weeks=number) for number in range(WEEKS)),
        names=np.array([f"{seed}/{number}" for number in range(households)], dtype="S16"),
        household=household[rows],
        list_of=(household % TEAMS + week * TEAMS)[rows].astype(np.int32),
        start=np.searchsorted(week[rows], np.arange(WEEKS + 1)),
        list_week=np.repeat(np.arange(WEEKS, dtype=np.int32), TEAMS),
        list_team=("one", "two") * WEEKS,
        room=np.full(WEEKS * TEAMS, PLACES, dtype=np.int32),
        labelled=np.ones(len(rows), dtype=np.bool_),
        needed=(when[household] <= week + HORIZON)[rows],
        new=np.ones(len(rows), dtype=np.bool_),
        days_until=((when[household] - week) * 7)[rows].astype(np.float32),
    )
    return weeks, margins[0], np.round(margins[1] * levels) if levels else margins[1]


def measured(seed: int, levels: int | None, draws: int, lotteries: int) -> dict[str, Spread]:
    weeks, sharp, blunt = population(seed, levels)
    drawn = HouseholdDraws.of(weeks.names, draws, lotteries, seed)
    exposure = Exposure.of(weeks, PART, drawn, RULES.apart)
    one, other = (
        measure_replay(replay_model(weeks, margins, PART, RULES, drawn), exposure, 0) for margins in (sharp, blunt)
    )
    figures = {name: one[name] for name in FIGURES} | {f"other {name}": other[name] for name in FIGURES}
    return figures | {f"{name} difference": one[name].less(other[name]) for name in FIGURES}


def draw_fresh(seed: int, levels: int | None) -> dict[str, float]:
    """Return the figures of a fresh population, by one lottery of lots and decisions."""
    return {name: float(spread.expected.mean()) for name, spread in measured(seed, levels, 2, 1).items()}


def draw_interval(seed: int, levels: int | None) -> dict[str, list[float | None]]:
    """Return by figure the estimate and both ends of its 95 % interval."""
    return {name: list(bound(spread, 0.95)) for name, spread in measured(seed, levels, 400, 40).items()}


def measure_coverage(levels: int | None) -> dict[str, float]:
    """Return by figure how often its interval held the mean over fresh populations."""
    fresh = draw_resuming(f"fresh-{levels}", FRESH, lambda seed: draw_fresh(seed, levels))
    intervals = draw_resuming(f"intervals-{levels}", REPLICATES, lambda seed: draw_interval(seed, levels))
    truth = {name: np.mean([figures[name] for figures in fresh.values()]) for name in fresh[FRESH[0]]}
    held: dict[str, int] = defaultdict(int)
    for figures in intervals.values():
        for name, (_, low, high) in figures.items():
            held[name] += low <= truth[name] <= high
    return {name: number / len(REPLICATES) for name, number in held.items()}


@pytest.mark.deep
@pytest.mark.parametrize("levels", [None, 2])
def test_95_intervals_in_100_hold_what_fresh_populations_show(levels: int | None) -> None:
    """Broken by one lot for all copies of a household, or by intervals that keep the lots' own chance."""
    coverage = measure_coverage(levels)
    # Two simulated standard errors, 0.005 each, beside 94 to 96; families' recall errs on the careful side.
    assert len(coverage) == 3 * len(FIGURES)
    assert all(coverage[name] >= 0.93 for name in coverage), coverage
    assert all(coverage[name] <= 0.985 for name in coverage), coverage
    for name in ("needed_of_listed", "other needed_of_listed", "needed_of_listed difference"):
        assert 0.93 <= coverage[name] <= 0.97, coverage
