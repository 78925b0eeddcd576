"""What the data is worth: the same training without system responses, and without each service in turn.

    nothing            the run's own folds, fitted with LightGBM: what everything together finds
    system_responses   without the features that the definition marks as a service's own action
    service NAME       without every feature that reads that service

Each is fitted again on every selection fold, so it leans on what is left, and is judged at the teams' places on the
same resamples: what a part of the data adds is a paired difference. The components of the outcome that are themselves
a service's response are said so and counted apart: a model may foresee what services do next rather than a need.

Which services the released list can do without is found on replayed lists (minimising.py).

How steady the list is from week to week is measured here too (studies/weekly.py), and what would change had records
come sooner or later than the register says (studies/late_records.py): both need matrices of their own.

Left beside the run as `studies.json` (contract `studies`), from which the audit's minimisation reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import file_digest, write_json
from charter.contracts.matrix import Matrix
from charter.council.training_settings import TrainingSettings
from charter.invocation import Invocation
from charter.machine.threads import one_thread
from training.data.coverage import measure_seen_share
from training.data.folds import FINAL, SELECTION, Fold
from training.data.lists import Period
from training.judging import metrics
from training.judging.bootstrap import Counts, Draws, find_interval_around
from training.models.boosting import predict_margins
from training.models.fitting import Bins
from training.models.planning import Plan, make_plan
from training.run import Run
from training.studies.late_records import measure_other_lags
from training.studies.minimising import minimise_data
from training.studies.weekly import measure_steadiness

__all__ = ["FILE", "study_data"]

Float = NDArray[np.float64]

FILE = "studies.json"
MODEL = "lightgbm"
"""What is fitted each time: of all models the one that finds most in whatever is left."""


@dataclass(frozen=True)
class Part:
    """A part of the data that is left out: its name, the service if it is one, and its features."""

    name: str
    service: str | None
    features: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """What lists made without a part of the data find: each value (1 + resamples,), the sample's own first."""

    part: Part
    figures: Mapping[str, Float]
    components: Mapping[str, Mapping[str, Float]]


def divide_data(definition: Mapping[str, Any]) -> list[Part]:
    """Return nothing, the system responses where there are any, and each service that a feature reads."""
    features = definition["features"]
    responses = tuple(feature["name"] for feature in features if feature["system_response"])
    parts = [Part("nothing", None, ())]
    if responses:
        parts.append(Part("system_responses", None, responses))
    for service in sorted({service for feature in features for service in feature["services"]}):
        theirs = tuple(feature["name"] for feature in features if service in feature["services"])
        parts.append(Part(f"service {service}", service, theirs))
    # Without every feature there is nothing to learn from, and nothing to compare.
    return [part for part in parts if len(part.features) < len(features)]


def name_responses(definition: Mapping[str, Any]) -> frozenset[str]:
    """Return the signals that the definition's features count as a service's own action."""
    return frozenset(
        signal for feature in definition["features"] if feature["system_response"] for signal in feature["signals"]
    )


def study_data(invocation: Invocation, run: Run) -> dict[str, Any]:
    """Study the data of a run, leave `studies.json` beside it and return it (contract `studies`).

    The run's own matrix, settings and folds are used. The caller holds the workspace's writer lock.
    """
    matrix = Matrix.open(invocation.workspace.matrix / str(run.manifest["matrix"]))
    planned = make_plan(invocation, matrix, TrainingSettings.of(run.manifest["settings"]))
    chosen = divide_data(matrix.definition)
    services = sum(part.service is not None for part in chosen)
    steps = len(chosen) * sum(fold.name != FINAL for fold in planned.folds) + services + 1
    model = str(run.manifest["model"])
    with one_thread(), invocation.progress("Studying the data", steps) as advance:
        judged = _judge_parts(planned, chosen, advance)
        steady = measure_steadiness(invocation, planned, model)
        lags = measure_other_lags(invocation, planned, run)
        minimised = minimise_data(invocation, planned, model, invocation.policy.choosing.margin, advance)
    document = _studies_document(planned, run, judged) | {"weekly": steady, "minimised": minimised, "lags": lags}
    check_document("studies", document)
    write_json(run.folder / FILE, document)
    return document


def _judge_parts(planned: Plan, chosen: Sequence[Part], advance: Callable[[], None]) -> list[Judged]:
    settings, data = planned.settings, planned.data
    selecting = [fold for fold in planned.folds if not fold.final] or planned.folds
    period = Period.of(data, [day for fold in selecting for day in fold.test], planned.places)
    draws = Draws.of(period, settings.bootstrap.resamples, settings.bootstrap.seed)
    margins = _margins_without(planned, selecting, chosen, advance)
    components, ranking = data.matrix.manifest["components"], settings.bootstrap.ranking_resamples
    return [_judge_part(part, draws, margins[part.name], components, ranking) for part in chosen]


