"""The calibration where lists are made: Platt's scaling, unless one that bends there is shown to be better.

Platt's is fitted on everybody (calibration.py), and few of those are ever near a list. So a second scaling is fitted on
whole weeks: isotonic regression, by scikit-learn, over steps of margins that hold thirty outcomes or more each, so that
what it says at the very top never rests on a handful.

    out of time   both are fitted on the first half of the weeks and judged on whom lists of the second half hold
    chosen        isotonic, where the log loss of those listings is surely smaller; else Platt's, the simpler
    judged        each half of the households by the scaling that the other half gives

A margin that is larger never has a smaller likelihood, so bands follow the order of the list either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.likelihood import compute_likelihood
from training.data.weeks import ListWeeks
from training.judging.bootstrap import bound
from training.judging.calibration import Platt, fit_platt
from training.judging.listed_rows import ListedRows

__all__ = ["Isotonic", "ListScaling", "choose_scaling", "fit_isotonic", "say_scaling", "score_by_half"]

Float = NDArray[np.float64]
Rows = NDArray[np.bool_]

_FEWEST_OUTCOMES = 30
"""A step's share is then known to a fifth of itself, one standard error."""
_MOST_STEPS = 100
_DAYS_BETWEEN = 28
"""Rows of weeks nearer to each other are nearly the same rows."""


@dataclass(frozen=True)
class Isotonic:
    """Knots of a line that never falls: margins ascending, and the likelihood at each."""

    margins: Float
    likelihoods: Float
    rows: int
    positives: int

    def likelihood(self, margins: Float) -> Float:
        """Return the calibrated likelihood of each margin; shape (rows,)."""
        return compute_likelihood(self.as_document(), margins)

    def as_document(self) -> dict[str, Any]:
        """Return the scaling as the release contract's `calibration`."""
        return {
            "method": "isotonic",
            "margins": self.margins.tolist(),
            "likelihoods": self.likelihoods.tolist(),
            "rows": self.rows,
            "positives": self.positives,
            "formula": "straight lines between (margins, likelihoods), level beyond both ends",
        }


