"""The fast engine: DuckDB reads and folds, a compiled kernel accumulates, and rows are written as they are made.

    1  codes       persons, households and details become whole numbers (store.py)
    2  masks       membership, choices, coverage and visibility become one bit per as-of date, 64 dates at a time
                   (frame.py; members.py, choices.py, feeds.py, cohort.py)
    3  blocks      for a block of households the kernel walks members and their events once, for all dates
                   (events.py, plan.py, timetable.py, sums.py)
    4  rows        cohort rules pick the rows; features, seen counts and outcomes go to one writer per date (blocks.py)

It must agree with the reference engine in every cell; tests draw tables and definitions to show that it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

from features.engines.blocks import Block, Maker, assemble, compose
from features.engines.choices import choices
from features.engines.cohort import cohort_of
from features.engines.events import Events, outcome_conditions, read_events, read_outcomes
from features.engines.feeds import Feeds
from features.engines.frame import CHUNK, Frame
from features.engines.members import ages_of, members_of, stays_of
from features.engines.plan import Plan
from features.engines.question import Question, microseconds
from features.engines.store import Store
from features.engines.timetable import Timetable, midnights_of

__all__ = ["ENGINE_VERSION", "Block", "Engine", "assemble"]

ENGINE_VERSION = 1
"""Raised whenever a change to this engine could change any byte of a matrix."""

_BLOCK = 1024


class Engine:
    """Answers a question from a snapshot's tables."""

    def __init__(self, question: Question, tables: Path, *, threads: int = 2) -> None:
        self.question, self.threads = question, threads
        self.store = Store(tables, threads=threads, entity=question.definition.entity)
        self.codes = self.store.codes()
        named = {s.name for rule in question.expressions for s in rule.signals}
        self.signals = tuple(sorted(named & question.permission.signals))

    def blocks(self) -> Iterator[Block]:
        """Give the rows of all dates, in blocks: ascending entities within each date."""
        with self.store:
            events = read_events(self.question, self.store, self.signals, self.codes.people)
            for first in range(0, len(self.question.dates), CHUNK):
                yield from self._chunk(first, events)

    @cached_property
    def reporting_lag_days(self) -> float:
        """The 95th percentile of known minus valid of the outcome's events, in days; ask before `blocks` ends."""
        return self.store.reporting_lag(outcome_conditions(self.question), microseconds(self.question.taken_at))

    def _chunk(self, first: int, events: Events) -> Iterator[Block]:
        dates = self.question.dates[first : first + CHUNK]
        maker = self._maker(Frame(self.question, self.store, self.codes, self.signals, dates, first), events)
        rows = np.flatnonzero(maker.cohort.candidates)
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: list[Future[list[Block]]] = []
            for piece in range(0, len(rows), _BLOCK):
                waiting.append(pool.submit(maker.block, rows[piece : piece + _BLOCK]))
                if len(waiting) > 2 * self.threads:
                    yield from waiting.pop(0).result()
            for future in waiting:
                yield from future.result()

    def _maker(self, frame: Frame, events: Events) -> Maker:
        allowed, kept_out = choices(frame)
        alive, ages = ages_of(frame)
        stays, stay_mask = stays_of(frame)
        members = members_of(frame, stays, stay_mask, kept_out, alive)
        feeds = Feeds(frame)
        midnights, first_day = midnights_of(frame, events.earliest)
        plan = Plan.of(self.question, events.details, members.most, len(midnights))
        return Maker(
            frame=frame,
            plan=plan,
            timetable=Timetable.of(frame, plan, feeds, midnights, first_day),
            members=members,
            cohort=cohort_of(frame, members, stays, stay_mask, allowed, ages),
            seen=feeds.seen(plan.seen, allowed),
            allowed=allowed,
            fed=feeds.horizon_fed(),
            ages=ages,
            events=events.at(frame),
            outcomes=read_outcomes(self.question, self.store, len(self.codes.people)),
            composition=compose(plan.compositions, members, ages, len(frame.dates)),
        )
