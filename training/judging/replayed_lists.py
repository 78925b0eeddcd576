"""The replayed lists as rows, for the audit: who was listed when, by whose order, and what was recorded after.

    replayed             one row per listing of a counted week, for a few drawings of lots and decisions
    replayed_households  one row per household that was of the cohort in a counted week
    worked_lists         one row per listing of the run's own model in one drawing, of every week, with what was decided

Each drawing is one way in which the very same weeks could have gone; they are the replay's own first ones, so sums over
these rows are the replay's sums. The last is what other programmes' replays give way to (data/other_lists.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training.data.folds import Fold
from training.data.other_lists import WORKED
from training.data.other_runs import WORKED_FILE
from training.data.weeks import ListWeeks
from training.judging.replay import Listings, compile_answers
from training.judging.replay_figures import ReplayInput
from training.judging.replay_kernel import draw_answers
from training.judging.replay_weeks import choose_fold

__all__ = ["HOUSEHOLDS", "KEPT_LOTTERIES", "LISTINGS", "ReplayedLists", "keep_lists"]

KEPT_LOTTERIES = 20
"""Drawings that are left: their mean spreads by a fifth of what one drawing's lots do."""

LISTINGS = pa.schema(
    [
        ("model", pa.string()),
        ("arm", pa.string()),
        ("lottery", pa.int32()),
        ("as_of", pa.date32()),
        ("fold", pa.string()),
        ("team", pa.string()),
        ("entity", pa.string()),
        ("outcome", pa.string()),
        ("days", pa.float32()),
    ]
)
HOUSEHOLDS = pa.schema(
    [
        ("entity", pa.string()),
        ("last", pa.date32()),
        ("lists", pa.int32()),
        ("known", pa.int32()),
        ("needed", pa.int32()),
    ]
)


@dataclass(frozen=True)
class ReplayedLists:
    """The three tables."""

    listings: pa.Table
    households: pa.Table
    worked: pa.Table

    def write(self, folder: Path) -> None:
        """Write them beside a run's scores."""
        pq.write_table(self.listings, folder / "replayed.parquet", compression="zstd")
        pq.write_table(self.households, folder / "replayed_households.parquet", compression="zstd")
        pq.write_table(self.worked, folder / WORKED_FILE, compression="zstd")


@dataclass(frozen=True)
class _Week:
    """What is the same for every row of one week: its date, the fold in use, and whether it counts."""

    day: NDArray[np.object_]
    fold: NDArray[np.object_]
    counted: NDArray[np.bool_]


def keep_lists(shared: ReplayInput, folds: Sequence[Fold], listings: Mapping[str, Listings]) -> ReplayedLists:
    """Return the listings of some models' replayed lists; the first of the models is the run's own."""
    weeks = shared.weeks
    week = _Week(
        np.array(weeks.days, dtype=object),
        np.array([choose_fold(folds, day).name for day in weeks.days], dtype=object),
        shared.plan.part >= 0,
    )
    tables = []
    for number, (model, kept) in enumerate(listings.items()):
        arm = "baseline" if number else "ranked"
        for lottery in range(KEPT_LOTTERIES):
            rows = kept.of_lottery(lottery)
            tables.append(_write_listings(weeks, week, rows[week.counted[weeks.week[rows]]], (model, arm, lottery)))
    own = next(iter(listings.values()))
    return ReplayedLists(pa.concat_tables(tables), _count_households(weeks, week), _write_worked(shared, own))


def _write_listings(weeks: ListWeeks, week: _Week, rows: NDArray[np.int64], whose: tuple[str, str, int]) -> pa.Table:
    model, arm, lottery = whose
    of = weeks.week[rows]
    needed, known = weeks.needed[rows], weeks.labelled[rows]
    days = np.where(needed, weeks.days_until[rows], np.nan)
    teams = np.array(weeks.list_team, dtype=object)
    columns = [
        pa.repeat(model, len(rows)),
        pa.repeat(arm, len(rows)),
        pa.repeat(pa.scalar(lottery, pa.int32()), len(rows)),
        pa.array(week.day[of], pa.date32()),
        pa.array(week.fold[of], pa.string()),
        pa.array(teams[weeks.list_of[rows]], pa.string()),
        pa.array(weeks.names[weeks.household[rows]].astype(str), pa.string()),
        pa.array(np.where(needed, "need", np.where(known, "none", "unknown")), pa.string()),
        pa.array(days.astype(np.float32), pa.float32(), from_pandas=True),
    ]
    return pa.table(columns, schema=LISTINGS)


def _write_worked(shared: ReplayInput, listings: Listings) -> pa.Table:
    """Return the listings of the first drawing, in every week, with each one's end and decision."""
    weeks, rules = shared.weeks, shared.rules
    rows = listings.of_lottery(0)
    household, week = weeks.household[rows], weeks.week[rows]
    drawn = draw_answers(compile_answers(rules).until, shared.draws.keys[household], week, shared.draws.seeds[0])
    decisions = np.array([*rules.answers, None], dtype=object)[drawn]
    as_of = np.array(weeks.days, dtype="datetime64[D]")[week].astype(np.int32)
    decided_on = np.ma.masked_array(as_of + rules.decided_after, mask=drawn == len(rules.answers))
    columns = [
        pa.array(weeks.names[household].astype(str), pa.string()),
        pa.array(as_of).cast(pa.date32()),
        pa.array(as_of + np.int32(rules.apart)).cast(pa.date32()),
        pa.array(decisions, pa.string()),
        pa.array(decided_on.data.astype(np.int32), mask=decided_on.mask).cast(pa.date32()),
    ]
    return pa.table(columns, schema=WORKED)


def _count_households(weeks: ListWeeks, week: _Week) -> pa.Table:
    """Count each household's counted lists: all, those with a label, those with a need; and find the last of them."""
    size, of = len(weeks.names), weeks.week
    rows = np.flatnonzero(week.counted[of])
    household = weeks.household[rows]

    def count(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(household[which[rows]], minlength=size)

    last = np.full(size, -1, dtype=np.int64)
    last[household] = of[rows]  # rows are by week: the last one written stays
    there = np.flatnonzero(last >= 0)
    lists = count(np.ones(len(of), dtype=np.bool_))
    days: list[date] = week.day[last[there]].tolist()
    columns = [
        pa.array(weeks.names[there].astype(str), pa.string()),
        pa.array(days, pa.date32()),
        *(
            pa.array(values[there], pa.int32())
            for values in (lists, count(weeks.labelled), count(weeks.labelled & weeks.needed))
        ),
    ]
    return pa.table(columns, schema=HOUSEHOLDS)
