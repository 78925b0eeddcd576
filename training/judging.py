"""Calibrate and judge what was fitted: the selection periods together, the final period once, and what follows.

A fold's likelihoods come from a scaling fitted on the other selection folds; the final period's from one fitted on
all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import Draws
from training.calibration import Platt, band_rates, fit_platt, refuse_backwards
from training.evaluation import Judged, judge
from training.fitting import Trained
from training.folds import Fold
from training.lists import Period
from training.planning import Plan
from training.recommendation import Recommendation, recommend
from training.run import ScoredRows

__all__ = ["SELECTION", "Results", "judge_all"]

Float = NDArray[np.float64]

SELECTION = "selection"


@dataclass(frozen=True)
class Results:
    """What was measured: the periods' judgements, the scalings and scores, and the recommendation."""

    periods: Mapping[str, Judged]
    scalings: Mapping[str, Platt]
    scored: Sequence[ScoredRows]
    recommendation: Recommendation
    model: str
    bands: Sequence[Mapping[str, Any]]


def judge_all(planned: Plan, trained: Trained, advance: Callable[[], None]) -> Results:
    """Return everything measured; raise DataError where the model to release orders households backwards."""
    settings, data = planned.settings, planned.data
    selecting = [fold for fold in planned.folds if not fold.final] or planned.folds
    final = [fold for fold in planned.folds if fold.final and fold not in selecting]
    chosen_by = Period.of(data, [day for fold in selecting for day in fold.test], planned.places)
    fold_days = _numbered(selecting)
    scalings, scores = _scale(trained, selecting, chosen_by, fold_days)
    draws = Draws.of(chosen_by, settings.bootstrap.resamples, settings.bootstrap.seed)
    pooled = {name: np.concatenate([by[fold.name] for fold in selecting]) for name, by in trained.margins.items()}
    components = data.matrix.manifest["components"]
    periods = {SELECTION: judge(SELECTION, draws, pooled, scores, fold_days, components, settings.bootstrap)}
    recommendation = recommend(periods[SELECTION].precision, settings.bootstrap.level)
    model = recommendation.model if settings.models.release == "recommended" else settings.models.release
    refuse_backwards(model, scalings[model])
    bands = band_rates(
        draws,
        scores[model],
        chosen_by.listed(periods[SELECTION].places[model]),
        settings.bands,
        settings.bootstrap.level,
    )
    advance()
    scored = _scored(chosen_by, selecting, pooled, scores)
    for fold in final:
        period = Period.of(data, fold.test, planned.places)
        margins = {name: by[fold.name] for name, by in trained.margins.items()}
        likely = {name: scalings[name].likelihood(margin) for name, margin in margins.items()}
        last = Draws.of(period, settings.bootstrap.resamples, settings.bootstrap.seed)
        periods[fold.name] = judge(fold.name, last, margins, likely, _numbered([fold]), components, settings.bootstrap)
        scored += _scored(period, [fold], margins, likely)
    advance()
    return Results(periods, scalings, scored, recommendation, model, bands)


def _numbered(folds: Sequence[Fold]) -> dict[str, list[int]]:
    """Return the numbers of each fold's test dates among all of theirs."""
    numbered: dict[str, list[int]] = {}
    start = 0
    for fold in folds:
        numbered[fold.name] = list(range(start, start + len(fold.test)))
        start += len(fold.test)
    return numbered


def _scale(
    trained: Trained, selecting: Sequence[Fold], period: Period, fold_days: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Platt], dict[str, Float]]:
    """Return each model's scaling over all selection folds, and its cross-fitted likelihoods there."""
    scalings, scores = {}, {}
    for name, by_fold in trained.margins.items():
        margins = np.concatenate([by_fold[fold.name] for fold in selecting])
        scalings[name] = fit_platt(margins[period.labelled], period.labels[period.labelled])
        scores[name] = np.empty(len(margins))
        for fold in selecting:
            inside = np.isin(period.day, fold_days[fold.name])
            others = period.labelled & ~inside
            scaling = fit_platt(margins[others], period.labels[others]) if others.any() else scalings[name]
            scores[name][inside] = scaling.likelihood(margins[inside])
    return scalings, scores


def _scored(
    period: Period, folds: Sequence[Fold], margins: Mapping[str, Float], scores: Mapping[str, Float]
) -> list[ScoredRows]:
    made = []
    for name, margin in margins.items():
        for fold, days in _numbered(folds).items():
            rows = np.isin(period.day, days)
            made.append(
                ScoredRows(
                    name, fold, period.entity[rows], period.days, period.day[rows], margin[rows], scores[name][rows]
                )
            )
    return made
