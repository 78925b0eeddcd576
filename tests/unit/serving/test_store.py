"""The store: nothing lost, nothing doubled, conflicts told, and a database that refuses what must not be."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from charter.errors import DataError, UsageError
from charter.vault.key import Key
from serving.identity import Identity
from serving.ranking.sealed_record import digest_record
from serving.store.connection import begin_writing, migrate_database, open_engine
from serving.store.place import find_database_url, is_begun, read_chain_heads
from serving.store.store import ConflictError, DecisionDraft, IssuedList, Referral, Store, open_store, write_moment
from serving.store.tables import audit, decisions, lists, metadata, referrals
from tests.unit.serving.conftest import ROOT, World

WORKER = Identity("worker-1", "lead_practitioner", frozenset({"north"}))
KEY = b"k" * 32


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = open_engine(url)
    migrate_database(made)
    yield made
    made.dispose()


def issue(store: Store, number: int = 1) -> list[Referral]:
    header = IssuedList(
        "early_help",
        "north-2026-09-28",
        "north",
        "2026-09-28",
        write_moment(),
        write_moment(),
        8,
        100,
        {},
        "s",
        "m",
        "b",
    )
    rows = [
        Referral(f"r{n}", "early_help", header.id, "north", f"e{n}", n + 1, 1.5, "a", "ranked", "s", "m", "b",
                 b"{}", digest_record(b"{}"))
        for n in range(number)
    ]  # fmt: skip
    store.issue([(header, [(row, [f"p{row.id}", "shared"]) for row in rows])], actor="sooner")
    return rows


def test_a_decision_moves_the_referral_on(engine: Engine) -> None:
    store = Store(engine)
    issue(store)
    decision = store.decide(WORKER, "r0", DecisionDraft("taken_up", "need_confirmed", 1, note="x"))
    stored = store.referral("r0")
    assert stored is not None
    assert (stored.status, stored.version) == ("taken_up", 2)
    assert store.decisions("r0") == [decision]
    assert decision.offered_at == decision.decided_at


def test_the_columns_of_referrals_are_the_fields_in_their_order() -> None:
    """Rows become referrals by position."""
    assert tuple(referrals.c.keys()) == tuple(Referral.__dataclass_fields__)


def test_a_decision_on_an_old_version_is_a_conflict(engine: Engine) -> None:
    store = Store(engine)
    issue(store)
    store.decide(WORKER, "r0", DecisionDraft("deferred", "capacity", 1))
    with pytest.raises(ConflictError, match="Somebody else"):
        store.decide(WORKER, "r0", DecisionDraft("set_aside", "capacity", 1))
    with pytest.raises(UsageError, match="no such referral"):
        store.decide(WORKER, "nobody", DecisionDraft("deferred", "capacity", 1))
    with pytest.raises(UsageError, match="no decision"):
        store.decide(WORKER, "r0", DecisionDraft("closed", "capacity", 2))
    assert len(store.decisions("r0")) == 1


def test_the_same_key_files_one_decision_and_another_use_of_it_is_refused(engine: Engine) -> None:
    store = Store(engine)
    issue(store, 2)
    first = store.decide(WORKER, "r0", DecisionDraft("deferred", "capacity", 1), key="once")
    assert store.decide(WORKER, "r0", DecisionDraft("deferred", "capacity", 1), key="once") == first
    with pytest.raises(UsageError, match="idempotency key"):
        store.decide(WORKER, "r1", DecisionDraft("deferred", "capacity", 1), key="once")
    assert len(store.decisions()) == 1


def test_the_database_itself_admits_no_decision_of_the_system(engine: Engine) -> None:
    issue(Store(engine))
    row = {"referral": "r0", "version": 1, "disposition": "set_aside", "reason": "capacity", "note": "",
           "own_view": "", "reference": "", "role": "system", "decided_at": write_moment(), "key": "k"}  # fmt: skip
    for actor, kind in (("sooner", "system"), ("", "person")):
        with pytest.raises(IntegrityError), begin_writing(engine) as connection:
            connection.execute(insert(decisions), {**row, "actor": actor, "actor_kind": kind})
    with pytest.raises(IntegrityError), begin_writing(engine) as connection:
        connection.execute(insert(decisions), {**row, "actor": "a", "actor_kind": "person", "disposition": "close"})
    assert not Store(engine).decisions()


@pytest.mark.parametrize("table", [audit, decisions])
def test_rows_of_the_log_and_decisions_can_only_be_added(engine: Engine, table) -> None:  # a table
    store = Store(engine)
    issue(store)
    store.decide(WORKER, "r0", DecisionDraft("deferred", "capacity", 1))
    with pytest.raises(DatabaseError, match="only be added"), begin_writing(engine) as connection:
        connection.execute(update(table).values(actor="somebody else"))
    with pytest.raises(DatabaseError, match="only be added"), begin_writing(engine) as connection:
        connection.execute(delete(table))


def test_an_act_that_fails_leaves_no_entry_and_no_gap_in_the_log(engine: Engine) -> None:
    store = Store(engine, key=KEY)
    issue(store)
    store.decide(WORKER, "r0", DecisionDraft("deferred", "capacity", 1))
    for _ in range(3):
        with pytest.raises(ConflictError):
            store.decide(WORKER, "r0", DecisionDraft("deferred", "capacity", 1))
    store.decide(WORKER, "r0", DecisionDraft("taken_up", "need_confirmed", 2))
    assert sum(store.verify_log().values()) == 3
    assert [entry.action for entry in store.entries()] == ["list.issued", "referral.decided", "referral.decided"]


def test_entries_changed_behind_the_triggers_are_found(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'c.db'}")
    migrate_database(engine)
    store = Store(engine, key=KEY)
    issue(store)
    for _ in range(3):
        store.log(WORKER, "referral.viewed", subject="r0")
    with begin_writing(engine) as connection:
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        connection.execute(text("DELETE FROM audit WHERE number = 4"))
    assert sum(store.verify_log().values()) == 3
    store.close()
    with pytest.raises(DataError, match="entry 4"):
        Store(open_engine(f"sqlite:///{tmp_path / 'c.db'}"), key=KEY).verify_log()


def test_twenty_reviewers_at_once_lose_and_double_nothing(engine: Engine, url: str) -> None:
    """Two stores stand for two workers; every decision made is there once, and every other was told a conflict."""
    stores = [Store(engine, chain="a"), Store(open_engine(url), chain="b")]
    rows = issue(stores[0], 10)
    made: list[str] = []
    told = 0
    guard = threading.Lock()

    def review(reviewer: int) -> None:
        nonlocal told
        identity = Identity(f"worker-{reviewer}", "lead_practitioner", frozenset({"north"}))
        for row in rows:
            store = stores[reviewer % 2]
            seen = store.referral(row.id)
            assert seen is not None
            key = f"{reviewer}-{row.id}"
            try:
                for _ in range(2):  # a client that sends again because it heard no answer
                    store.decide(identity, row.id, DecisionDraft("deferred", "c", seen.version), key=key)
                with guard:
                    made.append(key)
            except ConflictError:
                with guard:
                    told += 1

    threads = [threading.Thread(target=review, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = stores[0].decisions()
    assert len(made) + told == 200
    assert sorted(f"{one.actor.removeprefix('worker-')}-{one.referral}" for one in stored) == sorted(made)
    for row in rows:
        versions = [one.version for one in stored if one.referral == row.id]
        assert versions == list(range(1, len(versions) + 1))
    assert sum(stores[0].verify_log().values()) == 1 + len(made)
    stores[1].close()


def test_people_who_object_are_taken_off_at_once_and_their_record_stays(engine: Engine) -> None:
    store = Store(engine)
    issue(store, 3)
    assert store.remove(["pr1"], "objection", actor="sooner") == 1
    assert [row.removed for row in store.referrals("early_help", "north-2026-09-28")] == ["", "objection", ""]
    assert store.remove(["pr1"], "objection", actor="sooner") == 0
    with pytest.raises(ConflictError):
        store.decide(WORKER, "r1", DecisionDraft("taken_up", "x", 2))
    assert store.remove(["shared"], "objection", actor="sooner") == 2
    assert store.remove([], "objection", actor="sooner") == 0


def test_migrating_twice_changes_nothing_and_makes_what_the_code_expects(engine: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    migrate_database(engine)
    with begin_writing(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_worker_on_a_database_of_the_newest_form_loads_no_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.db'}"
    migrate_database(open_engine(url))
    code = (
        "from serving.store.connection import migrate_database, open_engine; import sys;"
        f"migrate_database(open_engine({url!r}));"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_database_of_a_newer_sooner_is_refused(engine: Engine) -> None:
    with begin_writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataError, match="newer Sooner"):
        migrate_database(engine)


def test_a_database_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    assert find_database_url(world.workspace).startswith("sqlite:///")
    monkeypatch.setenv("SOONER_DATABASE", "mysql://host/name")
    with pytest.raises(UsageError, match="mysql"):
        open_engine(find_database_url(world.workspace))
    with pytest.raises(UsageError, match="not a database URL"):
        open_engine("nonsense")
    with pytest.raises(DataError, match="can't be opened"):
        migrate_database(open_engine("postgresql://127.0.0.1:1/nothing"))


def test_a_killed_transaction_leaves_no_half_list(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'c.db'}")
    migrate_database(engine)
    store = Store(engine)
    header = IssuedList(
        "early_help", "x", "north", "2026-09-28", write_moment(), write_moment(), 1, 1, {}, "s", "m", "b"
    )
    bad = Referral("r", "early_help", "x", "north", "e", 1, 1.0, "a", "no such arm", "s", "m", "b", b"", "d")
    with pytest.raises(IntegrityError):
        store.issue([(header, [(bad, [])])], actor="sooner")
    assert store.lists("early_help") == []
    assert store.entries() == []
    with begin_writing(engine) as connection:
        assert connection.execute(lists.select()).all() == []


def test_the_log_key_is_derived_and_not_the_master(world: World) -> None:
    key = Key.load(world.invocation.council, world.workspace)
    assert key.derive("audit log") != key.master
    assert key.derive("audit log") != key.derive("sessions")


def test_the_log_s_heads_are_the_same_however_they_are_read(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOONER_DATABASE", url)
    heads = []
    with open_store(world.workspace, chain="worker", key=b"k" * 32) as store:
        for subject in ("a", "b", "b"):
            store.log(WORKER, "case.opened", subject=subject, purpose="rank")
            heads.append(dict(read_chain_heads(world.workspace)))
            newest = {entry.chain: entry.digest for entry in sorted(store.entries(), key=lambda one: one.number)}
            assert heads[-1] == newest
    assert len({tuple(sorted(head.items())) for head in heads}) == 3


def test_a_database_without_tables_has_no_heads(world: World) -> None:
    assert read_chain_heads(world.workspace) == {}
    world.workspace.casework.touch()
    assert read_chain_heads(world.workspace) == {}
    world.workspace.casework.write_bytes(b"no database at all, and longer than a header of one is" * 3)
    with pytest.raises(DataError, match="cannot be read"):
        read_chain_heads(world.workspace)


def test_a_file_elsewhere_is_begun_once_it_is_there(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever asks first whether there is casework would pass it over: erasures, ends of cases, backups."""
    monkeypatch.setenv("SOONER_DATABASE", f"sqlite:///{tmp_path / 'elsewhere.db'}?timeout=20")
    assert not is_begun(world.workspace)
    (tmp_path / "elsewhere.db").touch()
    assert is_begun(world.workspace)
