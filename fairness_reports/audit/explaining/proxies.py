"""Proxies: how well the data a model may use tells a group apart, all of it together and each piece alone.

A characteristic that is no input can still be guessed from inputs. For each group, households' people at the newest
audited date are told apart from everyone else: by a small LightGBM model over all features, fitted on other households
than it is judged on (three folds of households), and by each feature alone. The figure is the area under the ROC
curve: 0.5 tells nothing, 1 tells everything; below 0.5, the feature is lower in the group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.machine.lean_lightgbm import lightgbm
from fairness_reports.audit.measuring.findings import About, write_figure
from fairness_reports.audit.measuring.ranking_quality import bound_auc
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
    cluster = people.cluster[rows]
    fold = _deal_folds(cluster, seed)
    findings = []
    for name, grouping in groups.items():
        for code, group in enumerate(grouping.names):
            member = (grouping.code[rows] == code).astype(np.int8)
            fewest = min(len(np.unique(cluster[member == side])) for side in (0, 1))
            if fewest < _FEWEST:
                continue
            margins = _predict_members(data, member, fold, seed)
            of_group = about.of_measure("proxy_auc").of_group(name, group)
            findings.append(write_figure(of_group.of_component(TOGETHER), bound_auc(cluster, member, margins)))
            for number, feature in enumerate(matrix.features):
                # What was not seen is a value of its own here: being seen at all may tell a group apart.
                value = np.nan_to_num(data[:, number].astype(np.float64), nan=-1.0)
                findings.append(write_figure(of_group.of_component(feature), bound_auc(cluster, member, value)))
    return findings


def _deal_folds(cluster: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Deal households, never people, into folds."""
    names, number = np.unique(cluster, return_inverse=True)
    return np.asarray(np.random.default_rng(seed).permutation(len(names))[number] % FOLDS, dtype=np.int64)


def _predict_members(
    data: NDArray[np.float32], member: NDArray[np.int8], fold: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Return each row's margin from a model that never saw its household."""
    margins = np.zeros(len(member))
    for number in range(FOLDS):
        inside = fold == number
        learn = lightgbm.Dataset(data[~inside], member[~inside].astype(np.float64), free_raw_data=True)
        model = lightgbm.train(_MODEL | {"seed": seed}, learn, _TREES)
        margins[inside] = model.predict(data[inside], raw_score=True, num_threads=1)
    return margins
