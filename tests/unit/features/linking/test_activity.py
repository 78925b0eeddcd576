"""Uncertain links that nothing confirms for 24 months drop out: on records small enough to read."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from features.linking.activity import find_active_spans
from features.linking.linked_people import LinkedPeople
from features.linking.service_records import ServiceRecords

DAY = "%Y-%m-%d"


def day(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@pytest.fixture
def database() -> duckdb.DuckDBPyConnection:
    """One person of a school's and a landlord's reference, the landlord's by an uncertain link."""
    connection = duckdb.connect()
    connection.execute("create table links (ref varchar, person_id varchar, certain boolean)")
    connection.execute("insert into links values ('school', 'p', true), ('rent', 'p', false)")
    connection.execute("create table person_of as select ref, person_id from links")
    connection.execute(
        "create table events (ref varchar, signal varchar, valid_at timestamp, end_at timestamp, known_at timestamp, "
        "known_until timestamp)"
    )
    for name in ("addresses", "coverage"):
        connection.execute(
            f'create table {name} (ref varchar, start timestamp, "end" timestamp, known_at timestamp, '
            "known_until timestamp)"
        )
    return connection


def spans(database: duckdb.DuckDBPyConnection, ref: str) -> list[tuple[str, str | None]]:
    tables = {name: database.table(name) for name in ("events", "addresses", "coverage")}
    empty = database.sql("select null as ref where false")
    records = ServiceRecords(**tables, permission=empty, protected=empty, places=empty, feeds=empty, canonical={})
    everybody = database.table("person_of")
    people = LinkedPeople(every=everybody, used=everybody, links=database.table("links"))
    active = find_active_spans(database, records, people, 24)
    rows = active.filter(f"ref = '{ref}'").order("since").select("since, until").fetchall()
    return [(since.strftime(DAY), until.strftime(DAY) if until else None) for since, until in rows]


def event(database: duckdb.DuckDBPyConnection, ref: str, valid: str, *, end: str | None = None, signal: str = "x.y"):
    database.execute(
        "insert into events values (?, ?, ?, ?, ?, null)", [ref, signal, day(valid), day(end), day(end or valid)]
    )


def test_a_silent_reference_s_link_ends_two_years_after_it_was_last_heard_of(database) -> None:
    event(database, "rent", "2020-01-10")
    event(database, "rent", "2021-03-10")
    assert spans(database, "rent") == [("2020-01-10", "2023-03-10")]


def test_heard_of_again_it_begins_again(database) -> None:
    for valid in ("2021-03-10", "2024-05-01"):
        event(database, "rent", valid)
    assert spans(database, "rent") == [("2021-03-10", "2023-03-10"), ("2024-05-01", "2026-05-01")]


def test_an_open_tenancy_is_not_silence_and_one_that_ended_is(database) -> None:
    event(database, "rent", "2021-03-10")
    claim = [day("2020-01-01"), None, day("2020-01-01"), day("2024-06-01")]
    database.execute("insert into addresses values ('rent', ?, ?, ?, ?)", claim)
    assert spans(database, "rent") == [("2020-01-01", "2026-06-01")]
    database.execute("update addresses set known_until = null")
    assert spans(database, "rent") == [("2020-01-01", None)]


def test_an_open_episode_is_not_silence(database) -> None:
    event(database, "school", "2019-01-01", end="2019-06-01", signal="any.plan")
    event(database, "rent", "2020-01-01", signal="any.plan")
    assert spans(database, "rent") == [("2020-01-01", None)]


def test_a_certain_link_lasts_as_long_as_its_records(database) -> None:
    event(database, "school", "2015-01-01")
    assert [until for _, until in spans(database, "school")] == [None]
