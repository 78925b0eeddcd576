"""Scores and contributions from a model in LightGBM's native text: trees, points list and logistic alike.

    margin          sum over trees: what ranking uses, float64
    contribution    what each feature adds to the margin (TreeSHAP, Lundberg et al. 2020); with the base they sum to it
    likelihood      calibrated margin, between 0 and 1 (charter/rules/likelihood.py): bands alone come from it

One thread for single cases, where several only wait for each other (50 times slower); all of them for whole lists. Each
row is summed by one thread, so the bits are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from charter.machine.lean_lightgbm import lightgbm
from charter.rules.likelihood import compute_likelihood

__all__ = ["Band", "Model"]


_MANY = 256
"""From so many rows on it pays to share them out."""


@dataclass(frozen=True)
class Band:
    """A band of likelihood and what it means; `from_score` is its lower edge."""

    id: str
    title: str
    meaning: str
    from_score: float


@dataclass(frozen=True)
class Model:
    """A model, its calibration and its bands (highest first). Safe to share between threads."""

    booster: lightgbm.Booster
    features: tuple[str, ...]
    calibration: Mapping[str, Any]
    bands: tuple[Band, ...]

    @classmethod
    def read(
        cls,
        text: str,
        features: Sequence[str],
        calibration: Mapping[str, Any],
        bands: Sequence[Mapping[str, Any]],
    ) -> Model:
        """Read LightGBM's native text; raise DataError if it is not that, or is of another number of features."""
        try:
            booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError:
            raise DataError("the model file is not LightGBM's native text.", "Promote the release again.") from None
        if booster.num_feature() != len(features):
            raise DataError(
                f"the model reads {booster.num_feature()} features, its manifest names {len(features)}.",
                "Train again, then promote.",
            )
        return cls(
            booster,
            tuple(features),
            calibration,
            tuple(
                sorted(
                    (Band(b["id"], b["title"], b["meaning"], float(b["from_score"])) for b in bands),
                    key=lambda band: -band.from_score,
                )
            ),
        )

    def margins(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each row's raw margin; `rows` (n, features) is float32 in the order of `features`, NaN not seen."""
        if not len(rows):
            return np.empty(0)
        return np.asarray(
            self.booster.predict(
                self._checked(rows), raw_score=True, num_threads=_threads(rows), validate_features=False
            )
        )

    def contributions(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what each feature adds to each row's margin, (n, features), and the base of each row, (n,)."""
        if not len(rows):
            return np.empty((0, len(self.features))), np.empty(0)
        explained = np.asarray(
            self.booster.predict(
                self._checked(rows), pred_contrib=True, num_threads=_threads(rows), validate_features=False
            )
        )
        return explained[:, :-1], explained[:, -1]

    def likelihoods(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the calibrated likelihood of each margin, between 0 and 1."""
        return compute_likelihood(self.calibration, margins)

    def band(self, likelihood: float) -> Band:
        """Return the band that `likelihood` falls in; the lowest band where it is below all."""
        return next((band for band in self.bands if likelihood >= band.from_score), self.bands[-1])

    def _checked(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        # Anything else than float32 in this shape would be scored without a word, and wrongly.
        if rows.ndim != 2 or rows.shape[1] != len(self.features) or rows.dtype != np.float32:
            raise DataError(
                f"rows of shape {rows.shape} and type {rows.dtype} can't be scored: the model reads "
                f"{len(self.features)} float32 features.",
                "Build the matrix again with the definition that the model was trained with.",
            )
        return np.ascontiguousarray(rows)


def _threads(rows: NDArray[np.float32]) -> int:
    return 1 if len(rows) < _MANY else 0
