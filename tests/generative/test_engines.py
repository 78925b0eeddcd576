"""Both engines agree in every cell: events, versions, choices, memberships, feeds and definitions are drawn."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from charter.contracts.matrix import MatrixDate
from features.engines.engine import Engine, assemble_dates
from features.engines.question import Each, Question
from features.engines.reference import Reference
from features.engines.rows import Coverage, Event, Feed, Household, Person, Residence, Tables
from features.grammar import (
    Cohort,
    Definition,
    Feature,
    Outcome,
    Period,
    age_of_youngest,
    any_of,
    category,
    change,
    children,
    count,
    days_since_change,
    distinct,
    known_to,
    latest,
    members,
    open_at,
    per_member,
    signal,
    since_start,
    total,
)
from features.permission import Choice, Permission
from tests.generative.conftest import PLAIN_WORDS

# A small world, so that what is drawn collides: three people, two homes, three services, some forty moments.
PEOPLE = ("p1", "p2", "p3")
HOMES = ("h1", "h2")
SIGNALS = ("housing.arrears", "school.absence", "clinic.visit", "school.award")
SERVICES = ("clinic", "housing", "school")
AREAS = ("E01990001", "E01990002", "")
DETAILS = ("a", "b", "c", None)
ZONES = ("Europe/London", "Pacific/Auckland", "America/New_York")
DATES = (
    date(2024, 3, 1),
    date(2024, 3, 31),
    date(2024, 4, 1),
    date(2024, 10, 28),
    date(2024, 12, 31),
    date(2025, 2, 28),
)
TAKEN = datetime(2025, 3, 1, 9, tzinfo=UTC)


def moments() -> st.SearchStrategy[datetime]:
    """Moments on and around midnights, of as-of dates above all, and across both clock changes."""
    near = st.sampled_from(
        [datetime(d.year, d.month, d.day, tzinfo=UTC) - timedelta(days=n) for d in DATES for n in (31, 7, 1, 0)]
    )
    offset = st.sampled_from([timedelta(0), timedelta(hours=-1), timedelta(hours=1), timedelta(microseconds=-1),
                              timedelta(microseconds=1), timedelta(hours=5), timedelta(hours=-13)])  # fmt: skip
    return st.one_of(
        st.builds(lambda a, b: a + b, near, offset),
        st.integers(0, 560).map(lambda n: datetime(2023, 9, 1, tzinfo=UTC) + timedelta(days=n, hours=n % 24)),
    )


def chance(draw: st.DrawFn, percent: int) -> bool:
    """Hypothesis shrinks towards False."""
    return draw(st.integers(0, 99)) >= 100 - percent


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.none(), strategy)


@st.composite
def versions(draw: st.DrawFn, number: int) -> list[Event]:
    """One event: its first version and perhaps a correction."""
    valid = draw(moments())
    known = valid + draw(st.sampled_from([timedelta(0), timedelta(0), timedelta(days=1), timedelta(days=40)]))
    base = Event(
        event_id=f"e{number}",
        person_id=draw(st.sampled_from(PEOPLE)),
        signal=draw(st.sampled_from(SIGNALS)),
        valid_at=valid,
        known_at=known,
        end_at=draw(maybe(st.sampled_from([0, 1, 30, 200]).map(lambda n: valid + timedelta(days=n)))),
        amount=draw(maybe(st.sampled_from([0, 1, 10_000, 2_500_000, -30_000, 33_333]))),
        detail=draw(st.sampled_from(DETAILS)),
    )
    if not chance(draw, 35):
        return [base]
    later = known + draw(st.sampled_from([timedelta(microseconds=1), timedelta(days=20)]))
    closed = Event(**{**vars(base), "known_until": later})
    if draw(st.booleans()):
        return [closed]
    return [closed, Event(**{**vars(base), "known_at": later, "detail": draw(st.sampled_from(DETAILS)),
                             "valid_at": min(later, valid + draw(st.sampled_from([timedelta(0), timedelta(days=1)]))),
                             "person_id": draw(st.sampled_from(PEOPLE))})]  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    events = [e for n in range(draw(st.integers(4, 40))) for e in draw(versions(n))]
    early = datetime(2018, 1, 1, tzinfo=UTC)
    residence = draw(st.lists(st.builds(
        Residence, person_id=st.sampled_from(PEOPLE), household_id=st.sampled_from(HOMES), start=moments(),
        known_at=moments(), end=maybe(moments()), known_until=maybe(moments())), max_size=3))  # fmt: skip
    residence += [Residence(p, draw(st.sampled_from(HOMES)), early, early) for p in PEOPLE if chance(draw, 85)]
    homes = []
    if chance(draw, 80):
        homes = [Household(h, "home", draw(st.sampled_from(AREAS)), early, early) for h in HOMES]
    if chance(draw, 25):
        homes += draw(st.lists(st.builds(
            Household, household_id=st.sampled_from(HOMES), kind=st.sampled_from(["home", "communal", "protected"]),
            area=st.sampled_from(AREAS), start=moments(), known_at=moments(), end=maybe(moments())),
            max_size=2))  # fmt: skip
    feeds = []
    if chance(draw, 30):
        feeds = draw(st.lists(st.builds(
            lambda s, a, n, r: Feed(s, a, a + timedelta(days=n), a + timedelta(days=n + r)),
            st.sampled_from(SERVICES), moments(), st.sampled_from([30, 300, 600]), st.sampled_from([0, 5])),
            max_size=3))  # fmt: skip
    for service in SERVICES:
        if chance(draw, 80):
            received = TAKEN - timedelta(days=draw(st.sampled_from([0, 900])))
            feeds.append(Feed(service, early, TAKEN + timedelta(days=300), received))
    permission = draw(st.lists(choices(), max_size=3)) if chance(draw, 40) else []
    if chance(draw, 60):
        permission += [Choice(p, "clinic", "*", "consent", "received", early, None, None, early, None) for p in PEOPLE]
    coverage = draw(st.lists(covers(), max_size=3)) if chance(draw, 30) else []
    births = st.sampled_from([date(2008, 2, 29), date(2006, 4, 1), date(1980, 1, 1), date(2024, 3, 31)])
    deaths = st.sampled_from([date(2024, 10, 28), date(2025, 1, 1)])
    people = [
        Person(p, draw(births) if chance(draw, 80) else None, draw(deaths) if chance(draw, 10) else None)
        for p in PEOPLE
        if chance(draw, 90)
    ]
    return Tables(
        tuple(events), tuple(people), tuple(residence), tuple(homes), tuple(permission), tuple(feeds), tuple(coverage)
    )


def covers() -> st.SearchStrategy[Coverage]:
    """Coverage rows, some of them from long ago."""
    begin = st.one_of(moments(), st.just(datetime(2018, 1, 1, tzinfo=UTC)))
    return st.builds(
        Coverage,
        person_id=st.sampled_from(PEOPLE),
        service=st.sampled_from(["school", "clinic"]),
        start=begin,
        known_at=begin,
        end=maybe(moments()),
        known_until=maybe(moments()),
    )


def choices() -> st.SearchStrategy[Choice]:
    return st.builds(
        Choice,
        person_id=st.sampled_from(PEOPLE),
        service=st.sampled_from(["housing", "school", "clinic", "clinic", "*"]),
        purpose=st.sampled_from(["train", "rank", "*"]),
        kind=st.sampled_from(["consent", "consent", "refusal", "objection", "restriction"]),
        status=st.sampled_from(["received", "upheld", "overruled"]),
        start=moments(),
        end=maybe(moments()),
        decided_by=st.sampled_from([None, "data_protection_officer"]),
        known_at=moments(),
        known_until=maybe(moments()),
    )


def windows() -> st.SearchStrategy:
    return st.one_of(
        st.just(since_start),
        st.builds(Period, st.integers(1, 12), st.sampled_from(["days", "weeks", "months", "years"])),
    )


@st.composite
def picks(draw: st.DrawFn) -> tuple:
    """One to three signals, each with or without a condition."""
    names = draw(st.lists(st.sampled_from(SIGNALS), min_size=1, max_size=3, unique=True))
    found = []
    for name in names:
        one = signal(name)
        if chance(draw, 25):
            one = one.where(detail=draw(st.lists(st.sampled_from(["a", "b", "zz"]), min_size=1, unique=True)))
        if chance(draw, 15):
            one = one.where(amount_at_least=draw(st.sampled_from([0, 1, "-3"])))
        if chance(draw, 15):
            one = one.where(amount_below=250)
        found.append(one)
    return tuple(found)


@st.composite
def rules(draw: st.DrawFn):
    word = draw(st.sampled_from([count, any_of]))
    return open_at(*draw(picks())) if chance(draw, 30) else word(*draw(picks()), last=draw(windows()))


@st.composite
def expressions(draw: st.DrawFn, entity: str):
    word = draw(st.sampled_from([
        *PLAIN_WORDS, "latest", "steps", "category", "changed", "detail", "signal", "person", "open_at", "change",
        "change_total", "shared", "members", "children", "age_of_youngest",
    ]))  # fmt: skip
    found, window = draw(picks()), draw(windows())
    if word in PLAIN_WORDS:
        return PLAIN_WORDS[word](*found, last=window)
    if word == "latest":
        return latest(*found, last=window)
    if word == "steps":
        return latest(*found, details=draw(st.permutations(["a", "b", "x"])), last=window)
    if word == "category":
        return category(*found, details=draw(st.permutations(["a", "b", "x"])), last=window)
    if word == "changed":
        return days_since_change(*found, last=window)
    if word in ("detail", "signal", "person"):
        return distinct(*found, of=word, last=window)
    if word in ("change", "change_total"):
        period = draw(st.builds(Period, st.integers(1, 6), st.sampled_from(["days", "weeks", "months"])))
        return change((count if word == "change" else total)(*found, last=period))
    if word == "open_at" or entity == "person":
        return open_at(*found)
    if word == "shared":
        summed = draw(st.sampled_from([count, total]))(found[0], last=window)
        return per_member(summed, age=draw(st.sampled_from([None, (0, 15), (16, 17), (18, 90)])))
    return {"members": members(), "children": children(0, 17), "age_of_youngest": age_of_youngest()}[word]


@st.composite
def questions(draw: st.DrawFn) -> Question:
    entity = draw(st.sampled_from(["household", "household", "person"]))
    cohort = Cohort(
        "Drawn",
        entity=entity,
        with_age=draw(st.sampled_from([(0, 15), (0, 17)])) if chance(draw, 40) else None,
        resident=draw(st.sampled_from([Period(6, "months"), Period(30, "days")])) if chance(draw, 40) else None,
        given=[draw(rules())] if chance(draw, 15) else [],
        unless=[draw(rules())] if chance(draw, 25) else [],
        known_to=[known_to("school", last=Period(12, "months"))] if chance(draw, 15) else [],
    )
    asked = draw(st.lists(expressions(entity), min_size=1, max_size=8))
    definition = Definition(
        "drawn",
        cohort,
        Outcome(
            "Drawn",
            any_of(*draw(picks()), next=draw(st.builds(Period, st.integers(1, 6), st.just("months")))),
            onset=chance(draw, 40),
            ends_with=signal("housing.arrears") if chance(draw, 20) else None,
        ),
        tuple(Feature(f"f{n}", e, "Said: {value}", "Drawn") for n, e in enumerate(asked)),
    )
    own = (Each("school.award", Period(7, "days")), Each("school.award", span=Period(2, "months"), planned=True))
    each = draw(st.sampled_from(own)) if chance(draw, 10) else None
    allowed = SIGNALS if chance(draw, 90) else (*SIGNALS[:2], SIGNALS[3])
    permission = Permission("train", frozenset(allowed), frozenset(["clinic"] if chance(draw, 40) else []),
                            {"housing": 0, "school": 30, "clinic": 3}, {}, {})  # fmt: skip
    dates = tuple(sorted(draw(st.sets(st.sampled_from(DATES), min_size=1, max_size=4))))
    free = Period(draw(st.sampled_from([1, 3, 12])), "months")
    return Question(definition, dates, ZoneInfo(draw(st.sampled_from(ZONES))), TAKEN, permission, each, free)


def check_agree(question: Question, drawn: Tables) -> None:
    with tempfile.TemporaryDirectory() as folder:
        drawn.write(Path(folder))
        reference, engine = Reference(question, drawn), Engine(question, Path(folder))
        lag = engine.reporting_lag_days
        answers = assemble_dates(question, engine.blocks())
    assert lag == reference.reporting_lag_days
    for day, (rows, cannot_tell, cannot_begin) in zip(question.dates, answers, strict=True):
        expected = reference.answer(day)
        for name in MatrixDate.ARRAYS:
            mine, theirs = getattr(rows, name), getattr(expected.rows, name)
            assert mine.dtype == theirs.dtype, name
            np.testing.assert_array_equal(mine, theirs, err_msg=f"{name} at {day}")
        assert (cannot_tell, cannot_begin) == (expected.cannot_tell, expected.cannot_begin)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(questions(), tables())
def test_engine_and_reference_agree_in_every_cell(question: Question, drawn: Tables) -> None:
    check_agree(question, drawn)


@pytest.mark.deep
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(questions(), tables())
def test_engine_and_reference_agree_in_thousands_of_cases(question: Question, drawn: Tables) -> None:
    check_agree(question, drawn)
