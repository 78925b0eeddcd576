"""Logistic regression on steps: each feature is cut at a few values, and each step adds its own amount.

A step, "at least this value", lets the regression follow a curve and leave out what is not seen, and makes the model
a sum of one-step rules that serving can score and explain (`stumps.py`). Fitted by scikit-learn with a ridge. A step
whose sign contradicts the feature's stated direction is dropped, and the rest fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.settings import Logistic
from training.stumps import Stump

__all__ = ["candidates", "coefficients", "indicators", "regression"]

_RAREST = 0.002


def candidates(features: NDArray[np.float32], steps: int) -> list[Stump]:
    """Return "at least" rules that add nothing yet: the smallest value above the lowest, and quantiles above that."""
    found = []
    for column in range(features.shape[1]):
        values = features[:, column]
        for threshold in _thresholds(values[~np.isnan(values)], steps):
            share = float((values >= threshold).mean())
            if _RAREST <= share <= 1 - _RAREST:
                found.append(Stump(column, threshold, True, 0.0, share))
    return found


def _thresholds(seen: NDArray[np.float32], steps: int) -> list[float]:
    above = seen[seen > seen.min()] if seen.size else seen
    if not above.size:
        return []
    cuts = np.quantile(above, np.linspace(0, 1, steps + 1)[:-1], method="inverted_cdf")
    return sorted({float(cut) for cut in cuts})


def indicators(rules: Sequence[Stump], features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return 1.0 where each rule applies to each row; shape (rows, rules)."""
    held = np.empty((len(features), len(rules)))
    for place, rule in enumerate(rules):
        held[:, place] = rule.applies(features[:, rule.feature])
    return held


def coefficients(held: NDArray[np.float64], labels: NDArray[np.int8], l2: float) -> tuple[NDArray[np.float64], float]:
    """Return the ridge logistic regression's weight of each column, and its intercept."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it ships no types

    model = LogisticRegression(C=1.0 / l2, solver="newton-cholesky", max_iter=100, tol=1e-6).fit(held, labels)
    return model.coef_[0], float(model.intercept_[0])


def regression(
    features: NDArray[np.float32], labels: NDArray[np.int8], directions: Sequence[int], settings: Logistic
) -> tuple[list[Stump], float]:
    """Return the fitted rules and the intercept. `features` (rows, features), `labels` (rows,) 0 or 1."""
    rules = candidates(features, settings.steps)
    held = indicators(rules, features)
    while True:
        weights, intercept = coefficients(held, labels, settings.l2)
        stated = np.array([directions[rule.feature] for rule in rules])
        against = stated * weights < 0
        if not against.any():
            return [
                Stump(rule.feature, rule.threshold, True, float(weight), rule.share)
                for rule, weight in zip(rules, weights, strict=True)
            ], intercept
        held = held[:, ~against]
        rules = [rule for rule, dropped in zip(rules, against, strict=True) if not dropped]
