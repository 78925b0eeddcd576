"""A points list: a few rules, each worth whole points, that a practitioner could add up by hand.

Fitted on training rows alone, in the manner of the lists that councils already use. The best cut of each feature is
found by the z score of its log odds ratio; a ridge logistic regression weighs the strongest together; weights become
1 to `most` points. Only rules that raise the likelihood enter: a list that also subtracts is not added up in the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from training.logistic import candidates, coefficients, indicators
from training.settings import Points
from training.stumps import Stump

__all__ = ["points_list"]

_STEPS = 8
_L2 = 1.0
_SURE = 2.0
"""The least z score of a rule that may enter."""

_POOL = 3
"""How many candidate rules are weighed together for each rule that may stay."""


def points_list(
    features: NDArray[np.float32], labels: NDArray[np.int8], directions: Sequence[int], settings: Points
) -> list[Stump]:
    """Return at most `settings.rules` rules, the weightiest first; raise DataError where no rule raises anything."""
    rules = _strongest(_both_ways(candidates(features, _STEPS), directions), features, labels)
    rules = rules[: settings.rules * _POOL]
    for keep in (len(rules), settings.rules, settings.rules):
        rules = _weighed(rules, features, labels)[:keep]
    if not rules:
        raise DataError(
            "no feature raises the likelihood of the outcome, so there is no points list to compare with.",
            "Look at the features' directions in definition.py and at the outcome.",
        )
    unit = max(rule.adds for rule in rules) / settings.most
    pointed = [replace(rule, adds=float(round(rule.adds / unit))) for rule in rules]
    return sorted((rule for rule in pointed if rule.adds >= 1), key=lambda rule: (-rule.adds, rule.feature))


def _both_ways(rules: Sequence[Stump], directions: Sequence[int]) -> list[Stump]:
    """Return the rules as the directions allow: at least, below, or both where a feature is free."""
    upward = [rule for rule in rules if directions[rule.feature] >= 0]
    downward = [
        replace(rule, threshold=_tidy(rule.threshold), at_least=False)
        for rule in rules
        if directions[rule.feature] <= 0
    ]
    return [replace(rule, threshold=_tidy(rule.threshold)) for rule in upward] + downward


def _tidy(threshold: float) -> float:
    """Return a threshold that people can remember: two figures, and whole below 100."""
    if threshold < 100:
        return float(np.float32(threshold))
    size = 10.0 ** (np.floor(np.log10(threshold)) - 1)
    return float(np.floor(threshold / size) * size)


def _strongest(rules: Sequence[Stump], features: NDArray[np.float32], labels: NDArray[np.int8]) -> list[Stump]:
    """Return each feature's best rule, by the z score of its log odds ratio, the strongest first."""
    held = indicators(rules, features)
    with_rule, among_positive = held.T @ np.ones(len(labels)), held.T @ (labels == 1).astype(np.float64)
    positives, rows = float((labels == 1).sum()), float(len(labels))
    a, b = among_positive + 0.5, with_rule - among_positive + 0.5
    c, d = positives - among_positive + 0.5, rows - positives - (with_rule - among_positive) + 0.5
    z = np.log(a * d / (b * c)) / np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    best: dict[int, int] = {}
    for place, rule in enumerate(rules):
        if z[place] > _SURE and (rule.feature not in best or z[place] > z[best[rule.feature]]):
            best[rule.feature] = place
    ordered = sorted(best.values(), key=lambda place: (-z[place], rules[place].feature))
    return [replace(rules[place], share=float(with_rule[place] / rows)) for place in ordered]


def _weighed(rules: Sequence[Stump], features: NDArray[np.float32], labels: NDArray[np.int8]) -> list[Stump]:
    """Return the rules that still raise the likelihood together, the ones that move most margin first."""
    if not rules:
        return []
    weights, _ = coefficients(indicators(rules, features), labels, _L2)
    weighed = [replace(rule, adds=float(weight)) for rule, weight in zip(rules, weights, strict=True) if weight > 0]
    return sorted(weighed, key=lambda rule: (-rule.adds * np.sqrt(rule.share * (1 - rule.share)), rule.feature))
