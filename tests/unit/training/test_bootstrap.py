"""Lists and their resamples, against a slow reading of the same rules."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.stats import poisson  # type: ignore[import-untyped]  # it ships no types
from sklearn.metrics import average_precision_score, roc_auc_score

from charter.contracts.matrix import Matrix
from charter.council.council import Council
from charter.errors import DataError
from training.data.dataset import Dataset
from training.data.lists import Period, Places
from training.judging.bootstrap import Draws, find_interval, find_interval_around
from training.judging.evaluation import _by_lot
from training.judging.metrics import Order, measure_at_capacity, measure_likelihood, measure_order


def period_of(seed: int = 1, households: int = 40, days: int = 3, room: int = 4) -> Period:
    """Rows of some households at some dates in two teams, a few without a team or a label."""
    generator = np.random.default_rng(seed)
    day = np.repeat(np.arange(days, dtype=np.int32), households)
    team = np.tile(generator.integers(-1, 2, households), days)
    names = np.array([f"{number:032x}".encode() for number in range(households)], dtype="S32")
    return Period(
        days=tuple(date(2024, month + 1, 1) for month in range(days)),
        day=day,
        entity=np.tile(names, days),
        household=np.tile(np.arange(households, dtype=np.int32), days),
        group=np.where(team < 0, -1, day * 2 + team).astype(np.int32),
        group_team=("east", "west") * days,
        group_day=np.repeat(np.arange(days, dtype=np.int32), 2),
        room=np.full(days * 2, room, dtype=np.int64),
        labels=generator.choice(np.array([-1, 0, 0, 0, 1, 1], dtype=np.int8), len(day)),
        components=np.zeros((len(day), 1), dtype=bool),
        lead_days=np.full(len(day), np.nan),
        in_touch=np.zeros(len(day), dtype=bool),
        area=np.zeros(len(day), dtype="S9"),
    )


def drawn_slowly(period: Period, place: Any, times: Any) -> tuple[float, float]:
    """Write each resample out row by row: a household drawn twice stands twice, next to itself."""
    listed = found = 0
    for group, room in enumerate(period.room):
        left = int(room)
        for row in sorted(np.flatnonzero(period.group == group), key=lambda row: place[row]):
            for _ in range(times[period.household[row]]):
                if left:
                    left -= 1
                    listed += period.labels[row] >= 0
                    found += period.labels[row] == 1
    return float(listed), float(found)


@pytest.mark.parametrize("room", [1, 4, 13, 60])
def test_every_resample_is_cut_as_if_its_rows_were_written_out(room: int) -> None:
    period = period_of(room=room)
    margins = np.random.default_rng(9).integers(0, 6, len(period.labels)).astype(float)
    place = period.places(margins)
    draws = Draws.of(period, 100, seed=3)
    counts = draws.at_capacity(place)
    for resample, times in enumerate(draws.times):
        assert (counts.listed[resample].sum(), counts.found[resample].sum()) == drawn_slowly(period, place, times)


def test_the_first_row_is_the_sample_itself() -> None:
    period = period_of()
    margins = np.random.default_rng(2).random(len(period.labels))
    place = period.places(margins)
    draws = Draws.of(period, 100, seed=1)
    listed = period.listed(place)
    counts = draws.at_capacity(place)
    assert counts.found[0].sum() == (listed & period.positive).sum()
    assert counts.listed[0].sum() == (listed & period.labelled).sum()
    assert draws.total(period.positive.astype(float))[0] == period.positive.sum()


def test_households_are_drawn_whole_and_as_many_as_there_are() -> None:
    draws = Draws.of(period_of(), 200, seed=4)
    assert (draws.times.sum(axis=1) == 40).all()
    doubled = draws.total(np.ones(len(draws.period.labels)))
    assert (doubled == 120).all()


def test_the_same_seed_draws_the_same() -> None:
    period = period_of()
    assert np.array_equal(Draws.of(period, 100, 5).times, Draws.of(period, 100, 5).times)
    assert not np.array_equal(Draws.of(period, 100, 5).times, Draws.of(period, 100, 6).times)


def test_a_list_follows_margins_and_then_the_lottery_within_date_and_team() -> None:
    period = period_of(room=3)
    place = period.places(np.zeros(len(period.labels)))
    assert (place[period.group < 0] == 0).all()
    for group in range(len(period.room)):
        rows = period.group == group
        assert sorted(place[rows]) == list(range(1, rows.sum() + 1))
    first_day, second_day = (set(period.household[period.listed(place) & (period.day == day)]) for day in (0, 1))
    assert first_day != second_day


def test_areas_equal_scikit_learns_with_ties_and_weights() -> None:
    generator = np.random.default_rng(8)
    margins = generator.integers(0, 12, 500).astype(float)
    labels = generator.random(500) < 0.2 + margins / 40
    weight = generator.integers(0, 4, 500)
    order = np.argsort(-margins, kind="stable")
    average, auroc = Order.of(margins[order], labels[order]).areas(weight[order].astype(np.uint8))
    assert average == pytest.approx(average_precision_score(labels, margins, sample_weight=weight), abs=1e-12)
    assert auroc == pytest.approx(roc_auc_score(labels, margins, sample_weight=weight), abs=1e-12)


def test_areas_without_both_classes_cannot_be_told() -> None:
    every = np.ones(4, dtype=np.uint8)
    for positive in (np.zeros(4, dtype=bool), np.ones(4, dtype=bool)):
        assert np.isnan(Order.of(np.arange(4.0)[::-1], positive).areas(every)).all()


def test_figures_of_a_list_small_enough_to_count() -> None:
    """Ten labelled rows, four outcomes; three listed, two of them with the outcome."""
    period = period_of(households=12, days=1, room=3)
    labels = np.array([1, 1, 0, 0, 0, 0, 0, 0, 1, 1, -1, -1], dtype=np.int8)
    one_team = np.zeros(12, dtype=np.int32)
    period = Period(**{**vars_of(period), "labels": labels, "group": one_team, "room": np.array([3, 0])})
    place = period.places(np.arange(12, 0, -1).astype(float))
    draws = Draws.of(period, 100, 1)
    positives, labelled = (draws.total(rows.astype(float)) for rows in (period.positive, period.labelled))
    values = {
        name: value[0] for name, value in measure_at_capacity(draws.at_capacity(place), positives, labelled).items()
    }
    assert values == pytest.approx(
        {
            "listed": 3,
            "found": 2,
            "missed": 2,
            "precision": 2 / 3,
            "recall": 1 / 2,
            "false_positives_per_found": 1 / 2,
            "lift": (2 / 3) / (4 / 10),
        }
    )


def vars_of(period: Period) -> dict[str, Any]:
    return {name: getattr(period, name) for name in Period.__dataclass_fields__}


def test_likelihood_figures_leave_rows_without_a_label_out() -> None:
    period = period_of()
    score = np.full(len(period.labels), 0.25)
    values = measure_likelihood(Draws.of(period, 100, 1), score)
    share = period.positive[period.labelled].mean()
    assert values["observed_over_expected"][0] == pytest.approx(share / 0.25)
    assert values["brier"][0] == pytest.approx(((0.25 - period.positive[period.labelled]) ** 2).mean())


def test_the_whole_order_is_judged_on_labelled_rows() -> None:
    period = period_of()
    margins = np.random.default_rng(3).random(len(period.labels))
    known = period.labelled
    values = measure_order(Draws.of(period, 100, 1), margins)
    assert values["auroc"][0] == pytest.approx(roc_auc_score(period.positive[known], margins[known]))
    assert values["average_precision"][0] == pytest.approx(
        average_precision_score(period.positive[known], margins[known])
    )


def test_an_interval_needs_most_resamples_to_define_the_figure() -> None:
    assert find_interval(np.array([np.nan] * 20 + [0.5] * 80), 0.95) == (None, None)
    low, high = find_interval(np.linspace(0, 1, 1001), 0.95)
    assert (low, high) == pytest.approx((0.025, 0.975))


def test_intervals_contain_the_truth_about_as_often_as_they_say() -> None:
    """Draw small samples from a known process and count how often the recall interval holds its expected value."""
    hits, generator = 0, np.random.default_rng(11)
    trials = 120
    need = 0.3
    for trial in range(trials):
        period = period_of(seed=trial, households=150, days=2, room=25)
        labels = np.repeat((generator.random(150) < need)[None], 2, axis=0).ravel().astype(np.int8)
        period = Period(**{**vars_of(period), "labels": labels})
        place = period.places(np.zeros(len(labels)))
        counts = Draws.of(period, 200, trial).at_capacity(place)
        low, high = find_interval(counts.precision()[1:], 0.95)
        assert low is not None
        assert high is not None
        hits += low <= need <= high
    assert hits / trials >= 0.88


def days_of_cases(seed: int, days: int, cases: float, room: int) -> Period:
    """Return days to which each a few cases come, some more than there are places; each case is its own household."""
    generator = np.random.default_rng(seed)
    number = generator.poisson(cases, days)
    day = np.repeat(np.arange(days, dtype=np.int32), number)
    rows = len(day)
    values = vars_of(period_of(households=1, days=1)) | {
        "days": tuple(date(2024, 1, 1) + timedelta(days=days) for days in range(days)),
        "day": day,
        "entity": np.array([f"{row:032x}".encode() for row in range(rows)], dtype="S32"),
        "household": np.arange(rows, dtype=np.int32),
        "group": day,
        "group_team": ("east",) * days,
        "group_day": np.arange(days, dtype=np.int32),
        "room": np.full(days, room, dtype=np.int64),
        "labels": (generator.random(rows) < 0.3).astype(np.int8),
        "components": np.zeros((rows, 1), dtype=bool),
        "lead_days": np.full(rows, np.nan),
        "in_touch": np.zeros(rows, dtype=bool),
        "area": np.zeros(rows, dtype="S9"),
    }
    return Period(**values)


def test_a_figure_lies_in_its_interval_where_a_day_has_about_as_many_cases_as_places() -> None:
    """Listed and found of days that are hardly full: resampled lists hold fewer, and that is put back."""
    trials, days, cases, room = 150, 60, 10.0, 11
    expected = 0.3 * days * sum(min(number, room) * poisson.pmf(number, cases) for number in range(60))
    inside = plain = 0
    for trial in range(trials):
        period = days_of_cases(trial, days, cases, room)
        counts = Draws.of(period, 200, trial).at_capacity(period.places(np.zeros(len(period.day))))
        for measure in (counts.listed, counts.found):
            value = measure.sum(axis=1)
            low, high = find_interval_around(value[0], value[1:], 0.95)
            assert low is not None
            assert high is not None
            assert low <= value[0] <= high
            bottom, top = find_interval(value[1:], 0.95)
            assert bottom is not None
            assert top is not None
            plain += measure is counts.listed and not bottom <= value[0] <= top
        inside += low <= expected <= high
    assert plain > 0.5 * trials, "plain percentiles are to miss their own figure here, or this shows nothing"
    assert inside / trials >= 0.9


def test_a_capacity_above_the_cohort_is_refused(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    day = data.dates[0]
    with pytest.raises(DataError, match=r"team north has 100000 places on 2020-09-01 and only \d+ in the cohort"):
        Places.of(data, [day], {day: {"north": 100_000}}, council)


def test_every_area_belongs_to_its_team(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    day = data.dates[0]
    places = Places.of(data, [day], {day: {team.id: 8 for team in council.teams}}, council)
    serving = council.teams_by_area(day)
    for area, team in zip(data.at(day).area[:200], places.teams[day], strict=False):
        assert serving[bytes(area).decode()].id == team


def test_counts_by_area_are_those_of_the_same_lists_taken_apart() -> None:
    """In every resample the areas add up to the teams, and an area's count is what a slow reading gives."""
    period = period_of(seed=4)
    generator = np.random.default_rng(4)
    part = generator.integers(0, 5, len(period.day))
    place = period.places(generator.normal(size=len(period.day)))
    draws = Draws.of(period, 50, 1)
    by_area, by_team = draws.at_capacity(place, part=part), draws.at_capacity(place)
    assert np.allclose(by_area.listed.sum(axis=1), by_team.listed.sum(axis=1))
    assert np.allclose(by_area.found.sum(axis=1), by_team.found.sum(axis=1))
    listed = period.listed(place) & period.labelled
    for area in range(5):
        assert by_area.listed[0, area] == (listed & (part == area)).sum()
        assert by_area.found[0, area] == (listed & period.positive & (part == area)).sum()


def test_places_by_lot_are_those_whose_equals_got_none() -> None:
    period = period_of(seed=5, room=3)
    lots = np.zeros(len(period.day))
    assert _by_lot(period, lots, period.places(lots)) == 3 * len(period.room)
    clear = np.random.default_rng(5).normal(size=len(period.day))
    assert _by_lot(period, clear, period.places(clear)) == 0


@pytest.mark.parametrize("few", [2, 11, 40])
def test_a_total_is_the_sum_over_the_drawn_households_however_few_count(few: int) -> None:
    period = period_of()
    draws = Draws.of(period, 50, seed=3)
    value = np.where(period.household < few, np.arange(len(period.household)), 0.0)
    expected = [(times[period.household] * value).sum() for times in draws.times.astype(np.float64)]
    assert draws.total(value) == pytest.approx(expected, rel=1e-5)
