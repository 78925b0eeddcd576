"""Evidence that proves: each kind of tampering with a workspace and its database is found, and named by its row."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from charter.contracts.workspace import Workspace
from charter.errors import DataError, SoonerError
from charter.vault.anchors import Anchors, anchors_file
from charter.vault.command_log import CommandLog
from charter.vault.log import Entry, LoggedAct, follow_entry
from charter.vault.rights_ledger import Request, append_request
from charter.vault.vault import NamedPerson, Vault
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.store.connection import begin_writing, open_engine
from serving.store.store import DecisionDraft, Store
from serving.store.tables import audit
from serving.verification import require_whole, verify_logs
from tests.unit.serving.conftest import AS_OF, World, copy_world, log_key, make_world

LEAD = Identity("lead-1", "lead_practitioner", frozenset({"north"}))
NOTE = "Mother asked to be rung after six"


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give a workspace in which lists were issued, decided on, moved and taken off, and commands typed; read by all."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOONER_KEY", "5f" * 32)
        environment.delenv("SOONER_DATABASE", raising=False)
        world = make_world(tmp_path_factory.mktemp("lived"))
        vault = Vault.open(world.workspace.vault, Desk.open(world.invocation, demo=False).key)
        vault.replace({"p1": NamedPerson("Made Up", None, "1 Nowhere", "")})
        rank_households(world.invocation, world.matrix, AS_OF)
        append_request(
            world.workspace, Request("object", "2026-10-01T09:00:00+00:00", "housing", "r", ("r",), "*", "*")
        )
        desk = Desk.open(world.invocation, demo=False)
        north = desk.store.referrals("early_help", "north-2026-09-28")
        desk.store.decide(LEAD, north[0].id, DecisionDraft("taken_up", "need_confirmed", 1, note=NOTE))
        desk.store.decide(LEAD, north[0].id, DecisionDraft("deferred", "capacity", 2))
        desk.store.decide(LEAD, north[1].id, DecisionDraft("set_aside", "capacity", 1))
        desk.store.decide(LEAD, north[4].id, DecisionDraft("deferred", "capacity", 1))
        desk.store.undo(LEAD, north[4].id)
        desk.store.transfer(LEAD, north[2], "south", "known_to_team")
        desk.store.take_off({north[3].id: "withdrawn"}, actor="sooner")
        for _ in range(3):
            desk.store.log(LEAD, "referral.viewed", subject=north[0].id, purpose="display")
        desk.close()
        log = CommandLog.open(world.invocation.council, world.workspace)
        for action in ("suspend", "resume", "sign"):
            log.append(actor="command", role="data_protection_officer", action=action)
        assert verify_logs(world.invocation).notes == ()
        yield world


@pytest.fixture
def world(lived_in: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a copy of the workspace, with what lies beside it."""
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    return copy_world(lived_in, tmp_path)


def on_rows(*statements: str) -> Callable[[World], None]:
    """Run statements on the database with its triggers out of the way, as whoever owns the file can."""

    def tamper(world: World) -> None:
        with closing(sqlite3.connect(world.workspace.casework)) as database, database:
            triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                database.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                assert database.execute(statement).rowcount != 0, statement

    return tamper


def on_lines(path: Callable[[Workspace], Path], edit: Callable[[list[str]], list[str]]) -> Callable[[World], None]:
    def tamper(world: World) -> None:
        file = path(world.workspace)
        lines = file.read_text().splitlines()
        changed = edit(list(lines))
        assert changed != lines
        file.write_text("".join(f"{line}\n" for line in changed))

    return tamper


def log_of(workspace: Workspace) -> Path:
    return workspace.log


def set_aside(then: Callable[[Path], object]) -> Callable[[World], None]:
    """Let the log of typed commands be full, as if it were longer, and do something to the file that was set aside."""

    def tamper(world: World) -> None:
        log = CommandLog.open(world.invocation.council, world.workspace)
        replace(log.file, set_aside_at=1).append(actor="command", role="r", action="suspend")
        verify_logs(world.invocation)
        then(world.workspace.log.with_name("log.1.jsonl"))

    return tamper


