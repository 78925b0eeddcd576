"""Calibrate and judge what was fitted: the selection periods together, the final period once, and what follows.

Nothing of the final period takes part in choosing a model. It does take part, like every other labelled row, in the
candidate that is released and in its scaling, after it has been judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import MISSING
from training.data.folds import SELECTION, Fold
from training.data.lists import Period
from training.judging.bootstrap import Draws
from training.judging.calibration import Platt, fit_platt, measure_bands, move_intercept, refuse_backwards
from training.judging.calibration_by_group import measure_groups
from training.judging.evaluation import Judged, judge_models
from training.judging.isolated_lists import measure_stability
from training.judging.learned_range import mark_enough_seen, measure_abstention
from training.models.fitting import Trained
from training.models.planning import Plan
from training.run import ScoredRows

__all__ = ["Results", "judge_periods"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Results:
    """What was measured of isolated dates: the periods' judgements, the scalings and the scores.

    `draws` are the resamples of the selection periods, for figures that are made later.
    """

    draws: Draws
    periods: Mapping[str, Judged]
    scalings: Mapping[str, Platt]
    scored: Sequence[ScoredRows]
    model: str
    bands: Sequence[Mapping[str, Any]]
    stability: Mapping[str, float | None]
    calibration: Sequence[Mapping[str, Any]]
    abstention: Mapping[str, Any]


def judge_periods(
    planned: Plan, trained: Trained, model: str, advance: Callable[[], None], look: bool = True
) -> Results:
    """Return everything measured; raise DataError where `model`, to be released, orders households backwards.

    The final period has figures and scores only if this run may `look` (final.py).
    """
    settings, data = planned.settings, planned.data
    selecting = planned.selecting
    final = [fold for fold in planned.folds if look and fold.final and fold not in selecting]
    chosen_by = Period.of(data, [day for fold in selecting for day in fold.test], planned.places)
    fold_days = _number_days(selecting)
    scalings, fold_scalings = {}, {}
    for name, by_fold in trained.margins.items():
        scalings[name], fold_scalings[name] = _scale_all(planned, by_fold)
    draws = Draws.of(chosen_by, settings.bootstrap.resamples, settings.bootstrap.seed)
    scores = {
        name: np.concatenate([fold_scalings[name][fold.name].likelihood(by[fold.name]) for fold in selecting])
        for name, by in trained.margins.items()
    }
    pooled = {name: np.concatenate([by[fold.name] for fold in selecting]) for name, by in trained.margins.items()}
    components = data.matrix.manifest["components"]
    periods = {SELECTION: judge_models(SELECTION, draws, pooled, scores, fold_days, components, settings.bootstrap)}
    refuse_backwards(model, scalings[model])
    level = settings.bootstrap.level
    on_list, enough = chosen_by.listed(periods[SELECTION].places[model]), mark_enough_seen(planned, selecting)
    bands = measure_bands(draws, scores[model], on_list & enough, settings.bands, level)
    advance()
    scored = _score_rows(chosen_by, selecting, pooled, scores)
    for fold in final:
        period = Period.of(data, fold.test, planned.places)
        margins = {name: by[fold.name] for name, by in trained.margins.items()}
        likely = {name: fold_scalings[name][fold.name].likelihood(margin) for name, margin in margins.items()}
        last = Draws.of(period, settings.bootstrap.resamples, settings.bootstrap.seed)
        periods[fold.name] = judge_models(
            fold.name, last, margins, likely, _number_days([fold]), components, settings.bootstrap
        )
        scored += _score_rows(period, [fold], margins, likely)
    advance()
    places = periods[SELECTION].places
    return Results(
        draws,
        periods,
        scalings,
        scored,
        model,
        bands,
        {name: measure_stability(chosen_by, place) for name, place in places.items()},
        measure_groups(data, draws, scores[model], level),
        measure_abstention(draws, enough, on_list, level),
    )


def _number_days(folds: Sequence[Fold]) -> dict[str, list[int]]:
    """Return the numbers of each fold's test dates among all of theirs."""
    numbered: dict[str, list[int]] = {}
    start = 0
    for fold in folds:
        numbered[fold.name] = list(range(start, start + len(fold.test)))
        start += len(fold.test)
    return numbered


@dataclass(frozen=True)
class Margins:
    """One fold's out-of-time margins of one model, and its labels; rows without a label left out."""

    margins: Float
    labels: NDArray[np.int8]


def _labelled_margins(planned: Plan, fold: Fold, margins: Float) -> Margins:
    labels = np.concatenate([planned.data.labels(day, planned.data.taken_at) for day in fold.test])
    return Margins(margins[labels != MISSING], labels[labels != MISSING])


def scale_margins(parts: Sequence[Margins], nearest: int) -> Platt:
    """Return the scaling whose slope is fitted on all `parts` and whose intercept is that of one of them."""
    pooled = np.concatenate([part.margins for part in parts])
    scaling = fit_platt(pooled, np.concatenate([part.labels for part in parts]))
    return move_intercept(scaling, parts[nearest].margins, parts[nearest].labels)


def _scale_all(planned: Plan, by_fold: Mapping[str, Float]) -> tuple[Platt, dict[str, Platt]]:
    """Return one model's scaling for release, from all its folds, and each fold's own, from others.

    A selection fold's comes from the other selection folds, its intercept from the one before it (the first: after
    it); the final fold's from all selection folds. A run with a single fold has no others, and says so by using it.
    """
    parts = [_labelled_margins(planned, fold, by_fold[fold.name]) for fold in planned.folds]
    selecting = [number for number, fold in enumerate(planned.folds) if not fold.final]
    by_name = {}
    for number, fold in enumerate(planned.folds):
        others = [other for other in selecting if other != number] or [number]
        nearest = max((other for other in others if other < number), default=others[0])
        by_name[fold.name] = scale_margins([parts[other] for other in others], others.index(nearest))
    return scale_margins(parts, len(parts) - 1), by_name


def _score_rows(
    period: Period, folds: Sequence[Fold], margins: Mapping[str, Float], scores: Mapping[str, Float]
) -> list[ScoredRows]:
    parts = []
    for name, margin in margins.items():
        for fold, days in _number_days(folds).items():
            rows = np.isin(period.day, days)
            parts.append(
                ScoredRows(
                    name, fold, period.entity[rows], period.days, period.day[rows], margin[rows], scores[name][rows]
                )
            )
    return parts
