"""How steady the list is from one week to the next, on real weeks: the matrix built at each, the same model, new lists.

    W-8w  W-7w  ...  W      W is the last test date of the newest selection fold

The model is the released one as that fold trained it. What differs between two weeks is what became known in between,
who moved, and who joined or left the cohort. Each week's list is made anew: no household rests after a listing, so a
steady list is one whose order is steady. Between as-of dates months apart (`stability` in metrics.json) much more
happens; the two figures are not of one thing.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.invocation import Invocation
from features.build import build_matrix
from training.data.dataset import Dataset
from training.data.lists import Period, Places
from training.judging.bootstrap import Draws, find_interval
from training.models.fitting import Bins, fit_model, gather_lessons
from training.models.planning import Plan

__all__ = ["WEEKS", "list_weeks_before", "measure_steadiness", "measure_weeks_kept"]

WEEKS = 8


def list_weeks_before(day: date, number: int = WEEKS) -> list[date]:
    """Return `number` + 1 mornings a week apart, the last of them `day`."""
    return [day - timedelta(weeks=back) for back in range(number, -1, -1)]


def measure_steadiness(invocation: Invocation, planned: Plan, model: str) -> dict[str, Any] | None:
    """Build the weeks' matrix from the plan's snapshot and measure; None where the snapshot's tables are gone."""
    snapshot = str(planned.data.matrix.manifest["snapshot"])
    if not (invocation.workspace.store / snapshot / "tables" / "events.parquet").exists():
        return None
    fold = planned.selecting[-1]
    days = list_weeks_before(fold.test[-1])
    built = build_matrix(invocation, purpose="train", snapshot=snapshot, as_of=days)
    data = Dataset.open(Matrix.open(built), invocation.council)
    programme = invocation.settings
    capacity = {day: programme.capacity(invocation.council, day) for day in days}
    period = Period.of(data, days, Places.of(data, days, capacity, invocation.council))
    fitted = fit_model(planned, Bins.of(planned), gather_lessons(planned, fold), model)
    threads = planned.settings.lightgbm.threads
    margins = np.concatenate([fitted.margins(np.asarray(data.at(day).features), threads) for day in days])
    by = planned.settings.bootstrap
    draws = Draws.of(period, by.resamples, by.seed)
    return {"model": model, "fold": fold.name, "as_of": [day.isoformat() for day in days]} | measure_weeks_kept(
        draws, period.listed(period.places(margins)), by.level
    )


def measure_weeks_kept(draws: Draws, listed: NDArray[np.bool_], level: float) -> dict[str, Any]:
    """Return of those listed on the second and later dates the share listed on the one before, with its interval.

    `listed` (rows,) of the draws' period; the interval draws households again, the lists stay as they were made.
    """
    period = draws.period
    on = np.zeros((len(period.days), period.households), dtype=bool)
    on[period.day[listed], period.household[listed]] = True
    stayed = np.array([before & after for before, after in pairwise(on)])
    every = draws.of_households(on[1:].sum(axis=0).astype(np.float64))
    stays = draws.of_households(stayed.sum(axis=0).astype(np.float64))
    share = np.divide(stays, every, out=np.full(every.shape, np.nan), where=every > 0)
    low, high = find_interval(share[1:], level)
    return {
        "kept": {"estimate": float(share[0]) if np.isfinite(share[0]) else None, "low": low, "high": high},
        "weeks": [
            {"as_of": day.isoformat(), "listed": int(now.sum()), "kept": int(same.sum())}
            for day, now, same in zip(period.days[1:], on[1:], stayed, strict=True)
        ],
    }
