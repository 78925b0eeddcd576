"""A diagnostic beside the temporal folds: how good the model is on households none of whose people it learned from.

A household stands at many as-of dates, so a temporal fold may learn from the past of the very households it is tested
on. That is how the model is used, and those figures choose. If they owed much to having met the household before, they
would not hold for newcomers. So the newest selection fold's test households are drawn into groups; for each group the
model is fitted without every row that shares a household or a person with it, and scores it alone.

    train      all rows of the fold but those of group 3's households, and of their people wherever they lived
    test       group 3
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.council.training_settings import Trees
from training.data.dataset import MISSING, Dataset
from training.data.folds import Fold
from training.data.lists import Period
from training.judging.bootstrap import Draws
from training.judging.metrics import make_figures, measure_order
from training.models.fitting import Bins, fit_model, gather_lessons, score_out_of_time
from training.models.planning import Plan

__all__ = ["judge_disjoint"]

Float = NDArray[np.float64]


def judge_disjoint(
    planned: Plan, bins: Bins, fold: Fold, model: str, margins: Float, trees: Trees | None = None
) -> dict[str, Any] | None:
    """Return the figures of `model` on `fold` household-disjoint and as trained, with their paired difference.

    `margins` (rows,) are the temporal ones of the fold's test rows. None where training.toml asks for no groups.
    """
    number, by = planned.settings.folds.grouped, planned.settings.bootstrap
    if not number:
        return None
    apart, left_out = _margins_apart(planned, bins, fold, model, number, trees)
    period = Period.of(planned.data, fold.test, planned.places)
    draws = Draws.of(period, by.resamples, by.seed)
    fewer = draws.first(by.ranking_resamples)
    both = {}
    for name, scored in (("disjoint", apart), ("temporal", margins)):
        both[name] = {
            "precision": draws.at_capacity(period.places(scored)).precision(),
            "auroc": measure_order(fewer, scored)["auroc"],
        }
    values = {
        f"{measure}_{name}": value for name, figures_of_one in both.items() for measure, value in figures_of_one.items()
    }
    for measure in ("precision", "auroc"):
        values[f"{measure}_difference"] = both["disjoint"][measure] - both["temporal"][measure]
    return {
        "model": model,
        "fold": fold.name,
        "groups": number,
        "rows_left_out": left_out,
        "figures": [
            {name: getattr(figure, name) for name in ("measure", "estimate", "low", "high")}
            for figure in make_figures(model, fold.name, values, by.level)
        ],
    }


def _margins_apart(
    planned: Plan, bins: Bins, fold: Fold, model: str, number: int, trees: Trees | None
) -> tuple[Float, list[int]]:
    """Return each test row's margin by the model that never met its people, and how many rows each model missed."""
    data = planned.data
    entity = np.concatenate([np.asarray(data.at(day).entity) for day in fold.test])
    names, row = np.unique(entity, return_inverse=True)
    group = np.random.default_rng(planned.settings.lightgbm.seed).integers(0, number, len(names))
    margins = np.full(len(entity), np.nan)
    left_out = []
    for target in range(number):
        strangers = gather_lessons(planned, fold)
        met = _mark_met(data, fold, names[group == target])
        for day, rows in met.items():
            strangers[day][rows] = MISSING
        left_out.append(sum(int(rows.sum()) for rows in met.values()))
        tested = group[row] == target
        margins[tested] = score_out_of_time(planned, fold, fit_model(planned, bins, strangers, model, trees))[tested]
    return margins, left_out


def _mark_met(data: Dataset, fold: Fold, households: NDArray[np.bytes_]) -> dict[date, NDArray[np.bool_]]:
    """Return, by training date, which rows share a household or a person with these test households."""
    people = np.unique(np.concatenate([_people_of(data, day, households) for day in fold.test]))
    marks = {}
    for day in fold.train:
        rows = data.at(day)
        shared = np.isin(np.asarray(rows.entity), households)
        shared[np.asarray(rows.person_row)[np.isin(np.asarray(rows.person), people)]] = True
        marks[day] = shared
    return marks


def _people_of(data: Dataset, day: date, households: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    """Return the people of these households on a date."""
    rows = data.at(day)
    theirs = np.isin(np.asarray(rows.entity), households)
    return np.asarray(rows.person)[theirs[np.asarray(rows.person_row)]]
