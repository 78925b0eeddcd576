"""The measures of an audit, each a share of cells among cells (see `tally.py` for the cells)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MEASURES", "Measure"]

_TN, _FP, _FN, _TP, _UNSELECTED, _SELECTED = range(6)


@dataclass(frozen=True)
class Measure:
    """A share: rows in the cells `counted` among rows in the cells `among`; with its title for people."""

    id: str
    title: str
    counted: tuple[int, ...]
    among: tuple[int, ...]
    needs_label: bool

    @property
    def above(self) -> NDArray[np.float64]:
        """The cells counted, as weights (cells,)."""
        return np.array([float(cell in self.counted) for cell in range(6)])

    @property
    def below(self) -> NDArray[np.float64]:
        """The cells counted among, as weights (cells,)."""
        return np.array([float(cell in self.among) for cell in range(6)])


MEASURES: Mapping[str, Measure] = {
    measure.id: measure
    for measure in (
        Measure(
            "selection_rate",
            "Share on a worklist",
            (_FP, _TP, _SELECTED),
            (_TN, _FP, _FN, _TP, _UNSELECTED, _SELECTED),
            False,
        ),
        # Where a group's outcomes are known less often, its other figures speak of fewer of its people.
        Measure(
            "outcome_known",
            "Share whose outcome is known",
            (_TN, _FP, _FN, _TP),
            (_TN, _FP, _FN, _TP, _UNSELECTED, _SELECTED),
            True,
        ),
        Measure("base_rate", "Share with a later need", (_FN, _TP), (_TN, _FP, _FN, _TP), True),
        Measure("recall", "Share of later need that was on a worklist", (_TP,), (_FN, _TP), True),
        Measure("false_negative_rate", "Missed help: share of later need on no worklist", (_FN,), (_FN, _TP), True),
        Measure("false_positive_rate", "Unwanted contact: share of no later need listed", (_FP,), (_TN, _FP), True),
        Measure("true_negative_rate", "Share of no later need that was left alone", (_TN,), (_TN, _FP), True),
        Measure("precision", "Share of the worklist with a later need", (_TP,), (_FP, _TP), True),
        Measure("false_discovery_rate", "Share of the worklist without a later need", (_FP,), (_FP, _TP), True),
        Measure("false_omission_rate", "Share off the worklist with a later need", (_FN,), (_TN, _FN), True),
        Measure("negative_predictive_value", "Share off the worklist without one", (_TN,), (_TN, _FN), True),
        Measure("accuracy", "Share told right", (_TN, _TP), (_TN, _FP, _FN, _TP), True),
    )
}
"""By id, in the order of reports."""
