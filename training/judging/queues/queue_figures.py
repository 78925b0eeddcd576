"""What each order makes of a queue: figures with intervals that draw households again, and differences.

    needed_of_first_tenth    of 100 cases in the first tenth of a team's month, those of a need: a share
    need_in_first_tenth      of cases of a need, the share in the first tenth
    need_in_first_half       the same of the first half
    days_sooner_first_come   days by which cases of a need are taken sooner than first come, first served, on average
    days_sooner_done         the same, than they really were; over the cases of which that is known
    days_waited              days that cases of a need wait, on average

Equal margins share the places at an edge by expectation, so the first three need no lots. When a case is taken is
drawn: who of equals comes first, in some lotteries over the cases there are and in each draw of the households.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.judging.bootstrap import Spread
from training.judging.queues.queue_cases import UNDONE, Cases
from training.judging.queues.queue_kernel import Waiting, head_of_order, work_queue

__all__ = [
    "DECIDES_QUEUE",
    "DONE",
    "FIRST_COME",
    "QUEUE_MEASURES",
    "QueueDraws",
    "Spreads",
    "measure_done",
    "measure_order",
]

Float = NDArray[np.float64]
Spreads = Mapping[str, Spread]

FIRST_COME, DONE = "first_come", "done"
"""Two orders that are no model's: who waits longest comes first, and what was really done."""

DECIDES_QUEUE = "needed_of_first_tenth"
"""The figure that models are chosen by."""

QUEUE_MEASURES = (
    DECIDES_QUEUE, "need_in_first_tenth", "need_in_first_half", "days_sooner_first_come", "days_sooner_done",
    "days_waited",
)  # fmt: skip

_LOTTERIES = 20
_TENTH, _HALF = 0.1, 0.5


@dataclass(frozen=True)
class QueueDraws:
    """How often each case is there, (lotteries + draws, cases): once in the lotteries, then households drawn again."""

    times: NDArray[np.int64]
    lots: Float
    days: int

    @classmethod
    def of(cls, cases: Cases, draws: int, with_days: int, seed: int) -> QueueDraws:
        """Draw as many households as there are, with replacement; `with_days` of the draws are worked day by day."""
        generator, size = np.random.default_rng(seed), len(cases.names)
        times = np.ones((_LOTTERIES + draws, len(cases.household)), dtype=np.int64)
        for draw in range(draws):
            copies = np.bincount(generator.integers(0, size, size), minlength=size)
            times[_LOTTERIES + draw] = copies[cases.household]
        return cls(times, generator.random((_LOTTERIES + with_days, times.shape[1])), with_days)

    def spread(self, values: Float, rest_on: float) -> Spread:
        """Return a figure's values, one a lottery and then one a draw, as a spread."""
        return Spread(values[:_LOTTERIES], values[_LOTTERIES:], rest_on)


def measure_order(cases: Cases, margins: Float, draws: QueueDraws, first_come: Float | None) -> tuple[Spreads, Float]:
    """Return the spreads of one order's queue, by measure, and when it takes each case: (lotteries + days, cases).

    `margins` (cases,); `first_come` is what this returns for FIRST_COME, None for that order itself.
    """
    needs = cases.needed.astype(np.float64)
    labels = cases.labelled.astype(np.float64)
    tenth, half = (_hold(cases, margins, np.stack([labels, needs], axis=1), draws, share) for share in (_TENTH, _HALF))
    all_needed = (draws.times * needs).sum(axis=1)
    day_sums = _take(cases, margins, draws)
    beside = day_sums if first_come is None else first_come
    return _make_spreads(cases, draws, (tenth, half, all_needed), day_sums, beside)


