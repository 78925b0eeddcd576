"""A case goes when the council's years after its last act are over: every row, and every byte of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, MetaData, insert, select
from sqlalchemy.exc import DatabaseError

from serving.identity import Identity
from serving.ranking.sealed_record import digest_record
from serving.store.case_ends import CasePromise
from serving.store.connection import begin_writing, migrate_database, open_engine
from serving.store.store import DecisionDraft, IssuedList, Referral, Store, write_moment
from serving.store.tables import agreements, decisions, papers, referrals

WORKER = Identity("worker-1", "lead_practitioner", frozenset({"north"}))
LONDON = ZoneInfo("Europe/London")


def issue(store: Store, year: int) -> None:
    """File a list of two households of a year: of people P<year> and Q<year>."""
    ends = write_moment(datetime(year, 2, 1, tzinfo=UTC))
    header = IssuedList("early_help", f"north-{year}", "north", f"{year}-01-04", ends, ends, 8, 9, {}, "s", "m", "b")
    record = f"record of {year}".encode()
    rows = [
        (
            Referral(f"{who}{year}", "early_help", header.id, "north", f"home-{who}{year}", rank, 1.5, "a", "ranked",
                     "s", "m", "b", record, digest_record(record)),
            [f"person-{who}{year}"],
        )
        for rank, who in enumerate("pq", start=1)
    ]  # fmt: skip
    store.issue([(header, rows)], actor="sooner")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = open_engine(url)
    migrate_database(made)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    """Of 2018, 2020 and 2024; a family of 2018 agreed to something until 2023."""
    made = Store(engine, key=b"k" * 32)
    for year in (2018, 2020, 2024):
        issue(made, year)
    made.papers(b"s" * 32).keep("draft", "worker-1", "p2020", {"note": "typed"}, referral="p2020")
    later = {"referral": "q2018", "kind": "agreed", "shared": "[]", "recipient": "x", "until": "2023-05-01",
             "actor": "worker-1", "role": "lead_practitioner", "at": "2018-01-20T09:00:00.000000+00:00"}  # fmt: skip
    with begin_writing(engine) as connection:
        connection.execute(insert(agreements), later)
    return made


def promise(day: str, *, years: int = 6, **besides: object) -> CasePromise:
    return CasePromise(years, datetime.fromisoformat(day).replace(tzinfo=LONDON), **besides)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("day", "cases", "lists"),
    [
        ("2024-01-31 23:59", (), ()),
        ("2024-02-01", ("p2018",), ()),
        ("2026-02-01", ("p2018", "p2020", "q2020"), ("north-2020",)),
        ("2029-05-01", ("p2018", "p2020", "q2018", "q2020"), ("north-2018", "north-2020")),
    ],
)
def test_a_case_is_over_with_the_last_thing_in_it(store: Store, day: str, cases: tuple[str, ...], lists) -> None:
    ended = store.find_ended(promise(day))
    assert (ended.referrals, tuple(name for _, name in ended.lists)) == (cases, lists)


def test_what_a_hold_names_stays(store: Store) -> None:
    assert store.find_ended(promise("2026-02-01", held=frozenset({"person-p2020"}))).referrals == ("p2018", "q2020")
    assert not store.find_ended(promise("2026-02-01", holds_all=True)).referrals


def test_the_29th_of_february_ends_on_the_28th() -> None:
    assert promise("2023-02-28", years=7).is_past("2016-02-29T00:00:00+00:00")
    assert not promise("2023-02-27", years=7).is_past("2016-02-29T00:00:00+00:00")


def test_all_of_a_case_goes_and_the_log_says_so(store: Store, engine: Engine) -> None:
    """Of a case that is old; what was decided just now is none, until the last year of all."""
    store.decide(WORKER, "p2024", DecisionDraft("taken_up", "need_confirmed", 1, note="stays"))
    store.decide(WORKER, "q2024", DecisionDraft("deferred", "capacity", 1, note="goes"))
    ended = store.end_cases(promise("2026-02-01"))
    assert ended.referrals == ("p2018", "p2020", "q2020")
    tables = MetaData()
    tables.reflect(engine)
    looked_at = 0
    with engine.connect() as connection:
        for table in tables.tables.values():
            looked_at += 1
            if table.name != "audit":
                assert "2020" not in repr(connection.execute(select(table)).all()), table.name
        assert connection.execute(select(papers)).all() == []
    assert looked_at > 15
    assert store.find_faults(store.entries()) == []
    assert store.verify_log()
    with pytest.raises(DatabaseError, match="only be added"), begin_writing(engine) as connection:
        connection.execute(decisions.delete())
    store.end_cases(promise("2200-01-01"))
    assert store.list_ids() == frozenset()
    assert store.find_faults(store.entries()) == []


def test_no_byte_of_it_is_left_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "casework.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate_database(engine)
    store = Store(engine)
    for year in range(2018, 2026):
        issue(store, year)
    store.end_cases(promise("2026-02-01"))
    engine.dispose()
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"home-p2024" in everything
    assert b"person-q2024" in everything
    for trace in (b"home-p2019", b"person-q2019", b"record of 2019"):
        assert trace not in everything


def test_a_row_that_was_removed_without_an_entry_is_still_a_fault(store: Store, engine: Engine) -> None:
    with begin_writing(engine) as connection:
        connection.exec_driver_sql("delete from members where referral = 'p2020'")
        connection.execute(referrals.delete().where(referrals.c.id == "p2020"))
    assert store.find_faults(store.entries()) == ["the referral p2020 was removed"]
