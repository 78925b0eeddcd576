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
from fairness_reports.audit.measuring.disparities import Disparity, Side, disparities
from fairness_reports.audit.measuring.measures import Measure
from fairness_reports.audit.measuring.tally import Grouping, Tally, cells
from fairness_reports.audit.measuring.units import Units

__all__ = ["About", "compared", "figure", "finding", "measured", "tallied", "tallied_whole", "whole"]


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

    def of(self, measure: str) -> About:
        """Return the same about another measure."""
        return replace(self, measure=measure)

    def about(self, characteristic: str | None, group: str | None) -> About:
        """Return the same about another characteristic and group."""
        return replace(self, characteristic=characteristic, group=group)

    def part(self, component: str) -> About:
        """Return the same about one part: a component of the outcome, a service, a feature."""
        return replace(self, component=component)

    def where(self, at: str) -> About:
        """Return the same at another selection."""
        return replace(self, at=at)

    def noted(self, note: str) -> About:
        """Return the same with a remark."""
        return replace(self, note=note)


def measured(
    units: Units, grouping: Grouping, measures: Iterable[Measure], about: About, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of several measures for every group of one characteristic."""
    tally = Tally.make(units.cluster, grouping, cells(units.label, units.selected))
    return tallied(tally, measures, about, resamples=resamples, seed=seed)


@one_thread()
def tallied(
    tally: Tally, measures: Iterable[Measure], about: About, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of several measures for every group of a tally; without labels, of selection alone."""
    draws = tally.draws(resamples, seed)
    return [
        finding(about.of(measure.id), one, labelled=tally.labelled)
        for measure in measures
        if tally.labelled or not measure.needs_label
        for one in disparities(tally, measure, draws)
    ]


def whole(
    units: Units, measures: Iterable[Measure], about: About, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of several measures for everyone together."""
    tally = Tally.make(units.cluster, units.everyone, cells(units.label, units.selected))
    return tallied_whole(tally, measures, about, resamples=resamples, seed=seed)


@one_thread()
def tallied_whole(
    tally: Tally, measures: Iterable[Measure], about: About, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of several measures for the one group of a tally of everyone."""
    draws = tally.draws(resamples, seed)
    return [
        figure(about.of(measure.id), disparities(tally, measure, draws)[0].side, labelled=tally.labelled)
        for measure in measures
        if tally.labelled or not measure.needs_label
    ]


def compared(about: About, found: Iterable[Disparity]) -> list[dict[str, Any]]:
    """Return findings of comparisons made elsewhere (averages)."""
    return [finding(about, one, labelled=False) for one in found]


def finding(about: About, one: Disparity, *, labelled: bool) -> dict[str, Any]:
    """Return one group's row: both sides, the gap as difference and ratio, and every interval."""
    row = figure(about.about(about.characteristic, one.group), one.side, labelled=labelled)
    row["rest"] = {
        "estimate": one.rest.estimate,
        "interval": _ends(one.rest.interval),
        "n": one.rest.n,
        "positives": one.rest.positives if labelled else None,
        "clusters": one.rest.clusters,
    }
    row["difference"], row["difference_interval"] = one.difference, _ends(one.difference_interval)
    row["ratio"], row["ratio_interval"] = one.ratio, _ends(one.ratio_interval)
    row["method"] = one.method
    return row


def figure(about: About, side: Side, *, labelled: bool = True) -> dict[str, Any]:
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
        "interval": _ends(side.interval),
        "n": side.n,
        "positives": side.positives if labelled else None,
        "selected": side.selected,
        "clusters": side.clusters,
    }
    if about.note:
        row["note"] = about.note
    return row


def _ends(interval: tuple[float, float] | None) -> list[float | None] | None:
    """Write an interval as JSON: an unbounded end is null, for JSON has no infinity."""
    return None if interval is None else [None if math.isinf(end) else end for end in interval]
