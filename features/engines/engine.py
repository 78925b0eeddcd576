"""The fast engine: DuckDB reads and folds, a compiled kernel accumulates, and rows are written as they are made.

    1  codes       persons, households and details become whole numbers (store.py)
    2  masks       membership, choices, coverage and visibility become one bit per as-of date, 64 dates at a time
                   (frame.py; members.py, choices.py, feeds.py, cohort.py)
    3  blocks      for a block of households the kernel walks members and their events once, for all dates
                   (events.py, kernel_plan.py, timetable.py, sums.py, horizon.py)
    4  rows        cohort rules pick the rows; features, seen counts and outcomes go to one writer per date (blocks.py)

It must agree with the reference engine in every cell; tests draw tables and definitions to show that it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.engines.blocks import (
    Block,
    ColumnBlock,
    ColumnMaker,
    Maker,
    OutcomeBlock,
    assemble_dates,
    count_compositions,
)
from features.engines.compiled.arrays import PersonRows
from features.engines.compiled.kernel_plan import Plan
from features.engines.digest import Tally, make_keys, tally_rows
from features.engines.question import ENGINE_VERSION, Question, to_microseconds
from features.engines.reading.choices import fold_choices
from features.engines.reading.cohort import find_cohort
from features.engines.reading.ends import find_ends
from features.engines.reading.events import Events, make_conditions, read_events, read_outcomes
from features.engines.reading.feeds import Feeds
from features.engines.reading.frame import CHUNK, ONE, Frame
from features.engines.reading.members import find_ages, find_members, read_stays
from features.engines.reading.snapshot_reader import Codes, Columns, Store
from features.engines.reading.timetable import list_midnights, make_timetable

__all__ = ["Block", "ColumnBlock", "Earlier", "Engine", "OutcomeBlock", "assemble_dates"]

_BLOCK = 1024
_EVENTS_AT_ONCE = 40_000_000

B = TypeVar("B")

Earlier = Callable[[str], NDArray[np.bytes_] | None]
"""Given a date's key: the entities of the rows made for that key before, or None."""


