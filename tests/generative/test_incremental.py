"""A date whose key is known is not made again, and the matrix is the same to the byte as if it had been."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from charter.contracts.matrix import MatrixDate
from features.engines.blocks import Maker
from features.engines.digest import make_keys, tally_rows
from features.engines.engine import Block, Engine
from features.engines.question import Question
from features.engines.reading import cohort
from features.engines.rows import Event, Residence, Tables
from features.permission import Choice

WorldOf = Callable[..., tuple[Question, Tables]]
Dates = dict[str, dict[str, np.ndarray]]
OUTCOMES = ("outcome_at", "outcome_known_at", "outcome_seen")


def make(question: Question, tables: Tables, before: Dates | None = None, ranges: int = 1) -> tuple[Dates, set[str]]:
    """Return every array by key, those of `before` where its keys are met again, and the keys that were."""
    known, kept = before or {}, set()
    with tempfile.TemporaryDirectory() as folder:
        tables.write(Path(folder))
        engine = Engine(question, Path(folder), ranges=ranges)
        blocks = list(engine.blocks(lambda key: known[key]["entity"] if key in known else None))
    found: Dates = {}
    for k, day in enumerate(question.dates):
        own = [block for block in blocks if block.date_index == k]
        key, arrays = engine.keys[day], {}
        names = OUTCOMES if key in known else tuple(n for n in MatrixDate.ARRAYS if n != "person_row")
        assert all(isinstance(block, Block) == (key not in known) for block in own)
        for name in names:
            parts = [getattr(block, name) for block in own]
            if parts:
                arrays[name] = np.concatenate(parts)
        if key in known:
            kept.add(key)
            arrays = {name: array for name, array in known[key].items() if name not in OUTCOMES} | arrays
        found[key] = arrays | {"day": np.array(day.toordinal())}
    return found, kept


def changed(question: Question, tables: Tables, seed: int) -> Tables:
    """Return the next month's tables: late news, corrections, a move, and now and then a withdrawal or old history."""
    rng = np.random.default_rng(seed)
    cut = question.midnights[int(rng.integers(2, 5))]
    events = []
    for event in tables.events:
        if event.known_at < cut and event.known_until is None and rng.random() < 0.2:
            later = cut + timedelta(days=int(rng.integers(0, 20)))
            events += [replace(event, known_until=later), replace(event, known_at=later, amount=7)]
        else:
            events.append(event)
    events += [Event(f"new{n}", "p003", "duty.owed", cut, cut + timedelta(days=n)) for n in range(3)]
    stays = (*tables.residence, Residence("p002", "h001", cut, cut), Residence("newcomer", "h000", cut, cut))
    permission = tables.permission
    if seed % 3 == 0:
        received = question.taken_at - timedelta(days=1)
        person, service = f"p{int(rng.integers(20)):03d}", str(rng.choice(["*", "school", "clinic"]))
        permission += (Choice(person, service, "*", "objection", "received", received, None, None, received, None),)
    if seed % 5 == 0:
        events.append(Event("old", "p004", "school.absence", question.midnights[0], question.midnights[0]))
    return replace(tables, events=tuple(events), residence=stays, permission=permission)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("entity", ["household", "person"])
def test_incremental_equals_full(seed: int, entity: str, world: WorldOf) -> None:
    question, tables = world(seed, people=40, entity=entity)
    later = changed(question, tables, seed)
    before, none = make(question, tables)
    assert not none
    full, _ = make(question, later)
    incremental, kept = make(question, later, before, ranges=1 + seed % 2)
    assert list(full) == list(incremental)
    if seed % 3:
        assert kept, "dates before the news are kept"
    assert len(kept) < len(question.dates), "dates after the news are not"
    for key, arrays in full.items():
        assert set(arrays) == set(incremental[key])
        for name, array in arrays.items():
            assert array.tobytes() == incremental[key][name].tobytes(), name


@pytest.mark.parametrize("seed", range(4))
def test_what_changes_a_value_changes_its_key(seed: int, world: WorldOf) -> None:
    question, tables = world(seed, people=40)
    before, _ = make(question, tables)
    rng = np.random.default_rng(seed)
    for _ in range(6):
        event = tables.events[int(rng.integers(len(tables.events)))]
        other = replace(event, detail="court" if event.detail != "court" else "letter", amount=123_456)
        after, _ = make(question, replace(tables, events=tuple(other if e is event else e for e in tables.events)))
        for (key, old), (new_key, new) in zip(before.items(), after.items(), strict=True):
            if any(old[n].tobytes() != new[n].tobytes() for n in old if n not in OUTCOMES):
                assert key != new_key


@contextmanager
def first_maker(question: Question, tables: Tables) -> Iterator[Maker]:
    """Give what an engine makes rows from."""
    with tempfile.TemporaryDirectory() as folder:
        tables.write(Path(folder))
        engine = Engine(question, Path(folder))
        with engine.store:
            yield next(engine.makers())


def with_field(group: Any, array: np.ndarray) -> Any:
    """Return a group of arrays with one more, under the group's own name."""
    kind: Any = NamedTuple(type(group).__name__, [(name, Any) for name in (*group._fields, "channel")])
    return kind(*group, array)


@pytest.mark.parametrize("group", ["members", "people", "events", "timetable", "program"])
def test_rows_made_without_a_field_are_not_taken_for_rows_made_with_it(group: str, world: WorldOf) -> None:
    with first_maker(*world(1, people=20)) as maker:
        found = tally_rows(maker)
        wider = replace(maker, **{group: with_field(getattr(maker, group), np.zeros(1, np.int64))})
        assert set(make_keys(maker, found, 1)).isdisjoint(make_keys(wider, found, 1))
        assert make_keys(maker, found, 1) == make_keys(replace(maker), found, 1)


def test_a_new_field_of_events_changes_the_keys_of_dates_that_see_it(world: WorldOf) -> None:
    with first_maker(*world(1, people=20)) as maker:
        events = maker.events
        channel = np.zeros(len(events.valid), np.int16)
        before = make_keys(*_with_tally(maker, channel), 1)
        # The event that is seen latest of all is told through another channel.
        place = int(np.argmax(np.where(events.first < events.last, events.first, 0)))
        assert 0 < events.first[place] < events.last[place]
        channel[place] = 1
        after = make_keys(*_with_tally(maker, channel), 1)
        same = [one == other for one, other in zip(before, after, strict=True)]
        assert all(same[: events.first[place]])
        assert not any(same[events.first[place] : events.last[place]])


def _with_tally(maker: Maker, channel: np.ndarray) -> tuple[Maker, np.ndarray]:
    wider = replace(maker, events=with_field(maker.events, channel.copy()))
    return wider, tally_rows(wider)


def test_an_engine_with_one_field_more_makes_every_row_again(world: WorldOf, monkeypatch: pytest.MonkeyPatch) -> None:
    question, tables = world(1, people=20)
    before, _ = make(question, tables)
    _, kept = make(question, tables, before)
    assert kept == set(before), "the same engine keeps them all"
    rows = cohort.CohortRows
    monkeypatch.setattr(cohort, "CohortRows", lambda *columns: with_field(rows(*columns), columns[0]))
    again, kept = make(question, tables, before)
    assert not kept
    for old, new in zip(before.values(), again.values(), strict=True):
        assert {name: array.tobytes() for name, array in old.items()} == {n: a.tobytes() for n, a in new.items()}
