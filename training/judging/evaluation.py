"""All figures of one period for all models: at capacity, along the curve, by fold, team and component, and paired.

Every model of a period is judged on the same rows and the same resamples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.council.training_settings import RELEASABLE, Bootstrap
from training.data.lists import Period
from training.judging import metrics
from training.judging.bootstrap import Counts, Draws, find_interval_around
from training.judging.calibration import fit_slope_and_intercept
from training.judging.metrics import Figure, make_figures

__all__ = ["Judged", "judge_models"]

Float = NDArray[np.float64]

CURVE = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Where the curve over capacity is drawn, in times the team's places."""

MORE_PLACES = 5


@dataclass(frozen=True)
class Judged:
    """A period's figures and curve, and each model's order of its rows."""

    figures: list[Figure]
    curve: list[dict[str, Any]]
    places: dict[str, NDArray[np.int64]]


def judge_models(
    name: str,
    draws: Draws,
    margins: Mapping[str, Float],
    scores: Mapping[str, Float],
    folds: Mapping[str, Sequence[int]],
    components: Sequence[str],
    by: Bootstrap,
) -> Judged:
    """Judge every model of a period. `margins` and `scores` by model (rows,); `folds` gives each fold's day numbers."""
    period = draws.period
    positives = draws.total(period.positive.astype(np.float64))
    labelled = draws.total(period.labelled.astype(np.float64))
    figures: list[Figure] = []
    counted: dict[str, Counts] = {}
    places: dict[str, NDArray[np.int64]] = {}
    for model, margin in margins.items():
        places[model] = period.places(margin)
        counted[model] = draws.at_capacity(places[model])
        values = metrics.measure_at_capacity(counted[model], positives, labelled)
        values |= metrics.measure_likelihood(draws, scores[model])
        figures += make_figures(model, name, values, by.level)
        figures += make_figures(model, name, metrics.measure_order(draws.first(by.ranking_resamples), margin), by.level)
        figures += _calibration_figures(model, name, draws, scores[model], by.level)
        figures += _lead_figures(model, name, draws, places[model], by.level)
        figures += _part_figures(model, name, draws, counted[model], folds, by.level)
        figures += _by_component(model, name, draws, places[model], components, by.level)
        figures += _newly_found(model, name, draws, places[model], by.level)
        figures += _more_places(model, name, draws, places[model], counted[model], by.level)
        figures.append(Figure(model, name, "places_by_lot", _by_lot(period, margin, places[model]), None, None))
        if model in RELEASABLE:
            figures += _by_area(model, name, draws, places[model], by.level)
    figures += _paired_figures(name, counted, by.level)
    return Judged(
        figures,
        [
            point
            for model, place in places.items()
            for point in _capacity_curve(model, name, draws.first(by.ranking_resamples), place, by.level)
        ],
        places,
    )


def _calibration_figures(model: str, name: str, draws: Draws, score: Float, level: float) -> list[Figure]:
    return [
        Figure(model, name, measure, *bounds)
        for measure, bounds in fit_slope_and_intercept(draws, score, level).items()
    ]


def _lead_figures(model: str, name: str, draws: Draws, place: NDArray[np.int64], level: float) -> list[Figure]:
    """Return the mean number of days from the list to the outcome, among those found."""
    period = draws.period
    hits = period.listed(place) & period.positive & np.isfinite(period.lead_days)
    days = draws.total(np.where(hits, np.nan_to_num(period.lead_days), 0.0))
    number = draws.total(hits.astype(np.float64))
    mean = np.divide(days, number, out=np.full(days.shape, np.nan), where=number > 0)
    return make_figures(model, name, {"lead_days": mean}, level)


def _newly_found(model: str, name: str, draws: Draws, place: NDArray[np.int64], level: float) -> list[Figure]:
    """Return what of the list is new: households that no service was already busy with, listed and found."""
    period = draws.period
    on_list = period.listed(place) & period.labelled
    new = draws.total((on_list & ~period.in_touch).astype(np.float64))
    hits = draws.total((on_list & ~period.in_touch & period.positive).astype(np.float64))
    every = draws.total(on_list.astype(np.float64))
    values = {
        "newly_found": hits,
        "new_share": np.divide(new, every, out=np.full(new.shape, np.nan), where=every > 0),
        "new_precision": np.divide(hits, new, out=np.full(new.shape, np.nan), where=new > 0),
    }
    return make_figures(model, name, values, level)


def _of_days(period: Period, days: Iterable[int]) -> NDArray[np.bool_]:
    return np.isin(period.group_day, list(days))


def _part_figures(
    model: str, name: str, draws: Draws, counts: Counts, folds: Mapping[str, Sequence[int]], level: float
) -> list[Figure]:
    """Return the figures at capacity of each fold and of each team."""
    period = draws.period
    figures: list[Figure] = []
    rows_by_part = {f"fold {fold}": np.isin(period.day, list(days)) for fold, days in folds.items()}
    groups_by_part = {f"fold {fold}": _of_days(period, days) for fold, days in folds.items()}
    teams = np.array(period.group_team)
    row_team = np.where(period.group >= 0, teams[period.group] if len(teams) else "", "")
    for team in sorted(set(period.group_team)):
        rows_by_part[f"team {team}"] = row_team == team
        groups_by_part[f"team {team}"] = teams == team
    for part, rows in rows_by_part.items():
        positives = draws.total((period.positive & rows).astype(np.float64))
        labelled = draws.total((period.labelled & rows).astype(np.float64))
        values = metrics.measure_at_capacity(counts.within(groups_by_part[part]), positives, labelled)
        figures += make_figures(model, name, values, level, part)
    return figures


