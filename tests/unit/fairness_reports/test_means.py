"""Averages by group with households as clusters."""

from __future__ import annotations

import numpy as np
import pytest

from fairness_reports.audit.measuring.findings import About, list_findings
from fairness_reports.audit.measuring.means import average_everyone, average_groups
from fairness_reports.audit.measuring.tally import Grouping


def test_an_average_is_the_sum_over_the_sum_with_a_bootstraps_interval() -> None:
    rng = np.random.default_rng(1)
    clusters = 600
    cluster = np.repeat(np.arange(clusters), 3)
    group = Grouping.of(rng.choice(["a", "b"], clusters)[cluster].astype(str))
    below = rng.integers(0, 3, len(cluster)).astype(float)
    above = below * (1 + 0.5 * (group.code == 1)) * rng.gamma(2.0, 0.5, clusters)[cluster]
    a, b = average_groups(cluster, group, above, below)
    inside = group.code == 0
    assert a.side.estimate == pytest.approx(above[inside].sum() / below[inside].sum())
    assert a.rest.estimate == pytest.approx(b.side.estimate)
    assert a.difference == pytest.approx(a.side.estimate - b.side.estimate)
    assert a.ratio == pytest.approx(1 / b.ratio)
    drawn = []
    for _ in range(3000):
        times = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)[cluster]
        share = (times * above)[inside].sum() / (times * below)[inside].sum()
        rest = (times * above)[~inside].sum() / (times * below)[~inside].sum()
        drawn.append((share, share / rest))
    for ends, column in ((a.side.interval, 0), (a.ratio_interval, 1)):
        low, high = np.percentile([pair[column] for pair in drawn], [2.5, 97.5])
        assert ends == pytest.approx((low, high), abs=0.08 * (high - low))


def test_few_clusters_have_a_figure_and_no_interval() -> None:
    group = Grouping(np.array([0] * 5 + [1] * 40), ("few", "many"))
    few, many = average_groups(np.arange(45), group, np.ones(45), np.ones(45))
    assert few.side.estimate == 1.0
    assert few.side.interval is None
    assert few.ratio == 1.0
    assert few.ratio_interval is None
    assert many.difference_interval is None


def test_nothing_to_divide_by_is_no_figure() -> None:
    group = Grouping(np.array([0] * 20 + [1] * 20), ("nothing", "something"))
    below = np.r_[np.zeros(20), np.ones(20)]
    nothing, something = average_groups(np.arange(40), group, below, below)
    assert nothing.side.estimate is None
    assert nothing.ratio is None
    assert something.rest.interval is None
    assert average_everyone(np.arange(40), below, below).estimate == 1.0


def test_a_group_with_none_of_it_has_a_ratio_of_0_without_an_interval() -> None:
    group = Grouping(np.array([0] * 20 + [1] * 20), ("none", "some"))
    none, _ = average_groups(np.arange(40), group, np.r_[np.zeros(20), np.ones(20)], np.ones(40))
    assert none.ratio == 0.0
    assert none.ratio_interval is None


def test_a_ratio_that_nothing_bounds_has_an_infinite_end_and_no_warning() -> None:
    """Values of both signs that nearly cancel: the mean is tiny beside what each household moves it by."""
    group = Grouping(np.array([0] * 40 + [1] * 40), ("cancels", "plain"))
    above = np.r_[np.tile([1.0, -1.0], 20) + 1e-6, np.ones(40)]
    cancels, _ = average_groups(np.arange(80), group, above, np.ones(80))
    assert cancels.ratio == pytest.approx(1e-6)
    assert cancels.ratio_interval == (0.0, np.inf)
    assert list_findings(About("score_gap", "g", "m", "capacity"), [cancels])[0]["ratio_interval"] == [0.0, None]
