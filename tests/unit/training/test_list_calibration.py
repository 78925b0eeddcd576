"""Calibration on lists: every group has two answers, and none is "as expected" that was not shown to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.listed_rows import rows_of, rows_of_lists
from training.judging.list_calibration import (
    FEWEST_OUTCOMES,
    OPEN,
    WITHIN,
    divide_rows,
    measure_groups,
    say_calibration,
)
from training.judging.listed_rows import ListedRows, measure_without_band


@pytest.fixture(scope="module")
def rows() -> ListedRows:
    return rows_of({number / 10: number / 10 for number in range(1, 10)}, each=120)


def spread(margins: np.ndarray, slope: float) -> np.ndarray:
    """Return likelihoods whose log odds are those of `margins`, times a slope."""
    return np.asarray(1 / (1 + ((1 - margins) / margins) ** slope))


def test_every_row_is_in_one_team_one_area_and_one_degree_of_being_seen() -> None:
    rows, times = rows_of_lists(households=400), {}
    for kind, _, inside in divide_rows(rows):
        times[kind] = times.get(kind, np.zeros(len(inside), dtype=np.int64)) + inside
    assert set(times) == {"all", "team", "area", "seen"}
    assert all((count == 1).all() for count in times.values())


def test_what_was_promised_and_followed_is_as_expected_where_enough_is_known(rows: ListedRows) -> None:
    every = measure_groups(rows, rows.margin, 0.95)[0]
    assert (every["kind"], every["n"], every["positives"]) == ("all", 1080, 540)
    assert every["observed_over_expected"]["estimate"] == pytest.approx(1.0)
    assert (every["answer"], every["slope_answer"]) == ("as expected", "as expected")


@pytest.mark.parametrize(("slope", "answer"), [(1.3, "too sure"), (0.75, "not sure enough")])
def test_a_slope_has_an_answer_of_its_own(rows: ListedRows, slope: float, answer: str) -> None:
    """As many needs as promised in all, and too few where most was promised. Broken by the ratio's answer alone."""
    every = measure_groups(rows, spread(rows.margin, slope), 0.95)[0]
    assert (every["answer"], every["slope_answer"]) == ("as expected", answer)
    bounds = every["calibration_slope"]
    assert bounds["high"] < 1 if answer == "too sure" else bounds["low"] > 1
    assert f"slope of the likelihood: {bounds['estimate']:.2f}" in say_calibration([every])


@pytest.mark.parametrize(("times", "answer"), [(0.5, "more need"), (1.6, "less need")])
def test_a_group_with_more_need_than_expected_is_named(rows: ListedRows, times: float, answer: str) -> None:
    assert measure_groups(rows, np.clip(rows.margin * times, 0.01, 0.99), 0.95)[0]["answer"] == answer


def test_a_small_group_cannot_be_told(rows: ListedRows) -> None:
    """Broken by an answer that holds 1 and half of everything besides."""
    generator = np.random.default_rng(1)
    team = np.where(generator.random(len(rows.margin)) < 0.065, "south", "north")
    team[:40] = "west"
    groups = {row["group"]: row for row in measure_groups(replace(rows, team=team), rows.margin, 0.95)}
    few, none = groups["south"], groups["west"]
    assert (few["answer"], few["slope_answer"]) == (OPEN, OPEN)
    assert few["observed_over_expected"]["low"] < WITHIN[0]
    assert few["positives"] >= FEWEST_OUTCOMES > none["positives"]
    assert (none["observed_over_expected"]["estimate"], none["answer"]) == (None, OPEN)
    assert groups["north"]["answer"] == "as expected"


def test_a_row_that_does_not_count_is_in_no_figure(rows: ListedRows) -> None:
    counted = np.arange(len(rows.margin)) % 2 == 0
    assert measure_groups(replace(rows, counted=counted), rows.margin, 0.95)[0]["n"] == 540
    assert measure_groups(replace(rows, counted=~rows.counted), rows.margin, 0.95) == []


def test_listings_of_which_too_little_is_visible_for_a_band_are_counted_with_their_share_and_needs() -> None:
    """Of 60 such listings the need followed half, of the 180 others a tenth: none of those is counted."""
    listed = rows_of({1.0: 0.5, 0.0: 0.1, -1.0: 0.1, -2.0: 0.1})
    figures = measure_without_band(replace(listed, enough=listed.margin < 1.0), 0.95)
    assert (figures["n"], figures["had_outcome"]) == (60, 30)
    assert figures["share"] == pytest.approx(0.25)
    assert 0.15 < figures["low"] < 0.25 < figures["high"] < 0.35
    nothing = measure_without_band(listed, 0.95)
    assert (nothing["n"], nothing["share"], nothing["had_outcome"]) == (0, 0, 0)