def _by_component(
    model: str, name: str, draws: Draws, place: NDArray[np.int64], components: Sequence[str], level: float
) -> list[Figure]:
    """Return precision and recall for each component of the outcome apart: the whole can hide one."""
    period = draws.period
    figures: list[Figure] = []
    for column, component in enumerate(components):
        outcome = period.components[:, column] & period.labelled
        counts = draws.at_capacity(place, outcome=outcome)
        positives = draws.total(outcome.astype(np.float64))
        values = metrics.measure_at_capacity(counts, positives, draws.total(period.labelled.astype(np.float64)))
        chosen = {measure: values[measure] for measure in ("found", "missed", "precision", "recall")}
        figures += make_figures(model, name, chosen, level, f"component {component}")
    return figures


def _by_area(model: str, name: str, draws: Draws, place: NDArray[np.int64], level: float) -> list[Figure]:
    """Return who is listed, found and missed in each area: a list is a team's, and an area can go without."""
    period = draws.period
    areas, part = np.unique(period.area, return_inverse=True)
    counts = draws.at_capacity(place, part=part.astype(np.int64))
    figures: list[Figure] = []
    for number, area in enumerate(areas):
        only = np.arange(len(areas)) == number
        positives = draws.total((period.positive & (part == number)).astype(np.float64))
        labelled = draws.total((period.labelled & (part == number)).astype(np.float64))
        values = metrics.measure_at_capacity(counts.within(only), positives, labelled)
        chosen = {measure: values[measure] for measure in ("listed", "found", "missed", "precision", "recall")}
        figures += make_figures(model, name, chosen, level, f"area {bytes(area).decode() or 'not recorded'}")
    return figures


def _by_lot(period: Period, margins: Float, place: NDArray[np.int64]) -> float:
    """Return how many places went to households whose equals by margin got none: the lottery decided."""
    number = 0
    for group, room in enumerate(period.room):
        rows = np.flatnonzero(period.group == group)
        last = rows[place[rows] == room]
        if not len(last):
            continue
        equal = rows[margins[rows] == margins[last[0]]]
        if (place[equal] > room).any():
            number += int((place[equal] <= room).sum())
    return float(number)


def _more_places(
    model: str, name: str, draws: Draws, place: NDArray[np.int64], counts: Counts, level: float
) -> list[Figure]:
    """Return what MORE_PLACES more places on each list date would find: the marginal worker's value."""
    period = draws.period
    room = period.room.copy()
    for day in range(len(period.days)):
        groups = np.flatnonzero(period.group_day == day)
        for extra in range(MORE_PLACES):
            room[groups[extra % len(groups)]] += 1
    more = draws.at_capacity(place, room)
    hits = more.found.sum(axis=1) - counts.found.sum(axis=1)
    number = more.listed.sum(axis=1) - counts.listed.sum(axis=1)
    share = np.divide(hits, number, out=np.full(hits.shape, np.nan), where=number > 0)
    values = {"found": hits, "listed": number, "precision": share}
    return make_figures(model, name, values, level, f"{MORE_PLACES} more places")


def _paired_figures(name: str, counted: Mapping[str, Counts], level: float) -> list[Figure]:
    """Return the difference and ratio of precision between each model and every simpler one."""
    figures: list[Figure] = []
    models = list(counted)
    for place, model in enumerate(models):
        for simpler in models[:place]:
            ours, theirs = counted[model].precision(), counted[simpler].precision()
            values = {
                "precision_difference": ours - theirs,
                "precision_ratio": np.divide(ours, theirs, out=np.full(ours.shape, np.nan), where=theirs > 0),
            }
            figures += make_figures(model, name, values, level, against=simpler)
    return figures


def _capacity_curve(
    model: str, name: str, draws: Draws, place: NDArray[np.int64], level: float
) -> list[dict[str, Any]]:
    """Return precision, recall, missed and false alarms over capacity; intervals for what could be released."""
    period = draws.period
    positives = int(period.positive.sum())
    positives_drawn = draws.total(period.positive.astype(np.float64))
    room = np.where(period.group >= 0, period.room[period.group] if len(period.room) else 0, 0)
    points = []
    for times in CURVE:
        on_list = (place >= 1) & (place <= np.floor(room * times)) & period.labelled
        hits = int((on_list & period.positive).sum())
        number = int(on_list.sum())
        point = {
            "model": model,
            "period": name,
            "times_capacity": times,
            "listed": number,
            "found": hits,
            "missed": positives - hits,
            "false_alarms": number - hits,
            "precision": hits / number if number else None,
            "recall": hits / positives if positives else None,
        }
        if model in RELEASABLE:
            counts = draws.at_capacity(place, np.floor(period.room * times).astype(np.int64))
            point |= _interval_ends("precision", counts.precision(), level)
            point |= _interval_ends("recall", counts.found.sum(axis=1) / np.maximum(positives_drawn, 1), level)
        points.append(point)
    return points


def _interval_ends(measure: str, values: Float, level: float) -> dict[str, float | None]:
    low, high = find_interval_around(float(values[0]), values[1:], level)
    return {f"{measure}_low": low, f"{measure}_high": high}
