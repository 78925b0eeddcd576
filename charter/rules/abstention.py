"""Abstention: whose likelihood is not said, because too little is seen or the household is like nobody learned from.

    not seen   more than this share of the features has no value
    outside    more than so many values lie beyond the lowest and highest of the rows that the model learned from

Such a household keeps its place, which rests on what was seen. It gets no band: pages say that not enough is visible.
The rule is `[abstention]` of training.toml; a release carries it with the ranges, and training and serving both read it
here. Needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sight"]

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Sight:
    """The rule, and each feature's range among the rows learned from: (features,), NaN for one never seen there."""

    not_seen: float
    outside: int
    lowest: Values
    highest: Values

    @classmethod
    def of(cls, extremes: Sequence[tuple[Values, Values]], not_seen: float, outside: int) -> Sight:
        """Return the rule over the (lowest, highest) of each part of what was learned from."""
        lowest = np.fmin.reduce([low for low, _ in extremes])
        highest = np.fmax.reduce([high for _, high in extremes])
        return cls(not_seen, outside, lowest, highest)

    def enough(self, rows: Values) -> NDArray[np.bool_]:
        """Whether enough is visible of each of `rows` (n, features) to say how likely a need is. Shape (n,)."""
        unseen = np.isnan(rows)
        # A comparison with NaN is false: a value of a feature that was never seen in training is outside.
        inside = (rows >= self.lowest) & (rows <= self.highest)
        beyond = (~inside & ~unseen).sum(axis=1)
        return np.asarray((unseen.mean(axis=1) <= self.not_seen) & (beyond <= self.outside))

    def as_document(self) -> dict[str, Any]:
        """Return it as the release contract's `abstention`; null for a feature never seen in training."""
        return {
            "not_seen": self.not_seen,
            "outside": self.outside,
            "lowest": [None if np.isnan(value) else float(value) for value in self.lowest],
            "highest": [None if np.isnan(value) else float(value) for value in self.highest],
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Sight:
        """Read `as_document` back."""
        lowest, highest = (
            np.array([np.nan if value is None else value for value in document[name]], dtype=np.float32)
            for name in ("lowest", "highest")
        )
        return cls(float(document["not_seen"]), int(document["outside"]), lowest, highest)
