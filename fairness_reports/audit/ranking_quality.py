"""How well scores order people at all thresholds: the area under the ROC curve, by group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["auc"]


def auc(label: NDArray[np.integer], score: NDArray[np.floating]) -> float:
    """Return the chance that a row with label 1 scores above one with label 0, equals counting half.

    Computed as scikit-learn does, by the trapezoid rule over the curve's corners, so that published figures come out
    to the last digit. NaN where only one of the two labels is there.
    """
    order = np.argsort(score, kind="mergesort")[::-1]
    ordered, sorted_score = np.asarray(label, dtype=np.float64)[order], np.asarray(score)[order]
    ends = np.r_[np.flatnonzero(np.diff(sorted_score)), len(order) - 1]
    true = np.r_[0.0, np.cumsum(ordered)[ends]]
    false = np.r_[0.0, 1 + ends - true[1:]]
    if true[-1] == 0 or false[-1] == 0:
        return float("nan")
    return float(np.trapezoid(true / true[-1], false / false[-1]))