def _margins_without(
    planned: Plan, folds: Sequence[Fold], chosen: Sequence[Part], advance: Callable[[], None]
) -> dict[str, Float]:
    """Return the out-of-time margins of the models trained without each part, over all test dates; (rows,) by part."""
    data, names = planned.data, planned.data.matrix.features
    bins = Bins.of(planned)
    margins: dict[str, list[Float]] = {part.name: [] for part in chosen}
    for fold in folds:
        rows = bins.rows.labelled(bins.everywhere(planned, {day: data.labels(day, fold.cut) for day in fold.train}))
        for part in chosen:
            text = bins.rows.learn(rows, without=[names.index(name) for name in part.features if name in names])
            margins[part.name] += [
                predict_margins(text, data.at(day).features, planned.settings.lightgbm.threads) for day in fold.test
            ]
            advance()
    return {name: np.concatenate(parts) for name, parts in margins.items()}


def _judge_part(part: Part, draws: Draws, margins: Float, components: Sequence[str], ranking: int) -> Judged:
    period = draws.period
    place = period.places(margins)
    counts = draws.at_capacity(place)
    figures = {**_at_capacity(draws, counts, period.positive), **metrics.measure_order(draws.first(ranking), margins)}
    by_component = {
        name: _at_capacity(draws, draws.at_capacity(place, outcome=outcome), outcome)
        for name, outcome in zip(components, period.components.T, strict=True)
    }
    return Judged(part, figures, by_component)


def _at_capacity(draws: Draws, counts: Counts, outcome: NDArray[np.bool_]) -> dict[str, Float]:
    labelled = draws.period.labelled
    positives = draws.total((outcome & labelled).astype(np.float64))
    figures = metrics.measure_at_capacity(counts, positives, draws.total(labelled.astype(np.float64)))
    return {name: figures[name] for name in ("precision", "recall", "found", "missed")}


def _studies_document(planned: Plan, run: Run, judged: Sequence[Judged]) -> dict[str, Any]:
    matrix, bootstrap = planned.data.matrix, planned.settings.bootstrap
    whole, level = judged[0], bootstrap.level
    responses = name_responses(matrix.definition)
    signals = {
        part_judged["name"]: frozenset(part_judged["signals"])
        for part_judged in matrix.definition["outcome"]["components"]
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.id,
        "programme": run.manifest["programme"],
        "snapshot": run.manifest["snapshot"],
        "inputs": {
            "run/manifest.json": file_digest(run.folder / "manifest.json"),
            "matrix/manifest.json": file_digest(matrix.folder / "manifest.json"),
        },
        "model": MODEL,
        "period": SELECTION,
        "level": level,
        "resamples": bootstrap.resamples,
        "note": "Every model was trained again without the data left out. Intervals come from drawing whole households"
        " again; differences are paired, and conditional on the fitted models.",
        "studies": [
            {
                "left_out": part_judged.part.name,
                "service": part_judged.part.service,
                "features": list(part_judged.part.features),
                "figures": _figure_documents(part_judged.figures, level),
                "adds": _figure_documents(_added_figures(whole, part_judged), level)
                if part_judged is not whole
                else {},
                "components": [
                    {
                        "component": name,
                        "system_response": bool(signals[name] & responses),
                        "recall": _figure_document(values["recall"], level),
                        "precision": _figure_document(values["precision"], level),
                    }
                    for name, values in part_judged.components.items()
                ],
            }
            for part_judged in judged
        ],
        "seen": _seen_by_service(planned),
    }


def _added_figures(whole: Judged, without: Judged) -> dict[str, Float]:
    return {name: value - without.figures[name] for name, value in whole.figures.items()}


def _figure_documents(values: Mapping[str, Float], level: float) -> dict[str, Any]:
    return {name: _figure_document(value, level) for name, value in values.items()}


def _figure_document(value: Float, level: float) -> dict[str, float | None]:
    low, high = find_interval_around(float(value[0]), value[1:], level)
    return {"estimate": float(value[0]) if np.isfinite(value[0]) else None, "low": low, "high": high}


def _seen_by_service(planned: Plan) -> list[dict[str, Any]]:
    """Return the share of members seen by as-of date and service: old dates miss whoever chose to share later."""
    shares: dict[tuple[str, str], list[float]] = {}
    for row in measure_seen_share(planned.data):
        service = str(row["column"]).split(":", maxsplit=1)[0]
        shares.setdefault((row["as_of"], service), []).append(row["share"] or 0.0)
    return [
        {"as_of": day, "service": service, "share": float(np.mean(values))} for (day, service), values in shares.items()
    ]
