"""The rows that replayed lists come to, with what likelihoods are judged by: a week's row, and how often it is listed.

    row     week   likelihood   listed in     need followed
    a       0      0.42         100 of 100    yes
    b       0      0.41          37 of 100    no            beside c by margin: the lot decides
    c       0      0.41          63 of 100    yes

Only rows of counted weeks that have a label count. The list is the model's to be released; what a likelihood says is
read from what came of such places, and not of everybody who has such a margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Dataset
from training.data.weeks import ListWeeks
from training.judging.bootstrap import Spread, bound
from training.judging.learned_range import find_learned_range
from training.judging.replay import Listings
from training.judging.replay_weeks import choose_fold
from training.models.planning import Plan

__all__ = ["ListedRows", "gather_listed_rows", "measure_without_band"]

Float = NDArray[np.float64]
Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class ListedRows:
    """Rows that a list can come to, (reached,): which count, whether the need came, and what divides them.

    `enough` is visible of a row to say a likelihood, `share_seen` how much; `fold` is whose model ranked it.
    """

    listings: Listings
    counted: Rows
    needed: Rows
    household: NDArray[np.int32]
    week: NDArray[np.int32]
    fold: NDArray[np.int32]
    margin: Float
    enough: Rows
    share_seen: Float
    team: NDArray[np.str_]
    area: NDArray[np.bytes_]

    def share(self, top: Float, bottom: Float) -> Spread:
        """Return one total over another, both over what is listed and counts; `top` and `bottom` are (reached,)."""
        values = np.column_stack([top, bottom]) * self.counted[:, None]
        by_family = np.bincount(self.household, weights=self.listings.chance * values[:, 1])
        # Of families listed 3, 1 and 1 times Kish's number is 25 / 11: some two that count alike.
        families = float(by_family.sum() ** 2 / max((by_family**2).sum(), 1e-300))
        expected, draws = (_divide(total[:, 0], total[:, 1]) for total in self.listings.total(values))
        return Spread(expected, draws, families)

    @property
    def weight(self) -> Float:
        """How often each row is listed where it counts, 0 where not; shape (reached,)."""
        return np.where(self.counted, self.listings.chance, 0.0)


def gather_listed_rows(
    planned: Plan, data: Dataset, weeks: ListWeeks, part: NDArray[np.int8], listings: Listings, margins: Float
) -> ListedRows:
    """Gather what is known of the rows that a model's lists come to; `margins` (rows,) are those that ranked them.

    `data` is the matrix of the weeks; of its features only these rows are read.
    """
    rows, week = listings.rows, weeks.week[listings.rows]
    names = [fold.name for fold in planned.folds]
    enough, share_seen = np.zeros(len(rows), dtype=np.bool_), np.zeros(len(rows))
    fold, area = np.zeros(len(rows), dtype=np.int32), np.zeros(len(rows), dtype="S9")
    sights = {name.name: find_learned_range(planned, name.train) for name in planned.folds}
    for number, day in enumerate(weeks.days):
        places = np.flatnonzero(week == number)
        at, local = data.at(day), rows[places] - weeks.start[number]
        used = choose_fold(planned.folds, day).name
        features = np.asarray(at.features[local])
        enough[places] = sights[used].enough(features)
        share_seen[places] = 1.0 - np.isnan(features).mean(axis=1)
        area[places] = np.asarray(at.area)[local]
        fold[places] = names.index(used)
        at.let_go()
    return ListedRows(
        listings,
        (part[week] >= 0) & weeks.labelled[rows],
        weeks.needed[rows],
        weeks.household[rows],
        week,
        fold,
        margins[rows],
        enough,
        share_seen,
        np.array(weeks.list_team)[weeks.list_of[rows]],
        area,
    )


def measure_without_band(rows: ListedRows, level: float) -> dict[str, Any]:
    """Return the share of listings of which not enough is visible for a band, with its interval, and what they are.

    `n` and `had_outcome` are expected numbers of listings, and of those the need followed.
    """
    without = (~rows.enough).astype(np.float64)
    share, low, high = bound(rows.share(without, np.ones(len(without))), level)
    weight = without * rows.weight
    number, outcomes = round(float(weight.sum())), round(float(weight @ rows.needed))
    return {"n": number, "share": share, "low": low, "high": high, "had_outcome": outcomes}


def _divide(top: Float, bottom: Float) -> Float:
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))