def fit_isotonic(margins: Float, labels: NDArray[np.int8]) -> Isotonic | None:
    """Fit the scaling on labelled rows (labels 0 or 1); None where they have too few outcomes for two steps.

    margin 9, 8, 8, 7, ...   outcomes from the top   1, 3, 4, ... 30 | 31 ...     a step ends where it holds thirty
    """
    from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]  # it ships no types

    value, place = np.unique(-margins, return_inverse=True)
    rows = np.bincount(place).astype(np.float64)
    yes = np.bincount(place, weights=labels == 1)
    every = int(yes.sum())
    size = max(_FEWEST_OUTCOMES, every / _MOST_STEPS)
    if every < 2 * size:
        return None
    # What is left at the lower end belongs to the last whole step.
    step = np.minimum((np.cumsum(yes) - yes) // size, every // size - 1).astype(np.int64)
    step = np.unique(step, return_inverse=True)[1]
    number, outcomes = np.bincount(step, weights=rows), np.bincount(step, weights=yes)
    middle = np.bincount(step, weights=-value * rows) / number
    fitted = IsotonicRegression(out_of_bounds="clip").fit(middle, (outcomes + 1) / (number + 2), sample_weight=number)
    return Isotonic(fitted.X_thresholds_, fitted.y_thresholds_, len(margins), every)


@dataclass(frozen=True)
class ListScaling:
    """The scaling to release, `halves` that judge it, and how it was chosen.

    `likelihood` (reached,) is of the rows that lists come to, by a scaling not fitted on them; `saved` is by how much
    the log loss of a listing is smaller with isotonic regression, out of time, with its interval.
    """

    released: Platt | Isotonic
    halves: tuple[Isotonic, Isotonic] | None
    likelihood: Float
    saved: tuple[float | None, float | None, float | None]

    def as_document(self) -> dict[str, Any]:
        """Return the choice as JSON values."""
        method = self.released.as_document()["method"]
        return {"method": method, "log_loss_saved": dict(zip(("estimate", "low", "high"), self.saved, strict=True))}


def choose_scaling(
    weeks: ListWeeks,
    margins: Float,
    rows: ListedRows,
    keys: NDArray[np.uint64],
    platt: tuple[Platt, list[Platt]],
    level: float,
) -> ListScaling:
    """Choose the scaling of one model: `margins` (rows,) of the weeks, `keys` (households,) that divide households.

    `platt` is the scaling for release and each fold's own.
    """
    released, by_fold = platt
    likelihood = np.zeros(len(rows.margin))
    for number, scaling in enumerate(by_fold):
        of_fold = rows.fold == number
        likelihood[of_fold] = scaling.likelihood(rows.margin[of_fold])
    middle = _find_middle(rows)
    apart = (weeks.days[1] - weeks.days[0]).days if len(weeks.days) > 1 else _DAYS_BETWEEN
    sampled = (weeks.week % max(1, round(_DAYS_BETWEEN / apart)) == 0) & weeks.labelled
    saved = _compare_out_of_time(weeks, margins, rows, sampled & (weeks.week < middle), middle, level)
    if saved[1] is None or saved[1] <= 0:
        return ListScaling(released, None, likelihood, saved)
    odd = (keys[weeks.household] & np.uint64(1)).astype(np.bool_)
    first, second, whole = (_fit_rows(weeks, margins, sampled & half) for half in (odd, ~odd, np.ones_like(odd)))
    if first is None or second is None or whole is None:
        return ListScaling(released, None, likelihood, saved)
    halves = (first, second)
    return ListScaling(whole, halves, score_by_half(halves, keys[rows.household], rows.margin), saved)


def _find_middle(rows: ListedRows) -> int:
    """Return the first week of the later half of the weeks that count."""
    counted = np.unique(rows.week[rows.counted])
    return int(counted[len(counted) // 2]) if len(counted) else 0


def _compare_out_of_time(
    weeks: ListWeeks, margins: Float, rows: ListedRows, early: Rows, middle: int, level: float
) -> tuple[float | None, float | None, float | None]:
    """Return by how much isotonic regression has the smaller log loss of a listing, both fitted on `early` rows."""
    bent = _fit_rows(weeks, margins, early)
    if bent is None:
        return None, None, None
    plain = fit_platt(margins[early], weeks.needed[early].astype(np.int8))
    losses = [_log_loss(scaling.likelihood(rows.margin), rows.needed) for scaling in (plain, bent)]
    late = (rows.week >= middle).astype(np.float64)
    return bound(rows.share((losses[0] - losses[1]) * late, late), level)


def _fit_rows(weeks: ListWeeks, margins: Float, rows: Rows) -> Isotonic | None:
    return fit_isotonic(margins[rows], weeks.needed[rows].astype(np.int8))


def score_by_half(halves: tuple[Isotonic, Isotonic], keys: NDArray[np.uint64], margins: Float) -> Float:
    """Return each row's likelihood, (rows,), by the half that its household is not in; odd `keys` gave the first."""
    odd = (keys & np.uint64(1)).astype(np.bool_)
    return np.where(odd, halves[1].likelihood(margins), halves[0].likelihood(margins))


def _log_loss(likelihood: Float, needed: Rows) -> Float:
    clipped = np.clip(likelihood, 1e-9, 1 - 1e-9)
    return np.asarray(-np.where(needed, np.log(clipped), np.log(1 - clipped)))


def say_scaling(choice: Mapping[str, Any] | None) -> str:
    """Return which scaling was chosen and why, in a sentence; empty for a run without one."""
    if choice is None:
        return ""
    saved = choice["log_loss_saved"]
    if saved["low"] is None:
        return "Likelihoods are Platt's scaling of margins: too few outcomes to try another where lists are made."
    told = f"{saved['estimate']:+.3f} ({saved['low']:+.3f} to {saved['high']:+.3f})"
    if choice["method"] == "isotonic":
        return (
            f"Likelihoods are scaled by isotonic regression: on later lists its log loss is smaller than that of"
            f" Platt's scaling, by {told} a listing."
        )
    return (
        f"Likelihoods are Platt's scaling of margins: on later lists isotonic regression is not surely better; its log"
        f" loss is smaller by {told} a listing."
    )
