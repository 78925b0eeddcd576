"""Findings are data: every figure of an audit as one row of `findings.json` (contract `findings`).

The board pack, the published record and the gate read only this file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from charter.contracts.files import content_id
from charter.machine.threads import one_thread
from charter.rules.measures import Measure
from fairness_reports.audit.measuring.disparities import Disparity, Side, measure_disparities
from fairness_reports.audit.measuring.tally import Grouping, Tally, number_cells
from fairness_reports.audit.measuring.units import Units

__all__ = [
    "About",
    "list_findings",
    "measure_everyone",
    "measure_groups",
    "measure_tally",
    "measure_whole_tally",
    "write_figure",
    "write_finding",
]


@dataclass(frozen=True)
class About:
    """What a finding is about: measure, characteristic and group, model, at what selection, which part of it."""

    measure: str
    characteristic: str | None
    model: str
    at: str
    component: str | None = None
    note: str = ""
    group: str | None = None

    def of_measure(self, measure: str) -> About:
        """Return the same about another measure."""
        return replace(self, measure=measure)

    def of_group(self, characteristic: str | None, group: str | None) -> About:
        """Return the same about another characteristic and group."""
        return replace(self, characteristic=characteristic, group=group)

    def of_component(self, component: str) -> About:
        """Return the same about one part: a component of the outcome, a service, a feature."""
        return replace(self, component=component)

    def at_selection(self, at: str) -> About:
        """Return the same at another selection."""
        return replace(self, at=at)

    def with_note(self, note: str) -> About:
        """Return the same with a remark."""
        return replace(self, note=note)


def measure_groups(
    units: Units, grouping: Grouping, measures: Iterable[Measure], about: About, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of several measures for every group of one characteristic."""
    tally = Tally.make(units.cluster, grouping, number_cells(units.label, units.selected))
    return measure_tally(tally, measures, about, resamples=resamples, seed=seed)


@one_thread()
def measure_tally(
    tally: Tally, measures: Iterable[Measure], about: About, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of several measures for every group of a tally; without labels, of selection alone."""
    draws = tally.draws(resamples, seed)
    return [
        write_finding(about.of_measure(measure.id), disparity, labelled=tally.labelled)
        for measure in measures
        if tally.labelled or not measure.needs_label
        for disparity in measure_disparities(tally, measure, draws)
    ]


def measure_everyone(
    units: Units, measures: Iterable[Measure], about: About, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of several measures for everyone together."""
    tally = Tally.make(units.cluster, units.everyone, number_cells(units.label, units.selected))
    return measure_whole_tally(tally, measures, about, resamples=resamples, seed=seed)


@one_thread()
def measure_whole_tally(
    tally: Tally, measures: Iterable[Measure], about: About, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of several measures for the one group of a tally of everyone."""
    draws = tally.draws(resamples, seed)
    return [
        write_figure(
            about.of_measure(measure.id), measure_disparities(tally, measure, draws)[0].side, labelled=tally.labelled
        )
        for measure in measures
        if tally.labelled or not measure.needs_label
    ]


def list_findings(about: About, disparities: Iterable[Disparity]) -> list[dict[str, Any]]:
    """Return findings of comparisons made elsewhere (averages)."""
    return [write_finding(about, disparity, labelled=False) for disparity in disparities]


def write_finding(about: About, disparity: Disparity, *, labelled: bool) -> dict[str, Any]:
    """Return one group's row: both sides, the gap as difference and ratio, and every interval."""
    row = write_figure(about.of_group(about.characteristic, disparity.group), disparity.side, labelled=labelled)
    row["rest"] = {
        "estimate": disparity.rest.estimate,
        "interval": _write_ends(disparity.rest.interval),
        "n": disparity.rest.n,
        "positives": disparity.rest.positives if labelled else None,
        "clusters": disparity.rest.clusters,
    }
    row["difference"], row["difference_interval"] = disparity.difference, _write_ends(disparity.difference_interval)
    row["ratio"], row["ratio_interval"] = disparity.ratio, _write_ends(disparity.ratio_interval)
    row["method"] = disparity.method
    return row


def write_figure(about: About, side: Side, *, labelled: bool = True) -> dict[str, Any]:
    """Return a row that compares nobody: one figure with its interval."""
    key: Mapping[str, Any] = {
        "measure": about.measure,
        "characteristic": about.characteristic,
        "group": about.group,
        "model": about.model,
        "component": about.component,
        "at": about.at,
    }
    row: dict[str, Any] = {
        "id": content_id(key),
        **key,
        "estimate": side.estimate,
        "interval": _write_ends(side.interval),
        "n": side.n,
        "positives": side.positives if labelled else None,
        "selected": side.selected,
        "clusters": side.clusters,
    }
    if about.note:
        row["note"] = about.note
    return row


def _write_ends(interval: tuple[float, float] | None) -> list[float | None] | None:
    """Write an interval as JSON: an unbounded end is null, for JSON has no infinity."""
    return None if interval is None else [None if math.isinf(end) else end for end in interval]
