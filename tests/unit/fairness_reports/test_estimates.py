"""A trial's figures beside statsmodels and linearmodels, to 1e-8; and the lot's own test beside every possible draw."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

from fairness_reports.impact.estimates import (
    Difference,
    TrialRows,
    bound_compliers,
    compare_with_lots,
    estimate_compliers,
    estimate_difference,
    hold_family,
)
from fairness_reports.impact.stopping import SPENDING, find_bounds, spend_evenly, spend_late


def draw_rows(seed: int, lists: int = 40, effect: float = -0.15, take_up: float = 0.6) -> TrialRows:
    """Return lists of 3 to 9 with 1 to all but 1 of them listed."""
    rng = np.random.default_rng(seed)
    stratum, listed = [], []
    for number in range(lists):
        size = int(rng.integers(3, 10))
        winners = rng.permutation(size) < rng.integers(1, size)
        stratum += [number] * size
        listed += winners.tolist()
    arm, of = np.array(listed, dtype=float), np.array(stratum)
    offered = (rng.random(len(arm)) < np.where(arm == 1, take_up, 0.1)).astype(float)
    base = rng.beta(2, 4, lists)[of]
    need = (rng.random(len(arm)) < np.clip(base + effect * offered, 0, 1)).astype(float)
    return TrialRows(arm, need, offered, of)


def dummies(rows: TrialRows) -> np.ndarray:
    return (rows.stratum[:, None] == np.unique(rows.stratum)[None, :]).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_the_difference_is_that_of_statsmodels(seed: int) -> None:
    api = pytest.importorskip("statsmodels.api")
    rows = draw_rows(seed)
    ours = estimate_difference(rows)
    theirs = api.OLS(rows.need, np.column_stack([rows.listed, dummies(rows)])).fit(cov_type="HC2", use_t=True)
    assert ours is not None
    assert ours.estimate == pytest.approx(theirs.params[0], abs=1e-8)
    assert ours.error == pytest.approx(theirs.bse[0], abs=1e-8)
    assert ours.interval(0.05) == pytest.approx(tuple(theirs.conf_int()[0]), abs=1e-8)
    assert ours.p_value == pytest.approx(theirs.pvalues[0], abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_the_lots_own_test_is_that_of_mantel_and_haenszel(seed: int) -> None:
    contingency = pytest.importorskip("statsmodels.stats.contingency_tables")
    rows = draw_rows(seed)
    tables = []
    for number in np.unique(rows.stratum):
        here = rows.stratum == number
        tables.append(
            [
                [np.sum(here & (rows.listed == arm) & (rows.need == need)) for need in (1, 0)]
                for arm in (1, 0)
            ]
        )  # fmt: skip
    theirs = contingency.StratifiedTable(np.array(tables).transpose(1, 2, 0)).test_null_odds(correction=False)
    ours = compare_with_lots(rows)
    assert ours is not None
    assert ours.z**2 == pytest.approx(theirs.statistic, abs=1e-8)


@pytest.mark.parametrize("seed", range(2))
def test_the_complier_effect_is_that_of_linearmodels(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        iv = pytest.importorskip("linearmodels.iv")
        rows = draw_rows(seed, lists=60, take_up=0.9)
        theirs = iv.IV2SLS(rows.need, dummies(rows), rows.offered, rows.listed).fit(cov_type="robust")
    ours, strength = estimate_compliers(rows)
    assert ours is not None
    assert ours.estimate == pytest.approx(theirs.params.iloc[-1], abs=1e-8)
    assert ours.error == pytest.approx(theirs.std_errors.iloc[-1], abs=1e-8)
    assert strength > 10


def test_each_end_of_the_complier_bounds_is_where_the_difference_stops_being_told_from_nought() -> None:
    """At either end b, least squares of need less b times the offer on the arm has |t| at the bound (statsmodels)."""
    api = pytest.importorskip("statsmodels.api")
    rows = draw_rows(0, lists=60, take_up=0.9).with_both_arms()
    bounds = bound_compliers(rows, 0.05)
    assert bounds is not None
    columns = np.column_stack([rows.listed, dummies(rows)])
    for end in bounds:
        fitted = api.OLS(rows.need - end * rows.offered, columns).fit(cov_type="HC2", use_t=True)
        assert abs(fitted.tvalues[0]) == pytest.approx(stats.t.ppf(0.975, fitted.df_resid), abs=1e-8)
    effect, _ = estimate_compliers(rows)
    assert effect is not None
    assert bounds[0] < effect.estimate < bounds[1]


def test_no_effect_of_an_offer_is_bounded_where_offers_do_not_differ() -> None:
    rows = draw_rows(1, lists=60)
    assert bound_compliers(replace(rows, offered=np.zeros(len(rows.listed))), 0.05) is None
    by_chance = np.random.default_rng(4).random(len(rows.listed)) < 0.3
    assert bound_compliers(replace(rows, offered=by_chance.astype(np.float64)), 0.05) is None


def test_holms_p_values_are_those_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = np.random.default_rng(1).random(12) ** 2
    assert hold_family(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1], abs=1e-12)
    assert hold_family(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


def test_the_test_counts_what_every_possible_lot_would_count() -> None:
    rows = draw_rows(3, lists=3)
    rows = rows.with_both_arms()
    groups = [np.flatnonzero(rows.stratum == number) for number in np.unique(rows.stratum)]
    ways = [itertools.combinations(group, int(rows.listed[group].sum())) for group in groups]
    sums = np.array([sum(rows.need[list(chosen)].sum() for chosen in way) for way in itertools.product(*ways)])
    observed = rows.listed @ rows.need
    exact = np.mean(np.abs(sums - sums.mean()) >= abs(observed - sums.mean()) - 1e-9)
    ours = compare_with_lots(rows)
    assert ours is not None
    assert ours.z == pytest.approx((observed - sums.mean()) / sums.std(), abs=1e-8)
    assert ours.p_value == pytest.approx(exact, abs=1e-8)
    assert ours.fewer == pytest.approx(np.mean(sums <= observed), abs=1e-8)
    assert ours.more == pytest.approx(np.mean(sums >= observed), abs=1e-8)


def test_the_arm_decides_and_not_who_was_offered() -> None:
    """Were the arm ignored for what was done, a trial whose offers go to the less needy would help for nothing."""
    rng = np.random.default_rng(5)
    size = 4000
    arm = np.tile([1.0, 0.0], size // 2)
    hard = rng.random(size) < 0.5
    need = (rng.random(size) < np.where(hard, 0.5, 0.1)).astype(float)
    offered = np.where(hard, 0.0, 1.0) * arm
    rows = TrialRows(arm, need, offered, np.repeat(np.arange(size // 8), 8))
    assigned = estimate_difference(rows)
    treated = estimate_difference(TrialRows(offered, need, offered, rows.stratum))
    assert assigned is not None
    assert treated is not None
    assert assigned.interval(0.05)[0] < 0 < assigned.interval(0.05)[1]
    assert treated.interval(0.05)[1] < 0


def test_where_nothing_compares_there_is_no_figure() -> None:
    alone = TrialRows(np.ones(8), np.zeros(8), np.ones(8), np.zeros(8, dtype=np.int64))
    assert estimate_difference(alone) is None
    assert compare_with_lots(alone) is None
    assert estimate_compliers(alone) == (None, 0.0)
    rng = np.random.default_rng(2)
    nobody = TrialRows(
        np.tile([1.0, 0.0], 100), (rng.random(200) < 0.3).astype(float), (rng.random(200) < 0.5).astype(float),
        np.repeat(np.arange(50), 4),
    )  # fmt: skip
    effect, strength = estimate_compliers(nobody)
    assert effect is None
    assert strength < 10
    assert Difference(0.0, 0.0, 1.0).p_value == 1.0


@pytest.mark.parametrize(
    ("spend", "known"),
    [
        (spend_late, [4.877, 3.357, 2.680, 2.290, 2.031]),
        (spend_evenly, [2.438, 2.427, 2.410, 2.397, 2.386]),
    ],
)
def test_bounds_are_those_of_the_literature(spend: object, known: list[float]) -> None:
    """Five even looks at 0.025 a side, as in Jennison and Turnbull and in gsDesign's manual."""
    ours = find_bounds(spend, 0.025, [0.2, 0.4, 0.6, 0.8, 1.0])  # type: ignore[arg-type]
    assert ours == pytest.approx(known, abs=0.003)


def test_looking_often_adds_up_to_the_level_and_no_more() -> None:
    rng = np.random.default_rng(4)
    shares = [0.3, 0.7, 1.0]
    steps = rng.normal(size=(400_000, 3)) * np.sqrt(np.diff([0.0, *shares]))
    z = np.cumsum(steps, axis=1) / np.sqrt(shares)
    for spend in SPENDING.values():
        bounds = find_bounds(spend, 0.025, shares)
        # Four standard deviations of 400,000 are 0.001.
        assert np.mean((z > bounds).any(axis=1)) == pytest.approx(0.025, abs=0.001)
    assert np.mean((z > 1.96).any(axis=1)) > 0.035
    assert find_bounds(spend_late, 0.025, [1.0]) == pytest.approx([1.959964], abs=1e-5)
