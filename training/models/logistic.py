"""Logistic regression on steps: each feature is cut at a few values, and each step adds its own amount.

A step, "at least this value" or "below that", lets the regression follow a curve and leave out what is not seen, and
makes the model a sum of one-step rules that serving can score and explain (`stumps.py`). Fitted by scikit-learn with a
ridge. A step whose sign contradicts the feature's stated direction is dropped, and the rest fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # it ships no types

from charter.council.training_settings import Logistic
from training.models.stumps import Stump

__all__ = ["fit_coefficients", "fit_regression", "mark_rules", "propose_steps"]

_RAREST = 0.002

_ROUGH, _FINE = 1e-3, 1e-4
"""How closely the regression is solved: roughly while steps are dropped, then finely."""


def propose_steps(features: NDArray[np.float32], steps: int) -> list[Stump]:
    """Return rules that add nothing yet, away from each feature's commonest value: "at least" above it, "below" under.

    Each step halves those beyond it: a list is cut in the tails, where evenly spaced steps would leave everybody tied.
    A value that is not seen then stands where the commonest one does.
    """
    rules = []
    for column in range(features.shape[1]):
        values = np.sort(features[:, column])
        present = values[: len(values) - int(np.isnan(values).sum())]  # NaN is sorted to the end
        for threshold, at_least in _cut_values(present, steps):
            below = int(np.searchsorted(present, np.float32(threshold)))
            share = float(len(present) - below if at_least else below) / len(values)
            if _RAREST <= share <= 1 - _RAREST:
                rules.append(Stump(column, threshold, at_least, 0.0, share))
    return rules


def _cut_values(seen: NDArray[np.float32], steps: int) -> list[tuple[float, bool]]:
    """Return (cut, at least) pairs: the first splits the commonest value off, each next one halves what lies beyond.

    `seen` (rows,) is ascending. With three steps:

        seen      1  2  3 3 3 3  4  5  6  7      3 is the commonest: nobody is told apart by it
        above     4  5  6  7                     all, the upper half, the upper quarter: "at least" 4, 5 and 6
        under     1  2                           all, then the lower half: "below" 3 and 2
    """
    if not seen.size:
        return []
    starts = np.flatnonzero(np.r_[True, seen[1:] != seen[:-1]])
    values, counts = seen[starts], np.diff(np.r_[starts, seen.size])
    common = int(counts.argmax())
    above, under = seen[starts[common] + counts[common] :], seen[: starts[common]]
    halves = np.power(0.5, np.arange(steps), dtype=np.float64)
    cuts = [(float(cut), True) for cut in np.unique(_quantiles_of(above, 1 - halves))]
    # "Below" excludes its cut, so the cut under the commonest value is the next larger value that occurs.
    below = np.searchsorted(values, np.unique(_quantiles_of(under, halves)), side="right")
    return cuts + [(float(values[place]), False) for place in below]


def _quantiles_of(values: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return quantiles of ascending values: of those that occur, the first with such a share up to it."""
    places = np.ceil(at * values.size).astype(np.int64) - 1
    return values[np.maximum(places, 0)] if values.size else values


def mark_rules(rules: Sequence[Stump], features: NDArray[np.float32]) -> Any:
    """Return 1.0 where each rule applies to each row, as sparse rows (rows, rules): most households have little."""
    places = [np.flatnonzero(rule.applies(features[:, rule.feature])) for rule in rules]
    starts = np.concatenate([[0], np.cumsum([len(place) for place in places])])
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *places])
    return sparse.csc_matrix((np.ones(len(rows)), rows, starts), shape=(len(features), len(rules))).tocsr()


def fit_coefficients(
    held: Any,
    labels: NDArray[np.int8],
    l2: float,
    tolerance: float = _FINE,
    start: tuple[NDArray[np.float64], float] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Return the ridge logistic regression's weight of each column, and its intercept, sought from `start` on.

    Without a column (nothing was seen of anybody yet, or nothing varies) it is the log odds of the outcome alone.
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it ships no types

    if not held.shape[1]:
        share = float(np.mean(labels))
        return np.zeros(0), float(np.log(share / (1 - share)))
    model = LogisticRegression(C=1.0 / l2, solver="lbfgs", max_iter=1000, tol=tolerance, warm_start=True)
    if start:
        model.coef_, model.intercept_ = start[0][None, :], np.array([start[1]])
    model.fit(held, labels)
    return model.coef_[0], float(model.intercept_[0])


def fit_regression(
    features: NDArray[np.float32], labels: NDArray[np.int8], directions: Sequence[int], settings: Logistic
) -> tuple[list[Stump], float]:
    """Return the fitted rules and the intercept. `features` (rows, features), `labels` (rows,) 0 or 1."""
    rules = propose_steps(features, settings.steps)
    marks = mark_rules(rules, features)
    start = None
    for tolerance in (_ROUGH, _FINE):
        while True:
            start = weights, intercept = fit_coefficients(marks, labels, settings.l2, tolerance, start)
            upward = np.array([1 if rule.at_least else -1 for rule in rules])
            against = np.array([directions[rule.feature] for rule in rules]) * upward * weights < 0
            if not against.any():
                break
            marks, start = marks[:, ~against], (weights[~against], intercept)
            rules = [rule for rule, dropped in zip(rules, against, strict=True) if not dropped]
    return [replace(rule, adds=float(weight)) for rule, weight in zip(rules, weights, strict=True)], intercept
