from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from training.models.stumps import Stump, add_stumps, write_stumps

NAMES = ["a", "b", "c"]


def rows(seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    generator = np.random.default_rng(seed)
    values = generator.integers(-3, 6, size=(400, 3)).astype(np.float32)
    values[generator.random(values.shape) < 0.2] = np.nan
    values[0] = [0.0, -0.0, np.inf]
    return values


RULES = [
    Stump(0, 2.0, True, 3.0, 0.3),
    Stump(1, 1.5, False, 2.0, 0.2),
    Stump(1, 0.0, True, -0.1, 0.9),
    Stump(2, 0.1 + 0.2, True, 1 / 3, 0.5),
    Stump(0, -1.0, False, 4.0, 0.02),
]


@pytest.mark.parametrize("start", [0.0, -2.718281828459045])
@pytest.mark.parametrize("rules", [RULES, RULES[:1]])
def test_the_text_scores_as_the_rules_do_to_the_last_bit(start: float, rules: list[Stump]) -> None:
    model = lgb.Booster(model_str=write_stumps(rules, NAMES, [1, -1, 0], start))
    assert np.array_equal(model.predict(rows(), raw_score=True), add_stumps(rules, rows(), start))


def test_a_value_that_is_not_seen_adds_nothing() -> None:
    model = lgb.Booster(model_str=write_stumps(RULES, NAMES, [0, 0, 0]))
    assert model.predict(np.full((1, 3), np.nan, dtype=np.float32), raw_score=True)[0] == 0.0


def test_a_value_on_the_cut_is_at_least_it() -> None:
    model = lgb.Booster(model_str=write_stumps([Stump(0, 2.0, True, 1.0, 0.5)], NAMES, [0, 0, 0]))
    tried = np.array([[2.0, 0, 0], [np.nextafter(np.float32(2), np.float32(0)), 0, 0]], dtype=np.float32)
    assert model.predict(tried, raw_score=True).tolist() == [1.0, 0.0]


def test_contributions_explain_the_margin_exactly() -> None:
    model = lgb.Booster(model_str=write_stumps(RULES, NAMES, [0, 0, 0], -1.0))
    parts = model.predict(rows(), pred_contrib=True)
    assert np.allclose(parts.sum(axis=1), add_stumps(RULES, rows(), -1.0), atol=1e-12)
    untouched = [Stump(0, 2.0, True, 3.0, 0.3)]
    alone = lgb.Booster(model_str=write_stumps(untouched, NAMES, [0, 0, 0])).predict(rows(), pred_contrib=True)
    assert not alone[:, 1:3].any()


def test_lightgbm_writes_the_text_it_read() -> None:
    once = lgb.Booster(model_str=write_stumps(RULES, NAMES, [1, 0, 0], 0.5)).model_to_string()
    assert lgb.Booster(model_str=once).model_to_string() == once


def test_no_rule_at_all_is_a_constant() -> None:
    model = lgb.Booster(model_str=write_stumps([], NAMES, [0, 0, 0], 1.25))
    assert set(model.predict(rows(), raw_score=True)) == {1.25}
