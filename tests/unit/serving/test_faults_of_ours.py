"""Each fault of the service: the page says whose it is and what was saved, the probe names it, and it passes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from charter.contracts.workspace import Workspace
from charter.vault.anchors import Anchors
from charter.vault.key import Key
from charter.vault.log import FileLog
from charter.vault.vault import NamedPerson, Vault
from serving.access.provider import UnreachableProviderError
from serving.desk import Desk
from serving.faults import FAULTS, find_fault, list_faults, load_right_key
from serving.ranking.worklist import rank_households
from serving.store.connection import open_engine
from serving.store.saving import SAVING, GivenUpError, Saving
from serving.web import guard
from tests.unit.serving.client import Client, signed_in
from tests.unit.serving.conftest import AS_OF, World, log_key, make_world, postgres
from tests.unit.serving.forwarding import Forwarder

LEAD = "demo-north-lead_practitioner"
OURS = "The fault is the service’s, not yours."


@dataclass
class Desked:
    """A desk on lists that were issued, somebody signed in, and a form of theirs that is not sent yet."""

    world: World
    desk: Desk
    client: Client
    form: dict[str, str]
    case: str
    bearer: dict[str, str]

    def decide(self) -> str:
        """Send the form; return the page, which says that it was no success."""
        answer = self.client.post(f"/cases/{self.case}/decision", self.form)
        assert answer.status_code in (503, 504), answer.text
        assert OURS in answer.text
        return answer.text

    def call(self) -> dict[str, object]:
        """Ask the API; return the problem."""
        answer = self.client.send("GET", "/v1/worklists/north", headers=self.bearer)
        assert answer.status_code == 503, answer.text
        assert "not the caller's" in answer.json()["detail"]
        return dict(answer.json())

    def decisions(self) -> int:
        return len(self.desk.store.decisions(self.case))


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desked]]:
    """Give what begins a desk, with a database of its own or at a URL, in a folder of its own or another."""
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    desks: list[Desk] = []

    def begin(folder: Path = tmp_path / "world", database: str = "") -> Desked:
        if database:
            monkeypatch.setenv("SOONER_DATABASE", database)
        world = make_world(folder)
        key = Key.load(world.invocation.council, world.workspace)
        Vault.open(world.workspace.vault, key).replace({"p1": NamedPerson("Made Up", None, "1 Nowhere", "")})
        rank_households(world.invocation, world.matrix, AS_OF)
        Anchors.of(world.workspace, log_key(world)).add({}, ["vault", "bundle/early_help/x"])
        desk = Desk.open(world.invocation, demo=True)
        desks.append(desk)
        assert list_faults(desk) == ()
        client = signed_in(desk, LEAD)
        case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
        fields = client.form_of(f"/cases/{case}/decide/set_aside", f"/cases/{case}/decision")
        form = {**fields, "reason": "set_aside:no_need_found"}
        return Desked(world, desk, client, form, case, client.token(LEAD))

    yield begin
    for desk in desks:
        desk.store._engine.dispose()


@pytest.fixture
def forwarder() -> Iterator[Forwarder]:
    """Give a way to the PostgreSQL server that can be cut."""
    forwarder = Forwarder(make_url(postgres()).port or 5432)
    yield forwarder
    forwarder.cut()
    time.sleep(0.2)


def through(forwarder: Forwarder) -> str:
    """Return the URL of a schema of its own on the test server, reached through the forwarder."""
    server, schema = postgres(), f"sooner_{os.urandom(6).hex()}"
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    where = make_url(server).set(host="127.0.0.1", port=forwarder.port)
    return f"{where.render_as_string(hide_password=False)}?options=-csearch_path%3D{schema}"


def test_a_database_that_is_down_is_said_and_lists_are_stopped_all_the_same(
    begin: Callable[..., Desked], forwarder: Forwarder
) -> None:
    served = begin(database=through(forwarder))
    board = signed_in(served.desk, "demo-data_protection_officer")
    stop = board.form_of("/board", "/board/suspend")
    forwarder.cut()
    assert FAULTS["database"].message in served.client.get(f"/cases/{served.case}").text
    page = served.decide()
    assert FAULTS["database"].message in page
    assert "Nothing was saved." in page
    assert served.call()["code"] == "failed"
    assert list_faults(served.desk) == ("database",)
    # The kill switch is a file, and its entry goes into the log that is one too.
    assert board.post("/board/suspend", {**stop, "what": "all:", "reason": "a drill"}).status_code == 303
    assert list(served.world.workspace.suspensions.glob("*.json"))
    assert [entry.action for entry in FileLog(served.world.workspace.log).entries()][-1] == "suspended"
    for path in served.world.workspace.suspensions.glob("*.json"):
        path.unlink()
    forwarder.mend()
    assert list_faults(served.desk) == ()
    assert served.client.post(f"/cases/{served.case}/decision", served.form).status_code == 303
    assert served.decisions() == 1


def test_a_disk_that_is_full_is_said_and_room_mends_it(begin: Callable[..., Desked], tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "none", str(small)], check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        served = begin(small / "world")
        filling = os.open(small / "filling", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while os.write(filling, b"\0" * 4096):
                pass
        os.close(filling)
        assert "disk" in list_faults(served.desk)
        assert FAULTS["disk"].message in served.decide()
        (small / "filling").unlink(missing_ok=True)
        assert list_faults(served.desk) == ()
        assert served.client.post(f"/cases/{served.case}/decision", served.form).status_code == 303
        assert served.decisions() == 1
        served.desk.close()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_damaged_database_is_said(begin: Callable[..., Desked]) -> None:
    served = begin()
    served.desk.store._engine.dispose()
    path = served.world.workspace.casework
    for beside in path.parent.glob("casework.db-*"):
        beside.unlink()
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert FAULTS["damaged"].message in served.decide()
    assert "database" in list_faults(served.desk)


@pytest.mark.parametrize("part", ["vault", "bundle"])
def test_a_part_that_is_gone_is_no_beginning_and_coming_back_mends_it(begin: Callable[..., Desked], part: str) -> None:
    served = begin()
    folder = {"vault": served.world.workspace.vault, "bundle": served.world.workspace.bundle}[part]
    aside = folder.with_name("aside")
    folder.rename(aside)
    page = served.client.get(f"/cases/{served.case}")
    assert page.status_code == 503
    assert FAULTS[part].message in page.text
    assert list_faults(served.desk) == (part,)
    assert not folder.exists(), "nothing is begun in its place"
    aside.rename(folder)
    assert list_faults(served.desk) == ()
    assert served.client.get(f"/cases/{served.case}").status_code == 200


def test_a_file_of_the_vault_that_is_gone_is_not_begun_anew(begin: Callable[..., Desked]) -> None:
    served = begin()
    assert served.desk.vault is not None
    (served.world.workspace.vault / "vault.db").unlink()
    assert list_faults(served.desk) == ("vault",)
    assert not (served.world.workspace.vault / "vault.db").exists()


def test_another_key_is_said_before_anything_is_sealed_with_it(
    begin: Callable[..., Desked], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = begin()
    monkeypatch.setenv("SOONER_KEY", "60" * 32)
    assert list_faults(served.desk) == ("key",)
    with pytest.raises(Exception, match="is not there") as raised:
        load_right_key(served.world.invocation)
    assert find_fault(raised.value).id == "key"
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    assert list_faults(served.desk) == ()


def test_a_clock_that_was_put_back_is_said(begin: Callable[..., Desked]) -> None:
    served = begin()
    anchors = served.desk.anchors
    last = anchors.last()
    assert last is not None
    later = replace(last, at=(datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="microseconds"))
    with anchors.path.open("a") as handle:
        handle.write(replace(later, signature=later.sign(anchors.key)).text())
    assert list_faults(served.desk) == ("clock",)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_answered_too_late_is_not_saved_afterwards(
    begin: Callable[..., Desked], kind: str, forwarder: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = begin(database=through(forwarder) if kind == "postgresql" else "")
    monkeypatch.setattr(guard, "ANSWERING", 0.5)
    other = served.desk.store._engine.connect()
    writing = other.begin()
    if kind == "postgresql":
        other.execute(text("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE"))
    # The client waits for the thread that nobody waits for: it goes on once the other is done.
    release = threading.Timer(2, writing.rollback)
    release.start()
    page = served.decide()
    release.join()
    time.sleep(1)
    other.close()
    assert FAULTS["slow"].message in page
    assert "Nothing was saved." in page, page.partition("<main")[2][:900]
    assert served.decisions() == 0
    monkeypatch.setattr(guard, "ANSWERING", 25)
    assert served.client.post(f"/cases/{served.case}/decision", served.form).status_code == 303
    assert served.decisions() == 1


def test_more_than_there_are_places_for_are_told_so(
    begin: Callable[..., Desked], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = begin()
    monkeypatch.setattr(guard, "PLACES", 0)
    page = served.decide()
    assert FAULTS["full_house"].message in page
    assert "Nothing was saved." in page
    assert served.decisions() == 0


def test_what_was_saved_is_known_to_whoever_gives_up() -> None:
    saving = Saving()
    saving.begin()
    assert saving.give_up() == "perhaps"
    saving = Saving()
    saving.begin()
    saving.end()
    assert saving.give_up() == "saved"
    with pytest.raises(GivenUpError):
        saving.begin()
    assert SAVING.get() is None


def test_databases_say_in_their_own_words_that_they_are_busy_or_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as holder:
        holder.execute("create table one (n)")
        holder.execute("begin immediate")
        with closing(sqlite3.connect(path, timeout=0)) as other, pytest.raises(sqlite3.OperationalError) as locked:
            other.execute("begin immediate")
    assert find_fault(locked.value).id == "busy"
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with closing(reader), pytest.raises(sqlite3.OperationalError) as refused:
        reader.execute("insert into one values (1)")
    assert find_fault(refused.value).id == "read_only"
    engine = open_engine(f"{postgres()}?options=-cdefault_transaction_read_only%3Don")
    with pytest.raises(Exception, match="read-only") as denied, engine.begin() as connection:
        connection.execute(text("CREATE TABLE never (n int)"))
    engine.dispose()
    assert find_fault(denied.value).id == "read_only"
    assert find_fault(ValueError("x")).id == "other"


def test_a_provider_that_does_not_answer_is_a_fault_of_ours_and_no_refusal() -> None:
    """The API's answer is in test_sign_in_attacks.py."""
    fault = find_fault(UnreachableProviderError())
    assert (fault, fault.status) == (FAULTS["sign_in"], 503)


def test_every_fault_has_its_test() -> None:
    tried = Path(__file__).read_text(encoding="utf-8")
    assert len(FAULTS) >= 12
    for name in FAULTS:
        assert f'"{name}"' in tried, name


def test_a_workspace_without_a_vault_needs_none(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    assert desk.vault is None
    assert list_faults(desk) == ()
    assert isinstance(world.workspace, Workspace)
    shutil.rmtree(world.workspace.bundle)
    assert json.loads(json.dumps(list_faults(desk))) == ["bundle"]
