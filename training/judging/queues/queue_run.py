"""The queue of one run: every contender's, over the dates that choose and the final ones; and the choice of a model.

Two orders stand beside the models: first come, first served, and what was really done. A model is chosen as on lists,
by the margin that the board signed, of 100 cases in the first tenth; none is recommended that either order beats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from charter.council.worklist_settings import Queue
from charter.invocation import Invocation
from training.data.folds import FINAL, SELECTION
from training.judging.bootstrap import Spread, bound
from training.judging.choosing import Choice, choose_model
from training.judging.choosing_words import QUEUE_WORDS, say_contradiction
from training.judging.metrics import Figure
from training.judging.queues.queue_cases import UNDONE, Cases, gather_cases
from training.judging.queues.queue_figures import (
    DECIDES_QUEUE,
    DONE,
    FIRST_COME,
    QueueDraws,
    Spreads,
    measure_done,
    measure_order,
)
from training.models.fitting import Float
from training.models.planning import Plan

__all__ = ["Queued", "choose_by_queue", "describe_queue", "judge_queue"]


@dataclass(frozen=True)
class Queued:
    """What the queue measured: by period its cases, each contender's spreads by measure, and each model's margins."""

    queue: Queue
    cases: Mapping[str, Cases]
    spreads: Mapping[str, Mapping[str, Spreads]]
    margins: Mapping[str, Mapping[str, Float]]

    def deciding(self, period: str) -> dict[str, Spread]:
        """Return by contender, simplest first, the spread that decides; empty where the period was not looked at."""
        return {name: spreads[DECIDES_QUEUE] for name, spreads in self.spreads.get(period, {}).items()}

    def figures(self, level: float) -> list[Figure]:
        """Return every figure, and each contender's difference to every simpler one, with intervals of that level."""
        figures = []
        for period, by_name in self.spreads.items():
            for place, (name, spreads) in enumerate(by_name.items()):
                figures += [Figure(name, period, measure, *bound(spread, level)) for measure, spread in spreads.items()]
                for simpler in list(by_name)[:place]:
                    less = spreads[DECIDES_QUEUE].less(by_name[simpler][DECIDES_QUEUE])
                    figures.append(
                        Figure(name, period, f"{DECIDES_QUEUE}_difference", *bound(less, level), against=simpler)
                    )
        return figures


def judge_queue(
    invocation: Invocation,
    planned: Plan,
    margins: Mapping[str, Mapping[str, Float]],
    advance: Callable[[], None],
    look: bool = True,
) -> Queued:
    """Work through the queue of each period by each contender; `margins` are out of time, by model and fold.

    `look`: at the final dates too. Raises CharterError where `[queue] done` may not be read.
    """
    queue = invocation.settings.worklist.queue
    if queue is None:
        raise AssertionError("a queue is judged where worklist.toml has one")
    by = planned.settings.bootstrap
    folds = {SELECTION: planned.selecting}
    final = [fold for fold in planned.folds if fold.final and fold not in planned.selecting]
    if look and final:
        folds[FINAL] = final
    cases_of, spreads_of, margins_of = {}, {}, {}
    for period, parts in folds.items():
        cases = gather_cases(invocation, planned, queue, [day for fold in parts for day in fold.test])
        draws = QueueDraws.of(cases, by.resamples, min(by.resamples, by.ranking_resamples), by.seed)
        first_spreads, first_come = measure_order(cases, -cases.arrives.astype(np.float64), draws, None)
        spreads = {FIRST_COME: first_spreads}
        if (cases.done != UNDONE).any():
            spreads[DONE] = measure_done(cases, draws, first_come)
        margins_of[period] = {
            name: np.concatenate([by_fold[fold.name] for fold in parts]).astype(np.float64)
            for name, by_fold in margins.items()
        }
        for name, margin in margins_of[period].items():
            spreads[name], _ = measure_order(cases, margin, draws, first_come)
            advance()
        cases_of[period], spreads_of[period] = cases, spreads
    return Queued(queue, cases_of, spreads_of, margins_of)


def choose_by_queue(queued: Queued, margin: float, level: float) -> Choice:
    """Return the model to release, by the dates that choose; with what the final ones say against it."""
    choice = choose_model(queued.deciding(SELECTION), margin, level)
    final = queued.deciding(FINAL)
    return replace(choice, contradicted=say_contradiction(choice, final, level, QUEUE_WORDS) if final else "")


def describe_queue(queued: Queued, planned: Plan) -> dict[str, Any]:
    """Return the queue as JSON values: what it rests on, and its figures."""
    by, tested = planned.settings.bootstrap, planned.tested
    level, resamples = by.level, by.resamples
    return {
        "matrix": planned.data.matrix.manifest["id"],
        "days_apart": (tested[-1] - tested[0]).days // max(len(tested) - 1, 1) or 1,
        "headline": FINAL if FINAL in queued.spreads else SELECTION,
        "places": queued.queue.places,
        "per": queued.queue.per,
        "done": queued.queue.done,
        "weeks": queued.queue.weeks,
        "level": level,
        "resamples": resamples,
        "periods": [_describe_period(period, cases) for period, cases in queued.cases.items()],
        "figures": [{**figure.__dict__} for figure in queued.figures(level)],
        "note": NOTE,
    }


def _describe_period(period: str, cases: Cases) -> dict[str, Any]:
    return {
        "period": period,
        "first": cases.first.isoformat(),
        "last": (cases.first + timedelta(days=int(cases.arrives[-1]))).isoformat(),
        "days": cases.days,
        "cases": len(cases.household),
        "labelled": int(cases.labelled.sum()),
        "needed": int(cases.needed.sum()),
        "done_known": int((cases.done != UNDONE).sum()),
        "unknown_days": cases.unknown_days,
        "places": int(sum(team.room.sum() for team in cases.teams)),
    }


NOTE = (
    "The queue is worked through day by day: on each day the next of those waiting are taken, as many as there are"
    " places. It begins empty, and who is not taken by its last day counts as taken the day after. Nobody was taken"
    " sooner in fact: what is measured is when each order would have come to the cases whose need was recorded."
)
