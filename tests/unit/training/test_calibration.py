from __future__ import annotations

import numpy as np
import pytest

from charter.council.training_settings import Band
from charter.errors import DataError
from training.data.lists import Period
from training.judging.bootstrap import Draws
from training.judging.calibration import (
    Platt,
    fit_platt,
    fit_slope_and_intercept,
    measure_bands,
    move_intercept,
    refuse_backwards,
    say_broken_bands,
    word_bands,
)
from training.judging.periods import Margins, scale_margins

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


def test_rows_of_one_household_do_not_count_as_so_many_households() -> None:
    margins, alone = drawn(2000)
    _, low, high = fit_slope_and_intercept(Draws.of(alone, 100, 1), TRUE.likelihood(margins), 0.95)["calibration_slope"]
    margins, four = drawn(8000, each=4)
    _, low4, high4 = fit_slope_and_intercept(Draws.of(four, 100, 1), TRUE.likelihood(margins), 0.95)[
        "calibration_slope"
    ]
    assert (high4 - low4) == pytest.approx(high - low, rel=0.15)


BANDS = [
    Band(id="a", title="A", from_score=0.5, stated=(0.5, 0.9), meaning="Many."),
    Band(id="b", title="B", from_score=0.0, stated=(0.0, 0.3), meaning="Few."),
]


def test_a_band_counts_listed_rows_alone() -> None:
    margins, period = drawn()
    listed = np.zeros(len(margins), dtype=bool)
    listed[:500] = True
    score = TRUE.likelihood(margins)
    rates = measure_bands(Draws.of(period, 200, 1), score, listed, BANDS, 0.95)
    assert sum(rate["n"] for rate in rates) == 500
    inside = listed & (score >= 0.5)
    assert rates[0]["observed"] == pytest.approx(period.positive[inside].mean())
    assert rates[0]["low"] < rates[0]["observed"] < rates[0]["high"]


def test_a_band_that_promises_too_much_is_told_apart_from_one_too_small_to_tell() -> None:
    margins, period = drawn()
    score = TRUE.likelihood(margins)
    everyone = np.ones(len(margins), dtype=bool)
    draws = Draws.of(period, 200, 1)
    kept = measure_bands(draws, score, everyone, BANDS, 0.95)
    assert [rate["as_stated"] for rate in kept] == ["yes", "yes"]
    bold = [BANDS[0].replace(stated=(0.85, 0.95), meaning="Nearly all."), BANDS[1]]
    broken = measure_bands(draws, score, everyone, bold, 0.95)
    assert broken[0]["as_stated"] == "no"
    (said,) = say_broken_bands(broken)
    assert said.startswith("The band 'A' does not keep its word: ")
    told = word_bands(broken)
    assert [band["meaning"] for band in told][1:] == [BANDS[1].meaning]
    assert told[0]["meaning"].startswith(f"On past lists about {10 * broken[0]['observed']:.0f} in 10 households")
    assert told[0]["meaning"].endswith("fewer than was expected when the bands were agreed.")
    assert not say_broken_bands(kept)
    assert word_bands(kept) == kept
    nobody = measure_bands(draws, score, ~everyone, BANDS, 0.95)
    assert [rate["as_stated"] for rate in nobody] == ["insufficient", "insufficient"]


def test_a_model_that_orders_backwards_is_refused() -> None:
    refuse_backwards("points", Platt(0.2, 0.0, 10, 5))
    with pytest.raises(DataError, match="no better than chance"):
        refuse_backwards("points", Platt(-0.2, 0.0, 10, 5))
