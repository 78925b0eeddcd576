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

from training.data.folds import SELECTION, Fold
from training.data.lists import Period
from training.judging.bootstrap import Draws
from training.judging.calibration import Platt, refuse_backwards, scale_folds
from training.judging.evaluation import Judged, judge_models
from training.judging.learned_range import mark_enough_seen, measure_abstention
from training.judging.list_scaling import Isotonic, ListScaling, score_by_half
from training.judging.metrics import measure_stability
from training.judging.replay import name_keys
from training.models.fitting import Trained
from training.models.planning import Plan
from training.scores_table import ScoredRows

__all__ = ["Results", "judge_periods"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Results:
    """What was measured of isolated dates: the periods' judgements, the scalings and the scores.

    `draws` are the resamples of the selection periods, for figures that are made later.
    """

    draws: Draws
    periods: Mapping[str, Judged]
    scalings: Mapping[str, Platt | Isotonic]
    scored: Sequence[ScoredRows]
    model: str
    stability: Mapping[str, float | None]
    abstention: Mapping[str, Any]


def judge_periods(
    planned: Plan,
    trained: Trained,
    model: str,
    scaling: ListScaling | None,
    advance: Callable[[], None],
    look: bool = True,
) -> Results:
    """Return everything measured; raise DataError where `model`, to be released, orders households backwards.

    `scaling` is the model's where lists are made, if past weeks could be replayed. The final period has figures and
    scores only if this run may `look` (final.py).
    """
    settings, data = planned.settings, planned.data
    selecting = planned.selecting
    final = [fold for fold in planned.folds if look and fold.final and fold not in selecting]
    chosen_by = Period.of(data, [day for fold in selecting for day in fold.test], planned.places)
    fold_days = _number_days(selecting)
    platt, fold_scalings = {}, {}
    for name, by_fold in trained.margins.items():
        platt[name], fold_scalings[name] = scale_folds(planned, by_fold)
    refuse_backwards(model, platt[model])
    draws = Draws.of(chosen_by, settings.bootstrap.resamples, settings.bootstrap.seed)
    scores = {
        name: np.concatenate([fold_scalings[name][fold.name].likelihood(by[fold.name]) for fold in selecting])
        for name, by in trained.margins.items()
    }
    scores |= _score_by_lists(model, scaling, chosen_by, trained.margins[model], selecting)
    pooled = {name: np.concatenate([by[fold.name] for fold in selecting]) for name, by in trained.margins.items()}
    components = data.matrix.manifest["components"]
    periods = {SELECTION: judge_models(SELECTION, draws, pooled, scores, fold_days, components, settings.bootstrap)}
    advance()
    scored = _score_rows(chosen_by, selecting, pooled, scores)
    for fold in final:
        period = Period.of(data, fold.test, planned.places)
        margins = {name: by[fold.name] for name, by in trained.margins.items()}
        likely = {name: fold_scalings[name][fold.name].likelihood(margin) for name, margin in margins.items()}
        likely |= _score_by_lists(model, scaling, period, trained.margins[model], [fold])
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
        platt | ({model: scaling.released} if scaling else {}),
        scored,
        model,
        {name: measure_stability(chosen_by, place) for name, place in places.items()},
        measure_abstention(draws, mark_enough_seen(planned, selecting), settings.bootstrap.level),
    )


def _score_by_lists(
    model: str, scaling: ListScaling | None, period: Period, margins: Mapping[str, Float], folds: Sequence[Fold]
) -> dict[str, Float]:
    """Return the model's likelihoods by the scaling that lists chose, where that is not the folds' own."""
    if scaling is None or scaling.halves is None:
        return {}
    whole = np.concatenate([margins[fold.name] for fold in folds])
    return {model: score_by_half(scaling.halves, name_keys(period.entity), whole)}


def _number_days(folds: Sequence[Fold]) -> dict[str, list[int]]:
    """Return the numbers of each fold's test dates among all of theirs."""
    numbered: dict[str, list[int]] = {}
    start = 0
    for fold in folds:
        numbered[fold.name] = list(range(start, start + len(fold.test)))
        start += len(fold.test)
    return numbered


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
