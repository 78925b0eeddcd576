"""The scaling where lists are made: isotonic regression where it is surely better out of time, else Platt's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from charter.errors import DataError
from charter.rules.likelihood import compute_likelihood
from tests.unit.training.test_replay_coverage import PART, RULES, population
from training.data.weeks import ListWeeks
from training.judging.calibration import Platt, fit_platt, measure_slope
from training.judging.list_scaling import ListScaling, choose_scaling, fit_isotonic, say_scaling, score_by_half
from training.judging.listed_rows import ListedRows
from training.judging.replay import HouseholdDraws, replay_model


def choose(bend: float, households: int = 4000) -> tuple[ListScaling, ListWeeks, ListedRows, np.ndarray]:
    """Choose for margins that say too much beyond 1 by `bend`: what no straight line of log odds can follow."""
    weeks, margins, _ = population(3, None, households)
    margins = margins + bend * np.maximum(margins - 1.0, 0.0) ** 2
    weeks = replace(weeks, room=np.full(len(weeks.room), households // 25, dtype=np.int32))
    draws = HouseholdDraws.of(weeks.names, 200, 20, 3)
    listings = replay_model(weeks, margins, PART, RULES, draws, keep=True).listings
    rows, week = listings.rows, weeks.week[listings.rows]
    ones = np.ones(len(rows))
    listed = ListedRows(
        listings, PART[week] >= 0, weeks.needed[rows], weeks.household[rows], week, np.zeros(len(rows), dtype=np.int32),
        margins[rows], ones > 0, ones, np.full(len(rows), "one"), np.full(len(rows), b"E01"),
    )  # fmt: skip
    platt = fit_platt(margins, weeks.needed.astype(np.int8))
    return choose_scaling(weeks, margins, listed, draws.keys, (platt, [platt]), 0.95), weeks, listed, margins


def test_margins_that_say_too_much_at_the_top_are_mended_there() -> None:
    scaling, weeks, rows, margins = choose(bend=8.0)
    assert scaling.as_document()["method"] == "isotonic"
    low = scaling.saved[1]
    assert low is not None
    assert low > 0
    assert "scaled by isotonic regression" in say_scaling(scaling.as_document())
    platt = fit_platt(margins, weeks.needed.astype(np.int8)).likelihood(rows.margin)
    slopes = [
        measure_slope(likelihood, rows.needed, rows.household, rows.weight, 0.95)["calibration_slope"]
        for likelihood in (scaling.likelihood, platt)
    ]
    assert slopes[0][1] < 1 < slopes[0][2]
    assert abs(slopes[0][0] - 1) < 0.5 * abs(slopes[1][0] - 1)


def test_where_a_line_is_enough_it_stays_platts() -> None:
    scaling, *_ = choose(bend=0.0)
    assert scaling.as_document()["method"] == "platt"
    assert scaling.halves is None
    assert "not surely better" in say_scaling(scaling.as_document())


def test_with_few_outcomes_nothing_else_is_tried() -> None:
    scaling, *_ = choose(bend=3.0, households=20)
    assert scaling.saved == (None, None, None)
    assert "too few outcomes" in say_scaling(scaling.as_document())


def test_what_judges_a_household_was_not_fitted_on_it() -> None:
    """Broken by halves the wrong way round: then a household's own outcome is in what it is judged by."""
    margins, labels = np.tile(np.linspace(0, 1, 4000), 2), np.zeros(8000, dtype=np.int8)
    odd = np.arange(8000) >= 4000
    labels[odd] = np.tile([0, 1], 2000)
    labels[~odd] = np.tile([0, 0, 0, 1], 1000)
    halves = (fit_isotonic(margins[odd], labels[odd]), fit_isotonic(margins[~odd], labels[~odd]))
    assert halves[0] is not None
    assert halves[1] is not None
    scored = score_by_half((halves[0], halves[1]), odd.astype(np.uint64), margins)
    assert scored[odd].mean() == pytest.approx(0.25, abs=0.01)
    assert scored[~odd].mean() == pytest.approx(0.5, abs=0.01)


def test_a_step_rests_on_thirty_outcomes_and_never_falls() -> None:
    """Five households at the top that all had the need do not make a likelihood of 1."""
    generator = np.random.default_rng(1)
    margins = np.r_[generator.normal(size=5000), np.full(5, 9.0)]
    labels = np.r_[generator.random(5000) < 1 / (1 + np.exp(2 - margins[:5000])), np.ones(5)].astype(np.int8)
    fitted = fit_isotonic(margins, labels)
    assert fitted is not None
    assert (np.diff(fitted.likelihoods) >= 0).all()
    assert (np.diff(fitted.margins) > 0).all()
    top = np.sort(margins)[::-1][: int(np.searchsorted(np.cumsum(labels[np.argsort(-margins)]), 30)) + 1]
    assert fitted.likelihood(np.array([99.0]))[0] == pytest.approx((30 + 1) / (len(top) + 2), abs=0.05)
    assert fit_isotonic(margins[:100], labels[:100]) is None
    document = fitted.as_document()
    assert (compute_likelihood(document, margins) == fitted.likelihood(margins)).all()


def test_a_release_before_there_were_methods_reads_as_platts_and_an_unknown_one_is_refused() -> None:
    margins = np.array([-1.0, 0.0, 2.0])
    assert (
        compute_likelihood({"slope": 0.5, "intercept": -1.0}, margins) == Platt(0.5, -1.0, 0, 0).likelihood(margins)
    ).all()
    with pytest.raises(DataError, match="'beta' is not known"):
        compute_likelihood({"method": "beta"}, margins)
