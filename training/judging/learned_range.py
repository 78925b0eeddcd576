"""Abstention in training: the range of what a model learned from, and how often charter/rules/abstention.py bites."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.abstention import Sight
from training.data.folds import Fold
from training.judging.bootstrap import Draws, find_interval
from training.models.planning import Plan

__all__ = ["find_learned_range", "mark_enough_seen", "measure_abstention"]


def find_learned_range(planned: Plan, days: Sequence[date]) -> Sight:
    """Return the rule with the ranges of the rows of `days`: those that a model learned from."""
    rule = planned.settings.abstention
    return Sight.of([planned.data.extremes(day) for day in days], rule.not_seen, rule.outside)


def mark_enough_seen(planned: Plan, folds: Sequence[Fold]) -> NDArray[np.bool_]:
    """Whether enough is visible of each test row, by what its own fold's model had learned from; shape (rows,)."""
    data = planned.data
    return np.concatenate(
        [
            find_learned_range(planned, fold.train).enough(np.asarray(data.at(day).features))
            for fold in folds
            for day in fold.test
        ]
    )


def measure_abstention(draws: Draws, enough: NDArray[np.bool_], level: float) -> dict[str, Any]:
    """Return the share of labelled rows without a band, with its interval, and how many of them had the outcome.

    `enough` is (rows,). Of those on lists, listed_rows.py says the same.
    """
    period = draws.period
    without, every = period.labelled & ~enough, draws.total(period.labelled.astype(np.float64))
    share = draws.total(without.astype(np.float64)) / np.maximum(every, 1.0)
    low, high = find_interval(share[1:], level)
    positives = int((without & period.positive).sum())
    return {"n": int(without.sum()), "share": float(share[0]), "low": low, "high": high, "had_outcome": positives}
