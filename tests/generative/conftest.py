"""Dense worlds from a seed: enough people, moves, corrections and choices that most cells hold something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from charter.contracts.matrix import MatrixDate
from features import grammar
from features.engines.engine import Engine, assemble_dates
from features.engines.question import Question
from features.engines.rows import Coverage, Event, Feed, Household, Person, Residence, Tables
from features.grammar import (
    Cohort,
    Composition,
    Definition,
    Feature,
    Outcome,
    PerMember,
    active_days,
    age_of_youngest,
    any_of,
    category,
    change,
    children,
    count,
    days,
    days_since,
    days_since_change,
    distinct,
    known_to,
    latest,
    maximum,
    mean,
    members,
    minimum,
    months,
    open_at,
    per_member,
    ratio,
    signal,
    since_start,
    total,
    weeks,
    years,
)
from features.grammar.expression import WORDS
from features.permission import Choice, Permission

World = tuple[Question, Tables]
LONG_AGO = datetime(2018, 1, 1, tzinfo=UTC)
TAKEN = datetime(2025, 3, 1, 9, tzinfo=UTC)
KINDS = ("housing.arrears", "school.absence", "clinic.visit", "care.plan", "duty.owed")
DETAILS = ("letter", "notice", "court", None)

arrears, absence, visit, plan, duty = (signal(kind) for kind in KINDS)
# The words that take signals and a window and nothing else: one that is new is tried here and by test_engines at once.
PLAIN_WORDS = {name: getattr(grammar, name) for name, said in WORDS.items() if not said.reads and name != "open_at"}
EVERY_WORD = (
    count(absence, last=months(6)),
    count(absence, arrears, last=weeks(10)),
    any_of(arrears.where(detail=["notice", "court"]), last=years(1)),
    days_since(absence, last=months(12)),
    days_since(visit, last=since_start),
    total(arrears, last=months(3)),
    total(arrears.where(amount_at_least=0, amount_below=500), last=years(2)),
    mean(arrears, last=months(12)),
    maximum(arrears, last=days(90)),
    minimum(arrears, last=months(6)),
    ratio(count(arrears.where(detail="notice"), last=months(6)), count(arrears, visit, last=months(6))),
    latest(arrears, last=years(1)),
    latest(arrears, details=["letter", "notice", "court"], last=since_start),
    category(arrears, visit, details=["letter", "court"], last=years(1)),
    days_since_change(arrears, last=since_start),
    days_since_change(arrears.where(detail=["letter", "court"]), absence, last=years(1)),
    per_member(count(absence, last=months(6)), age=(5, 15)),
    per_member(total(arrears, last=years(1)), age=(18, 120)),
    per_member(count(visit, last=months(9))),
    distinct(arrears, of="detail", last=years(1)),
    distinct(absence, of="person", last=years(1)),
    distinct(arrears, absence, visit, of="signal", last=months(6)),
    active_days(absence, arrears, last=months(12)),
    active_days(absence, last=since_start),
    open_at(absence, arrears),
    change(count(absence, last=months(3))),
    change(total(arrears, last=months(2))),
    members(),
    children(0, 17),
    age_of_youngest(),
    *(word(arrears, absence, last=months(9)) for word in PLAIN_WORDS.values()),
)
DATES = (
    date(2022, 3, 27),
    date(2023, 1, 31),
    date(2023, 10, 29),
    date(2024, 2, 29),
    date(2024, 9, 1),
    date(2025, 2, 28),
)


def every_word(entity: str = "household", known: bool = True) -> Definition:
    """Return a definition that uses every word of the grammar."""
    words = [word for word in EVERY_WORD if entity == "household" or not isinstance(word, Composition | PerMember)]
    cohort = Cohort(
        "Households with a child",
        entity=entity,  # type: ignore[arg-type]  # drawn from the two there are
        with_age=(0, 17) if entity == "household" else None,
        resident=months(6),
        unless=[open_at(plan)],
        known_to=[known_to("school", last=years(1))] if known else [],
    )
    features = tuple(Feature(f"f{n}", word, "Said: {value}", "Asked.") for n, word in enumerate(words))
    return Definition("words", cohort, Outcome("A need", any_of(duty, plan, next=months(12))), features)


def some_day(rng: np.random.Generator, first: datetime = LONG_AGO) -> datetime:
    """Return a moment; often a midnight of London, where rules begin and end."""
    moment = first + timedelta(days=int(rng.integers(0, (TAKEN - first).days)))
    if rng.random() < 0.5:
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)
    return moment + timedelta(hours=int(rng.integers(0, 24)) * int(rng.random() < 0.3))


def made_coverage(rng: np.random.Generator, names: list[str]) -> Iterator[Coverage]:
    """Pupils, of whom some left the roll, as was known from the start or only later."""
    for name in names:
        if rng.random() < 0.3:
            continue
        start = LONG_AGO if rng.random() < 0.7 else some_day(rng)
        left = some_day(rng, start) if rng.random() < 0.3 else None
        told = some_day(rng, left) if left and rng.random() < 0.5 else None
        yield Coverage(name, "school", start, start, None if told else left, told)
        if told:
            yield Coverage(name, "school", start, told, left)


def made_events(rng: np.random.Generator, names: list[str]) -> Iterator[Event]:
    """Give events, one in ten of them corrected, a few withdrawn as errors."""
    for n in range(len(names) * 25):
        kind = KINDS[rng.choice(5, p=[0.3, 0.4, 0.2, 0.03, 0.07])]
        valid = some_day(rng)
        known = valid + timedelta(days=int(rng.choice([0, 0, 1, 5, 60])))
        amount = int(rng.integers(-10_000, 20_000_000)) if rng.random() < 0.8 else None
        ended = valid + timedelta(days=int(rng.integers(1, 400))) if rng.random() < 0.9 else None
        detail, person = DETAILS[rng.integers(4)], names[rng.integers(len(names))]
        one = Event(f"e{n:05d}", person, kind, valid, known, end_at=ended, amount=amount, detail=detail)
        if rng.random() < 0.1:
            later = known + timedelta(days=int(rng.integers(1, 300)))
            yield replace(one, known_until=later, end_at=None)
            one = replace(one, known_at=later, amount=amount and amount + 1)
        if rng.random() < 0.98:
            yield one


def made_residence(rng: np.random.Generator, names: list[str], homes: list[str]) -> Iterator[Residence]:
    """Give stays: some people move and tell of it late, some live in two homes."""
    for name in names:
        home, moved = homes[rng.integers(len(homes))], some_day(rng)
        if rng.random() < 0.3:
            told = moved + timedelta(days=int(rng.integers(0, 40)))
            yield Residence(name, home, LONG_AGO, LONG_AGO, known_until=told)
            yield Residence(name, home, LONG_AGO, told, end=moved)
            yield Residence(name, homes[rng.integers(len(homes))], moved, told)
        else:
            yield Residence(name, home, LONG_AGO, LONG_AGO)
        if rng.random() < 0.15:
            yield Residence(name, homes[rng.integers(len(homes))], moved, moved)


def made_choices(rng: np.random.Generator, names: list[str]) -> Iterator[Choice]:
    """Give consents to the clinic, some of them withdrawn, and objections, some of them overruled."""
    for name in names:
        if rng.random() < 0.8:
            given = some_day(rng) if rng.random() < 0.3 else LONG_AGO
            end = given + timedelta(days=900) if rng.random() < 0.2 else None
            yield Choice(name, "clinic", "*", "consent", "received", given, end, None, given, None)
        if rng.random() < 0.12:
            when, service = some_day(rng), str(rng.choice(["school", "housing", "care", "duty", "*"]))
            kind = str(rng.choice(["objection", "restriction", "refusal"]))
            yield Choice(name, service, "train", kind, "received", when, None, None, when, None)
            if rng.random() < 0.6:
                over = when + timedelta(days=60)
                yield Choice(name, service, "train", kind, "overruled", over, None, "officer", over, None)


def made_world(seed: int, people: int = 60, entity: str = "household") -> World:
    """Return a question and a small town's tables, the same for the same seed."""
    rng = np.random.default_rng(seed)
    names = [f"p{n:03d}" for n in range(people)]
    homes = [f"h{n:03d}" for n in range(max(2, people // 3))]

    tables = Tables(
        events=tuple(made_events(rng, names)),
        people=tuple(
            Person(
                name,
                None if rng.random() < 0.1 else date(int(rng.choice([1985, 2008, 2012, 2020, 2023])), 2, 28),
                date(2024, 6, 1) if rng.random() < 0.03 else None,
            )
            for name in names
        ),
        residence=tuple(made_residence(rng, names, homes)),
        households=tuple(
            Household(home, str(rng.choice(["home"] * 9 + ["communal"])), "E01990001", LONG_AGO, LONG_AGO)
            for home in homes
        ),
        permission=tuple(made_choices(rng, names)),
        feeds=(
            Feed("housing", LONG_AGO, TAKEN, TAKEN),
            Feed("school", LONG_AGO, datetime(2023, 6, 1, tzinfo=UTC), datetime(2023, 6, 3, tzinfo=UTC)),
            Feed("school", datetime(2023, 6, 1, tzinfo=UTC), TAKEN, datetime(2023, 12, 3, tzinfo=UTC)),
            Feed("care", LONG_AGO, TAKEN, TAKEN),
            Feed("duty", LONG_AGO, TAKEN, TAKEN),
            Feed("clinic", datetime(2021, 6, 1, tzinfo=UTC), TAKEN, TAKEN),
        ),
        coverage=tuple(made_coverage(rng, names)),
    )
    permission = Permission("train", frozenset(KINDS), frozenset({"clinic"}), {"school": 30, "clinic": 5}, {}, {})
    question = Question(every_word(entity, seed % 3 == 0), DATES, ZoneInfo("Europe/London"), TAKEN, permission)
    return question, tables


def engine_answers(question: Question, tables: Tables, folder: Path) -> list[tuple[MatrixDate, int]]:
    """Return the fast engine's answer, by way of Parquet files in `folder`."""
    tables.write(folder)
    return assemble_dates(question, Engine(question, folder).blocks())


@pytest.fixture
def world() -> Callable[..., World]:
    return made_world


@pytest.fixture
def answers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Question, Tables], list[tuple[MatrixDate, int]]]:
    return lambda question, tables: engine_answers(question, tables, tmp_path_factory.mktemp("tables"))
