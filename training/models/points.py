"""A points list: a few rules, each worth whole points, that a practitioner could add up by hand.

Fitted on training rows alone, in the manner of the lists that councils already use, and as well as such a list can be:
a baseline that was made weak would flatter every model. Rules are chosen one by one, each with the points that most
raise the list's average precision; then points are changed, rules are dropped or exchanged, as long as that helps. Only
rules that raise the likelihood enter: a list that also subtracts is not added up in the head.

A list has few different totals, so how a rule changes its average precision follows from two histograms of totals, of
the rows the rule applies to: no row is sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charter.council.training_settings import Points
from training.models.logistic import propose_steps
from training.models.stumps import Stump

__all__ = ["fit_points"]

_STEPS = 6
_SURE = 2.0
"""The least z score, of the log odds ratio, of a rule that may enter."""

_GAIN = 1e-4
"""The least relative rise in average precision that is worth a rule or a change."""

_POOL = 160
"""The most rules that are tried: those with the largest z scores."""

_ROUNDS = 2
"""How often every chosen rule may be exchanged."""

Counts = NDArray[np.int64]


def fit_points(
    features: NDArray[np.float32], labels: NDArray[np.int8], directions: Sequence[int], settings: Points
) -> list[Stump]:
    """Return at most `settings.rules` rules, most points first; none where nothing surely raises the likelihood."""
    rules = [_Rule.of(rule, features, labels) for rule in _allowed_rules(propose_steps(features, _STEPS), directions)]
    sure = {place: z for place, rule in enumerate(rules) if (z := _z_score(rule, labels)) > _SURE}
    rules = [rules[place] for place in sorted(sorted(sure, key=lambda place: -sure[place])[:_POOL])]
    if not rules:
        return []
    chosen = _Fit(labels == 1, settings).chosen(rules)
    stumps = [
        replace(rules[place].stump, adds=float(points), share=len(rules[place].rows) / len(labels))
        for place, points in chosen.items()
    ]
    return sorted(stumps, key=lambda rule: (-rule.adds, rule.feature, rule.threshold))


@dataclass(frozen=True)
class _Rule:
    """A rule, the rows it applies to, and those of them that are positive."""

    stump: Stump
    rows: NDArray[np.int64]
    hits: NDArray[np.int64]

    @classmethod
    def of(cls, stump: Stump, features: NDArray[np.float32], labels: NDArray[np.int8]) -> _Rule:
        rows = np.flatnonzero(stump.applies(features[:, stump.feature]))
        return cls(stump, rows, rows[labels[rows] == 1])


def _allowed_rules(rules: Sequence[Stump], directions: Sequence[int]) -> list[Stump]:
    """Return the rules that may raise the likelihood by their feature's direction, with cuts people can remember."""
    both = [replace(rule, threshold=_tidy_threshold(rule.threshold)) for rule in rules]
    both += [replace(rule, at_least=not rule.at_least, share=1 - rule.share) for rule in both]
    return [rule for rule in both if directions[rule.feature] * (1 if rule.at_least else -1) >= 0]


def _tidy_threshold(threshold: float) -> float:
    """Return a threshold that people can remember: two figures, unless it is a whole number below 100."""
    if threshold <= 0 or (threshold < 100 and threshold == round(threshold)):
        return threshold
    size = 10.0 ** (np.floor(np.log10(threshold)) - 1)
    return float(np.floor(threshold / size) * size)


def _z_score(rule: _Rule, labels: NDArray[np.int8]) -> float:
    """Return the z score of the rule's log odds ratio (Haldane's correction)."""
    hits = float(len(rule.hits))
    positives = float((labels == 1).sum())
    a, b = hits + 0.5, len(rule.rows) - hits + 0.5
    c, d = positives - hits + 0.5, len(labels) - positives - (len(rule.rows) - hits) + 0.5
    return float(np.log(a * d / (b * c)) / np.sqrt(1 / a + 1 / b + 1 / c + 1 / d))