def removed(path: Callable[[World], Path]) -> Callable[[World], None]:
    def tamper(world: World) -> None:
        where = path(world)
        assert where.exists()
        shutil.rmtree(where) if where.is_dir() else where.unlink()

    return tamper


def emptied(path: Callable[[World], Path]) -> Callable[[World], None]:
    def tamper(world: World) -> None:
        assert path(world).stat().st_size
        path(world).write_bytes(b"")

    return tamper


def chain_anew(key: bytes) -> Callable[[World], None]:
    """Write a worker's chain anew without one entry, every digest right but for the key."""

    def tamper(world: World) -> None:
        store = Store(open_engine(f"sqlite:///{world.workspace.casework}"))
        entries = [entry for entry in store.entries() if entry.chain.startswith("worker") and entry.action]
        kept = [entry for entry in entries if entry.action != "referral.viewed"]
        last: Entry | None = None
        rows = []
        for entry in kept:
            act = LoggedAct(entry.actor, entry.role, entry.action, entry.subject, entry.purpose, entry.detail)
            last = follow_entry(last, entry.chain, act, key=key)
            rows.append({**vars(last), "detail": json.dumps(dict(last.detail), sort_keys=True)})
        on_rows("DELETE FROM audit WHERE chain LIKE 'worker%'")(world)
        with begin_writing(open_engine(f"sqlite:///{world.workspace.casework}")) as connection:
            connection.execute(insert(audit), rows)

    return tamper


def older_copy(world: World) -> None:
    """Put the database back to a copy of before the last entries."""
    before = world.workspace.root / "before.db"
    with closing(sqlite3.connect(world.workspace.casework)) as now, closing(sqlite3.connect(before)) as copy:
        now.backup(copy)
    desk = Desk.open(world.invocation, demo=False)
    desk.store.log(LEAD, "referral.viewed", subject="r")
    desk.close()
    for beside in world.workspace.root.glob("casework.db*"):
        beside.unlink()
    before.rename(world.workspace.casework)


def older_log(world: World) -> None:
    text = world.workspace.log.read_text()
    CommandLog.open(world.invocation.council, world.workspace).append(actor="a", role="r", action="suspend")
    world.workspace.log.write_text(text)


def swap(lines: list[str]) -> list[str]:
    return [lines[1], lines[0], *lines[2:]]


