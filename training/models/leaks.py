"""The leak check: a feature that knows the outcome too well, found before anything is trained.

Nothing that was known at the as-of date tells nearly every outcome from nearly every other household. A feature that
does was recorded, or corrected, after the outcome. Two signs on the training rows of the last fold, each enough:

    order      the feature alone puts a household with the outcome above one without it in more than 97 of 100 pairs
    certainty  one of its steps holds 30 households or more, and 98 in 100 of them had the outcome

`suspected = "accept"` in [leaks] of training.toml trains all the same; the run then carries the names for the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.models.contenders import Parted, Sample
from training.models.logistic import propose_steps

__all__ = ["Leak", "find_suspects"]

_ORDER = 0.97
_CERTAIN = 0.98
_HOUSEHOLDS = 30
_STEPS = 8


@dataclass(frozen=True)
class Leak:
    """A suspected feature and what it did: in words that end a sentence."""

    feature: str
    sign: str


def find_suspects(sample: Sample, names: Sequence[str]) -> list[Leak]:
    """Return the features that know the outcome too well on labelled rows."""
    signs: dict[str, str] = {}
    parted = [Parted.of(sample, column) for column in range(len(names))]
    for name, values in zip(names, parted, strict=True):
        area = max(values.aurocs())
        if area > _ORDER:
            signs[name] = f"alone orders {100 * area:.1f} of 100 pairs rightly"
    for rule in propose_steps(sample.features, _STEPS):
        number, hits = parted[rule.feature].held(rule.threshold, rule.at_least)
        if number >= _HOUSEHOLDS and hits / number >= _CERTAIN:
            step = f"at {rule.threshold:g} or more" if rule.at_least else f"below {rule.threshold:g}"
            signs.setdefault(names[rule.feature], f"{step}, {hits} of {number} rows had the outcome")
    return [Leak(name, sign) for name, sign in signs.items()]
