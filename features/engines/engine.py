"""The fast engine: DuckDB reads and folds, a compiled kernel accumulates, and rows are written as they are made.

    1  codes       persons, households and details become whole numbers (store.py)
    2  masks       membership, choices, coverage and visibility become one bit per as-of date, 64 dates at a time
    3  blocks      for a block of households the kernel walks members and their events once, for all dates
    4  rows        cohort rules pick the rows; features, seen counts and outcomes go to one writer per date

It must agree with the reference engine in every cell; tests draw tables and definitions to show that it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import NONE, MatrixDate
from features.engines import kernel
from features.engines.plan import LARGEST, MAKE, SMALLEST, Plan
from features.engines.question import EPOCH, Question, microseconds
from features.engines.store import Store
from features.grammar import Composition, Signal, Window
from features.grammar.signal import AMOUNT_SCALE, scaled

__all__ = ["ENGINE_VERSION", "Block", "Engine", "assemble"]

ENGINE_VERSION = 1
"""Raised whenever a change to this engine could change any byte of a matrix."""

_CHUNK = 64
_BLOCK = 1024
_ALL = np.uint64(2**64 - 1)
_ONE = np.uint64(1)


@dataclass(frozen=True)
class Block:
    """Consecutive rows of one as-of date: the matrix arrays of a range of entities, and who can't be told."""

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
    cannot_tell: int


@dataclass(frozen=True)
class _Events:
    """Events grouped by person: person p's are rows `start[p]:start[p + 1]`."""

    start: NDArray[np.int64]
    values: NDArray[np.int64]
    codes: NDArray[np.int32]
    known: NDArray[np.int64]
    until: NDArray[np.int64]


