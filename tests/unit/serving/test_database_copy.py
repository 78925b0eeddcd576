"""A copy of the casework database: one moment of it while others write, out of either kind and into either kind."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.pool import NullPool

from charter.council.sign_in import SessionRules
from charter.errors import DataError
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.session import Sessions
from serving.store.connection import migrate_database, open_engine
from serving.store.database_copy import copy_database, fill_database, read_chain_ends, require_empty
from serving.store.store import DecisionDraft, Store
from serving.store.tables import metadata
from serving.verification import verify_logs
from sooner.backups.restoring import restore_backup
from sooner.backups.taking import take_backup
from tests.unit.serving.conftest import AS_OF, World, postgres
from tests.unit.serving.test_store import KEY, issue

WORKER = Identity("worker-1", "lead_practitioner", frozenset({"north"}))


def read_rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = {
            name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for name, table in metadata.tables.items()
        }
    engine.dispose()
    return rows


def fill(url: str, *, rows: int = 8) -> Store:
    engine = open_engine(url)
    migrate_database(engine)
    store = Store(engine, chain="test", key=KEY)
    referrals = issue(store, rows)
    for referral in referrals[: rows // 2]:
        store.decide(WORKER, referral.id, DecisionDraft("deferred", "capacity", 1, note="rings ² after six \u2028"))
    return store


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give another empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'other.db'}"
        return
    server, schema = postgres(), f"sooner_{uuid.uuid4().hex[:12]}"
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield f"{server}?options=-csearch_path%3D{schema}"
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


def test_every_row_goes_out_of_either_kind_and_into_either_kind(url: str, empty: str, tmp_path: Path) -> None:
    store = fill(url)
    before = read_rows(url)
    assert len(before["decisions"]) == 4
    copy_database(url, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    require_empty(empty)
    fill_database(tmp_path / "copy.db", empty)
    assert read_rows(empty) == before
    # Rows that number themselves go on after the last.
    again = Store(open_engine(empty), chain="test", key=KEY)
    again.decide(WORKER, "r7", DecisionDraft("deferred", "capacity", 1))
    assert len(again.decisions()) == 5
    assert again.verify_log()
    with pytest.raises(DataError, match="not empty"):
        require_empty(empty)
    with pytest.raises(DataError, match="not empty"):
        fill_database(tmp_path / "copy.db", empty)
    again.close()
    store.close()


def test_moving_to_postgresql_by_the_verbs_brings_every_list_and_decision_and_the_log_stays_whole(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/how-to/keep-backups.md says it: a backup of the database, and its restore into an empty one."""
    server, schema = postgres(), f"sooner_{uuid.uuid4().hex[:12]}"
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=False)
    for case in desk.store.referrals("early_help", "north-2026-09-28")[:3]:
        desk.store.decide(WORKER, case.id, DecisionDraft("deferred", "capacity", 1, note="rings after six"))
    desk.close()
    before = read_rows(f"sqlite:///{world.workspace.casework}")
    assert (len(before["lists"]), len(before["decisions"])) == (4, 3)
    backup, _ = take_backup(world.invocation, tmp_path / "backups", ("database",))
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        url = f"{server}?options=-csearch_path%3D{schema}"
        monkeypatch.setenv("SOONER_DATABASE", url)
        restore_backup(world.invocation, backup, "moving to PostgreSQL", ("database",))
        after = read_rows(url)
        for table in ("lists", "referrals", "members", "decisions", "anchors"):
            assert set(before[table]) <= set(after[table]), table
        assert set(before["audit"]) <= set(after["audit"])
        assert "moving to PostgreSQL" in verify_logs(world.invocation).notes[0]
        desk = Desk.open(world.invocation, demo=False)
        assert [decision.note for decision in desk.store.decisions()] == ["rings after six"] * 3
        desk.close()
    finally:
        with create_engine(server, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


def test_a_copy_lets_nobody_back_in(url: str, empty: str, tmp_path: Path) -> None:
    """It may be from before a session, an invitation or an emergency was ended. Seen to fail without each statement."""
    store, soon = fill(url), datetime.now(UTC) + timedelta(hours=1)
    sessions = Sessions(KEY, store.sessions(KEY), rules=SessionRules)
    token = sessions.begin(WORKER)
    _, invited = store.invitations(KEY).make(WORKER, "board", frozenset(), soon)
    _, code = store.emergencies(KEY).open(WORKER, "The provider is down.", soon)
    copy_database(url, tmp_path / "copy.db")
    store.close()
    fill_database(tmp_path / "copy.db", empty)
    restored = Store(open_engine(empty), chain="restored", key=KEY)
    assert Sessions(KEY, restored.sessions(KEY), rules=SessionRules).read(token) is None
    assert restored.invitations(KEY).take_up(invited, "other", "g-1") is None
    assert restored.emergencies(KEY).use(code) is None
    restored.close()


def test_every_table_of_the_database_is_copied(url: str) -> None:
    engine = open_engine(url)
    migrate_database(engine)
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


def test_a_copy_is_of_one_moment_while_others_write(url: str, tmp_path: Path) -> None:
    store = fill(url, rows=2)
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.log(WORKER, "referral.viewed", subject="r0", purpose="display")
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(20)
        for number in range(3):
            copy_database(url, tmp_path / f"copy{number}.db")
    finally:
        stop.set()
        writer.join()
    ends = []
    for number in range(3):
        copy = Store(open_engine(f"sqlite:///{tmp_path / f'copy{number}.db'}"), chain="other", key=KEY)
        assert copy.verify_log()
        copy.close()
        ends.append(sum(read_chain_ends(tmp_path / f"copy{number}.db").values()))
    assert ends == sorted(ends)
    assert ends[0] >= 3
    store.close()


def test_a_database_that_is_not_there_or_is_none_of_ours_is_no_copy(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "copy.db")):
        pass
    with pytest.raises(DataError, match="can't be copied"):
        fill_database(tmp_path / "copy.db", "postgresql+psycopg://127.0.0.1:1/none")


def test_an_empty_database_is_left_out(tmp_path: Path) -> None:
    server = postgres()
    schema = f"sooner_{uuid.uuid4().hex[:12]}"
    with pytest.raises(DataError, match="is empty"):
        copy_database(f"{server}?options=-csearch_path%3D{schema}", tmp_path / "copy.db")
