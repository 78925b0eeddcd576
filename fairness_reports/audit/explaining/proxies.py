"""Proxies: how well the data a model may use tells a group apart, all of it together and each piece alone.

A characteristic that is no input can still be guessed from inputs. For each group, households' people at the newest
audited date are told apart from everyone else: by a small LightGBM model over all features, fitted on other households
than it is judged on (three folds of households), and by each feature alone. The figure is the area under the ROC
curve: 0.5 tells nothing, 1 tells everything; below 0.5, the feature is lower in the group.
A category alone is learned from as all features are: its codes have no order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.machine.lean_lightgbm import lightgbm
from fairness_reports.audit.measuring.clusters import number_clusters
from fairness_reports.audit.measuring.findings import About, write_figure
from fairness_reports.audit.measuring.ranking_quality import Told, rank_values
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.audited_people import People

__all__ = ["TOGETHER", "measure_proxies"]

TOGETHER = "all features together"
FOLDS = 3
_FEWEST = 30
"""Households in and out of a group below which nothing is fitted."""

_MODEL = {
    "objective": "binary",
    "num_leaves": 8,
    "min_data_in_leaf": 40,
    "learning_rate": 0.1,
    "deterministic": True,
    "force_row_wise": True,
    # On a busy machine two threads wait for each other longer than one works.
    "num_threads": 1,
    "verbosity": -1,
}
_TREES = 40


def measure_proxies(
    matrix: Matrix, people: People, groups: Mapping[str, Grouping], about: About, seed: int
) -> list[dict[str, Any]]:
    """Return findings `proxy_auc`: of every group by all features together and by each feature alone."""
    day = people.dates[-1]
    rows = np.flatnonzero(people.as_of == np.datetime64(day, "D"))
    at = matrix.at(day)
    place = np.searchsorted(np.asarray(at.entity), people.entity[rows])
    data = np.asarray(at.features)[place]
    number, homes = number_clusters(people.cluster[rows])
    fold = np.random.default_rng(seed).permutation(homes)[number] % FOLDS
    learning = _Learning.of(data, fold, seed, list(matrix.categories))
    # A code says nothing by its size: how well a category alone tells is learned, as that of all features is.
    by_code = {
        matrix.features[column]: _Learning.of(data[:, [column]], fold, seed, [0]) for column in matrix.categories
    }
    # What was not seen is a value of its own here: being seen at all may tell a group apart.
    ranked = {
        feature: rank_values(np.nan_to_num(data[:, column].astype(np.float64), nan=-1.0))
        for column, feature in enumerate(matrix.features)
        if feature not in by_code
    }
    findings = []
    for name, grouping in groups.items():
        for code, group in enumerate(grouping.names):
            member = (grouping.code[rows] == code).astype(np.int8)
            rows_of_group = Told.of(number, member, homes)
            if min(rows_of_group.with_outcome, rows_of_group.without) < _FEWEST:
                continue
            of_group = about.of_measure("proxy_auc").of_group(name, group)
            together = rows_of_group.place(rank_values(learning.predict(member)))[0]
            findings.append(write_figure(of_group.of_component(TOGETHER), together))
            orders = {feature: rank_values(alone.predict(member)) for feature, alone in by_code.items()}
            for feature in matrix.features:
                order = orders[feature] if feature in orders else ranked[feature]
                findings.append(write_figure(of_group.of_component(feature), rows_of_group.place(order)[0]))
    return findings


@dataclass(frozen=True)
class _Learning:
    """Rows binned once for each fold, to be learned from with the labels of one group after the other.

    `fold` (rows,) is that of each row's household, never of a person alone.
    """

    data: NDArray[np.float32]
    fold: NDArray[np.int64]
    binned: Mapping[int, lightgbm.Dataset]
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, data: NDArray[np.float32], fold: NDArray[np.int64], seed: int, categories: list[int]) -> _Learning:
        settings = _MODEL | {"seed": seed}
        binned = {
            number: lightgbm.Dataset(
                data[fold != number],
                np.zeros(int((fold != number).sum())),
                categorical_feature=categories or "auto",
                params=settings,
            )
            for number in range(FOLDS)
        }
        return cls(data, fold, {number: rows.construct() for number, rows in binned.items()}, settings)

    def predict(self, member: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return each row's margin from a model that never saw its household; `member` (rows,) is 1 or 0."""
        margins = np.zeros(len(member))
        for number, rows in self.binned.items():
            inside = self.fold == number
            rows.set_label(member[~inside].astype(np.float64))
            model = lightgbm.train(dict(self.settings), rows, _TREES)
            margins[inside] = model.predict(self.data[inside], raw_score=True, num_threads=1)
        return margins
