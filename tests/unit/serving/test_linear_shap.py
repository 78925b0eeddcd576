"""The arrays that explain single rows say what LightGBM says, of whatever trees: to 1e-9, checked over drawn models."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.ranking.linear_shap import EdgeSums, RowExplainer, Tables

_FEATURES = 5


def _make_rows(numbers: np.random.Generator, count: int, by_category: bool) -> np.ndarray:
    rows = np.round(numbers.exponential(3.0, (count, _FEATURES))).astype(np.float32)
    rows[numbers.random(rows.shape) < 0.1] *= -0.5
    rows[numbers.random(rows.shape) < 0.2] = np.nan
    if by_category:
        rows[:, 0] = numbers.integers(0, 40, count)
    return rows


def _compare(text: str, rows: np.ndarray) -> RowExplainer:
    explainer = RowExplainer.read(text, _FEATURES)
    assert explainer is not None
    theirs = np.asarray(lightgbm.Booster(model_str=text).predict(rows, pred_contrib=True, num_threads=1))
    ours, base = explainer.explain(rows)
    np.testing.assert_allclose(ours, theirs[:, :-1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(base, theirs[:, -1], rtol=0, atol=1e-9)
    one, _ = explainer.explain(rows[3:4])
    np.testing.assert_allclose(one[0], ours[3], rtol=0, atol=1e-12)
    return explainer


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    leaves=st.integers(2, 40),
    trees=st.integers(1, 8),
    zero_as_missing=st.booleans(),
    use_missing=st.booleans(),
    seen=st.booleans(),
    by_category=st.booleans(),
)
@example(seed=1, leaves=9, trees=3, zero_as_missing=True, use_missing=True, seen=True, by_category=True)
@example(seed=2, leaves=40, trees=8, zero_as_missing=True, use_missing=True, seen=False, by_category=True)
@example(seed=3, leaves=8, trees=8, zero_as_missing=False, use_missing=True, seen=True, by_category=True)
def test_contributions_are_those_of_lightgbm(
    *, seed: int, leaves: int, trees: int, zero_as_missing: bool, use_missing: bool, seen: bool, by_category: bool
) -> None:
    """Missing values, zeros taken for them, either side by default, categories: all as LightGBM walks its trees.

    `seen`: training saw everything, so what is missing now was never missing there.
    """
    numbers = np.random.default_rng(seed)
    rows = _make_rows(numbers, 600, by_category)
    learned = np.nan_to_num(rows) if seen else rows
    pull = np.nan_to_num(rows).sum(axis=1) + 5 * np.isnan(rows[:, 1])
    label = (pull + numbers.normal(0, 4, len(rows)) > np.median(pull)).astype(int)
    parameters = {
        "objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 2, "num_threads": 1, "verbosity": -1,
        "zero_as_missing": zero_as_missing, "use_missing": use_missing, "max_cat_to_onehot": 2,
        "min_data_per_group": 1, "cat_smooth": 1,
    }  # fmt: skip
    named = [0] if by_category else []
    text = lightgbm.train(parameters, lightgbm.Dataset(learned, label, categorical_feature=named), trees)
    odd = rows[:60].copy()
    odd[:20, 0] = numbers.choice(np.array([-3.0, -0.5, 0.5, 39.9, 1000.0, np.nan, 1e-36], dtype=np.float32), 20)
    _compare(text.model_to_string(), odd)


def _train(leaves: int, **more: object) -> str:
    numbers = np.random.default_rng(4)
    rows = _make_rows(numbers, 500, by_category=False)
    label = (np.nan_to_num(rows).sum(axis=1) + numbers.normal(0, 4, 500) > 12).astype(float)
    parameters = {"objective": "binary", "num_leaves": leaves, "num_threads": 1, "verbosity": -1, **more}
    return lightgbm.train(parameters, lightgbm.Dataset(rows, label), 5).model_to_string()


@pytest.mark.parametrize(("leaves", "kind"), [(8, Tables), (31, EdgeSums)])
def test_small_trees_are_tabled_and_large_ones_summed(leaves: int, kind: type) -> None:
    rows = _make_rows(np.random.default_rng(5), 40, by_category=False)
    explainer = _compare(_train(leaves, min_data_in_leaf=3), rows)
    assert isinstance(explainer.trees, kind)


def test_trees_of_another_kind_are_left_to_lightgbm() -> None:
    """Averaged and linear trees, several classes, no split at all, and splits that no row of training went through."""
    text = _train(8)
    assert RowExplainer.read(text, _FEATURES) is not None
    assert RowExplainer.read(_train(8, boosting="rf", bagging_freq=1, bagging_fraction=0.5), _FEATURES) is None
    assert RowExplainer.read(_train(8, linear_tree=True), _FEATURES) is None
    assert RowExplainer.read(_train(4, objective="multiclass", num_class=2), _FEATURES) is None
    assert RowExplainer.read(_train(8, min_data_in_leaf=1000), _FEATURES) is None
    line = next(line for line in text.splitlines() if line.startswith("leaf_count="))
    assert RowExplainer.read(text.replace(line, line.rsplit(" ", 1)[0] + " 0", 1), _FEATURES) is None
