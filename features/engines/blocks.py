"""Rows in blocks: some hundred entities at all dates at once, from the kernel's sums to the matrix's arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import COLUMNS, CONTINUING, FREE, NONE, UNSEEN, MatrixDate
from features.engines.compiled import horizon, sums
from features.engines.compiled.arrays import (
    EventRows,
    MemberRows,
    OutcomeRows,
    Outcomes,
    PersonRows,
    Program,
    Results,
    Timetable,
    WantedRows,
)
from features.engines.compiled.kernel_plan import Plan, Watch
from features.engines.question import Question
from features.engines.reading.cohort import Cohort
from features.engines.reading.frame import ONE, Frame
from features.grammar import Composition, PerMember

__all__ = ["Block", "ColumnBlock", "ColumnMaker", "Maker", "OutcomeBlock", "assemble_dates", "count_compositions"]


@dataclass(frozen=True)
class Block:
    """Consecutive rows of one as-of date: the matrix arrays of a range of entities; how many have no row, and why."""

    date_index: int
    entity: NDArray[np.bytes_]
    area: NDArray[np.bytes_]
    features: NDArray[np.float32]
    seen: NDArray[np.uint16]
    members: NDArray[np.uint16]
    person: NDArray[np.bytes_]
    person_row: NDArray[np.int32]
    person_age: NDArray[np.float32]
    outcome_at: NDArray[np.int64]
    outcome_known_at: NDArray[np.int64]
    outcome_seen: NDArray[np.bool_]
    outcome_before: NDArray[np.int8]
    outcome_until: NDArray[np.int64]
    cannot_tell: int
    cannot_begin: int


@dataclass(frozen=True)
class OutcomeBlock:
    """The outcomes of consecutive rows that were made before."""

    date_index: int
    outcome_at: NDArray[np.int64]
    outcome_known_at: NDArray[np.int64]
    outcome_seen: NDArray[np.bool_]
    outcome_until: NDArray[np.int64]


@dataclass(frozen=True)
class ColumnBlock:
    """Some columns of consecutive rows that were made before: by row and feature, by row and seen column."""

    date_index: int
    features: NDArray[np.float32]
    seen: NDArray[np.uint16]


@dataclass(frozen=True)
class _Labels:
    """By date, entity and component when it came, was known, and whether it is seen; by date and entity until when."""

    valid: NDArray[np.int64]
    known: NDArray[np.int64]
    seen: NDArray[np.bool_]
    until: NDArray[np.int64]

    def at(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
        """Return what a matrix says at date k: when, known when, whether it is seen, and where the horizon ends."""
        return self.valid[k], self.known[k], self.seen[k], self.until[k]


class _Chosen(NamedTuple):
    """By date and entity whether it gets a row; by date how many have none, by why."""

    rows: NDArray[np.bool_]
    cannot_tell: NDArray[np.int64]
    cannot_begin: NDArray[np.int64]


@dataclass(frozen=True)
class ColumnMaker:
    """All that the columns of one frame's rows are made of; `column_blocks` may be called from several threads."""

    frame: Frame
    plan: Plan
    program: Program
    timetable: Timetable
    members: MemberRows
    people: PersonRows
    events: EventRows

    def find_entities(self, ids: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Return the codes of those of some ascending ids that are of this maker's range, in their order."""
        mine = self.frame.codes.people if self.frame.by_person else self.frame.codes.households
        place = np.searchsorted(mine, ids)
        place[place == len(mine)] = 0
        return np.asarray(place[mine[place] == ids] if len(mine) else place[:0], dtype=np.int64)

    def column_blocks(self, entities: NDArray[np.int64], rows: NDArray[np.uint64]) -> list[ColumnBlock]:
        """Return a block for each date of the frame, of those of some entities that have a row there by `rows`.

        `rows[entity]` is a mask of dates, of all entities of the range.
        """
        results = self._accumulate(WantedRows(entities, rows))
        blocks = []
        for k in range(len(self.frame.dates)):
            here = (rows[entities] >> np.uint64(k) & ONE).astype(bool)
            features = results.values[k, here, : self.plan.columns]
            blocks.append(ColumnBlock(self.frame.first + k, features, results.seen[k, here]))
        return blocks

    def _accumulate(self, wanted: WantedRows) -> Results:
        """Return every column of the wanted entities, by date and entity."""
        shape = (len(self.frame.dates), len(wanted.entity))
        results = Results(
            values=np.full((*shape, len(self.program.column)), np.nan, np.float32),
            seen=np.zeros((*shape, len(self.frame.question.seen)), np.uint16),
        )
        sums.accumulate_events(wanted, self.members, self.people, self.events, self.timetable, self.program, results)
        return results


@dataclass(frozen=True)
class Maker(ColumnMaker):
    """All that the blocks of one frame share; `block` may be called from several threads.

    `details` are the texts of the detail codes 1, 2, ...; `fed` (dates, components) is until when each outcome
    component's feed goes on from a date, `ends` (dates, entities) where each entity's horizon ends.
    """

    cohort: Cohort
    details: tuple[str, ...]
    outcomes: OutcomeRows
    fed: NDArray[np.int64]
    ends: NDArray[np.int64]

    def candidates_at(self, places: Sequence[int]) -> NDArray[np.int64]:
        """Return the entities that may get a row at any of the frame's dates at `places`."""
        return np.flatnonzero(self.cohort.rows.candidates & _mask_places(places))

    def outcome_block(self, k: int, entities: NDArray[np.bytes_]) -> OutcomeBlock:
        """Return the outcomes at date k of those entities that are of this maker's range, in their order."""
        mask = np.full(self.members.entities, _mask_places([k]))
        outcomes = self._find_outcomes(WantedRows(self.find_entities(entities), mask))
        return OutcomeBlock(self.frame.first + k, *outcomes.at(k))

    def block(self, entities: NDArray[np.int64], places: Sequence[int]) -> list[Block]:
        """Return one block for each of the frame's dates at `places`, for some entities."""
        wanted = WantedRows(entities, self.cohort.rows.candidates & _mask_places(places))
        results = self._accumulate(wanted)
        before = self._read_before(results.values)
        chosen = self._choose_rows(entities, results.values, before)
        outcomes = self._find_outcomes(wanted)
        return [self._make_block(k, entities, chosen, results, before, outcomes) for k in places]

    def _read_before(self, values: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return by date, entity and component what the months before say: the last columns, as states."""
        question = self.frame.question
        columns = values[:, :, values.shape[2] - len(question.components) :]
        states = np.where(np.isnan(columns), UNSEEN, np.where(columns > 0, CONTINUING, FREE)).astype(np.int8)
        states[:, :, [not question.may_ask(component) for component in question.components]] = UNSEEN
        return states

    def _choose_rows(
        self, entities: NDArray[np.int64], values: NDArray[np.float32], before: NDArray[np.int8]
    ) -> _Chosen:
        """Return by date and entity whether it gets a row, and by date how many have none, and why."""
        bits = np.arange(len(self.frame.dates), dtype=np.uint64)[:, None]
        candidate = (self.cohort.rows.candidates[entities][None, :] >> bits & ONE).astype(bool)
        unknown = (self.cohort.rows.unknown[entities][None, :] >> bits & ONE).astype(bool)
        question = self.frame.question
        rules_that_hold = len(question.given)
        rules = values[:, :, self.plan.columns : self.plan.columns + rules_that_hold + len(question.unless)]
        missing = np.isnan(rules)
        holds = rules > 0
        holds[:, :, rules_that_hold:] = rules[:, :, rules_that_hold:] == 0
        false = (~missing & ~holds).any(axis=2)
        unknown = unknown | missing.any(axis=2)
        rows = candidate & ~false & ~unknown
        at_risk = (before == FREE).any(axis=2) | (not question.must_be_at_risk)
        return _Chosen(rows & at_risk, (candidate & ~false & unknown).sum(axis=1), (rows & ~at_risk).sum(axis=1))

    def _find_outcomes(self, wanted: WantedRows) -> _Labels:
        shape = (len(self.frame.dates), len(wanted.entity), len(self.outcomes.service))
        outcomes = Outcomes(np.full(shape, NONE), np.full(shape, NONE), np.zeros(shape[1:], np.uint64))
        horizon.find_outcomes(wanted, self.members, self.people, self.outcomes, self.timetable, outcomes)
        # The first event of the longest horizon is the first of a shorter one, or there is none in that.
        until = self.ends[:, wanted.entity]
        late = outcomes.valid >= until[:, :, None]
        outcomes.valid[late] = outcomes.known[late] = NONE
        bits = np.arange(len(self.frame.dates), dtype=np.uint64)[:, None, None]
        is_open = (outcomes.closed[None, :, :] >> bits & ONE) == 0
        return _Labels(outcomes.valid, outcomes.known, is_open & (until[:, :, None] <= self.fed[:, None, :]), until)

    def _make_block(
        self,
        k: int,
        entities: NDArray[np.int64],
        cohort: _Chosen,
        results: Results,
        before: NDArray[np.int8],
        outcomes: _Labels,
    ) -> Block:
        rows = cohort.rows[k]
        chosen, codes = entities[rows], self.frame.codes
        people, owner = self._people_of(chosen, k)
        ages = self.people.ages[k, people].astype(np.float32)
        ages[ages < 0] = np.nan
        outcome_at, outcome_known_at, outcome_seen, outcome_until = outcomes.at(k)
        return Block(
            date_index=self.frame.first + k,
            entity=(codes.people if self.frame.by_person else codes.households)[chosen],
            area=self.cohort.areas[self.cohort.rows.area[chosen, k]],
            features=results.values[k, rows, : self.plan.columns],
            seen=results.seen[k, rows],
            members=np.bincount(owner, minlength=len(chosen)).astype(np.uint16),
            person=codes.people[people],
            person_row=owner.astype(np.int32),
            person_age=ages,
            outcome_at=outcome_at[rows],
            outcome_known_at=outcome_known_at[rows],
            outcome_seen=outcome_seen[rows],
            outcome_before=before[k, rows],
            outcome_until=outcome_until[rows],
            cannot_tell=int(cohort.cannot_tell[k]),
            cannot_begin=int(cohort.cannot_begin[k]),
        )

    def _people_of(self, chosen: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the members of some entities at date k and the place of each one's entity among them."""
        start, stop = self.members.start[chosen], self.members.start[chosen + 1]
        owner = np.repeat(np.arange(len(chosen)), stop - start)
        first = np.repeat(start - np.append(0, np.cumsum(stop - start)[:-1]), stop - start) if len(chosen) else start
        place = np.arange(len(owner)) + first
        here = (self.members.mask[place] >> np.uint64(k) & ONE).astype(bool)
        return self.members.person[place[here]], owner[here]


def _mask_places(places: Sequence[int]) -> np.uint64:
    return np.uint64(sum(1 << k for k in places))


def count_compositions(plan: Plan, members: MemberRows, people: PersonRows, dates: int) -> NDArray[np.float64]:
    """Return, by entity, date and composition of a plan, who lives there; NaN where no age is known that it asks."""
    counts = [
        _count_shares(asked, people.seen[:, plan.seen.index(_watch_shares(asked))], members, people.ages, dates)
        if isinstance(asked, PerMember)
        else _count_composition(asked, members, people.ages, dates)
        for asked in plan.compositions
    ]
    return np.stack(counts, axis=2) if counts else np.zeros((1, 1, 0))


def _watch_shares(asked: PerMember) -> Watch:
    return Watch(asked.services[0], asked.reach, asked.age)


def _count_shares(
    asked: PerMember, watched: NDArray[np.uint64], members: MemberRows, ages: NDArray[np.int16], dates: int
) -> NDArray[np.float64]:
    """Return, by entity and date, how many members of the ages were seen; NaN where some are or may be, and none was.

    `watched` are, by person, the dates at which they are of the ages and were seen.
    """
    count, household = members.entities, members.owner
    youngest, oldest = asked.age or (0, np.iinfo(np.int16).max)
    result = np.zeros((count, dates))
    for k in range(dates):
        here = (members.mask >> np.uint64(k) & ONE).astype(bool)
        age = ages[k, members.person]
        seen = here & (watched[members.person] >> np.uint64(k) & ONE).astype(bool)
        may_be = here & ((age < 0) | ((age >= youngest) & (age <= oldest)))
        result[:, k] = np.bincount(household[seen], minlength=count)
        nobody = (result[:, k] == 0) & (np.bincount(household[may_be], minlength=count) > 0)
        result[nobody, k] = np.nan
    return result


def _count_composition(
    composition: Composition, members: MemberRows, ages: NDArray[np.int16], dates: int
) -> NDArray[np.float64]:
    count, household = members.entities, members.owner
    result = np.zeros((count, dates))
    for k in range(dates):
        here = (members.mask >> np.uint64(k) & ONE).astype(bool)
        age = ages[k, members.person]
        with_age = here & (age >= 0)
        if composition.word == "members":
            result[:, k] = np.bincount(household[here], minlength=count)
            continue
        if composition.age is None:
            youngest = np.full(count, np.inf)
            np.minimum.at(youngest, household[with_age], age[with_age])
            result[:, k] = youngest
        else:
            fits = with_age & (age >= composition.age[0]) & (age <= composition.age[1])
            result[:, k] = np.bincount(household[fits], minlength=count)
        result[np.bincount(household[with_age], minlength=count) == 0, k] = np.nan
    return result


def assemble_dates(question: Question, blocks: Iterable[Block | OutcomeBlock]) -> list[tuple[MatrixDate, int, int]]:
    """Return the whole answer in memory, for small data: per date its arrays, and how many have no row, by why."""
    blocks_by_date: dict[int, list[Block]] = {k: [] for k in range(len(question.dates))}
    for block in blocks:
        if isinstance(block, OutcomeBlock):
            raise TypeError("these blocks hold outcomes alone")
        blocks_by_date[block.date_index].append(block)
    return [
        (
            _join_blocks(question, day, blocks_by_date[k]),
            sum(b.cannot_tell for b in blocks_by_date[k]),
            sum(b.cannot_begin for b in blocks_by_date[k]),
        )
        for k, day in enumerate(question.dates)
    ]


def _join_blocks(question: Question, day: date, blocks: Sequence[Block]) -> MatrixDate:
    widths = question.widths
    arrays: dict[str, Any] = {
        column.name: [np.zeros((0, *column.row_shape(widths)), column.dtype)] for column in COLUMNS
    }
    rows = 0
    for block in blocks:
        for name, parts in arrays.items():
            part = getattr(block, name)
            parts.append(part + np.int32(rows) if name == "person_row" else part)
        rows += len(block.entity)
    return MatrixDate(day, **{name: np.concatenate(parts) for name, parts in arrays.items()})