def measure_done(cases: Cases, draws: QueueDraws, first_come: Float) -> Spreads:
    """Return the spreads of what was really done: the same measures, of the cases of which the day is known."""
    has_day = cases.done != UNDONE
    margins = np.where(has_day, -cases.done.astype(np.float64), -np.inf)
    values = np.stack([cases.labelled & has_day, cases.needed & has_day], axis=1).astype(np.float64)
    tenth, half = (_hold(cases, margins, values, draws, share) for share in (_TENTH, _HALF))
    all_needed = (draws.times * values[:, 1]).sum(axis=1)
    times = draws.times[: _LOTTERIES + draws.days]
    day_sums = times * np.where(has_day, np.minimum(cases.done, cases.days), 0)
    spreads, _ = _make_spreads(
        cases, draws, (tenth, half, all_needed), day_sums.astype(np.float64), first_come, has_day
    )
    return {name: spread for name, spread in spreads.items() if name != "days_sooner_done"}


def _make_spreads(
    cases: Cases,
    draws: QueueDraws,
    counts: tuple[Float, Float, Float],
    taken: Float,
    first_come: Float,
    of: NDArray[np.bool_] | None = None,
) -> tuple[Spreads, Float]:
    tenth, half, all_needed = counts
    needed = cases.needed if of is None else cases.needed & of
    times = draws.times[: _LOTTERIES + draws.days]
    number = (times * needed).sum(axis=1)
    has_day = needed & (cases.done != UNDONE)
    really = times * np.where(has_day, np.minimum(cases.done, cases.days), 0)
    number_with_day = (times * has_day).sum(axis=1)

    def days(sooner: Float, which: NDArray[np.bool_], over: NDArray[np.int64]) -> Spread:
        total = (sooner * which).sum(axis=1)
        return draws.spread(_divide(total, over.astype(np.float64)), float(which.sum()))

    spreads = {
        DECIDES_QUEUE: draws.spread(_divide(tenth[:, 1], tenth[:, 0]), float(tenth[0, 0])),
        "need_in_first_tenth": draws.spread(_divide(tenth[:, 1], all_needed), float(all_needed[0])),
        "need_in_first_half": draws.spread(_divide(half[:, 1], all_needed), float(all_needed[0])),
        "days_sooner_first_come": days(first_come - taken, needed, number),
        "days_sooner_done": days(really - taken, has_day, number_with_day),
        "days_waited": days(taken - times * cases.arrives, needed, number),
    }
    return spreads, taken


def _divide(top: Float, bottom: Float) -> Float:
    return np.asarray(np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0))


def _hold(cases: Cases, margins: Float, value: Float, draws: QueueDraws, share: float) -> Float:
    """Return what the first share of each month holds of each value, in every lottery and draw."""
    rows = np.flatnonzero(cases.month >= 0)
    order = rows[np.lexsort((-margins[rows], cases.month[rows]))]
    month, level = cases.month[order], margins[order]
    block = np.flatnonzero(np.diff(month, prepend=-1, append=-1) != 0)
    last = np.flatnonzero((np.diff(month, append=-1) != 0) | (np.diff(level, append=np.nan) != 0)) + 1
    level_end = last[np.searchsorted(last, np.arange(len(order)), side="right")]
    once = head_of_order(block, level_end, value[order], draws.times[0][order], share)
    by_draw = [head_of_order(block, level_end, value[order], times[order], share) for times in draws.times[_LOTTERIES:]]
    return np.array([once] * _LOTTERIES + by_draw)


def _take(cases: Cases, margins: Float, draws: QueueDraws) -> Float:
    """Return the sum of the days on which each case's copies are taken; (lotteries + days, cases)."""
    day_sums = np.zeros((_LOTTERIES + draws.days, len(margins)))
    for team in cases.teams:
        rows = team.rows
        waiting = Waiting(cases.arrives[rows], cases.leaves[rows])
        day_done = cases.done[rows]
        has_day = day_done != UNDONE
        for draw in range(len(day_sums)):
            times, order = draws.times[draw, rows], np.empty(len(rows), np.int64)
            order[np.lexsort((draws.lots[draw, rows], -margins[rows]))] = np.arange(len(rows))
            room = team.room
            if cases.as_done:
                room = np.bincount(day_done[has_day], weights=times[has_day], minlength=cases.days).astype(np.int64)
            day_sums[draw, rows] = work_queue(waiting, order, times, room)
    unserved = cases.month < 0
    day_sums[:, unserved] = draws.times[: len(day_sums), unserved] * cases.days
    return day_sums