FIRST = "(SELECT id FROM referrals WHERE status <> 'below' ORDER BY id LIMIT 1)"
KINDS: dict[str, tuple[Callable[[World], None], str]] = {
    "entry edited": (on_rows("UPDATE audit SET actor = 'x' WHERE number = 2"), "entry 2 of chain .* was edited"),
    "detail edited": (
        on_rows("UPDATE audit SET detail = '{}' WHERE action = 'referral.decided'"), "entry .* was edited"),
    "detail no JSON": (on_rows("UPDATE audit SET detail = 'oops' WHERE number = 3"), "entry 3 .* was edited"),
    "detail another kind": (on_rows("UPDATE audit SET detail = '[7]' WHERE number = 3"), "entry 3 .* was edited"),
    "actor no text": (on_rows("UPDATE audit SET actor = X'00ff' WHERE number = 2"), "entry 2 of chain .* was edited"),
    "rows of an entry no rows": (
        on_rows("UPDATE audit SET detail = '{\"rows\": {\"r\": 7}, \"list\": 1}' WHERE action = 'list.issued'"),
        "entry 1 of chain 'rank.* was edited"),
    "note no text": (on_rows("UPDATE decisions SET note = X'00ff' WHERE note <> ''"),
                     "the decision on version 1 .* edited"),
    "note half": (on_rows("UPDATE decisions SET note = substr(note, 1, 30) WHERE note <> ''"),
                  "the decision on version 1 .* was edited"),
    "record no bytes": (on_rows("UPDATE referrals SET sealed = 'text'"), "the record of the referral .* was edited"),
    "team no text": (on_rows("UPDATE referrals SET band = X'ff' WHERE team = 'east'"), "the referral .* was edited"),
    "entry removed": (on_rows("DELETE FROM audit WHERE number = 3"), "entry 3 of chain .* was removed"),
    "first entry removed": (on_rows("DELETE FROM audit WHERE number = 1"), "entry 1 of chain .* was removed"),
    "entries swapped": (
        on_rows("UPDATE audit SET number = -number WHERE chain LIKE 'worker%' AND number IN (2, 3)",
                "UPDATE audit SET number = 5 + number WHERE number < 0"),
        "entry 2 .* does not follow"),
    "end cut": (on_rows("DELETE FROM audit WHERE number >= 5"), "is not the one that was anchored"),
    "chain cut off whole": (on_rows("DELETE FROM audit WHERE chain LIKE 'rank%'"), "entry 1 of chain 'rank.* anchored"),
    "log emptied": (on_rows("DELETE FROM audit"), "database is empty"),
    "chain written anew without a key": (chain_anew(b""), "was edited"),
    "chain written anew with another key": (chain_anew(b"guess"), "was edited"),
    "entry put in another's place": (
        on_rows("INSERT OR REPLACE INTO audit SELECT chain, number, at, 'x', role, action, subject, purpose, detail, "
                "previous, digest FROM audit WHERE number = 4"), "entry 4 .* was edited"),
    "chain made up": (
        on_rows("INSERT INTO audit SELECT 'made-up', 1, at, actor, role, action, subject, purpose, detail, previous, "
                "digest FROM audit WHERE number = 1 LIMIT 1"), "entry 1 of chain 'made-up' was edited"),
    "older copy of the database": (older_copy, "entry .* is not the one that was anchored"),
    "older copy of the log": (older_log, "entry 4 of chain 'commands' is not the one that was anchored"),
    "anchor inside edited": (on_rows("UPDATE anchors SET at = '2026' WHERE id = 1"), "anchor of 2026 was edited"),
    "anchor inside no JSON": (on_rows("UPDATE anchors SET heads = 'x' WHERE id = 1"), "anchor of .* was edited"),
    "line edited": (on_lines(log_of, lambda lines: [lines[0].replace("suspend", "praise!"), *lines[1:]]),
                    "entry 1 of chain 'commands' was edited"),
    "line removed": (on_lines(log_of, lambda lines: lines[1:]), "entry 1 of chain 'commands' was removed"),
    "lines swapped keep their numbers": (
        on_lines(log_of, lambda lines: [lines[0].replace('"number": 1', '"number": 2'),
                                        lines[1].replace('"number": 2', '"number": 1'), *lines[2:]]), "entry 1"),
    "last line removed": (on_lines(log_of, lambda lines: lines[:-1]), "entry 3 of chain 'commands' is not the one"),
    "line that is no entry": (on_lines(log_of, lambda lines: [*lines, "oops"]), "line 4 of log.jsonl"),
    "line of another kind": (on_lines(log_of, lambda lines: [*lines, "[1, 2]"]), "line 4 of log.jsonl"),
    "line twice": (on_lines(log_of, lambda lines: [*lines, lines[-1]]), "entry 3 .* is there twice"),
    "typed log emptied": (emptied(lambda world: world.workspace.log), "chain 'commands'"),
    "typed log removed": (removed(lambda world: world.workspace.log), "log of typed commands is not there"),
    "file set aside removed": (set_aside(lambda path: path.unlink()),
                               "log.1.jsonl is not there: it was set aside with entries 1 to 3"),
    "file set aside edited": (set_aside(lambda path: path.write_text(path.read_text().replace("suspend", "praise!"))),
                              "log.1.jsonl was changed after it was set aside"),
    "outside line edited": (
        on_lines(anchors_file, lambda lines: [lines[0], lines[1].replace("2026", "2025", 1), *lines[2:]]),
        "line 2 of .* was edited"),
    "outside line removed": (on_lines(anchors_file, lambda lines: [lines[0], *lines[2:]]),
                             "line 2 of .* does not follow"),
    "outside lines swapped": (on_lines(anchors_file, swap), "line 1 of .* does not follow"),
    "outside line no anchor": (on_lines(anchors_file, lambda lines: [lines[0], "x", *lines[2:]]),
                               "line 2 of .* no anchor"),
    "anchors removed": (removed(lambda world: anchors_file(world.workspace)), "anchors of the audit log are not there"),
    "anchors emptied": (emptied(lambda world: anchors_file(world.workspace)), "anchors of the audit log are not there"),
    "decision edited": (on_rows("UPDATE decisions SET disposition = 'taken_up' WHERE id = 3"),
                        "the decision on version 1 of the referral .* was edited"),
    "note replaced": (on_rows("UPDATE decisions SET note = 'nothing was said' WHERE note <> ''"),
                      "the decision on version 1 .* was edited"),
    "decision removed": (on_rows("DELETE FROM decisions WHERE id = 2"), "the decision on version 2 .* was removed"),
    "decisions emptied": (on_rows("DELETE FROM decisions"), "the decision on version 1 .* was removed"),
    "decision made up": (
        on_rows("INSERT INTO decisions (referral, version, disposition, reason, note, own_view, reference, actor, "
                "actor_kind, role, decided_at, key) SELECT referral, 9, disposition, reason, note, own_view, "
                "reference, actor, actor_kind, role, decided_at, 'k9' FROM decisions WHERE id = 3"),
        "is in no entry of the log"),
    "decision taken back": (
        on_rows("INSERT INTO undone SELECT referral, version, actor, role, decided_at FROM decisions WHERE id = 3"),
        "was undone is not what the log tells"),
    "taking back removed": (on_rows("DELETE FROM undone"), "was undone is not what the log tells"),
    "record replaced": (on_rows(f"UPDATE referrals SET sealed = X'7b7d' WHERE id = {FIRST}"),
                        "the record of the referral"),
    "record and digest replaced": (
        on_rows("UPDATE referrals SET sealed = X'7b7d', digest = "
                f"'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' WHERE id = {FIRST}"),
        "the referral .* was edited"),
    "records swapped": (
        on_rows("UPDATE referrals SET sealed = (SELECT sealed FROM referrals ORDER BY id DESC LIMIT 1) "
                f"WHERE id = {FIRST}"),
        "the record of the referral .* was edited"),
    "rank edited": (on_rows(f"UPDATE referrals SET rank = 99 WHERE id = {FIRST}"), "the referral .* was edited"),
    "status edited": (on_rows("UPDATE referrals SET status = 'new' WHERE status = 'set_aside'"),
                      "the state of the referral"),
    "put back on its list": (on_rows("UPDATE referrals SET removed = '' WHERE removed <> ''"),
                             "the state of the referral"),
    "moved back": (on_rows("UPDATE referrals SET team = 'north' WHERE team = 'south' AND list LIKE 'north%'"),
                   "the state of the referral"),
    "referral removed": (
        on_rows(f"DELETE FROM members WHERE referral = {FIRST}", f"DELETE FROM referrals WHERE id = {FIRST}"),
        "the referral .* was removed"),
    "who lived there emptied": (on_rows("DELETE FROM members"), "who its people are"),
    "somebody added to a household": (on_rows(f"INSERT INTO members VALUES ({FIRST}, 'p-new')"), "who its people are"),
    "list prolonged": (on_rows("UPDATE lists SET expires_at = '2099' WHERE team = 'east'"),
                       "the list .*east.* was edited"),
    "list removed": (on_rows("DELETE FROM lists WHERE team = 'east'"), "the list .*east.* was removed"),
    "whom a list left out no JSON": (on_rows("UPDATE lists SET excluded = 'x' WHERE team = 'west'"),
                                     "the list .*west.* was edited"),
    "vault removed": (removed(lambda world: world.workspace.vault), "the vault holds nobody"),
    "vault emptied": (
        lambda world: sqlite3.connect(world.workspace.vault / "vault.db", isolation_level=None).execute(
            "DELETE FROM identities").close(), "the vault holds nobody"),
    "ledger cut": (
        lambda world: [path.write_text("") for path in world.workspace.root.parent.rglob("*rights.jsonl")],
        "the rights ledger has lost requests"),
    "bundle removed": (removed(lambda world: next(world.workspace.bundle.glob("*/model.lgb"))),
                       "a bundle .* is not there"),
    "live state removed": (removed(lambda world: world.workspace.live / "release1.json"), "let lists be shown"),
    "database removed": (removed(lambda world: world.workspace.casework), "database is not there"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_tampering_is_found_and_named(world: World, kind: str) -> None:
    tamper, words = KINDS[kind]
    tamper(world)
    with pytest.raises(DataError, match=words):
        verify_logs(world.invocation)


def test_there_are_forty_kinds_and_an_untouched_workspace_is_whole(world: World) -> None:
    assert len(KINDS) >= 40
    verification = verify_logs(world.invocation)
    assert sum(verification.chains.values()) > 10
    assert verification.anchors > 10
    assert verification.notes == ()
    # That it was read is in the log, and that is whole too.
    assert any(chain.startswith("verify") for chain in verify_logs(world.invocation).chains)
    desk = Desk.open(world.invocation, demo=False)
    assert [entry.action for entry in desk.store.entries()].count("log.verified") >= 2
    require_whole(world.invocation, desk.store)


@pytest.mark.parametrize("kind", ["end cut", "last line removed", "vault removed", "ledger cut", "bundle removed",
                                  "outside line edited", "older copy of the database"])  # fmt: skip
def test_a_start_asks_what_costs_little(world: World, kind: str) -> None:
    tamper, words = KINDS[kind]
    tamper(world)
    with pytest.raises(DataError, match=words):
        require_whole(world.invocation, Desk.open(world.invocation, demo=False).store)


@pytest.mark.parametrize("kind", ["log emptied", "anchors removed", "anchors emptied", "database removed"])
def test_an_empty_database_or_lost_anchors_are_no_beginning(world: World, kind: str) -> None:
    KINDS[kind][0](world)
    with pytest.raises(DataError):
        Desk.open(world.invocation, demo=False)


def test_half_a_last_line_stops_nothing_and_is_told(world: World) -> None:
    for path in (world.workspace.log, anchors_file(world.workspace)):
        with path.open("a") as handle:
            handle.write('{"action": "susp')
    verification = verify_logs(world.invocation)
    assert any("half written" in note for note in verification.notes)
    log = CommandLog.open(world.invocation.council, world.workspace)
    log.append(actor="command", role="data_protection_officer", action="suspend")
    assert [entry.action for entry in log.file.entries()][-2:] == ["log.torn", "suspend"]
    assert not verify_logs(world.invocation).notes
    assert '"susp' in world.workspace.log.with_name("log.jsonl.torn").read_text()


def test_notes_and_records_are_sealed_at_rest_and_read_as_they_were(world: World) -> None:
    desk = Desk.open(world.invocation, demo=False)
    assert NOTE in [decision.note for decision in desk.store.decisions()]
    case = desk.store.referrals("early_help", "north-2026-09-28")[0]
    assert case.entity.encode() in case.sealed
    desk.close()
    everything = b"".join(path.read_bytes() for path in world.workspace.root.glob("casework.db*"))
    assert NOTE.encode() not in everything
    assert desk.record(case).reasons.for_[0].text.encode() not in everything
    with pytest.raises(SoonerError):
        Store(open_engine(f"sqlite:///{world.workspace.casework}"), key=b"another").decisions()


def test_an_entry_holds_the_digests_of_the_decision_and_of_the_record_it_is_about(world: World) -> None:
    store = Desk.open(world.invocation, demo=False).store
    decided = [entry for entry in store.entries() if entry.action == "referral.decided"]
    assert len(decided) == 4
    for entry in decided:
        case = store.referral(entry.subject)
        assert case is not None
        assert entry.detail["record"] == case.digest
        assert len(entry.detail["decision"]) == 32


@pytest.mark.deep
def test_a_hundred_thousand_entries_are_verified_in_two_seconds(world: World) -> None:
    desk = Desk.open(world.invocation, demo=False)
    key, last = log_key(world), None
    rows = []
    for number in range(100_000):
        act = LoggedAct("lead-1", "lead_practitioner", "referral.viewed", f"r{number % 32}", "display", {"people": 3})
        last = follow_entry(last, "many", act, key=key)
        rows.append({**vars(last), "detail": json.dumps(dict(last.detail), sort_keys=True)})
    with begin_writing(open_engine(f"sqlite:///{world.workspace.casework}")) as connection:
        connection.execute(insert(audit), rows)
    assert last is not None
    Anchors.of(world.workspace, key).add({"many": (last.number, last.digest)})
    desk.close()
    began = time.process_time()
    assert verify_logs(world.invocation).chains["many"] == 100_000
    seconds = time.process_time() - began
    assert seconds < 4, f"{seconds:.2f} s of the processor"
