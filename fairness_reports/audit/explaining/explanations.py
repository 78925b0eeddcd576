"""What moves the model's scores: SHAP values overall and by group, on a seeded sample of audited people.

Values are LightGBM's own, to the bit those of shap's TreeExplainer in its tree-path-dependent mode (a test holds that),
in the units of the margin (log-odds); they say what the model does, not what causes a need. A feature's weight is its
mean absolute value; a group's lean is the mean value, which says which way the feature moved that group's scores.

Weights are steady where the models that each fold learned, from other years, give the same features the same weight on
the same people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.errors import DataError
from charter.machine.lean_lightgbm import lightgbm
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.audited_people import People

__all__ = ["SAMPLE", "Explained", "correlate_weights", "explain_scores", "sum_by_service", "weigh_by_fold"]

SAMPLE = 1500
"""People drawn for the overall figures; groups are topped up to PER_GROUP."""

PER_GROUP = 150


@dataclass(frozen=True)
class Explained:
    """SHAP values of the sampled people: `values` and `data` (sampled, features); which rows they are of.

    `drawn` marks the uniform sample; the others were added so that small groups can be explained too.
    """

    features: tuple[str, ...]
    values: NDArray[np.float64]
    data: NDArray[np.float32]
    rows: NDArray[np.int64]
    cluster: NDArray[np.int64]
    drawn: NDArray[np.bool_]

    def weight(self) -> NDArray[np.float64]:
        """Return each feature's mean absolute value over the uniform sample (features,)."""
        return np.asarray(np.abs(self.values[self.drawn]).mean(axis=0))

    def of_group(self, grouping: Grouping, code: int) -> tuple[NDArray[np.float64], NDArray[np.float64], int, int]:
        """Return a group's weight and lean of each feature (features,), and the rows and households they rest on."""
        inside = grouping.code[self.rows] == code
        values = self.values[inside]
        if not len(values):
            empty = np.full(len(self.features), np.nan)
            return empty, empty, 0, 0
        households = len(np.unique(self.cluster[inside]))
        return np.abs(values).mean(axis=0), values.mean(axis=0), int(inside.sum()), households


def explain_scores(model: Path, matrix: Matrix, people: People, groups: Mapping[str, Grouping], seed: int) -> Explained:
    """Explain the model on a sample of the audited people.

    Raises DataError where the model's features are not the matrix's.
    """
    booster = lightgbm.Booster(model_file=str(model))
    if booster.feature_name() != [name.replace(" ", "_") for name in matrix.features]:
        raise DataError("the model's features are not those of its matrix.", "Run `sooner train` again.")
    rng = np.random.default_rng(seed)
    rows = len(people.entity)
    uniform = np.sort(rng.choice(rows, min(SAMPLE, rows), replace=False))
    chosen = set(uniform.tolist())
    for grouping in groups.values():
        for code in range(len(grouping.names)):
            inside = np.flatnonzero(grouping.code == code)
            there = sum(int(row) in chosen for row in inside) if len(inside) < 5 * PER_GROUP else PER_GROUP
            if there < PER_GROUP:
                chosen.update(rng.choice(inside, min(PER_GROUP, len(inside)), replace=False).tolist())
    sampled = np.array(sorted(chosen), dtype=np.int64)
    data = _read_features(matrix, people, sampled)
    values = _predict_contributions(booster, data)
    return Explained(tuple(matrix.features), values, data, sampled, people.cluster[sampled], np.isin(sampled, uniform))


def sum_by_service(explained: Explained, services: Mapping[str, Sequence[str]]) -> Explained:
    """Return the values summed by service, in alphabetical order; a feature of several services is shared alike.

    `services` gives each feature's; one of none counts for none. No service has a value of its own: `data` is
    (sampled, 0).
    """
    names = sorted({service for feature in explained.features for service in services.get(feature, ())})
    share = np.zeros((len(explained.features), len(names)))
    for row, feature in enumerate(explained.features):
        for service in services.get(feature, ()):
            share[row, names.index(service)] = 1 / len(services[feature])
    nothing = np.zeros((len(explained.values), 0), dtype=np.float32)
    return replace(explained, features=tuple(names), values=explained.values @ share, data=nothing)


def weigh_by_fold(folds: Path, explained: Explained) -> dict[str, NDArray[np.float64]]:
    """Return by fold the weight (features,) that the model learned in it gives each feature, on the uniform sample.

    `folds` holds one `FOLD.lgb` a fold; empty where there is none.
    """
    data = explained.data[explained.drawn]
    models = {path.stem: lightgbm.Booster(model_file=str(path)) for path in sorted(folds.glob("*.lgb"))}
    return {fold: np.abs(_predict_contributions(booster, data)).mean(axis=0) for fold, booster in models.items()}


def correlate_weights(weights_here: NDArray[np.float64], weights_there: NDArray[np.float64]) -> float:
    """Return Spearman's correlation of two orders of features by weight; NaN where one of them has no order."""
    first, second = (_rank_weights(order) - (len(order) + 1) / 2 for order in (weights_here, weights_there))
    spread = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / spread if spread else float("nan")


def _rank_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each weight's rank from 1, the mean rank where several are alike: what `scipy.stats.rankdata` gives."""
    _, place, times = np.unique(weights, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(times) - (times - 1) / 2)[place])


def _predict_contributions(booster: lightgbm.Booster, data: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the SHAP values (rows, features) of a model on rows."""
    values = np.asarray(booster.predict(data, pred_contrib=True), dtype=np.float64)[:, :-1]  # the last is the base
    if values.shape != data.shape:
        raise DataError("this model gives no single value per feature.", "Train again, then audit.")
    return values


def _read_features(matrix: Matrix, people: People, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    features = np.empty((len(rows), len(matrix.features)), dtype=np.float32)
    days = people.as_of[rows]
    for day in np.unique(days):
        here = np.flatnonzero(days == day)
        at = matrix.at(day.astype(date))
        place = np.searchsorted(np.asarray(at.entity), people.entity[rows[here]])
        features[here] = np.asarray(at.features)[place]
    return features
