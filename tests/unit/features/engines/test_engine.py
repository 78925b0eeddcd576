"""The fast engine's own machinery: however many blocks there are, the rows are the same and in the same order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from charter.contracts.matrix import MatrixDate
from features.engines import engine
from features.engines.engine import Engine, assemble_dates
from features.engines.question import Question
from features.engines.rows import Event, Feed, Residence, Tables
from features.grammar import Cohort, Definition, Feature, Outcome, any_of, count, months, signal
from features.permission import Permission

LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
TAKEN = datetime(2024, 9, 1, tzinfo=UTC)
PEOPLE = [f"p{number:02d}" for number in range(40)]
absence, duty = signal("school.absence"), signal("duty.owed")
DEFINITION = Definition(
    "one",
    Cohort("All"),
    Outcome("A need", any_of(duty, next=months(6))),
    (Feature("absences", count(absence, last=months(6)), "{value}", "Because."),),
)
TABLES = Tables(
    events=tuple(
        Event(f"e{number}", person, "school.absence", TAKEN - timedelta(days=number + 60), TAKEN - timedelta(days=30))
        for number, person in enumerate(PEOPLE)
    ),
    residence=tuple(Residence(person, f"h{person}", LONG_AGO, LONG_AGO) for person in PEOPLE),
    feeds=tuple(Feed(service, LONG_AGO, TAKEN, TAKEN) for service in ("school", "duty")),
)


@pytest.fixture
def question(tmp_path: Path) -> Question:
    TABLES.write(tmp_path)
    permission = Permission("train", frozenset({"school.absence", "duty.owed"}), frozenset(), {}, {}, {})
    days = (date(2024, 7, 1), date(2024, 8, 15))
    return Question(DEFINITION, days, ZoneInfo("Europe/London"), TAKEN, permission)


def rows(question: Question, folder: Path) -> list[list[bytes]]:
    made = assemble_dates(question, Engine(question, folder, threads=2).blocks())
    return [[getattr(at, name).tobytes() for name in MatrixDate.ARRAYS] for at, *_ in made]


def test_rows_are_the_same_in_many_small_blocks_as_in_one(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rows(question, tmp_path)
    assert len(whole) == 2
    # More blocks than wait for a writer at any time, so that the first are written while the last are made.
    monkeypatch.setattr(engine, "_BLOCK", 3)
    assert rows(question, tmp_path) == whole
