"""Fit every model on every fold, and the candidates on everything that has a label by the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from charter.council.training_settings import RELEASABLE, Trees
from training.data.dataset import MISSING
from training.data.folds import Fold
from training.models.boosting import BinnedRows, read_directions
from training.models.contenders import Fitted, draw_sample, fit_simple
from training.models.planning import Plan

__all__ = ["Bins", "Trained", "fit_candidate", "fit_folds", "fit_model", "gather_lessons", "score_out_of_time"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """The fitted models: by fold and name, and the candidates by name; with out-of-time margins by name and fold."""

    by_fold: Mapping[str, Mapping[str, Fitted]]
    candidates: Mapping[str, Fitted]
    margins: Mapping[str, Mapping[str, Float]]


@dataclass(frozen=True)
class Bins:
    """All dates that anything learns from, and their rows, binned once with the earliest training fold's edges."""

    dates: tuple[date, ...]
    planned: Plan

    @classmethod
    def of(cls, planned: Plan) -> Bins:
        """Take the dates of a plan; its rows are binned when something first learns from them."""
        dates = sorted({day for fold in planned.folds for day in fold.train} | set(planned.learned))
        return cls(tuple(dates), planned)

    @cached_property
    def rows(self) -> BinnedRows:
        """The binned rows of all dates."""
        data = self.planned.data
        rows = [data.at(day) for day in self.dates]
        return BinnedRows(rows, self.planned.folds[0].train, data.matrix, self.planned.settings.lightgbm)

    def everywhere(self, planned: Plan, labels: Mapping[date, NDArray[np.int8]]) -> NDArray[np.int8]:
        """Return the label of every binned row; rows of a date that `labels` lacks have none. Shape (rows,)."""
        data = planned.data
        none = {
            day: np.full(len(data.at(day).entity), MISSING, dtype=np.int8) for day in self.dates if day not in labels
        }
        return np.concatenate([labels[day] if day in labels else none[day] for day in self.dates])


def fit_folds(
    planned: Plan, bins: Bins, advance: Callable[[], None], trees: Mapping[str, Trees] | None = None
) -> Trained:
    """Fit every model on every fold, score each fold's test dates once, and fit the candidates.

    `trees` gives LightGBM's settings for a fold by its name; those of the plan where it has none.
    """
    settings = planned.settings
    by_name = trees or {}
    by_fold: dict[str, dict[str, Fitted]] = {}
    margins: dict[str, dict[str, Float]] = {name: {} for name in settings.models.in_order}
    for fold in planned.folds:
        by_fold[fold.name] = {}
        for name, fitted in _fit_models(
            planned, gather_lessons(planned, fold), bins, settings.models.in_order, by_name.get(fold.name)
        ):
            by_fold[fold.name][name] = fitted
            margins[name][fold.name] = score_out_of_time(planned, fold, fitted)
            advance()
    candidates = {}
    releasable = [name for name in settings.models.in_order if name in RELEASABLE]
    for name, fitted in _fit_models(planned, _newest_labels(planned), bins, releasable):
        candidates[name] = fitted
        advance()
    return Trained(by_fold, candidates, margins)


def gather_lessons(planned: Plan, fold: Fold) -> dict[date, NDArray[np.int8]]:
    """Return the labels that a fold learns from, by date."""
    return {day: planned.data.lessons(day, fold.cut) for day in fold.train}


def score_out_of_time(planned: Plan, fold: Fold, fitted: Fitted) -> Float:
    """Return a model's margins of a fold's test rows, in date order; shape (rows,)."""
    threads = planned.settings.lightgbm.threads
    return np.concatenate([fitted.margins(planned.data.at(day).features, threads) for day in fold.test])


def fit_model(
    planned: Plan,
    bins: Bins,
    labels: Mapping[date, NDArray[np.int8]],
    name: str,
    trees: Trees | None = None,
    without: Collection[str] = (),
) -> Fitted:
    """Fit one model on the labelled rows of some dates, as if the features `without` had never been seen."""
    return _fit_models(planned, labels, bins, [name], trees, without)[0][1]


def fit_candidate(planned: Plan, name: str) -> Fitted:
    """Fit one candidate alone, exactly as `fit_all` does."""
    return fit_model(planned, Bins.of(planned), _newest_labels(planned), name)


def _newest_labels(planned: Plan) -> dict[date, NDArray[np.int8]]:
    return {day: planned.data.lessons(day, planned.data.taken_at) for day in planned.learned}


def _fit_models(
    planned: Plan,
    labels: Mapping[date, NDArray[np.int8]],
    bins: Bins,
    names: Sequence[str],
    trees: Trees | None = None,
    without: Collection[str] = (),
) -> list[tuple[str, Fitted]]:
    """Fit the named models on the labelled rows of some dates; all other dates' rows have no label here."""
    settings, data = planned.settings, planned.data
    matrix = data.matrix
    left_out = [matrix.features.index(feature) for feature in without]
    fitted = []
    stated = read_directions(matrix.definition, matrix.features)
    sample = draw_sample(data, labels, settings) if set(names) - {"lightgbm"} else None
    if sample is not None:
        sample.hide_columns({*left_out, *matrix.categories})
    for name in names:
        if name == "lightgbm":
            used = trees or settings.lightgbm
            if used.dask:
                from training.models.distributed import learn_distributed

                text = learn_distributed(matrix, labels, used)
            else:
                text = bins.rows.learn(bins.rows.labelled(bins.everywhere(planned, labels)), used, left_out)
            fitted.append((name, Fitted(name, text, params=used.model_dump())))
        elif sample:
            fitted.append(
                (name, fit_simple(name, sample, matrix.definition, matrix.features, stated, settings, planned.agreed))
            )
    return fitted
