"""Watching for drift: intervals that hold at every moment, alarms that are rare, and changes that are found."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from fairness_reports.audit.watching.drift import Series, bound_sequence, watch_series
from fairness_reports.audit.watching.watch import SMALL, SMALL_SELECTION, measure_tolerance

START = date(2026, 1, 5)
ALARMS = 0.05


def year(rng: np.random.Generator, mean: float, size: int, *, after: float | None = None, week: int = 0) -> Series:
    """Return a year of weekly lists of `size` households; from `week` on with the mean `after`."""
    means = [mean if after is None or number < week else after for number in range(52)]
    values = [(START + timedelta(weeks=i), (rng.random(size) < one).astype(float)) for i, one in enumerate(means)]
    return Series("a series", "selection", mean, 0.0, values)


def test_a_sequence_holds_the_mean_and_narrows() -> None:
    values = (np.random.default_rng(1).random(3000) < 0.3).astype(float)
    low, high = bound_sequence(values, 0.05)
    assert (low <= 0.3).all()
    assert (high >= 0.3).all()
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) <= 0).all()
    assert high[-1] - low[-1] < 0.12 < high[20] - low[20]


def test_what_never_varies_is_soon_sure() -> None:
    low, high = bound_sequence(np.ones(500), 0.05)
    assert low[-1] > 0.95
    assert high[-1] == 1.0


def test_a_large_change_is_found_and_a_tolerated_one_is_not() -> None:
    rng = np.random.default_rng(2)
    changed = year(rng, 0.3, 30, after=0.6, week=20)
    tolerant = Series("b", "input", 0.3, 0.4, changed.values)
    found, quiet = watch_series([changed, tolerant], ALARMS)
    assert found["alarm"] is not None
    assert date.fromisoformat(found["alarm"]) >= START + timedelta(weeks=20)
    assert quiet["alarm"] is None
    assert quiet["interval"] is not None


def test_nothing_to_watch_is_no_alarm() -> None:
    (found,) = watch_series([Series("nobody", "coverage", 0.5, 0.05, [(START, np.zeros(0))])], ALARMS)
    assert (found["n"], found["interval"], found["alarm"], found["mean"]) == (0, None, None, None)


def fair_year(rng: np.random.Generator) -> list[Series]:
    """Return every kind of series that a live report watches, of a year in which nothing changed.

    One score, 40 pieces of data and 9 services' sight of the same 24 households a week, and 12 groups among 4 newly
    listed; all of a household go with one trait of it. References are those of a test, with its own error: 3,000
    households, and lists of 120.
    """
    high, often = rng.uniform(0.01, 0.5, 40), np.r_[1.0, 1.0, 0.999, rng.uniform(0.05, 0.95, 6)]
    groups = rng.dirichlet(np.full(12, 2.0))

    def watched_of(households: int) -> np.ndarray:
        trait, own = rng.normal(size=(households, 1)), rng.normal(size=(households, 41))
        above = 0.6 * trait + 0.8 * own > norm.isf(np.r_[0.2, high])
        members = rng.integers(1, 6, (households, 1))
        sight = rng.binomial(members, often) / members
        return np.hstack([above, sight])

    def listed_of(households: int) -> np.ndarray:
        return np.stack([rng.multinomial(3, share) for share in rng.dirichlet(groups * 2, households)]) / 3

    weeks = [START + timedelta(weeks=i) for i in range(52)]
    kinds = ["score", *["input"] * 40, *["coverage"] * 9]
    found = []
    for of, about, tested, size, small in (
        (watched_of, kinds, 3000, 24, {"points": SMALL}),
        (listed_of, ["selection"] * 12, 120, 4, {"spreads": SMALL_SELECTION}),
    ):
        values_tested, lists = of(tested), [(day, of(size)) for day in weeks]
        reference = values_tested.mean(axis=0)
        for number, kind in enumerate(about):
            values = [(day, rows[:, number]) for day, rows in lists]
            tolerance = measure_tolerance(values_tested[:, number], **small)
            found.append(Series(f"{kind} {number}", kind, float(reference[number]), tolerance, values))
    return found


def test_a_tolerance_follows_the_spread_and_narrows_with_what_was_tested() -> None:
    few, many = np.repeat([0.0, 1.0], [80, 20]), np.repeat([0.0, 1.0], [80_000, 20_000])
    assert measure_tolerance(few, spreads=SMALL_SELECTION) == pytest.approx(0.08 + 1.96 * 0.04, abs=1e-4)
    assert measure_tolerance(many, spreads=SMALL_SELECTION) == pytest.approx(0.08, abs=0.003)
    assert measure_tolerance(many, points=SMALL) == pytest.approx(0.05, abs=0.003)


@pytest.mark.deep
def test_false_alarms_stay_within_five_in_a_hundred_years_over_all_series() -> None:
    rng = np.random.default_rng(3)
    years, wolves = 150, 0
    for _ in range(years):
        found = watch_series(fair_year(rng), ALARMS)
        assert {one["about"] for one in found} == {"score", "input", "coverage", "selection"}
        wolves += any(one["alarm"] for one in found)
    print(f"{wolves} of {years} fair years with a false alarm, {len(found)} series of all kinds together")
    assert binomtest(wolves, years, ALARMS, alternative="greater").pvalue > 0.001, wolves


@pytest.mark.deep
def test_false_alarms_of_series_without_any_tolerance_stay_within_five_in_a_hundred_years() -> None:
    rng = np.random.default_rng(3)
    years, wolves = 300, 0
    for _ in range(years):
        found = watch_series([year(rng, mean, 12) for mean in (0.05, 0.2, 0.5, 0.9)], ALARMS)
        wolves += any(one["alarm"] for one in found)
    print(f"{wolves} of {years} fair years with a false alarm, 4 series without tolerance")
    assert binomtest(wolves, years, ALARMS, alternative="greater").pvalue > 0.001, wolves


@pytest.mark.deep
@pytest.mark.parametrize(("after", "weeks"), [(0.30, 40), (0.40, 10), (0.60, 4)])
def test_the_median_delay_to_find_a_planted_drift(after: float, weeks: int) -> None:
    """One of forty series, thirty households a week, drifts from 0.2 at week 13."""
    rng = np.random.default_rng(4)
    delays = []
    for _ in range(60):
        drifting = year(rng, 0.2, 30, after=after, week=13)
        found = watch_series([drifting, *[Series("quiet", "input", 0.5, 0.5, [(START, np.zeros(0))])] * 39], ALARMS)[0]
        alarm = found["alarm"]
        delays.append((date.fromisoformat(alarm) - START).days / 7 - 13 if alarm else np.inf)
    print(f"drift from 0.2 to {after}: median delay {np.median(delays):g} weeks")
    assert np.median(delays) <= weeks
