"""What the choice about treated households does: the released model made both ways, judged on the same rows.

Treated are rows that were offered help in casework (data/offers.py), and those helped by the council's own practice
(data/help_record.py). The other choice is fitted on the selection folds only, and only where there is a treated row to
learn from; a run without any costs nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.council.training_settings import Trees
from training.data.dataset import MISSING
from training.data.folds import Fold
from training.judging.bootstrap import Draws
from training.judging.metrics import make_figures
from training.models.fitting import Bins, fit_model, gather_lessons, score_out_of_time
from training.models.planning import Plan

__all__ = ["measure_treatment"]

Float = NDArray[np.float64]


def measure_treatment(
    planned: Plan,
    bins: Bins,
    folds: Sequence[Fold],
    draws: Draws,
    model: str,
    margins: Float,
    trees: Mapping[str, Trees] | None = None,
) -> dict[str, Any]:
    """Return how many rows were treated, what came of them, and what the other choice would have found.

    `folds` are the selection folds, `draws` their resamples, `margins` (rows,) the released `model`'s on their rows.
    Of `untold_rows` nobody knows whether they had help: their horizon was not delivered whole. They count as others in
    no share. Precision is at capacity; `precision_difference` is this choice less the other, paired.
    """
    data, period, level = planned.data, draws.period, planned.settings.bootstrap.level
    taught = sum(
        int((data.treated(day, fold.cut) & (data.labels(day, fold.cut) != MISSING)).sum())
        for fold in folds
        for day in fold.train
    )
    treated = np.concatenate([data.treated(day, data.taken_at) for fold in folds for day in fold.test])
    untold = np.concatenate(
        [np.full(len(data.at(day).entity), not data.tells_help(day)) for fold in folds for day in fold.test]
    )
    document: dict[str, Any] = {
        "choice": planned.settings.offers.treated,
        "offers": len(data.offers),
        "helped": len(data.help),
        "signals": list(data.help.signals),
        "training_rows": taught,
        "test_rows": int((treated & period.labelled).sum()),
        "untold_rows": int((untold & ~treated & period.labelled).sum()),
        "outcome_of_treated": _outcome_share(period.positive, treated & period.labelled),
        "outcome_of_others": _outcome_share(period.positive, ~treated & ~untold & period.labelled),
        "figures": [],
    }
    if not taught and not treated.any():
        return document
    place = period.places(margins)
    mine = draws.at_capacity(place).precision()
    values = {"precision": mine, "precision_among_untreated": _precision_among(draws, place, ~treated)}
    if taught:
        other = _margins_otherwise(planned, bins, folds, model, trees or {})
        theirs = draws.at_capacity(period.places(other)).precision()
        values |= {"precision_with_the_other_choice": theirs, "precision_difference": mine - theirs}
    document["figures"] = [
        {name: getattr(figure, name) for name in ("measure", "estimate", "low", "high")}
        for figure in make_figures(model, "selection", values, level)
    ]
    return document


def _margins_otherwise(
    planned: Plan, bins: Bins, folds: Sequence[Fold], model: str, trees: Mapping[str, Trees]
) -> Float:
    """Return the margins of the model that learned the other way."""
    other = replace(planned, data=replace(planned.data, leave_out_treated=not planned.data.leave_out_treated))
    margins = []
    for fold in folds:
        fitted = fit_model(other, bins, gather_lessons(other, fold), model, trees.get(fold.name))
        margins.append(score_out_of_time(other, fold, fitted))
    return np.concatenate(margins)


def _precision_among(draws: Draws, place: NDArray[np.int64], rows: NDArray[np.bool_]) -> Float:
    """Return the share with the outcome of the listed rows that are among `rows`; the lists stay as they were made."""
    on_list = draws.period.listed(place) & draws.period.labelled & rows
    number = draws.total(on_list.astype(np.float64))
    hits = draws.total((on_list & draws.period.positive).astype(np.float64))
    return np.asarray(np.divide(hits, number, out=np.full(number.shape, np.nan), where=number > 0))


def _outcome_share(positive: NDArray[np.bool_], rows: NDArray[np.bool_]) -> float | None:
    return float(positive[rows].mean()) if rows.any() else None