class _Fit:
    """The list being made: each row's total so far, and the average precision of the totals."""

    def __init__(self, positive: NDArray[np.bool_], settings: Points) -> None:
        self._positive = positive
        self._settings = settings
        self._total = np.zeros(len(positive), dtype=np.int64)
        self._levels = settings.rules * settings.most + settings.most + 1

    def chosen(self, rules: Sequence[_Rule]) -> dict[int, int]:
        """Return the points of the chosen rules by their place."""
        points: dict[int, int] = {}
        while len(points) < self._settings.rules:
            best = self._best(rules, points)
            if best is None:
                break
            self._add(rules, points, *best)
        for _ in range(_ROUNDS):
            exchanged = [self._exchange(rules, points, place) for place in list(points)]
            if not any(exchanged):
                break
        return points

    def _add(self, rules: Sequence[_Rule], points: dict[int, int], place: int, worth: int) -> None:
        points[place] = worth
        self._total[rules[place].rows] += worth

    def _take(self, rules: Sequence[_Rule], points: dict[int, int], place: int) -> int:
        worth = points.pop(place)
        self._total[rules[place].rows] -= worth
        return worth

    def _exchange(self, rules: Sequence[_Rule], points: dict[int, int], place: int) -> bool:
        """Take one rule out and put the best one in, perhaps itself with other points; say whether that helped."""
        before = self._precision(*self._histograms())
        worth = self._take(rules, points, place)
        best = self._best(rules, points)
        if best is not None:
            self._add(rules, points, *best)
            if self._precision(*self._histograms()) > before * (1 + _GAIN):
                return True
            self._take(rules, points, best[0])
        self._add(rules, points, place, worth)
        return False

    def _best(self, rules: Sequence[_Rule], points: dict[int, int]) -> tuple[int, int] | None:
        """Return the rule and points that would raise average precision most; None where nothing does.

        All rules are tried at once: histograms are (rules, levels). The middle number of points wins ties.
        """
        every, hits = self._histograms()
        applied = np.stack([np.bincount(self._total[rule.rows], minlength=self._levels) for rule in rules])
        held_hits = np.stack([np.bincount(self._total[rule.hits], minlength=self._levels) for rule in rules])
        best, choice = self._precision(every, hits) * (1 + _GAIN), None
        middle = (self._settings.most + 1) // 2
        for worth in sorted(range(1, self._settings.most + 1), key=lambda worth: abs(worth - middle)):
            precision = self._precision(
                _shift_histogram(every, applied, worth), _shift_histogram(hits, held_hits, worth)
            )
            precision[list(points)] = 0.0
            place = int(precision.argmax())
            if precision[place] > best:
                best, choice = precision[place], (place, worth)
        return choice

    def _histograms(self) -> tuple[Counts, Counts]:
        return (
            np.bincount(self._total, minlength=self._levels),
            np.bincount(self._total[self._positive], minlength=self._levels),
        )

    @staticmethod
    def _precision(every: Counts, hits: Counts) -> NDArray[np.float64]:
        """Return the average precision of totals, the largest first, equals counted as ties; shape (...,).

        total       0   1   2
        every       5   3   2      rows with that total
        hits        0   1   2      of them with the outcome: (2/2 * 2 + 3/5 * 1) / 3 = 0.87
        """
        rows, positives = np.cumsum(every[..., ::-1], axis=-1), np.cumsum(hits[..., ::-1], axis=-1)
        share = np.divide(positives, rows, out=np.zeros(positives.shape), where=rows > 0)
        return np.asarray((share * hits[..., ::-1]).sum(axis=-1) / positives[..., -1])


def _shift_histogram(every: Counts, held: Counts, worth: int) -> Counts:
    """Return a histogram after the held rows moved up by `worth`."""
    moved = every - held
    moved[..., worth:] += held[..., :-worth]
    return moved
