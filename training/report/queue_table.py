"""A queue's figures, for the terminal and the run's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charter.contracts.entity_words import EntityWords
from training.judging.choosing import TITLES
from training.report.align import align_table

__all__ = ["list_queue_rows", "say_queue", "say_queue_ground"]

_COLUMNS = (
    ("needed_of_first_tenth", "need, of first tenth"),
    ("need_in_first_half", "of need, first half"),
    ("days_sooner_first_come", "days sooner"),
    ("days_sooner_done", "sooner than done"),
)


def say_queue(metrics: Mapping[str, Any]) -> list[str]:
    """Return every order's queue as a table; nothing of a run that has none."""
    queue = metrics.get("queue")
    if not queue:
        return []
    rows = [("order", *(title for _, title in _COLUMNS))]
    rows += [(row["title"], *(row[measure] for measure, _ in _COLUMNS)) for row in list_queue_rows(metrics)]
    return [say_queue_ground(metrics), "", align_table(rows, right=(1, 2, 3, 4)), ""]


def say_queue_ground(metrics: Mapping[str, Any]) -> str:
    """Return in sentences what a queue's figures rest on."""
    queue = metrics["queue"]
    period = next(part for part in queue["periods"] if part["period"] == queue["headline"])
    chose = "which chose nothing" if queue["headline"] == "final" else "which chose the model"
    as_done = "as many taken each day as really were"
    places = as_done if queue["places"] == "as_done" else f"{period['places']:,} places in that time"
    if gaps := period.get("unknown_days"):
        places += f", of whom nobody knows on {gaps} {'day' if gaps == 1 else 'days'} that no delivery covers"
    unknown = period["cases"] - period["labelled"]
    whom = EntityWords.of_run(metrics).many
    return (
        f"Judged as a queue: {period['cases']:,} cases in {period['days']} days from {period['first']}, {chose};"
        f" {period['needed']:,} had a need recorded{f', of {unknown:,} it is not known' if unknown else ''}; {places};"
        f" {100 * queue['level']:g} % intervals by drawing {whom} again. Of 100 cases in a month's first tenth,"
        " those of a need; of 100 of a need, those in the first half; and by how many days those of a need are taken"
        " sooner than first come, first served, and than they really were."
    )


def list_queue_rows(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a row for each order, the two that are no model's first: its title and each figure in words."""
    queue = metrics["queue"]
    figures = {
        (figure["model"], figure["measure"]): figure
        for figure in queue["figures"]
        if figure["period"] == queue["headline"] and figure["against"] is None
    }
    names = dict.fromkeys(name for name, _ in figures)
    return [
        {"name": name, "title": TITLES[name]}
        | {measure: _say_figure(figures.get((name, measure)), measure) for measure, _ in _COLUMNS}
        for name in names
    ]


def _say_figure(figure: Mapping[str, Any] | None, measure: str) -> str:
    if figure is None:
        return ""
    if figure["estimate"] is None:
        return "cannot be told"
    scale, places = (1, 1) if measure.startswith("days") else (100, 0)
    ends = [f"{scale * figure[end]:.{places}f}" for end in ("estimate", "low", "high") if figure[end] is not None]
    return ends[0] if len(ends) < 3 else f"{ends[0]} ({ends[1]} to {ends[2]})"
