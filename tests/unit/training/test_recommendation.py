from __future__ import annotations

import numpy as np
import pytest

from training.judging.recommendation import recommend_model

LEVEL = 0.95


def precision(mean: float, noise: float = 0.02, seed: int = 0, periods: int = 4) -> list[np.ndarray]:
    """Precision in some periods: the estimate first, then 500 resamples around it."""
    generator = np.random.default_rng(seed)
    return [np.r_[mean, mean + generator.normal(0, noise, 500)] for _ in range(periods)]


def test_the_simplest_model_that_cannot_be_told_from_the_best_is_recommended() -> None:
    found = recommend_model(
        {
            "random": precision(0.05),
            "points": precision(0.30, seed=1),
            "logistic": precision(0.305, seed=2),
            "lightgbm": precision(0.31, seed=3),
        },
        LEVEL,
    )
    assert (found.model, found.best) == ("points", "lightgbm")
    assert "points list is recommended" in found.sentence
    assert "cannot be told from it" in found.sentence


def test_the_best_model_is_recommended_where_every_simpler_one_is_worse() -> None:
    found = recommend_model(
        {
            "random": precision(0.05),
            "points": precision(0.20, seed=1),
            "logistic": precision(0.25, seed=2),
            "lightgbm": precision(0.35, seed=3),
        },
        LEVEL,
    )
    assert (found.model, found.best) == ("lightgbm", "lightgbm")
    assert "no simpler model comes as close" in found.sentence


def test_the_comparison_is_paired() -> None:
    """Two models that are better and worse together differ clearly, however wide each one's own interval is."""
    shared = precision(0.20, noise=0.2, seed=1)
    better = [period + 0.05 for period in shared]
    assert recommend_model({"points": shared, "lightgbm": better}, LEVEL).model == "lightgbm"


def test_an_equally_good_simpler_model_is_the_best_itself() -> None:
    same = precision(0.3)
    assert recommend_model({"points": same, "lightgbm": same}, LEVEL).best == "points"


def test_regret_is_against_each_periods_best() -> None:
    points = [np.r_[0.3, [0.3] * 100], np.r_[0.1, [0.1] * 100]]
    trees = [np.r_[0.2, [0.2] * 100], np.r_[0.4, [0.4] * 100]]
    found = recommend_model({"points": points, "lightgbm": trees}, LEVEL)
    assert found.regret == pytest.approx({"points": 0.15, "lightgbm": 0.05})


def test_a_model_no_better_than_lots_says_so() -> None:
    found = recommend_model({"random": precision(0.05), "points": precision(0.055, seed=1)}, LEVEL)
    assert not found.beats_lots
    assert "should not be used" in found.sentence
    assert recommend_model({"random": precision(0.05), "points": precision(0.2, seed=1)}, LEVEL).beats_lots


def test_resamples_that_fail_prefer_the_simpler_model_and_say_so() -> None:
    failing = [np.r_[0.2, [np.nan] * 100]]
    found = recommend_model({"points": failing, "lightgbm": [np.r_[0.3, [0.3] * 100]]}, LEVEL)
    assert found.model == "points"
    assert "no interval can be given" in found.sentence
