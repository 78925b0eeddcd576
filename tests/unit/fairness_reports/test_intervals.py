"""Closed-form intervals against published worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats.contingency import relative_risk

from fairness_reports.audit.measuring.intervals import Z, bound_difference, bound_ratio, bound_share, count_effective


def test_z_is_the_standard_normal_percentile() -> None:
    assert norm.ppf(0.975) == Z


def test_wilson_equals_newcombes_published_example() -> None:
    # Newcombe 1998 (17:857-872), table I, method 3: 81/263 and 15/148 and 0/20 and 1/29.
    share, n = np.array([81 / 263, 15 / 148, 0 / 20, 1 / 29]), np.array([263.0, 148.0, 20.0, 29.0])
    low, high = bound_share(share, n)
    assert low == pytest.approx([0.2553, 0.0624, 0.0, 0.0061], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=5e-5)


def test_newcombe_equals_his_published_example() -> None:
    # Newcombe 1998 (17:873-890), table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20.
    x, n, y, m = (np.array(v, dtype=float) for v in ((56, 9, 10), (70, 10, 10), (48, 3, 0), (80, 10, 20)))
    low, high = bound_difference(x / n, n, y / m, m)
    assert low == pytest.approx([0.0524, 0.1705, 0.6791], abs=5e-5)
    assert high == pytest.approx([0.3339, 0.8090, 1.0], abs=5e-5)


def test_score_ratio_is_where_the_score_statistic_is_z() -> None:
    # Miettinen and Nurminen 1985, as tabulated for 10/10 against 0/20 and 36/40 against 16/80 (Nam 1995).
    low, high = bound_ratio(np.array([36 / 40]), np.array([40.0]), np.array([16 / 80]), np.array([80.0]))
    assert (low[0], high[0]) == pytest.approx((2.94, 7.15), abs=0.02)


def test_score_ratio_is_near_katz_where_counts_are_large() -> None:
    low, high = bound_ratio(np.array([0.22]), np.array([5000.0]), np.array([0.25]), np.array([20000.0]))
    katz = relative_risk(1100, 5000, 5000, 20000).confidence_interval(0.95)
    assert (low[0], high[0]) == pytest.approx((katz.low, katz.high), rel=2e-3)


def test_nothing_seen_still_has_an_upper_end() -> None:
    low, high = bound_ratio(np.array([0.0]), np.array([40.0]), np.array([0.25]), np.array([400.0]))
    assert low[0] == 0.0
    assert 0.1 < high[0] < 0.5


def test_ratio_to_nobody_has_no_upper_end_and_nobody_to_nobody_none_at_all() -> None:
    low, high = bound_ratio(np.array([0.5, 0.0]), np.array([40.0, 40.0]), np.zeros(2), np.array([40.0, 40.0]))
    assert low[0] > 1
    assert np.isinf(high[0])
    assert np.isnan(low[1])
    assert np.isnan(high[1])


def test_an_empty_group_has_no_interval() -> None:
    low, high = bound_share(np.array([np.nan]), np.array([0.0]))
    assert np.isnan(low[0])
    assert np.isnan(high[0])


def test_people_who_always_agree_count_as_one() -> None:
    # Ten clusters of four people each, all of whom are alike: forty people, ten pieces of evidence.
    counted, sizes = np.array([4.0] * 3 + [0.0] * 7), np.full(10, 4.0)
    n = count_effective(
        np.array([0.3]),
        np.array([40.0]),
        np.array([(counted**2).sum()]),
        np.array([(counted * sizes).sum()]),
        np.array([(sizes**2).sum()]),
    )
    assert n[0] == pytest.approx(10.0)


def test_people_alone_count_fully_and_a_share_of_nothing_assumes_agreement() -> None:
    alone = count_effective(np.array([0.3]), np.array([10.0]), np.array([3.0]), np.array([3.0]), np.array([10.0]))
    assert alone[0] == pytest.approx(10.0)
    nothing = count_effective(np.array([0.0]), np.array([40.0]), np.array([0.0]), np.array([0.0]), np.array([160.0]))
    assert nothing[0] == pytest.approx(10.0)
