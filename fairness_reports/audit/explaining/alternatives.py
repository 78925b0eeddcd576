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

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.council.register import Register
from charter.machine.lean_lightgbm import lightgbm
from charter.rules.measures import SHARES
from fairness_reports.audit.explaining.alike_rows import predict_alike
from fairness_reports.audit.measuring.findings import About, measure_everyone, measure_groups
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.measuring.units import Units
from fairness_reports.audit.population.audited_people import People

__all__ = [
    "CAPACITIES",
    "DATES",
    "Contributions",
    "measure_other_capacities",
    "measure_without_data",
    "predict_contributions",
]

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


def predict_contributions(model: Path, matrix: Matrix, people: People) -> Contributions:
    """Return LightGBM's own contributions for every scored household of the newest DATES dates."""
    listing = people.listing
    booster = lightgbm.Booster(model_file=str(model))
    first = max(0, len(listing.days) - DATES)
    rows = np.flatnonzero(listing.day >= first)
    data = []
    for number in range(first, len(listing.days)):
        at = matrix.at(listing.days[number])
        place = np.searchsorted(np.asarray(at.entity), listing.entity[listing.day == number])
        data.append(np.asarray(at.features)[place])
    return Contributions(rows, predict_alike(booster, np.concatenate(data)), tuple(matrix.features))


def measure_other_capacities(
    people: People, groups: Mapping[str, Grouping], about: About, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return recall, false positive rate and selection rate by group at other capacities."""
    chosen = [SHARES[name] for name in ("selection_rate", "recall", "false_positive_rate")]
    rows: list[dict[str, Any]] = []
    for times in CAPACITIES:
        units = Units(people.cluster, people.listing.select(times=times)[people.listed_as], people.label)
        at = about.at_selection(f"capacity x {times:g}")
        rows += measure_everyone(units, chosen, at, resamples=resamples, seed=seed)
        for name, grouping in groups.items():
            rows += measure_groups(units, grouping, chosen, at.of_group(name, None), resamples=resamples, seed=seed)
    return rows


def measure_without_data(
    people: People,
    definition: Mapping[str, Any],
    register: Register,
    rests: Contributions,
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
    chosen = [SHARES["precision"], SHARES["recall"]]
    rows: list[dict[str, Any]] = []

    def make_list(leave: Callable[[Mapping[str, Any]], bool]) -> Units:
        return _list_without(people, rests, {feature["name"] for feature in features if leave(feature)})

    whole_list = f"capacity, newest {DATES} dates"
    rows += measure_everyone(
        make_list(lambda _: False), chosen, about.at_selection(whole_list), resamples=resamples, seed=seed
    )
    for service in sorted({service for feature in features for service in feature["services"]}):
        at = f"{whole_list}, without {service}"
        units = make_list(lambda feature, name=service: name in feature["services"])  # type: ignore[misc]  # bound now
        intrusive = f"intrusiveness {register.source(service).intrusiveness} of 5"
        rows += measure_everyone(
            units, chosen, about.at_selection(at).with_note(intrusive), resamples=resamples, seed=seed
        )
    responses = f"{whole_list}, without system responses"
    unmade, plain = make_list(lambda feature: feature["system_response"]), make_list(lambda _: False)
    rows += measure_everyone(unmade, chosen, about.at_selection(responses), resamples=resamples, seed=seed)
    for name, grouping in groups.items():
        for at, units in ((whole_list, plain), (responses, unmade)):
            part = Grouping(grouping.code[_mark_newest(people)], grouping.names)
            by = about.at_selection(at).of_group(name, None)
            rows += measure_groups(units, part, [SHARES["recall"]], by, resamples=resamples, seed=seed)
    return rows


def _mark_newest(people: People) -> NDArray[np.bool_]:
    listing = people.listing
    return np.asarray(listing.day[people.listed_as] >= max(0, len(listing.days) - DATES))


def _list_without(people: People, rests: Contributions, left_out: Iterable[str]) -> Units:
    """Make the newest dates' lists again with the contributions of some features taken out of the margin."""
    names = set(left_out)
    columns = [number for number, feature in enumerate(rests.features) if feature in names]
    margin = people.listing.margin.copy()
    # The audited margins are those of the folds' models, the contributions those of the candidate: lists are compared
    # that the candidate makes both times.
    margin[rests.rows] = rests.values.sum(axis=1) - rests.values[:, columns].sum(axis=1)
    first = max(0, len(people.listing.days) - DATES)
    selected = people.listing.select(margin, since=first)[people.listed_as]
    inside = _mark_newest(people)
    return Units(people.cluster[inside], selected[inside], people.label[inside])
