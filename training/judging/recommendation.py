"""Which model to release: the simplest one that cannot be told from the best.

The best is the model with the highest precision at capacity, averaged over the selection periods (never the final
one). A simpler model is preferred unless the whole interval of the difference, paired by household, says it is worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.council.training_settings import RELEASABLE
from training.judging.bootstrap import find_interval

__all__ = ["Recommendation", "recommend_model"]

Float = NDArray[np.float64]

TITLES = {
    "random": "drawing lots",
    "last_contact": "last contact first",
    "one_feature": "the best single feature",
    "points": "the points list",
    "logistic": "logistic regression",
    "lightgbm": "LightGBM",
}


@dataclass(frozen=True)
class Recommendation:
    """The recommended model, the best one, and how far apart they are; `regret` is by model, in precision."""

    model: str
    best: str
    difference: float
    low: float | None
    high: float | None
    beats_lots: bool
    regret: Mapping[str, float]
    sentence: str

    def as_document(self) -> dict[str, Any]:
        """Return the recommendation as JSON values."""
        return asdict(self)


def recommend_model(precision: Mapping[str, Sequence[Float]], level: float) -> Recommendation:
    """Choose among models given their precision at capacity in each selection period.

    `precision[model][period]` is (1 + resamples,), the sample first; models run from the simplest on.
    """
    mean = {model: np.mean(np.array(periods), axis=0) for model, periods in precision.items()}
    candidates = [model for model in mean if model in RELEASABLE]
    best = max(candidates, key=lambda model: (mean[model][0], -candidates.index(model)))
    chosen, (low, high) = best, (0.0, 0.0)
    for model in candidates:
        if model == best:
            break
        bounds = find_interval((mean[best] - mean[model])[1:], level)
        if bounds[0] is None or bounds[0] <= 0:
            chosen, (low, high) = model, bounds  # type: ignore[assignment]  # (None, None) where resamples fail
            break
    difference = float(mean[best][0] - mean[chosen][0])
    beats_lots = _beats_lots(mean[chosen], mean.get("random"), level)
    return Recommendation(
        chosen,
        best,
        difference,
        low,
        high,
        beats_lots,
        _mean_regret({model: np.array(precision[model])[:, 0] for model in precision}),
        _say_recommendation(chosen, best, mean, (low, high), beats_lots),
    )


def _mean_regret(by_period: Mapping[str, Float]) -> dict[str, float]:
    """Return how much precision each model gave away against each period's best, on average."""
    highest = np.nanmax(np.array(list(by_period.values())), axis=0)
    return {model: float(np.nanmean(highest - values)) for model, values in by_period.items()}


def _beats_lots(model: Float, lots: Float | None, level: float) -> bool:
    if lots is None:
        return True
    low, _ = find_interval((model - lots)[1:], level)
    return low is not None and low > 0


def _say_recommendation(
    chosen: str, best: str, mean: Mapping[str, Float], bounds: tuple[float | None, float | None], beats_lots: bool
) -> str:
    result = f"{100 * mean[chosen][0]:.0f} of 100 listed households had the outcome"
    if chosen == best:
        text = f"{_with_capital(TITLES[chosen])} is recommended: {result}, and no simpler model comes as close."
    else:
        gap = (
            f"95 % interval {100 * bounds[0]:+.1f} to {100 * bounds[1]:+.1f} points"
            if bounds[0] is not None and bounds[1] is not None
            else "no interval can be given"
        )
        text = (
            f"{_with_capital(TITLES[chosen])} is recommended: {result}, and the best model, {TITLES[best]}, cannot be"
            f" told from it ({100 * (mean[best][0] - mean[chosen][0]):+.1f} points of precision; {gap})."
        )
    return text if beats_lots else f"{text} It cannot be told from drawing lots, so it should not be used."


def _with_capital(text: str) -> str:
    return text[0].upper() + text[1:]