@dataclass(frozen=True)
class _Members:
    """Who belongs to which entity at which dates: entity h's members are rows `start[h]:start[h + 1]`, by person."""

    start: NDArray[np.int64]
    person: NDArray[np.int64]
    mask: NDArray[np.uint64]
    settled: NDArray[np.uint64]

    @property
    def most(self) -> int:
        return int(np.diff(self.start).max(initial=0))

    def any_of(self, masks: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return, by entity, the dates at which any member's mask holds."""
        if not len(self.person):
            return np.zeros(len(self.start) - 1, np.uint64)
        # reduceat gives a wrong value for an empty group, so an empty row is added and empty groups are cleared.
        folded = np.bitwise_or.reduceat(np.append(masks, np.uint64(0)), self.start[:-1])
        return np.where(np.diff(self.start) > 0, folded, np.uint64(0)).astype(np.uint64)


class Engine:
    """Answers a question from a snapshot's tables."""

    def __init__(self, question: Question, tables: Path, *, threads: int = 2) -> None:
        self.question, self.threads = question, threads
        self.store = Store(tables, threads=threads, entity=question.definition.entity)
        self.codes = self.store.codes()
        self.by_person = question.definition.entity == "person"
        self.entities = self.codes.people if self.by_person else self.codes.households
        rules = [f.expression for f in question.definition.features] + [*question.given, *question.unless]
        named = {s.name for rule in rules for s in rule.signals}
        self.signals = sorted(named & question.permission.signals)
        self.details = self.store.details([s for s in self.signals if self._reads_details(s, rules)])

    @staticmethod
    def _reads_details(name: str, rules: Sequence[Any]) -> bool:
        for rule in rules:
            of = getattr(rule, "of", None)
            for signal in rule.signals:
                if signal.name == name and (signal.details or of == "detail"):
                    return True
        return False

    def blocks(self) -> Iterator[Block]:
        """Give the rows of all dates, in blocks: ascending entities within each date."""
        with self.store:
            raw = self._read_events()
            for first in range(0, len(self.question.dates), _CHUNK):
                dates = range(first, min(first + _CHUNK, len(self.question.dates)))
                yield from _Chunk(self, dates, raw).blocks()

    @cached_property
    def reporting_lag_days(self) -> float:
        """The 95th percentile of known minus valid of the outcome's events, in days; ask before `blocks` ends."""
        return self.store.reporting_lag(self.conditions, microseconds(self.question.taken_at))

    @cached_property
    def conditions(self) -> list[str]:
        """One SQL condition per outcome component."""
        usable = self.question.permission.signals
        return [_condition(c.signal, usable) for c in self.question.definition.outcome.components]

    def _read_events(self) -> _Events:
        if not self.question.dates or not self.signals:
            none = np.zeros(0, np.int64)
            start = np.zeros(len(self.codes.people) + 1, np.int64)
            return _Events(start, np.zeros((0, 5), np.int64), np.zeros((0, 4), np.int32), none, none)
        tied = self._tied()
        until = microseconds(self.question.midnights[-1])
        columns = self.store.events(self.signals, self.details, tied, until)
        start, order = kernel.group(columns["person"], len(self.codes.people))
        values = np.empty((len(order), 5), np.int64)
        for place, name in enumerate(("valid", "known", "ended", "amount", "tie")):
            values[:, place] = columns[name][order]
        codes = np.zeros((len(order), 4), np.int32)
        codes[:, 0], codes[:, 1] = columns["signal"][order], columns["detail"][order]
        return _Events(start, values, codes, values[:, 1], columns["until"][order])

    def _tied(self) -> list[str]:
        rules = [f.expression for f in self.question.definition.features]
        return sorted({s.name for rule in rules if getattr(rule, "word", "") == "latest" for s in rule.signals})


class _Chunk:
    """Up to 64 as-of dates, answered together."""

    def __init__(self, engine: Engine, dates: range, events: _Events) -> None:
        self.engine, self.question, self.store = engine, engine.question, engine.store
        self.dates = [engine.question.dates[k] for k in dates]
        self.first = dates[0]
        self.times = np.array([microseconds(engine.question.midnight(day)) for day in self.dates], dtype=np.int64)
        self.now = np.array([microseconds(engine.question.now)], dtype=np.int64)
        self.events = events
        self.all_dates = kernel.span(0, len(self.dates))

    # Masks.

    def _choices(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return (by person and service, the dates allowed; by person, the dates kept out of everything)."""
        services = self.services
        rows = self.store.choices(self.question.permission.purpose, services)
        folded = []
        for times in (self.times, self.now):
            mask = np.zeros(len(rows["person"]), np.uint64)
            kernel.span_masks(times, rows["known"], rows["until"], rows["start"], rows["ended"], mask)
            denied = np.zeros((len(self.engine.codes.people), len(services) + 1), np.uint64)
            consented = np.zeros_like(denied)
            kernel.fold_choices(
                rows["person"], rows["service"], rows["kind"], rows["key"], rows["forbids"], mask, denied, consented
            )
            folded.append((denied, consented))
        allowed = np.full((len(self.engine.codes.people), len(services)), self.all_dates, np.uint64)
        kept_out = folded[0][0][:, -1].copy()
        kept_out[folded[1][0][:, -1] != 0] = _ALL
        for place, service in enumerate(services):
            for (denied, consented), now in zip(folded, (False, True), strict=True):
                forbids = denied[:, place] | denied[:, -1]
                if service in self.question.permission.consent:
                    forbids = forbids | ~(consented[:, place] | consented[:, -1])
                if now:
                    allowed[(forbids & _ONE) != 0, place] = 0
                else:
                    allowed[:, place] &= ~forbids
        return allowed, kept_out

    @cached_property
    def services(self) -> list[str]:
        """Every service whose rows are read."""
        names = {name.split(".")[0] for name in self.engine.signals}
        names |= {name.split(".")[0] for name in self.question.definition.signals}
        names |= {rule.service for rule in self.question.definition.cohort.known_to}
        if self.question.each:
            names.add(self.question.each.signal.split(".")[0])
        return sorted(names)

    def _members(self, kept_out: NDArray[np.uint64], alive: NDArray[np.uint64]) -> _Members:
        """Return who belongs where; `settled` are the dates at which somebody has lived there for long enough."""
        residence = self.store.residence()
        mask = np.zeros(len(residence["person"]), np.uint64)
        kernel.span_masks(
            self.times, residence["known"], residence["until"], residence["start"], residence["ended"], mask
        )
        person = residence["person"].astype(np.int64)
        mask &= ~kept_out[person] & alive[person]
        settled = mask & self._since(residence["start"])
        if self.engine.by_person:
            count = len(self.engine.codes.people)
            own = np.zeros(count, np.uint64)
            np.bitwise_or.at(own, person, settled)
            known = self._from(np.searchsorted(self.times, self.store.first_known(), side="right"))
            return _Members(np.arange(count + 1), np.arange(count), known & ~kept_out & alive, own)
        pair = residence["household"].astype(np.int64) * (len(self.engine.codes.people) + 1) + person
        pairs, where = np.unique(pair, return_inverse=True)
        folded = np.zeros((2, len(pairs)), np.uint64)
        np.bitwise_or.at(folded[0], where, mask)
        np.bitwise_or.at(folded[1], where, settled)
        household, person = np.divmod(pairs, len(self.engine.codes.people) + 1)
        start = np.searchsorted(household, np.arange(len(self.engine.codes.households) + 1))
        return _Members(start.astype(np.int64), person, folded[0], folded[1])

    def _since(self, start: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the dates at which a residence that began at `start` is as long as the cohort asks."""
        period = self.question.definition.cohort.resident
        if period is None:
            return np.full(len(start), _ALL)
        since = np.array([microseconds(self.question.midnight(period.before(day))) for day in self.dates])
        first = np.searchsorted(since, start, side="left")
        return self._from(first)

    def _from(self, first: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the masks of all dates from `first` on."""
        count = len(self.dates)
        return np.array([kernel.span(k, count) for k in range(count + 1)], dtype=np.uint64)[first]

    def _people(self) -> tuple[NDArray[np.uint64], NDArray[np.int16]]:
        """Return (by person, the dates at which they live; by date and person, the age in whole years or -1)."""
        rows = self.store.births()
        birth, death = rows["birth"].astype(np.int64), rows["death"].astype(np.int64)
        alive = np.zeros(len(birth), np.uint64)
        ages = np.full((len(self.dates), len(birth)), -1, np.int16)
        for k, day in enumerate(self.dates):
            today = day.year * 10000 + day.month * 100 + day.day
            living = ((birth == 0) | (birth <= today)) & ((death == 0) | (death > today))
            alive |= living.astype(np.uint64) << np.uint64(k)
            ages[k] = np.where((birth > 0) & (birth <= today), (today - birth) // 10000, -1)
        return alive, ages

    def _feeds(self, service: str, k: int) -> list[tuple[int, int]]:
        """Return the spans of a service's feed that count at date k, as few as can be."""
        rows = self._all_feeds.get(service)
        if rows is None:
            begin = self._first_events(service)[k]
            return [(begin, int(self.now[0]))] if begin < LARGEST else []
        first = min(received for _, _, received in rows)
        return _merged([(a, b) for a, b, received in rows if received == first or received < self.times[k]])

    @cached_property
    def _all_feeds(self) -> dict[str, list[tuple[int, int, int]]]:
        return self.store.feeds()

    def _first_events(self, service: str) -> list[int]:
        if service not in self._known_first:
            self._known_first[service] = self.store.first_events(service, [int(t) for t in self.times])
        return self._known_first[service]

    @cached_property
    def _known_first(self) -> dict[str, list[int]]:
        return {}

    def _stretch(self, service: str, window: Window, k: int) -> int | None:
        """Return when the stretch begins that a window asks a person's coverage for; None where no feed covers it."""
        spans = self._feeds(service, k)
        if not spans:
            return None
        lag = self.question.permission.lag.get(service, 0)
        tail = microseconds(self.question.midnight(self.dates[k] - timedelta(days=lag)))
        start = self._window_start(window, k)
        begin = int(self.times[k]) if window.now else spans[0][0] if start == SMALLEST else start
        needed = spans[0][0] if window.last is None and not window.now else min(begin, tail)
        return begin if any(a <= needed and a <= tail <= b for a, b in spans) else None

    def _window_start(self, window: Window, k: int) -> int:
        start = self.question.start(window, self.dates[k])
        return SMALLEST if start is None else microseconds(start)

    def _seen(self, plan: Plan, allowed: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return, by person and seen column, the dates at which the service saw them over the whole window."""
        masks = np.zeros((len(self.engine.codes.people), len(plan.seen)), np.uint64)
        for service in sorted({service for service, _ in plan.seen}):
            places = [w for w, (name, _) in enumerate(plan.seen) if name == service]
            covered = self._covered(service, [plan.seen[w][1] for w in places])
            for column, w in enumerate(places):
                masks[:, w] = covered[:, column] & allowed[:, self.services.index(service)]
        return masks

    def _covered(self, service: str, windows: Sequence[Window]) -> NDArray[np.uint64]:
        people = len(self.engine.codes.people)
        begins = [[self._stretch(service, window, k) for k in range(len(self.dates))] for window in windows]
        fed = np.array(
            [sum(1 << k for k, begin in enumerate(row) if begin is not None) for row in begins], dtype=np.uint64
        )
        masks = np.zeros((people, len(windows)), np.uint64)
        rows = self.store.coverage(service)
        first = np.searchsorted(self.times, rows["known"], side="right")
        known_from = int(first.min(initial=len(self.times)))
        known = rows["person"] >= 0
        persons, starts = np.unique(rows["person"][known], return_index=True)
        kernel.cover(
            rows["start"][known], rows["ended"][known], first[known],
            np.append(starts, known.sum()), persons,
            np.array([[SMALLEST if b is None else b for b in row] for row in begins], dtype=np.int64),
            self.times, masks,
        )  # fmt: skip
        # Before anything was known of whom the service could see, it could have seen everybody.
        everybody = kernel.span(0, known_from)
        return np.asarray((masks | everybody) & fed[None, :])

    # Cohort.

    def _homes(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int32]]:
        """Return by entity (the dates at which it is no home, those at which that is unknown) and its area by date."""
        rows, areas, first_known = self.store.homes()
        count = len(self.engine.codes.households)
        mask = np.zeros(len(rows["household"]), np.uint64)
        until = np.full(len(mask), LARGEST)
        kernel.span_masks(self.times, rows["known"], until, rows["start"], rows["ended"], mask)
        kinds = np.full((count, len(self.dates)), -1, np.int8)
        codes = np.zeros((count, len(self.dates)), np.int32)
        kernel.fold_homes(rows["household"], rows["kind"], rows["area"], mask, kinds, codes)
        self.areas = np.array([area.encode() for area in areas], dtype="S9")
        if self.engine.by_person:
            none = np.zeros(len(self.engine.codes.people), np.uint64)
            return none, none, self._areas_of_people(codes)
        bits = _ONE << np.arange(len(self.dates), dtype=np.uint64)
        asked = bits[None, :] * (self.times > first_known)[None, :].astype(np.uint64)
        other = np.bitwise_or.reduce(np.where(kinds == 0, asked, np.uint64(0)), axis=1)
        unknown = np.bitwise_or.reduce(np.where(kinds < 0, asked, np.uint64(0)), axis=1)
        return other, unknown, codes

    def _areas_of_people(self, codes: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return each person's area by date: that of their first home, by id."""
        residence = self.store.residence()
        mask = np.zeros(len(residence["person"]), np.uint64)
        kernel.span_masks(
            self.times, residence["known"], residence["until"], residence["start"], residence["ended"], mask
        )
        found = np.zeros((len(self.engine.codes.people), len(self.dates)), np.int32)
        for row in np.argsort(-residence["household"].astype(np.int64), kind="stable"):
            for k in range(len(self.dates)):
                if mask[row] >> np.uint64(k) & _ONE:
                    found[residence["person"][row], k] = codes[residence["household"][row], k]
        return found

    def _with_age(self, members: _Members, ages: NDArray[np.int16]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return by entity (the dates at which somebody is of the age asked, those at which somebody's is unknown)."""
        asked = self.question.definition.cohort.with_age
        if asked is None:
            return np.full(len(members.start) - 1, _ALL), np.zeros(len(members.start) - 1, np.uint64)
        fits, unknown = np.zeros(len(members.person), np.uint64), np.zeros(len(members.person), np.uint64)
        for k in range(len(self.dates)):
            age = ages[k, members.person]
            bit = np.uint64(k)
            fits |= ((age >= asked[0]) & (age <= asked[1])).astype(np.uint64) << bit
            unknown |= (age < 0).astype(np.uint64) << bit
        return members.any_of(fits & members.mask), members.any_of(unknown & members.mask)

    def _own_dates(self, members: _Members, allowed: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return by entity its own dates, where rows are asked for at each entity's own."""
        each = self.question.each
        if each is None:
            return np.full(len(members.start) - 1, _ALL)
        place = {day: k for k, day in enumerate(self.dates)}
        own = np.zeros(len(self.engine.codes.people), np.uint64)
        rows = self.store.own_days(each.signal)
        visible = np.zeros(len(rows["person"]), np.uint64)
        kernel.span_masks(
            self.times, rows["known"], rows["until"], rows["known"], np.full(len(visible), LARGEST), visible
        )
        usable = each.signal in self.question.permission.signals
        for person, valid, mask in zip(rows["person"], rows["valid"], visible, strict=True):
            k = place.get(each.after.after(self._day(int(valid))))
            if usable and k is not None:
                own[person] |= mask & _ONE << np.uint64(k)
        own &= allowed[:, self.services.index(each.signal.split(".")[0])]
        return members.any_of(own[members.person] & members.mask)

    def _day(self, moment: int) -> date:
        return self.question.day_of(EPOCH + timedelta(microseconds=moment))

    # Time.

    def _midnights(self, plan_needs_days: bool) -> tuple[NDArray[np.int64], date]:
        """Return when each calendar day begins, from the first event's to the last as-of date's, and the first day."""
        first = self.dates[0]
        if plan_needs_days and len(self.events.values):
            first = min(first, self._day(int(self.events.values[:, 0].min())))
        count = (self.dates[-1] - first).days + 2
        days = (first + timedelta(days=n) for n in range(count))
        return np.array([microseconds(self.question.midnight(day)) for day in days], dtype=np.int64), first

    def _nothing(self, plan: Plan) -> NDArray[np.int64]:
        """Return, by window and date, what days_since says where there was nothing: one more than the window's days."""
        since = np.zeros((len(plan.windows), len(self.dates)), np.int64)
        for w, window in enumerate(plan.windows):
            for k, day in enumerate(self.dates):
                if window.last is not None:
                    since[w, k] = (day - window.last.before(day)).days + 1
        return since

    # Rows.

    def blocks(self) -> Iterator[Block]:
        allowed, kept_out = self._choices()
        alive, ages = self._people()
        members = self._members(kept_out, alive)
        midnights, first_day = self._midnights(True)
        plan = Plan.of(self.question, self.engine.details, members.most, len(midnights))
        seen_mask = self._seen(plan, allowed)
        candidates, unknown, area = self._candidates(members, allowed, ages)
        work = _Work(
            self, plan, members, seen_mask, allowed, candidates, unknown, area, ages,
            self._coded_events(plan), self._outcome_events(), midnights,
            np.array([(day - first_day).days for day in self.dates], dtype=np.int64),
        )  # fmt: skip
        rows = np.flatnonzero(candidates)
        pieces = [rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)]
        with ThreadPoolExecutor(self.engine.threads) as pool:
            waiting: list[Any] = []
            for piece in pieces:
                waiting.append(pool.submit(work.block, piece))
                if len(waiting) > 2 * self.engine.threads:
                    yield from waiting.pop(0).result()
            for future in waiting:
                yield from future.result()

    def _candidates(
        self, members: _Members, allowed: NDArray[np.uint64], ages: NDArray[np.int16]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int32]]:
        """Return by entity the dates at which no simple rule puts it out, and those at which one can't be evaluated."""
        somebody = members.any_of(members.mask)
        other, unknown_home, area = self._homes()
        fits, unknown_age = self._with_age(members, ages)
        settled = members.any_of(members.settled)
        if self.question.definition.cohort.resident is None:
            settled = np.full(len(somebody), _ALL)
        own = self._own_dates(members, allowed)
        candidates = somebody & ~other & (fits | unknown_age) & settled & own
        return candidates, (unknown_home | (unknown_age & ~fits)) & candidates, area

    def _coded_events(self, plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """Return (starts by person, values, codes with the dates at which each version is visible)."""
        codes = self.events.codes.copy()
        places = np.array([plan.signals.index(name) for name in self.engine.signals], dtype=np.int32)
        if len(codes):
            codes[:, 0] = places[codes[:, 0]]
        moment = np.maximum(self.events.known, self.events.values[:, 0])
        codes[:, 2] = np.searchsorted(self.times, moment, side="right")
        codes[:, 3] = np.searchsorted(self.times, self.events.until, side="right")
        return self.events.start, self.events.values, codes

    def _outcome_events(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        rows = self.store.outcome_events(self.engine.conditions, int(self.now[0]))
        start, order = kernel.group(rows["person"], len(self.engine.codes.people))
        values = np.stack([rows["valid"][order], rows["known"][order]], axis=1)
        return start, values, rows["component"][order].astype(np.int64)

    def horizon_fed(self) -> list[int]:
        """Return, by outcome component, the dates whose whole horizon the service's feed covers."""
        found = []
        for component in self.question.definition.outcome.components:
            spans = self._whole_feed(component.signal.service)
            mask = 0
            for k, day in enumerate(self.dates):
                begin, end = int(self.times[k]), microseconds(self.question.horizon_end(day))
                mask |= any(a <= begin and end <= b for a, b in spans) << k
            found.append(mask)
        return found

    def _whole_feed(self, service: str) -> list[tuple[int, int]]:
        rows = self._all_feeds.get(service)
        if rows is not None:
            return _merged([(a, b) for a, b, _ in rows])
        begin = self.store.first_events(service, [LARGEST])[0]
        return [(begin, int(self.now[0]))] if begin < LARGEST else []


class _Work:
    """Everything the blocks of one chunk share; `block` is called from several threads."""

    def __init__(
        self,
        chunk: _Chunk,
        plan: Plan,
        members: _Members,
        seen_mask: NDArray[np.uint64],
        allowed: NDArray[np.uint64],
        candidates: NDArray[np.uint64],
        unknown: NDArray[np.uint64],
        area: NDArray[np.int32],
        ages: NDArray[np.int16],
        events: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]],
        outcome_events: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
        midnights: NDArray[np.int64],
        today: NDArray[np.int64],
    ) -> None:
        self.chunk, self.plan, self.members, self.seen_mask, self.allowed = chunk, plan, members, seen_mask, allowed
        self.candidates, self.unknown, self.area, self.ages = candidates, unknown, area, ages
        self.events, self.outcome_events = events, outcome_events
        self.midnights, self.today = midnights, today
        question = chunk.question
        self.windows = np.array(
            [[chunk._window_start(window, k) for k in range(len(chunk.dates))] for window in plan.windows],
            dtype=np.int64,
        ).reshape(len(plan.windows), len(chunk.dates))
        self.since = chunk._nothing(plan)
        self._since_start()
        components = question.definition.outcome.components
        self.outcome_services = np.array([chunk.services.index(c.signal.service) for c in components], dtype=np.int64)
        self.ends = np.array([microseconds(question.horizon_end(day)) for day in chunk.dates], dtype=np.int64)
        self.fed = np.array(chunk.horizon_fed(), dtype=np.uint64)
        self.given = len(question.given)
        made = [self._compose(composition) for composition in plan.compositions]
        self.composition = np.stack(made, axis=2) if made else np.zeros((1, 1, 0))

    def _since_start(self) -> None:
        """Fill what days_since says of nothing since the start: it depends on the services that a column reads."""
        rows = [self.since]
        column = self.plan.column
        made = MAKE["days_since"]
        for c, expression in enumerate(self._expressions()):
            if column[c, 0] != made or expression.window.last is not None:
                continue
            row = np.zeros((1, len(self.chunk.dates)), np.int64)
            for k, day in enumerate(self.chunk.dates):
                begins = [spans[0][0] for s in expression.services if (spans := self.chunk._feeds(s, k))]
                if begins:
                    row[0, k] = (day - self.chunk._day(min(begins))).days + 1
            column[c, 2] = sum(len(part) for part in rows)
            rows.append(row)
        self.since = np.concatenate(rows)

    def _expressions(self) -> list[Any]:
        question = self.chunk.question
        return [*(f.expression for f in question.definition.features), *question.given, *question.unless]

    def block(self, entities: NDArray[np.int64]) -> list[Block]:
        """Return one block per date for some entities."""
        plan, dates = self.plan, len(self.chunk.dates)
        values = np.full((dates, len(entities), len(plan.column)), np.nan, np.float32)
        seen = np.zeros((dates, len(entities), len(self.chunk.question.seen)), np.uint16)
        kernel.accumulate(
            entities, self.members.start, self.members.person, self.members.mask, self.candidates, self.seen_mask,
            *self.events, self.chunk.times, self.windows, self.since, self.today, self.midnights,
            plan.entry_start, plan.entry, plan.payload, plan.fresh, plan.column, plan.column_seen,
            self.composition, values, seen,
        )  # fmt: skip
        rows, cannot_tell = self._cohort(entities, values)
        at, known_at, labelled = self._outcomes(entities, rows)
        return [
            self._block(k, entities, rows[k], int(cannot_tell[k]), values[k], seen[k], at[k], known_at[k], labelled)
            for k in range(dates)
        ]

    def _cohort(
        self, entities: NDArray[np.int64], values: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return (by date and entity whether it gets a row, by date how many can't be told)."""
        bits = np.arange(len(self.chunk.dates), dtype=np.uint64)[:, None]
        candidate = (self.candidates[entities][None, :] >> bits & _ONE).astype(bool)
        unknown = (self.unknown[entities][None, :] >> bits & _ONE).astype(bool)
        rules = values[:, :, self.plan.columns :]
        missing = np.isnan(rules)
        holds = rules > 0
        holds[:, :, self.given :] = rules[:, :, self.given :] == 0
        false = (~missing & ~holds).any(axis=2)
        unknown = unknown | missing.any(axis=2)
        return candidate & ~false & ~unknown, (candidate & ~false & unknown).sum(axis=1)

    def _compose(self, composition: Composition) -> NDArray[np.float64]:
        members, count = self.members, len(self.members.start) - 1
        household = np.repeat(np.arange(count), np.diff(members.start))
        result = np.zeros((count, len(self.chunk.dates)))
        for k in range(len(self.chunk.dates)):
            here = (members.mask >> np.uint64(k) & _ONE).astype(bool)
            age = self.ages[k, members.person]
            known = here & (age >= 0)
            if composition.word == "members":
                result[:, k] = np.bincount(household[here], minlength=count)
                continue
            if composition.age is None:
                youngest = np.full(count, np.inf)
                np.minimum.at(youngest, household[known], age[known])
                result[:, k] = youngest
            else:
                fits = known & (age >= composition.age[0]) & (age <= composition.age[1])
                result[:, k] = np.bincount(household[fits], minlength=count)
            result[np.bincount(household[known], minlength=count) == 0, k] = np.nan
        return result

    def _outcomes(
        self, entities: NDArray[np.int64], rows: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
        shape = (*rows.shape, len(self.outcome_services))
        at, known_at = np.full(shape, NONE), np.full(shape, NONE)
        closed = np.zeros(shape[1:], np.uint64)
        kernel.outcomes(
            entities, self.members.start, self.members.person, self.members.mask, self.candidates, self.allowed,
            self.outcome_services, *self.outcome_events, self.chunk.times, self.ends, at, known_at, closed,
        )  # fmt: skip
        return at, known_at, self.fed[None, :] & ~closed

    def _block(
        self,
        k: int,
        entities: NDArray[np.int64],
        rows: NDArray[np.bool_],
        cannot_tell: int,
        values: NDArray[np.float32],
        seen: NDArray[np.uint16],
        at: NDArray[np.int64],
        known_at: NDArray[np.int64],
        labelled: NDArray[np.uint64],
    ) -> Block:
        chosen = entities[rows]
        codes = self.chunk.engine.codes
        people, owner = self._people_of(chosen, k)
        ages = self.ages[k, people].astype(np.float32)
        ages[ages < 0] = np.nan
        return Block(
            date_index=self.chunk.first + k,
            entity=self.chunk.engine.entities[chosen],
            area=self.chunk.areas[self.area[chosen, k]],
            features=values[rows, : self.plan.columns],
            seen=seen[rows],
            members=np.bincount(owner, minlength=len(chosen)).astype(np.uint16),
            person=codes.people[people],
            person_row=owner.astype(np.int32),
            person_age=ages,
            outcome_at=at[rows],
            outcome_known_at=known_at[rows],
            outcome_seen=(labelled[rows] >> np.uint64(k) & _ONE).astype(np.bool_),
            cannot_tell=cannot_tell,
        )

    def _people_of(self, chosen: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the members of some entities at date k and the place of each one's entity among them."""
        start, stop = self.members.start[chosen], self.members.start[chosen + 1]
        owner = np.repeat(np.arange(len(chosen)), stop - start)
        first = np.repeat(start - np.append(0, np.cumsum(stop - start)[:-1]), stop - start) if len(chosen) else start
        place = np.arange(len(owner)) + first
        here = (self.members.mask[place] >> np.uint64(k) & _ONE).astype(bool)
        return self.members.person[place[here]], owner[here]


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((begin, end))
    return result


def _condition(signal: Signal, usable: frozenset[str]) -> str:
    """Return the SQL that picks a signal's events, or none of them where it may not be used."""
    if signal.name not in usable:
        return "false"
    parts = [f"signal = '{signal.name}'"]
    if signal.details:
        quoted = ", ".join("'" + detail.replace("'", "''") + "'" for detail in signal.details)
        parts.append(f"detail IN ({quoted})")
    if signal.at_least is not None:
        parts.append(f"amount::DECIMAL(18, 4) * {AMOUNT_SCALE} >= {scaled(signal.at_least)}")
    if signal.below is not None:
        parts.append(f"amount::DECIMAL(18, 4) * {AMOUNT_SCALE} < {scaled(signal.below)}")
    return " AND ".join(parts)


def assemble(question: Question, blocks: Iterator[Block]) -> list[tuple[MatrixDate, int]]:
    """Return the whole answer in memory: per date its arrays and how many entities can't be told. For small data."""
    found: dict[int, list[Block]] = {k: [] for k in range(len(question.dates))}
    for block in blocks:
        found[block.date_index].append(block)
    return [
        (_joined(question, day, found[k]), sum(b.cannot_tell for b in found[k])) for k, day in enumerate(question.dates)
    ]


def _joined(question: Question, day: date, blocks: Sequence[Block]) -> MatrixDate:
    definition = question.definition
    shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
        "entity": ("S32", ()), "area": ("S9", ()), "features": (np.float32, (len(definition.features),)),
        "seen": (np.uint16, (len(question.seen),)), "members": (np.uint16, ()), "person": ("S32", ()),
        "person_row": (np.int32, ()), "person_age": (np.float32, ()),
        "outcome_at": (np.int64, (len(definition.outcome.components),)),
        "outcome_known_at": (np.int64, (len(definition.outcome.components),)),
        "outcome_seen": (np.bool_, (len(definition.outcome.components),)),
    }  # fmt: skip
    arrays: dict[str, Any] = {name: [np.zeros((0, *shape), dtype)] for name, (dtype, shape) in shapes.items()}
    rows = 0
    for block in blocks:
        for name in shapes:
            part = getattr(block, name)
            arrays[name].append(part + np.int32(rows) if name == "person_row" else part)
        rows += len(block.entity)
    return MatrixDate(day, **{name: np.concatenate(parts) for name, parts in arrays.items()})
