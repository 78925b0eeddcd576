"""What would change had records without a known time come in half, or in twice, the time that the register says.

    register's lag  ->  the run's own matrix at the test dates of the newest selection fold
    half, twice     ->  the same dates built again from a copy of the snapshot (features/other_lags.py)

The candidate orders the households of each: of how many places another household's they would be, and how many listed
had the need afterwards. No model is fitted again: the question is what the lists rest on, not what could be learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from charter.contracts.matrix import Matrix
from charter.invocation import Invocation
from features.build import build_matrix
from features.other_lags import count_assumed, shift_arrival
from training.data.dataset import Dataset
from training.data.lists import Period, Places
from training.models.boosting import predict_margins
from training.models.planning import Plan
from training.run import Run

__all__ = ["TIMES", "measure_other_lags"]

TIMES = (0.5, 2.0)
"""So many times the register's arrival lag."""

_WORDS = {0.5: "half", 2.0: "twice"}


def measure_other_lags(invocation: Invocation, planned: Plan, run: Run) -> dict[str, Any] | None:
    """Build the newest tested dates at the other lags and compare; None where the snapshot's records are gone.

    Nothing is built where every event has a known time of its own: no lag was assumed.
    """
    snapshot = str(planned.data.matrix.manifest["snapshot"])
    folder = invocation.workspace.store / snapshot
    if not all((folder / name / "events.parquet").exists() for name in ("tables", "records")):
        return None
    days = list(planned.selecting[-1].test)
    parts = [*planned.data.matrix.definition["features"], *planned.data.matrix.definition["outcome"]["components"]]
    assumed, events = count_assumed(folder, {signal for part in parts for signal in part["signals"]})
    before = _Lists.of(planned.data, planned, days, run) if assumed else None
    lags: list[dict[str, Any]] = []
    for times in TIMES if before else ():
        with TemporaryDirectory(dir=invocation.workspace.root, prefix=".lag-") as scratch:
            other = shift_arrival(invocation, snapshot, times, Path(scratch))
            built = build_matrix(other, purpose="train", snapshot=snapshot, as_of=days)
            data = Dataset.open(Matrix.open(built), invocation.council)
            after = _Lists.of(data, planned, days, run)
            cells, changed = _compare_cells(planned.data, data, days)
        if before is not None:
            lags.append({"times": times, "cells": cells, "changed": changed, **before.compare(after)})
    document = {"as_of": [day.isoformat() for day in days], "events": events, "assumed": assumed, "lags": lags}
    return document | {"sentence": _say_other_lags(document)}


def _say_other_lags(document: Mapping[str, Any]) -> str:
    """Say what rests on how late records are taken to come."""
    if not document["lags"]:
        return "No record's known time is assumed: nothing rests on how late feeds are said to come."
    answers = [
        f"{_WORDS[lag['times']]} that time, {lag['kept']:,} of {lag['listed']:,} places would be the same households',"
        f" and {lag['with_need_then']:,} of those listed had the need afterwards, beside {lag['with_need']:,}"
        for lag in document["lags"]
    ]
    return (
        "Records that do not say when they became known are taken to have come as late as the register says."
        f" Had they come in {'; in '.join(answers)} (lists of {document['as_of'][0]} to {document['as_of'][-1]})."
    )


@dataclass(frozen=True)
class _Lists:
    """The places of some dates: who has each, and whether the need was recorded afterwards."""

    need: Mapping[tuple[int, bytes], bool]

    @classmethod
    def of(cls, data: Dataset, planned: Plan, days: Sequence[date], run: Run) -> _Lists:
        """Order the households of each date by the candidate and cut at the teams' places."""
        capacity = {day: planned.places.by_date[day] for day in days}
        period = Period.of(data, days, Places.of(data, days, capacity, data.council))
        threads = planned.settings.lightgbm.threads
        text = run.text()
        margins = np.concatenate([predict_margins(text, data.at(day).features, threads) for day in days])
        listed = period.listed(period.places(margins))
        rows = zip(period.day[listed], period.entity[listed], period.labels[listed], strict=True)
        return cls({(int(day), bytes(entity)): label == 1 for day, entity, label in rows})

    def compare(self, after: _Lists) -> dict[str, int]:
        """Return how many places there are, how many keep their household, and how many had the need in either."""
        return {
            "listed": len(self.need),
            "kept": len(self.need.keys() & after.need.keys()),
            "with_need": sum(self.need.values()),
            "with_need_then": sum(after.need.values()),
        }


def _compare_cells(before: Dataset, after: Dataset, days: Sequence[date]) -> tuple[int, int]:
    """Return how many values of features households of both have, and how many of them differ."""
    cells = changed = 0
    for day in days:
        _, mine, theirs = np.intersect1d(before.at(day).entity, after.at(day).entity, return_indices=True)
        was, now = np.asarray(before.at(day).features)[mine], np.asarray(after.at(day).features)[theirs]
        cells += was.size
        changed += int((~((was == now) | (np.isnan(was) & np.isnan(now)))).sum())
    return cells, changed
