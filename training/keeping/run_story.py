"""What MLflow's pages say of a run first: a description, and the few figures that tell its story.

All of them are computed from metrics.json, as the run's own page is, so that both say the same. Every other figure is
in the artifact metrics.json, and those of one fold in its child run.

    needed_of_listed, ...         of replayed lists, for the run's own model; .low and .high are its interval
    needed_of_listed.MODEL        the figure that chooses, for each contender
    isolated.precision, ...       the annex: isolated dates, as no list is made
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.judging.choosing import TITLES
from training.judging.choosing_words import with_capital
from training.report.page import FILE, LIST_MEASURES
from training.report.terminal import find_figure, find_replay_figure, list_orderings, say_known_dates

__all__ = ["gather_story", "measure_candidate", "tell_run"]

Document = Mapping[str, Any]

_DECIDES = "needed_of_listed"
_ISOLATED = ("precision", "recall", "auroc", "observed_over_expected", "calibration_slope")


def measure_candidate(metrics: Document, model: str) -> dict[str, float]:
    """Return one model's figures of replayed lists and of isolated dates; what was not measured is left out."""
    figures: dict[str, float] = {}
    for measure in LIST_MEASURES:
        figure = find_replay_figure(metrics, model, measure)
        figures |= _with_estimate(measure, figure)
        if measure == _DECIDES and figure:
            figures |= {f"{measure}.{end}": figure[end] for end in ("low", "high") if figure[end] is not None}
    return figures | _measure_isolated(metrics, model, "selection", "isolated")


def gather_story(metrics: Document) -> dict[str, float]:
    """Return the figures of a run's page in MLflow, under forty: its model's, and what decides for each contender."""
    model = str(metrics["model"])
    story = measure_candidate(metrics, model)
    for name in list_orderings(metrics):
        story |= _with_estimate(f"{_DECIDES}.{name}", find_replay_figure(metrics, name, _DECIDES))
    story |= _with_estimate(
        f"{_DECIDES}.half_undecided", find_replay_figure(metrics, model, _DECIDES, "half undecided")
    )
    return story | _measure_isolated(metrics, model, "final", "isolated.final")


def _measure_isolated(metrics: Document, model: str, period: str, prefix: str) -> dict[str, float]:
    figures: dict[str, float] = {}
    for measure in _ISOLATED:
        try:
            figures |= _with_estimate(f"{prefix}.{measure}", find_figure(metrics, model, measure, period))
        except KeyError:  # a final period that an earlier run took has no figures
            continue
    return figures


def _with_estimate(name: str, figure: Document | None) -> dict[str, float]:
    return {name: float(figure["estimate"])} if figure and figure["estimate"] is not None else {}


def tell_run(council: str, manifest: Document, metrics: Document, versions: Mapping[str, str], page: str) -> str:
    """Return a run's description as Markdown: what was recommended, why, each contender, and where the page is.

    `versions` is by model the version in the registry, `page` the address of the page's folder in MLflow.
    """
    advice = metrics["recommendation"]["sentence"]
    fiction = " Nobody in it exists: the borough is made up." if manifest["synthetic"] else ""
    lines = [f"**{advice}**", *(line for said in say_known_dates(metrics) for line in ("", said))]
    lines += ["", f"{council}, programme {manifest['programme']}.{fiction}", *_tell_lists(metrics)]
    named = [
        f"{with_capital(TITLES[model])} is version {number}{' (`@candidate`)' if model == metrics['model'] else ''}."
        for model, number in versions.items()
    ]
    return "\n".join(
        [*lines, "", " ".join(named), "", f"[The page of this run]({page}/{FILE}) says how good each list is."]
    )


def _tell_lists(metrics: Document) -> list[str]:
    replay = metrics["replay"]
    if not replay["figures"]:
        return ["", f"No past week could be replayed: {replay['why']}."]
    period = next(part for part in replay["periods"] if part["period"] == replay["headline"])
    rows = []
    for model in list_orderings(metrics):
        figure = find_replay_figure(metrics, model, _DECIDES)
        if figure and figure["estimate"] is not None:
            between = "" if figure["low"] is None else f" ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"
            rows.append(f"| {TITLES[model]} | {100 * figure['estimate']:.1f}{between} |")
    return [
        "",
        f"Lists as they are used, {period['weeks']} weeks from {period['first']} to {period['last']}:",
        "",
        "| ordering | of 100 listed, need recorded |",
        "|---|---|",
        *rows,
    ]
