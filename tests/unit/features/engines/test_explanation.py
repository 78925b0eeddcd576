"""`explain` prints every record behind a value, and for each that was not used the rule that kept it out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from charter.errors import DataError, DefinitionError
from features.engines.explanation import explain_value
from features.engines.question import Question
from features.engines.rows import Coverage, Event, Feed, Residence, Tables
from features.grammar import Cohort, Definition, Feature, Outcome, any_of, count, members, months, open_at, signal
from features.permission import Choice, Permission

LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AS_OF = date(2024, 7, 1)
absence, plan = signal("school.absence"), signal("care.plan")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def event(name: str, valid: str, known: str = "", person: str = "ada", **more) -> Event:
    kind = more.pop("signal", "school.absence")
    return Event(name, person, kind, at(valid), at(known or valid), **more)


TABLES = Tables(
    events=(
        event("used", "2024-05-01", detail="unauthorised"),
        event("detail", "2024-05-01", detail="ill"),
        event("early", "2023-05-01", detail="unauthorised"),
        event("late", "2024-08-01", detail="unauthorised"),
        event("unknown", "2024-05-01", "2024-07-02", detail="unauthorised"),
        event("corrected", "2024-05-01", known_until=at("2024-06-01"), detail="unauthorised"),
        event("objected", "2024-05-01", person="ben", detail="unauthorised"),
        event("elsewhere", "2024-05-01", person="cat", detail="unauthorised"),
        event("open", "2024-05-01", signal="care.plan"),
        event("ended", "2024-05-01", signal="care.plan", end_at=at("2024-06-01")),
        event("stranger", "2024-05-01", person="dan", detail="unauthorised"),
    ),
    residence=tuple(
        Residence(p, "home" if p != "dan" else "other", LONG_AGO, LONG_AGO) for p in ("ada", "ben", "cat", "dan")
    ),
    permission=(Choice("ben", "school", "train", "objection", "received", LONG_AGO, None, None, LONG_AGO, None),),
    feeds=tuple(Feed(s, LONG_AGO, at("2030-01-01"), at("2030-01-01")) for s in ("school", "care")),
    coverage=tuple(Coverage(p, "school", LONG_AGO, LONG_AGO) for p in ("ada", "ben")),
)
FEATURES = (
    Feature("absences", count(absence.where(detail="unauthorised"), last=months(6)), "{value}", "Because."),
    Feature("plans", open_at(plan), "{value}", "Because."),
    Feature("people", members(), "{value}", "Because."),
)
DEFINITION = Definition("one", Cohort("All"), Outcome("A need", any_of(plan, next=months(6))), FEATURES)


def question(allowed: frozenset[str] = frozenset({"school.absence", "care.plan"})) -> Question:
    permission = Permission("train", allowed, frozenset(), {}, {}, {})
    return Question(DEFINITION, (AS_OF,), ZoneInfo("Europe/London"), at("2026-01-01"), permission)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    TABLES.write(tmp_path)
    return tmp_path


def test_every_record_is_used_or_says_why_not(tables: Path) -> None:
    found = explain_value(question(), tables, "home", "absences")
    assert found.value == 1
    assert found.members == ("ada", "ben", "cat")
    assert found.seen == {"school": 1}
    why = {line.event.event_id: line.why.split(":")[0] for line in found.lines}
    assert why == {
        "used": "used",
        "detail": "not asked for",
        "early": "too early",
        "late": "too late",
        "unknown": "not yet known at the as-of date",
        "corrected": "corrected since",
        "objected": "not permitted",
        "elsewhere": "not seen",
    }
    assert found.lines[0].used
    assert found.document()["rows"][0]["event_id"] == "used"


def test_what_is_no_longer_open_says_so(tables: Path) -> None:
    found = explain_value(question(), tables, "home", "plans")
    assert {line.event.event_id: line.why.split(":")[0] for line in found.lines} == {"open": "used", "ended": "ended"}


def test_what_the_charter_does_not_allow_says_so(tables: Path) -> None:
    found = explain_value(question(frozenset({"care.plan"})), tables, "home", "absences")
    assert {line.why for line in found.lines} == {"not permitted: the charter or the register does not allow it"}


def test_who_lives_together_reads_no_records(tables: Path) -> None:
    found = explain_value(question(), tables, "home", "people")
    assert (found.value, found.lines, found.seen) == (3, (), {})


def test_no_fact_is_stated_of_a_person_whom_nobody_knows(tables: Path) -> None:
    people = Definition("one", Cohort("All", entity="person"), DEFINITION.outcome, FEATURES[:1])
    asked = replace(question(), definition=people)
    assert explain_value(asked, tables, "ada", "absences").value == 1
    with pytest.raises(DataError, match=r"the snapshot knows no person nobody .* issued.csv beside a list has them"):
        explain_value(asked, tables, "nobody", "absences")


def test_an_unknown_feature_or_household_says_what_there_is(tables: Path) -> None:
    with pytest.raises(DefinitionError, match="no feature 'pets'") as raised:
        explain_value(question(), tables, "home", "pets")
    assert "absences, plans, people" in raised.value.next_step
    with pytest.raises(DataError, match="the snapshot knows no household nowhere"):
        explain_value(question(), tables, "nowhere", "absences")


def test_whoever_has_no_row_at_that_date_is_not_explained(tables: Path) -> None:
    out = Definition("one", Cohort("All", unless=[open_at(plan)]), DEFINITION.outcome, FEATURES)
    with pytest.raises(DataError, match="home is not in the cohort of one at 2024-07-01: no matrix has a row of it"):
        explain_value(replace(question(), definition=out), tables, "home", "absences")
    # Of this rule nothing can be known: its service began only after the date.
    young = Feed("care", at("2024-06-30"), at("2030-01-01"), at("2030-01-01"))
    told = replace(
        TABLES, feeds=(TABLES.feeds[0], young), events=tuple(e for e in TABLES.events if e.signal != plan.name)
    )
    told.write(tables)
    unsure = Definition("one", Cohort("All", given=[any_of(plan, last=months(6))]), DEFINITION.outcome, FEATURES)
    with pytest.raises(DataError, match="home may be in the cohort or not, nobody can tell"):
        explain_value(replace(question(), definition=unsure), tables, "home", "absences")
