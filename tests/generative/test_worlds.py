"""What must hold for every town: engines agree, the past stays, a withdrawal takes what it must and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from charter.contracts.matrix import NONE, MatrixDate
from features.engines.engine import Engine, assemble_dates
from features.engines.question import Question
from features.engines.reference import Reference
from features.engines.rows import Event, Residence, Tables
from features.permission import Choice

Answers = list[tuple[MatrixDate, int]]
AnswersOf = Callable[[Question, Tables], Answers]
WorldOf = Callable[..., tuple[Question, Tables]]
KNOWN_BY_THEN = tuple(name for name in MatrixDate.ARRAYS if not name.startswith("outcome"))
SEEDS = range(4)


def check_same(one: Answers, other: Answers, names: tuple[str, ...] = MatrixDate.ARRAYS) -> None:
    for (mine, *counts), (theirs, *also) in zip(one, other, strict=True):
        assert counts == also
        for name in names:
            left, right = getattr(mine, name), getattr(theirs, name)
            assert left.dtype == right.dtype
            assert left.tobytes() == right.tobytes(), f"{name} at {mine.as_of}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("entity", ["household", "person"])
def test_engine_and_reference_agree_in_a_dense_world(
    seed: int, entity: str, world: WorldOf, answers: AnswersOf
) -> None:
    question, tables = world(seed, people=24, entity=entity)
    reference = Reference(question, tables)
    check_same(answers(question, tables), [reference.answer(day) for day in question.dates])


def test_the_dense_worlds_are_dense(world: WorldOf, answers: AnswersOf) -> None:
    found = [rows for seed in SEEDS for rows, *_ in answers(*world(seed))]
    values = np.concatenate([rows.features for rows in found])
    assert len(values) > 200
    assert np.isnan(values).mean() < 0.5
    assert ((values != 0) & ~np.isnan(values)).any(axis=0).all(), "some word never says anything"
    assert np.isnan(values).any(axis=0).sum() > 10
    outcomes = np.concatenate([rows.outcome_at for rows in found])
    assert (outcomes != NONE).any(axis=0).all()
    assert 0 < np.concatenate([rows.outcome_seen for rows in found]).mean() < 1


@pytest.mark.parametrize("seed", SEEDS)
def test_what_becomes_known_later_leaves_earlier_dates_as_they_were(
    seed: int, world: WorldOf, answers: AnswersOf
) -> None:
    question, tables = world(seed)
    cut = question.midnights[3]
    rng = np.random.default_rng(seed)
    more: list[Event] = []
    for event in tables.events:
        if event.known_at < cut and event.known_until is None and rng.random() < 0.3:
            # A correction, known at the very moment of the date at the earliest.
            later = cut + timedelta(days=int(rng.integers(0, 30)))
            more += [replace(event, known_until=later), replace(event, known_at=later, amount=7, person_id="p001")]
        else:
            more.append(event)
    long_ago = datetime(2019, 1, 1, tzinfo=UTC)
    more += [Event(f"new{n}", f"p{n:03d}", "school.absence", long_ago, cut) for n in range(20)]
    moved = (*tables.residence, Residence("p002", "h001", long_ago, cut), Residence("someone", "h000", long_ago, cut))
    before = replace(question, dates=question.dates[:4])
    later_tables = replace(tables, events=tuple(more), residence=moved)
    check_same(answers(before, tables), answers(before, later_tables), KNOWN_BY_THEN)
    after = replace(question, dates=question.dates[4:])
    assert answers(after, tables)[0][0].features.tobytes() != answers(after, later_tables)[0][0].features.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("service", ["*", "school"])
def test_a_withdrawal_changes_nobody_elses_household(
    seed: int, service: str, world: WorldOf, answers: AnswersOf
) -> None:
    question, tables = world(seed)
    person = "p007"
    own = {row.household_id.encode() for row in tables.residence if row.person_id == person}
    received = question.taken_at - timedelta(days=2)
    objection = Choice(person, service, "*", "objection", "received", received, None, None, received, None)
    withdrawn = replace(tables, permission=(*tables.permission, objection))
    for (before, *_), (after, *_) in zip(answers(question, tables), answers(question, withdrawn), strict=True):
        for name in ("features", "seen", "members", "outcome_at", "outcome_known_at", "outcome_seen", "area"):
            kept = dict(zip(before.entity, getattr(before, name), strict=True))
            still = dict(zip(after.entity, getattr(after, name), strict=True))
            others = [entity for entity in kept if entity not in own]
            assert {entity for entity in still if entity not in own} == set(others)
            for entity in others:
                assert kept[entity].tobytes() == still[entity].tobytes(), (name, entity)
        if service == "*":
            assert person.encode() not in after.person


@pytest.mark.parametrize("seed", SEEDS)
def test_a_withdrawn_person_leaves_no_trace(seed: int, world: WorldOf, answers: AnswersOf) -> None:
    """Everything about somebody who objects to everything could as well not have been recorded."""
    question, tables = world(seed)
    person = "p005"
    received = question.taken_at - timedelta(days=2)
    objection = Choice(person, "*", "*", "restriction", "upheld", received, None, None, received, None)
    withdrawn = replace(tables, permission=(*tables.permission, objection))
    without = replace(
        tables,
        events=tuple(e for e in tables.events if e.person_id != person),
        people=tuple(p for p in tables.people if p.person_id != person),
        residence=tuple(r for r in tables.residence if r.person_id != person),
        permission=tuple(c for c in tables.permission if c.person_id != person),
    )
    check_same(answers(question, withdrawn), answers(question, without))


@pytest.mark.parametrize("seed", SEEDS)
def test_neither_the_order_of_rows_nor_threads_matter(seed: int, world: WorldOf, tmp_path: Path) -> None:
    question, tables = world(seed)
    tables.write(tmp_path / "one")
    shuffled = tmp_path / "other"
    shuffled.mkdir()
    rng = np.random.default_rng(seed)
    for path in (tmp_path / "one").glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.take(rng.permutation(len(table))), shuffled / path.name, row_group_size=97)
    one = assemble_dates(question, Engine(question, tmp_path / "one", threads=1).blocks())
    other = assemble_dates(question, Engine(question, shuffled, threads=2).blocks())
    check_same(one, other)


def test_lone_events_silent_households_and_boundaries_keep_their_values(world: WorldOf, answers: AnswersOf) -> None:
    question, tables = world(3)
    quiet = replace(tables, events=(), permission=(), coverage=())
    for rows, *_ in answers(question, quiet):
        assert len(rows.entity) == 0, "known_to asks for a record"
    asked = replace(question.definition, cohort=replace(question.definition.cohort, known_to=[], unless=[]))
    silent = replace(question, definition=asked, permission=replace(question.permission, consent=frozenset()))
    yesterday = question.midnights[1] - timedelta(days=1)
    lone = Event("lone", "p000", "school.absence", yesterday, yesterday)
    for rows, *_ in answers(silent, quiet)[1:2]:
        assert len(rows.entity) > 5
        assert (rows.features[:, 0] == 0).all()
    rows, *_ = answers(silent, replace(quiet, events=(lone,)))[1]
    home = next(row.household_id for row in tables.residence if row.person_id == "p000").encode()
    assert dict(zip(rows.entity, rows.features[:, 0], strict=True)).get(home) == 1
    assert rows.features[:, 0].sum() == rows.features[:, 3][rows.features[:, 3] == 1].sum()
