"""The queue as listings, for the audit: the first tenth of each month's cases is what a list holds of it.

Everybody's turn comes in a queue; who comes first is what an order decides. So the files are those of replayed lists
(replayed_lists.py): a row for each case in the first tenth, for some drawings of who of equals comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.data.folds import Fold
from training.data.other_lists import WORKED
from training.judging.queues.queue_cases import Cases
from training.judging.queues.queue_run import Queued
from training.judging.replay_weeks import choose_fold
from training.judging.replayed_lists import HOUSEHOLDS, KEPT_LOTTERIES, LISTINGS, ReplayedLists

__all__ = ["keep_queue"]

_SHARE = 0.1


def keep_queue(queued: Queued, folds: Sequence[Fold], models: Sequence[str], seed: int) -> ReplayedLists:
    """Return who is in the first tenth by each of the models; the first of them is the run's own."""
    listings = []
    for period, cases in queued.cases.items():
        lots = np.random.default_rng(seed).random((KEPT_LOTTERIES, len(cases.household)))
        for number, model in enumerate(models):
            for lottery in range(KEPT_LOTTERIES):
                rows = _find_first(cases, queued.margins[period][model], lots[lottery])
                whose = (model, "baseline" if number else "ranked", lottery)
                listings.append(_write_listings(cases, rows, folds, whose))
    return ReplayedLists(
        pa.concat_tables(listings), _count_households(list(queued.cases.values())), WORKED.empty_table()
    )


def _find_first(cases: Cases, margins: NDArray[np.float64], lots: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the cases in the first tenth of their month, ascending."""
    rows_of_team = np.flatnonzero(cases.month >= 0)
    order = rows_of_team[np.lexsort((lots[rows_of_team], -margins[rows_of_team], cases.month[rows_of_team]))]
    month = cases.month[order]
    begin = np.flatnonzero(np.diff(month, prepend=-1) != 0)
    size = np.diff(np.append(begin, len(order)))
    room = np.maximum(1, np.floor(_SHARE * size + 0.5)).astype(np.int64)
    place = np.arange(len(order)) - np.repeat(begin, size)
    return np.sort(order[place < np.repeat(room, size)])


def _write_listings(
    cases: Cases, rows: NDArray[np.int64], folds: Sequence[Fold], whose: tuple[str, str, int]
) -> pa.Table:
    model, arm, lottery = whose
    days = [cases.first + timedelta(days=int(number)) for number in cases.arrives[rows]]
    is_need, has_label = cases.needed[rows], cases.labelled[rows]
    columns = [
        pa.repeat(model, len(rows)),
        pa.repeat(arm, len(rows)),
        pa.repeat(pa.scalar(lottery, pa.int32()), len(rows)),
        pa.array(days, pa.date32()),
        pa.array([choose_fold(folds, day).name for day in days], pa.string()),
        pa.array(cases.team[rows].tolist(), pa.string()),
        pa.array(cases.names[cases.household[rows]].astype(str), pa.string()),
        pa.array(np.where(is_need, "need", np.where(has_label, "none", "unknown")), pa.string()),
        pa.array(np.where(is_need, cases.days_until[rows], np.nan).astype(np.float32), pa.float32(), from_pandas=True),
    ]
    return pa.table(columns, schema=LISTINGS)


def _count_households(periods: Sequence[Cases]) -> pa.Table:
    """Count each household's cases over the periods: all, with a label, with a need; and find the last of them."""
    counts: dict[bytes, list[int]] = {}
    last = {}
    for cases in periods:
        for case, number in enumerate(cases.household.tolist()):
            row = counts.setdefault(bytes(cases.names[number]), [0, 0, 0])
            row[0] += 1
            row[1] += int(cases.labelled[case])
            row[2] += int(cases.labelled[case] and cases.needed[case])
            last[bytes(cases.names[number])] = cases.first + timedelta(days=int(cases.arrives[case]))
    columns = [
        pa.array([name.decode() for name in counts], pa.string()),
        pa.array([last[name] for name in counts], pa.date32()),
        *(pa.array([row[place] for row in counts.values()], pa.int32()) for place in range(3)),
    ]
    return pa.table(columns, schema=HOUSEHOLDS)
