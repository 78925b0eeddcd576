"""`sooner build --plan`: rows, bytes and who was seen, before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from features.engines.engine import Engine
from features.engines.question import Question
from features.engines.rows import Coverage, Event, Feed, Person, Residence, Tables
from features.estimate import Estimate, estimate_build
from features.grammar import Cohort, Definition, Feature, Outcome, any_of, count, months, open_at, signal
from features.permission import Permission

LONG_AGO, TAKEN = datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)
DATES = (date(2024, 1, 1), date(2025, 1, 1))


@pytest.fixture
def town() -> Tables:
    """Four people in two homes; the school sees two of them, and its feed begins in 2024."""
    people = ("p1", "p2", "p3", "p4")
    return Tables(
        events=tuple(Event(f"e{n}", p, "school.absence", LONG_AGO, LONG_AGO) for n, p in enumerate(people)),
        people=tuple(Person(p) for p in people),
        residence=tuple(Residence(p, f"h{n // 2}", LONG_AGO, LONG_AGO) for n, p in enumerate(people)),
        feeds=(
            Feed("housing", LONG_AGO, TAKEN, TAKEN),
            Feed("school", datetime(2024, 1, 1, tzinfo=UTC), TAKEN, TAKEN),
        ),
        coverage=(Coverage("p1", "school", LONG_AGO, LONG_AGO), Coverage("p3", "school", LONG_AGO, LONG_AGO)),
    )


@pytest.fixture
def found(town: Tables, tmp_path: Path) -> Callable[[Cohort], Estimate]:
    def run(cohort: Cohort) -> Estimate:
        town.write(tmp_path)
        return estimate_build(question(cohort), tmp_path)

    return run


def question(cohort: Cohort) -> Question:
    absence, arrears = signal("school.absence"), signal("housing.arrears")
    features = (
        Feature("absences", count(absence, last=months(6)), "Said: {value}", "Asked."),
        Feature("arrears", count(arrears, last=months(6)), "Said: {value}", "Asked."),
    )
    definition = Definition("town", cohort, Outcome("A need", any_of(absence, next=months(6))), features)
    permission = Permission("train", frozenset({absence.name, arrears.name}), frozenset(), {}, {}, {})
    return Question(definition, DATES, ZoneInfo("Europe/London"), TAKEN, permission)


def test_rows_and_people_are_counted_at_each_date(found: Callable[[Cohort], Estimate]) -> None:
    one = found(Cohort("Everybody", entity="household"))
    assert one.rows == {"2024-01-01": 2, "2025-01-01": 2}
    assert one.people == {"2024-01-01": 4, "2025-01-01": 4}
    assert (one.columns, one.events) == (2, 4)
    assert one.document()["rows_at_most"] == 4


def test_bytes_are_those_of_the_arrays(found: Callable[[Cohort], Estimate], tmp_path: Path) -> None:
    cohort = Cohort("Everybody", entity="household")
    one = found(cohort)
    blocks = list(Engine(question(cohort), tmp_path).blocks())
    names = [name for name in vars(blocks[0]) if name not in ("date_index", "cannot_tell", "cannot_begin")]
    assert one.bytes == sum(getattr(block, name).nbytes for block in blocks for name in names)


def test_the_share_seen_is_by_service_and_date(found: Callable[[Cohort], Estimate]) -> None:
    one = found(Cohort("Everybody", entity="household"))
    assert one.seen["housing"] == {"2024-01-01": 1.0, "2025-01-01": 1.0}
    assert one.seen["school"] == {"2024-01-01": 0.0, "2025-01-01": 0.5}
    assert "school: 0%, 50%" in one.text()


def test_rules_about_events_make_rows_an_upper_bound(found: Callable[[Cohort], Estimate]) -> None:
    rule = Cohort("Nobody", entity="household", unless=[open_at(signal("school.absence"))])
    assert found(rule).total_rows == 4
