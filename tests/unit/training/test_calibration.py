from __future__ import annotations

import numpy as np
import pytest

from charter.errors import DataError
from training.data.lists import Period
from training.judging.bootstrap import Draws
from training.judging.calibration import (
    Margins,
    Platt,
    fit_platt,
    fit_slope_and_intercept,
    measure_slope,
    move_intercept,
    refuse_backwards,
    scale_margins,
)

TRUE = Platt(0.7, -1.5, 0, 0)


def drawn(rows: int = 20_000, seed: int = 1, each: int = 1) -> tuple[np.ndarray, Period]:
    """Margins, and outcomes drawn with the likelihood that TRUE gives them; each household `each` times."""
    from datetime import date

    generator = np.random.default_rng(seed)
    margins = np.repeat(generator.normal(0, 2, rows // each), each)
    outcome = np.repeat(generator.random(rows // each), each) < TRUE.likelihood(margins)
    number = np.arange(rows // each).repeat(each).astype(np.int32)
    period = Period(
        days=(date(2024, 1, 1),),
        day=np.zeros(rows, dtype=np.int32),
        entity=np.char.mod("%032x", number).astype("S32"),
        household=number,
        group=np.full(rows, -1, dtype=np.int32),
        group_team=(),
        group_day=np.zeros(0, dtype=np.int32),
        room=np.zeros(0, dtype=np.int64),
        labels=outcome.astype(np.int8),
        components=np.zeros((rows, 0), dtype=bool),
        lead_days=np.full(rows, np.nan),
        in_touch=np.zeros(rows, dtype=bool),
        area=np.zeros(rows, dtype="S9"),
    )
    return margins, period


def test_the_scaling_finds_the_one_that_made_the_outcomes() -> None:
    margins, period = drawn()
    found = fit_platt(margins, period.labels)
    assert found.slope == pytest.approx(TRUE.slope, abs=0.03)
    assert found.intercept == pytest.approx(TRUE.intercept, abs=0.05)


def test_likelihoods_rise_with_margins_so_bands_follow_the_ranking() -> None:
    margins, period = drawn(2000)
    likely = fit_platt(margins, period.labels).likelihood(np.sort(margins))
    assert (np.diff(likely) >= 0).all()


def test_a_newer_period_moves_the_intercept_and_leaves_the_slope() -> None:
    margins, period = drawn(8000)
    found = fit_platt(margins, period.labels)
    rarer = np.where(np.arange(8000) % 2 == 0, 0, period.labels).astype(np.int8)
    moved = move_intercept(found, margins, rarer)
    assert moved.slope == found.slope
    assert moved.likelihood(margins).sum() == pytest.approx(rarer.sum(), rel=0.01)


def test_a_scaling_of_several_periods_expects_what_the_nearest_one_had() -> None:
    parts = []
    for seed, keep in ((1, 1.0), (2, 0.5)):
        margins, period = drawn(6000, seed)
        kept = np.random.default_rng(seed).random(6000) < keep
        parts.append(Margins(margins, np.where(kept, period.labels, 0).astype(np.int8)))
    for nearest in (0, 1):
        part = parts[nearest]
        expected = scale_margins(parts, nearest).likelihood(part.margins).sum()
        assert expected == pytest.approx((part.labels == 1).sum(), rel=0.01)
    assert scale_margins(parts, 0).slope == scale_margins(parts, 1).slope


def test_few_rows_are_held_back_from_certainty() -> None:
    """Platt's targets: perfectly separated rows still give no likelihood of 0 or 1."""
    margins = np.array([-1.0, -0.9, 0.9, 1.0])
    likely = fit_platt(margins, np.array([0, 0, 1, 1], dtype=np.int8)).likelihood(margins)
    assert 0.1 < likely[0] < 0.3 < 0.7 < likely[-1] < 0.9


def test_margins_without_any_spread_give_the_overall_share() -> None:
    labels = np.array([0] * 90 + [1] * 10, dtype=np.int8)
    scaling = fit_platt(np.zeros(100), labels)
    assert scaling.slope == 0.0
    assert scaling.likelihood(np.zeros(1))[0] == pytest.approx(11 / 102)


def test_true_likelihoods_have_slope_one_and_the_interval_holds_it() -> None:
    margins, period = drawn(each=4, seed=2)
    figures = fit_slope_and_intercept(Draws.of(period, 100, 1), TRUE.likelihood(margins), 0.95)
    estimate, low, high = figures["calibration_slope"]
    assert low < 1.0 < high
    assert estimate == pytest.approx(1.0, abs=0.1)
    assert figures["calibration_in_the_large"][1] < 0.0 < figures["calibration_in_the_large"][2]


def test_overconfident_likelihoods_have_a_slope_below_one() -> None:
    margins, period = drawn()
    bold = Platt(TRUE.slope * 2, TRUE.intercept, 0, 0).likelihood(margins)
    estimate, _, high = fit_slope_and_intercept(Draws.of(period, 100, 1), bold, 0.95)["calibration_slope"]
    assert high < 1.0
    assert estimate == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("likelihoods", "rows", "needs"),
    [((0.0433235, 0.0434603), (9, 12), (0, 1)), ((4.949e-9, 5.3993e-9), (6, 2), (1, 2)), ((0.1, 0.9), (8, 8), (0, 8))],
)
def test_likelihoods_that_hardly_differ_or_part_the_outcomes_have_no_slope(
    likelihoods: tuple[float, float], rows: tuple[int, int], needs: tuple[int, int]
) -> None:
    """Broken by taking wherever fifty steps ended: where that overflows, or a slope of no width."""
    score = np.repeat(likelihoods, rows)
    needed = np.concatenate([np.arange(number) < need for number, need in zip(rows, needs, strict=True)])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        figures = measure_slope(score, needed, np.arange(len(score), dtype=np.int32), np.ones(len(score)), 0.95)
    assert figures == {}


def test_rows_of_one_household_do_not_count_as_so_many_households() -> None:
    margins, alone = drawn(2000)
    _, low, high = fit_slope_and_intercept(Draws.of(alone, 100, 1), TRUE.likelihood(margins), 0.95)["calibration_slope"]
    margins, four = drawn(8000, each=4)
    _, low4, high4 = fit_slope_and_intercept(Draws.of(four, 100, 1), TRUE.likelihood(margins), 0.95)[
        "calibration_slope"
    ]
    assert (high4 - low4) == pytest.approx(high - low, rel=0.15)


def test_a_row_of_half_the_weight_is_half_a_row() -> None:
    """Two copies of each row at half the weight are the rows themselves. Broken by weights that are not used."""
    margins, period = drawn(4000)
    score, needed, household = TRUE.likelihood(margins), period.positive, period.household
    once = measure_slope(score, needed, household, np.ones(4000), 0.95)
    twice = measure_slope(*(np.tile(part, 2) for part in (score, needed, household)), np.full(8000, 0.5), 0.95)
    for name in ("calibration_slope", "calibration_in_the_large"):
        assert twice[name] == pytest.approx(once[name])
    assert measure_slope(score, np.zeros(4000, dtype=bool), household, np.ones(4000), 0.95) == {}


def test_a_model_that_orders_backwards_is_refused() -> None:
    refuse_backwards("points", Platt(0.2, 0.0, 10, 5))
    with pytest.raises(DataError, match="no better than chance"):
        refuse_backwards("points", Platt(-0.2, 0.0, 10, 5))
