"""Contributions worked out once for all rows that go the same way in a tree: LightGBM's own, row by row."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from fairness_reports.audit.explaining.alike_rows import predict_alike

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "0 is not seen": {"zero_as_missing": True},
    "nothing is missing": {"use_missing": False},
    "by category": {"min_data_per_group": 5, "cat_smooth": 1},
}


@pytest.mark.parametrize("table", [1 << 22, 50])
@pytest.mark.parametrize("kind_of_split", list(SETTINGS))
def test_rows_that_go_alike_have_the_contributions_that_each_has_alone(
    kind_of_split: str, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken by counting values that are not numbers, or 0, with their neighbours."""
    monkeypatch.setattr("fairness_reports.audit.explaining.alike_rows._MOST_KINDS", table)
    rng = np.random.default_rng(3)
    # Whole numbers, so that many rows lie on thresholds and many are alike; halves lie between.
    data = rng.integers(0, 6, (4000, 5)).astype(np.float32) / np.float32([1, 1, 2, 1, 1])
    data[:, 1:][rng.random((4000, 4)) < 0.2] = np.nan
    told = np.nan_to_num(data[:, 0]) + np.isnan(data[:, 1]) + (data[:, 2] == 0) + rng.normal(size=4000)
    known = {"objective": "binary", "num_leaves": 8, "verbosity": -1, "seed": 1} | SETTINGS[kind_of_split]
    categories = [0] if kind_of_split == "by category" else "auto"
    booster = lgb.train(known, lgb.Dataset(data, told > 3, params=known, categorical_feature=categories), 20)
    between, below = data[:500] + np.float32(0.25), data[:200] - 3
    asked = np.concatenate([data, between, below, np.zeros((1, 5), dtype=np.float32)])
    expected = np.asarray(booster.predict(asked, pred_contrib=True))[:, :-1]
    found = predict_alike(booster, asked)
    assert np.abs(found - expected).max() < 1e-12
    assert found.flags.c_contiguous
    _, alike, first = np.unique(asked, axis=0, return_index=True, return_inverse=True)
    assert found[alike][first].tobytes() == found.tobytes()


def test_a_model_that_splits_at_nothing_adds_nothing() -> None:
    data = np.zeros((50, 2), dtype=np.float32)
    booster = lgb.train({"objective": "binary", "verbosity": -1}, lgb.Dataset(data, np.arange(50) % 2), 2)
    assert not predict_alike(booster, data).any()
    assert predict_alike(booster, data[:0]).shape == (0, 2)
