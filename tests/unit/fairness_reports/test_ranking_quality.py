"""The area under the curve by group, with households as clusters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fairness_reports.audit.measuring.ranking_quality import bound_auc, compare_aucs, measure_auc
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=60))
def test_the_area_is_scikit_learns_ties_and_all(rows: list[tuple[int, int]]) -> None:
    label = np.array([row[0] for row in rows], dtype=np.int8)
    score = np.array([float(row[1]) for row in rows])
    if len(set(label.tolist())) == 1:
        assert np.isnan(measure_auc(label, score))
        assert bound_auc(np.arange(len(label)), label, score).estimate is None
        return
    expected = roc_auc_score(label, score)
    assert measure_auc(label, score) == pytest.approx(expected, abs=1e-12)
    assert bound_auc(np.arange(len(label)), label, score).estimate == pytest.approx(expected, abs=1e-12)


def test_intervals_are_those_of_drawing_households() -> None:
    rng = np.random.default_rng(2)
    homes = 500
    cluster = np.repeat(np.arange(homes), 3)
    need = rng.normal(size=homes)[cluster]
    label = (need + rng.normal(size=len(cluster)) > 1).astype(np.int8)
    score = need + rng.normal(size=len(cluster))
    found = bound_auc(cluster, label, score)
    assert found.interval is not None
    drawn = []
    for _ in range(1500):
        rows = (rng.integers(0, homes, homes)[:, None] * 3 + np.arange(3)).ravel()
        drawn.append(roc_auc_score(label[rows], score[rows]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert found.interval == pytest.approx((low, high), abs=0.1 * (high - low))


def test_groups_are_compared_and_unknown_labels_left_out() -> None:
    rng = np.random.default_rng(3)
    group = Grouping.of(rng.choice(["a", "b"], 2000).astype(str))
    label = rng.integers(0, 2, 2000).astype(np.int8)
    score = label * (1.5 - group.code) + rng.normal(size=2000)
    label[::50] = UNKNOWN
    a, b = compare_aucs(np.arange(2000), group, label, score)
    assert a.difference == pytest.approx(a.side.estimate - a.rest.estimate)
    assert a.difference_interval[0] > 0
    assert b.difference == pytest.approx(-a.difference)
    assert a.side.n + a.rest.n == 1960
    assert a.ratio is None


def test_few_households_have_a_figure_and_no_interval() -> None:
    group = Grouping(np.array([0] * 6 + [1] * 40), ("few", "many"))
    label = np.tile([0, 1], 23).astype(np.int8)
    few, _ = compare_aucs(np.arange(46), group, label, np.arange(46.0))
    assert few.side.estimate is not None
    assert few.side.interval is None
    assert few.difference_interval is None
    nobody = Grouping(np.zeros(4, dtype=np.int64), ("all",))
    (only,) = compare_aucs(np.arange(4), nobody, np.array([0, 1, 0, 1], dtype=np.int8), np.arange(4.0))
    assert only.rest.estimate is None
    assert only.difference is None
