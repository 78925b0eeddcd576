"""The same model's list made otherwise: at other capacities, without one service's data, without system responses.

Without means that the contributions of those features (LightGBM's own, which are SHAP's) are taken out of the margin
and the list is made again. The model is not trained again, so this says what its order rests on today; a model
trained without the data would lean on what is left, and lose less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.council.register import Register
from fairness_reports.audit.measuring.findings import About, measured, whole
from fairness_reports.audit.measuring.measures import MEASURES
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.measuring.units import Units
from fairness_reports.audit.population.people import People

__all__ = ["CAPACITIES", "DATES", "Contributions", "at_other_capacities", "contributions", "without"]

CAPACITIES = (0.5, 2.0, 4.0)
"""Times the teams' places at which the gaps are measured again."""

DATES = 3
"""The newest audited dates whose lists are made again without some data."""


@dataclass(frozen=True)
class Contributions:
    """What each feature adds to the margin of the scored households of the newest dates (chosen, features)."""

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    features: tuple[str, ...]


def contributions(model: Path, matrix: Matrix, people: People) -> Contributions:
    """Return LightGBM's own contributions for every scored household of the newest DATES dates."""
    listing = people.listing
    booster = lgb.Booster(model_file=str(model))
    first = max(0, len(listing.days) - DATES)
    rows = np.flatnonzero(listing.day >= first)
    values = []
    for number in range(first, len(listing.days)):
        at = matrix.at(listing.days[number])
        place = np.searchsorted(np.asarray(at.entity), listing.entity[listing.day == number])
        values.append(
            np.asarray(booster.predict(np.asarray(at.features)[place], pred_contrib=True, num_threads=1))[:, :-1]
        )
    return Contributions(rows, np.concatenate(values), tuple(matrix.features))


def at_other_capacities(
    people: People, groups: Mapping[str, Grouping], about: About, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return recall, false positive rate and selection rate by group at other capacities."""
    chosen = [MEASURES[name] for name in ("selection_rate", "recall", "false_positive_rate")]
    rows: list[dict[str, Any]] = []
    for times in CAPACITIES:
        units = Units(people.cluster, people.listing.select(times=times)[people.listed_as], people.label)
        at = about.where(f"capacity x {times:g}")
        rows += whole(units, chosen, at, resamples=resamples, seed=seed)
        for name, grouping in groups.items():
            rows += measured(units, grouping, chosen, at.about(name, None), resamples=resamples, seed=seed)
    return rows


def without(
    people: People,
    definition: Mapping[str, Any],
    register: Register,
    found: Contributions,
    groups: Mapping[str, Grouping],
    about: About,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Return precision and recall of the lists made without each service's data, and recall by group without responses.

    `note` of a service's finding is how intrusive the register says it is, 1 to 5: what little adds and intrudes much
    should not be used (minimisation).
    """
    features = definition["features"]
    chosen = [MEASURES["precision"], MEASURES["recall"]]
    rows: list[dict[str, Any]] = []

    def made(leave: Callable[[Mapping[str, Any]], bool]) -> Units:
        return _again(people, found, {one["name"] for one in features if leave(one)})

    whole_list = f"capacity, newest {DATES} dates"
    rows += whole(made(lambda _: False), chosen, about.where(whole_list), resamples=resamples, seed=seed)
    for service in sorted({service for one in features for service in one["services"]}):
        at = f"{whole_list}, without {service}"
        units = made(lambda one, service=service: service in one["services"])  # type: ignore[misc]  # bound now
        intrusive = f"intrusiveness {register.source(service).intrusiveness} of 5"
        rows += whole(units, chosen, about.where(at).noted(intrusive), resamples=resamples, seed=seed)
    responses = f"{whole_list}, without system responses"
    unmade, plain = made(lambda one: one["system_response"]), made(lambda _: False)
    rows += whole(unmade, chosen, about.where(responses), resamples=resamples, seed=seed)
    for name, grouping in groups.items():
        for at, units in ((whole_list, plain), (responses, unmade)):
            part = Grouping(grouping.code[_newest(people)], grouping.names)
            by = about.where(at).about(name, None)
            rows += measured(units, part, [MEASURES["recall"]], by, resamples=resamples, seed=seed)
    return rows


def _newest(people: People) -> NDArray[np.bool_]:
    listing = people.listing
    return np.asarray(listing.day[people.listed_as] >= max(0, len(listing.days) - DATES))


def _again(people: People, found: Contributions, left_out: Iterable[str]) -> Units:
    """Make the newest dates' lists again with the contributions of some features taken out of the margin."""
    names = set(left_out)
    columns = [number for number, feature in enumerate(found.features) if feature in names]
    margin = people.listing.margin.copy()
    # The audited margins are those of the folds' models, the contributions those of the candidate: lists are compared
    # that the candidate makes both times.
    margin[found.rows] = found.values.sum(axis=1) - found.values[:, columns].sum(axis=1)
    listed = people.listing.select(margin)[people.listed_as]
    inside = _newest(people)
    return Units(people.cluster[inside], listed[inside], people.label[inside])
