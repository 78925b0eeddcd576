"""Calibration by group: teams, areas, how much is seen; and nothing said of small groups."""

from __future__ import annotations

import numpy as np
import pytest

from charter.contracts.matrix import Matrix
from charter.council.council import Council
from training.data.dataset import Dataset
from training.data.lists import Period, Places
from training.judging.bootstrap import Draws
from training.judging.calibration_by_group import FEWEST_POSITIVES, divide_groups, measure_groups


@pytest.fixture(scope="module")
def data(shared_matrix: Matrix) -> Dataset:
    from charter.invocation import shipped_council

    return Dataset.open(shared_matrix, Council.load(shipped_council()).serving("early_help"))


@pytest.fixture(scope="module")
def period(data: Dataset) -> Period:
    days = [day for day in data.dates if data.matures(day) <= data.taken_at][-20:]
    places = {day: {team.id: 8 for team in data.council.teams} for day in days}
    return Period.of(data, days, Places.of(data, days, places, data.council))


def test_every_row_is_in_one_team_one_area_and_one_degree_of_being_seen(data: Dataset, period: Period) -> None:
    times: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
    for kind, _, rows in divide_groups(data, period):
        times[kind] = times.get(kind, np.zeros(len(rows), dtype=np.int64)) + rows
    assert set(times) == {"team", "area", "seen"}
    assert all((count == 1).all() for count in times.values())


def test_a_group_below_a_hundred_outcomes_is_insufficient_and_others_have_intervals(
    data: Dataset, period: Period
) -> None:
    rate = float(period.positive[period.labelled].mean())
    draws = Draws.of(period, 200, 1)
    made = measure_groups(data, draws, np.full(len(period.labels), rate), 0.95)
    assert {row["kind"] for row in made} == {"team", "area", "seen"}
    for row in made:
        few = row["positives"] < FEWEST_POSITIVES
        assert (row["answer"] == "insufficient") == few
        assert (row["observed_over_expected"]["low"] is None) == few
    team = next(row for row in made if row["kind"] == "team" and row["answer"] != "insufficient")
    inside = next(rows for kind, name, rows in divide_groups(data, period) if (kind, name) == ("team", team["group"]))
    observed = period.positive[inside & period.labelled]
    assert team["observed_over_expected"]["estimate"] == pytest.approx(observed.mean() / rate)


def test_a_group_with_twice_the_need_expected_is_named(data: Dataset, period: Period) -> None:
    rate = float(period.positive[period.labelled].mean())
    made = measure_groups(data, Draws.of(period, 200, 1), np.full(len(period.labels), rate / 2), 0.95)
    assert {row["answer"] for row in made} <= {"more need", "insufficient"}
    assert "more need" in {row["answer"] for row in made}