class Engine:
    """Answers a question from a snapshot's tables.

    Households are taken in `ranges` (by default as many as keep memory below a few gigabytes), one after the other:
    a household's rows depend on its members alone.
    """

    def __init__(self, question: Question, tables: Path, *, threads: int = 2, ranges: int | None = None) -> None:
        self.question, self.threads = question, threads
        self.store = Store(tables, threads=threads, entity=question.definition.entity)
        self.ranges = ranges or max(1, -(-self.store.event_rows // _EVENTS_AT_ONCE))
        names = {s.name for rule in question.expressions for s in rule.signals}
        self.signals = tuple(sorted(names & question.permission.signals))
        self.keys: dict[date, str] = {}
        """By date what its rows depend on; complete when `blocks` has ended."""

    def blocks(self, earlier: Earlier | None = None) -> Iterator[Block | OutcomeBlock]:
        """Give the rows of all dates, in blocks: ascending entities within each date.

        Where `earlier` gives the entities of a date whose key it knows, only that date's outcomes are made.
        """
        with self.store:
            entities_before: dict[int, NDArray[np.bytes_]] = {}
            if earlier and self.ranges > 1:
                for _ in self.makers():
                    pass
                entities_before = self._find_earlier(earlier)
            for maker in self.makers():
                if earlier and self.ranges == 1:
                    entities_before = self._find_earlier(earlier)
                yield from self._make_rows(maker, entities_before)

    def columns(self, entities: Sequence[NDArray[np.bytes_]]) -> Iterator[ColumnBlock]:
        """Give the question's columns of rows that are known, in blocks: by date the ascending `entities` with a row.

        Neither who has a row is asked nor what became of them. Closes the store.
        """
        with self.store:
            for codes, versions in self._ranges(events=True):
                for frame in self._frames(codes):
                    yield from self._make_columns(self._make_column_maker(frame, versions).maker, entities)

    def _make_columns(self, maker: ColumnMaker, entities: Sequence[NDArray[np.bytes_]]) -> Iterator[ColumnBlock]:
        frame = maker.frame
        rows = np.zeros(maker.members.entities, np.uint64)
        for k in range(len(frame.dates)):
            rows[maker.find_entities(entities[frame.first + k])] |= ONE << np.uint64(k)
        places = np.flatnonzero(rows)
        yield from self._side_by_side(
            lambda piece: maker.column_blocks(places[piece : piece + _BLOCK], rows), range(0, len(places), _BLOCK)
        )

    @cached_property
    def reporting_lag_days(self) -> float:
        """The 95th percentile of known minus valid of the outcome's events, in days; ask before `blocks` ends."""
        return self.store.reporting_lag(make_conditions(self.question), to_microseconds(self.question.taken_at))

    def candidates(self) -> Iterator[Maker]:
        """Give, by range and frame of dates, the masks alone, without any event: for plans. Closes the store."""
        with self.store:
            yield from self.makers(events=False)

    def makers(self, *, events: bool = True) -> Iterator[Maker]:
        """Give a maker per range of households and frame of dates, while the store is open.

        `keys` is complete after the last.
        """
        tallies: dict[int, Tally] = {}
        for codes, versions in self._ranges(events):
            for frame in self._frames(codes):
                maker = self._make_maker(frame, versions)
                tallies[frame.first] = tallies.get(frame.first, np.uint64(0)) + tally_rows(maker)
                self.keys.update(zip(frame.dates, make_keys(maker, tallies[frame.first], ENGINE_VERSION), strict=True))
                yield maker

    def _ranges(self, events: bool) -> Iterator[tuple[Codes, Events]]:
        """Give the households of each range, as codes, and the events about their people, or none."""
        for part in range(self.ranges):
            codes = self.store.take(part, self.ranges)
            yield codes, read_events(self.question, self.store, self.signals if events else (), codes.people)

    def _frames(self, codes: Codes) -> Iterator[Frame]:
        for first in range(0, len(self.question.dates), CHUNK):
            dates = self.question.dates[first : first + CHUNK]
            yield Frame(self.question, self.store, codes, self.signals, dates, first)

    def _find_earlier(self, earlier: Earlier) -> dict[int, NDArray[np.bytes_]]:
        entities_before = {k: earlier(self.keys[day]) for k, day in enumerate(self.question.dates) if day in self.keys}
        return {k: entities for k, entities in entities_before.items() if entities is not None}

    def _make_rows(self, maker: Maker, kept: Mapping[int, NDArray[np.bytes_]]) -> Iterator[Block | OutcomeBlock]:
        frame = maker.frame
        places = [k for k in range(len(frame.dates)) if frame.first + k not in kept]
        rows = maker.candidates_at(places)
        yield from self._side_by_side(
            lambda piece: maker.block(rows[piece : piece + _BLOCK], places), range(0, len(rows), _BLOCK)
        )
        for k in range(len(frame.dates)):
            if frame.first + k in kept:
                yield maker.outcome_block(k, kept[frame.first + k])

    def _side_by_side(self, make: Callable[[int], list[B]], pieces: Iterable[int]) -> Iterator[B]:
        """Give the blocks of each piece, in order, made by several threads and few of them ahead."""
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: list[Future[list[B]]] = []
            for piece in pieces:
                waiting.append(pool.submit(make, piece))
                if len(waiting) > 2 * self.threads:
                    yield from waiting.pop(0).result()
            for future in waiting:
                yield from future.result()

    def _make_column_maker(self, frame: Frame, events: Events) -> _Folded:
        allowed, kept_out = fold_choices(frame)
        alive, ages = find_ages(frame)
        stays, stay_mask = read_stays(frame)
        members, settled = find_members(frame, stays, stay_mask, kept_out, alive)
        feeds = Feeds(frame)
        midnights, first_day = list_midnights(frame, events.earliest)
        plan = Plan.of(self.question, events.details, members.most, len(midnights))
        timetable, column = make_timetable(frame, plan, feeds, midnights, first_day)
        people = PersonRows(seen=feeds.seen(plan.seen, allowed, ages), allowed=allowed, ages=ages)
        composition = count_compositions(plan, members, people, len(frame.dates))
        program = plan.program(frame.signals, timetable.windows[:, 0], column, composition)
        maker = ColumnMaker(frame, plan, program, timetable, members, people, events.at(frame))
        return _Folded(maker, settled, stays, stay_mask, feeds)

    def _make_maker(self, frame: Frame, events: Events) -> Maker:
        parts = self._make_column_maker(frame, events)
        columns = parts.maker
        members, people = columns.members, columns.people
        return Maker(
            **{part.name: getattr(columns, part.name) for part in fields(columns)},
            cohort=find_cohort(frame, members, parts.settled, parts.stays, parts.stay_mask, people),
            details=events.details,
            outcomes=read_outcomes(self.question, self.store, frame.services, len(frame.codes.people)),
            fed=parts.feeds.fed_until(),
            ends=find_ends(frame, members, people.allowed),
        )


@dataclass(frozen=True)
class _Folded:
    """What makes a frame's columns, and what else was read on the way: who is settled when, stays, feeds."""

    maker: ColumnMaker
    settled: NDArray[np.uint64]
    stays: Columns
    stay_mask: NDArray[np.uint64]
    feeds: Feeds
