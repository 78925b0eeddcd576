"""Backups: whole or absent, and a restore of any part brings nobody back, whatever the folder and the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from charter.contracts.files import read_json, writer_lock
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, DataError, UsageError
from charter.vault.anchors import anchors_file
from charter.vault.command_log import CommandLog
from charter.vault.key import Key
from charter.vault.rights_ledger import (
    Request,
    append_request,
    outside_ledger_file,
    read_requests,
    require_carried_out,
)
from charter.vault.vault import Vault
from features.intake.keeping.expiry import list_holds
from features.rights.asking import file_request
from features.rights.retaining import retain_records
from serving.forget import note_retention, require_caught_up
from serving.identity import Identity
from serving.ranking.sealed_record import digest_record
from serving.store.issued import DecisionDraft, IssuedList, Referral, write_moment
from serving.store.store import Store, open_store
from serving.verification import verify_logs
from sooner.backups.ageing import drop_aged
from sooner.backups.manifest import PARTS, Manifest, find_backup
from sooner.backups.restoring import Restoration, restore_backup
from sooner.backups.taking import take_backup
from sooner.erasure import find_log_key, list_forgetting_rooms, list_rooms
from sooner.replaced import drop_replaced, find_replaced
from tests.conftest import ROOT
from tests.unit.features.conftest import Town
from tests.unit.features.rights.test_rights import pupil

WORKER = Identity("worker-1", "lead_practitioner", frozenset({"north"}))


@dataclass(frozen=True)
class Lived:
    """A town whose pupil is listed, with a backup from before they asked to be erased or objected."""

    town: Town
    person: str
    number: str
    backups: Path


def list_household(store: Store, day: str, person: str) -> str:
    header = IssuedList(
        "early_help", f"north-{day}", "north", day, write_moment(), write_moment(), 8, 9, {}, "s", "m", "b"
    )
    digest = digest_record(b"{}")
    row = Referral(
        f"r{day}", "early_help", header.id, "north", "e", 1, 1.5, "a", "ranked", "s", "m", "b", b"{}", digest
    )
    store.issue([(header, [(row, [person])])], actor="sooner")
    return row.id


@pytest.fixture
def lived(borough_town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lived:
    for name in ("SOONER_DATABASE", "SOONER_RIGHTS", "SOONER_ANCHORS"):
        monkeypatch.delenv(name, raising=False)
    invocation = borough_town.invocation
    number, person = pupil(borough_town)
    log = CommandLog.open(invocation.council, invocation.workspace)
    moment = datetime.now(UTC).isoformat()
    append_request(invocation.workspace, Request("hold", moment, "health", "", (), "health", "*", decided_by="dpo"))
    log.append(actor="ann", role="command", action="rank")
    with open_store(invocation.workspace, key=find_log_key(invocation)) as store:
        list_household(store, "2026-09-28", person)
    with writer_lock(invocation.workspace.root):
        take_backup(invocation, tmp_path / "backups")
    return Lived(borough_town, person, number, tmp_path / "backups")


def ask(lived: Lived, right: str) -> None:
    """File a request, after a decision that the backup lacks, as the desk does."""
    invocation = lived.town.invocation
    with open_store(invocation.workspace, key=find_log_key(invocation)) as store:
        store.decide(WORKER, "r2026-09-28", DecisionDraft("deferred", "capacity", 1))
    with writer_lock(invocation.workspace.root):
        file_request(invocation, right, through="education", reference=lived.number, rooms=list_rooms(invocation))
        log = CommandLog.open(invocation.council, invocation.workspace)
        log.append(actor="ann", role="data_protection_officer", action=f"resident {right}")
    assert not shown(lived.town, lived.person)


def shown(town: Town, person: str) -> list[str]:
    """Return every place where somebody is held or shown that an erasure or objection had cleared."""
    workspace = town.invocation.workspace
    places = []
    vault = Vault.open(workspace.vault, Key.load(town.invocation.council, workspace))
    ids = vault.person_ids()
    assert ids
    with duckdb.connect() as database:
        for name in ("events", "residence", "protected", "coverage"):
            table = f"read_parquet('{town.snapshots[-1] / 'tables' / name}.parquet')"
            rows = database.execute(f"select count(*) from {table} where person_id = ?", [person]).fetchone()
            places += [name] if rows and rows[0] else []
    with open_store(workspace, key=find_log_key(town.invocation)) as store:
        places += ["list"] if person in store.people_listed() else []
    return places


def restore(lived: Lived, workspace: Path, parts: Sequence[str] = (), **how: bool) -> Restoration:
    town = Town(lived.town.council, workspace)
    with writer_lock(workspace):
        return restore_backup(town.invocation, lived.backups, "the disk failed", parts, **how)


OTHER_WAYS = [("erase", "workspace"), ("erase", "vault"), ("erase", "database"), ("object", "")]


@pytest.mark.parametrize(
    ("right", "part"),
    [
        ("erase", ""),
        ("object", "vault"),
        *(pytest.param(*way, marks=pytest.mark.deep) for way in OTHER_WAYS),
    ],
)
def test_a_part_that_is_restored_brings_nobody_back_and_its_log_tells_of_it(
    lived: Lived, right: str, part: str
) -> None:
    ask(lived, right)
    done = restore(lived, lived.town.workspace, [part] if part else [])
    assert done.which == ((part,) if part else tuple(PARTS))
    assert not shown(lived.town, lived.person)
    key = Key.load(lived.town.invocation.council, lived.town.invocation.workspace)
    vault = Vault.open(lived.town.invocation.workspace.vault, key)
    assert (lived.person in vault.person_ids()) == (right == "object")
    require_carried_out(lived.town.invocation.workspace)
    require_caught_up(lived.town.invocation.workspace)
    assert done.replayed is not None
    assert bool(done.replayed.certificates) == (part != "database")
    # Where requests are carried out again, their part in lists is too.
    assert (done.replayed.taken_off > 0) == (part == "database")
    notes = verify_logs(lived.town.invocation).notes
    assert sum("restored at" in note and "'the disk failed'" in note for note in notes) == 1
    if part in ("", "database"):
        assert {"referral.decided", "referral.removed"} <= set(done.acts)
    if part in ("", "workspace"):
        assert f"resident {right}" in done.acts
    assert bool(done.lost) == (part != "vault")


def test_an_older_copy_that_nobody_announced_is_still_found(lived: Lived, tmp_path: Path) -> None:
    backup = tmp_path / "by_hand"
    shutil.copytree(lived.town.workspace, backup, symlinks=True)
    ask(lived, "object")
    shutil.rmtree(lived.town.workspace)
    backup.rename(lived.town.workspace)
    with pytest.raises(DataError, match="not the one that was anchored"):
        verify_logs(lived.town.invocation)
    # An announced restore of the same day excuses what went with it, and no more.
    restore(lived, lived.town.workspace)
    verify_logs(lived.town.invocation)
    with open_store(lived.town.invocation.workspace, key=find_log_key(lived.town.invocation)) as store:
        store.log(WORKER, "referral.viewed", subject="r2026-09-28", purpose="display")
    assert (find_backup(lived.backups) / "database/casework.db").exists()
    for companion in lived.town.workspace.glob("casework.db-*"):
        companion.unlink()
    shutil.copy(find_backup(lived.backups) / "database/casework.db", lived.town.workspace / "casework.db")
    with pytest.raises(DataError, match="not the one that was anchored"):
        verify_logs(lived.town.invocation)


def test_on_another_machine_under_another_name_it_asks_for_the_newer_ledger(
    lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(lived, "erase")
    # The other machine has the backup, copied by a tool that follows links, and nothing else.
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(lived.backups, elsewhere / "backups", symlinks=False)
    carried = tmp_path / "carried.jsonl"
    outside_ledger_file(lived.town.invocation.workspace).rename(carried)
    anchors_file(lived.town.invocation.workspace).unlink()
    shutil.rmtree(lived.town.workspace)
    moved = Lived(lived.town, lived.person, lived.number, elsewhere / "backups")
    with pytest.raises(CharterError, match="nobody can say what residents asked since") as refused:
        restore(moved, elsewhere / "house")
    assert "--accept-ledger" in refused.value.next_step
    assert not (elsewhere / "house" / "store").exists()
    monkeypatch.setenv("SOONER_RIGHTS", str(carried))
    done = restore(moved, elsewhere / "house")
    town = Town(lived.town.council, elsewhere / "house")
    assert not shown(town, lived.person)
    assert done.replayed is not None
    assert len(done.replayed.certificates) == 1
    assert done.kept is None
    assert (town.snapshots[-1] / "tables").is_symlink()
    verify_logs(town.invocation)


def test_a_lost_ledger_is_accepted_in_so_many_words_alone(lived: Lived, tmp_path: Path) -> None:
    ask(lived, "erase")
    outside_ledger_file(lived.town.invocation.workspace).unlink()
    anchors_file(lived.town.invocation.workspace).unlink()
    shutil.rmtree(lived.town.workspace)
    done = restore(lived, tmp_path / "house", accept_ledger=True)
    assert done.replayed is not None
    assert not done.replayed.certificates


@pytest.mark.parametrize("part", ["ledger", "anchors"])
def test_what_is_kept_outside_is_never_replaced_by_what_is_older(lived: Lived, part: str) -> None:
    ask(lived, "object")
    workspace = lived.town.invocation.workspace
    ledger, anchors = outside_ledger_file(workspace).read_text(), anchors_file(workspace).read_text()
    restore(lived, lived.town.workspace, [part])
    assert outside_ledger_file(workspace).read_text() == ledger
    assert anchors_file(workspace).read_text().startswith(anchors)
    assert not shown(lived.town, lived.person)


def test_a_ledger_that_is_gone_comes_back_from_the_backup(lived: Lived) -> None:
    ask(lived, "object")
    with writer_lock(lived.town.workspace):
        take_backup(lived.town.invocation, lived.backups, now=datetime(2099, 1, 1, tzinfo=UTC))
    workspace = lived.town.invocation.workspace
    outside_ledger_file(workspace).unlink()
    (lived.town.workspace / "rights.jsonl").unlink()
    with pytest.raises(DataError, match="rights ledger has lost requests"):
        verify_logs(lived.town.invocation)
    restore(lived, lived.town.workspace, ["ledger"])
    assert outside_ledger_file(workspace).exists()
    verify_logs(lived.town.invocation)


def test_sign_offs_come_back_where_they_are_gone_and_never_over_others(lived: Lived, tmp_path: Path) -> None:
    council = tmp_path / "council"
    shutil.copytree(ROOT / "council", council)
    (council / "signoffs.toml").write_text("# none yet\n")
    own = Lived(Town(council, lived.town.workspace), lived.person, lived.number, tmp_path / "others")
    with writer_lock(lived.town.workspace):
        take_backup(own.town.invocation, own.backups)
    (council / "signoffs.toml").unlink()
    restore(own, lived.town.workspace, ["signoffs"])
    assert (council / "signoffs.toml").read_text() == "# none yet\n"
    (council / "signoffs.toml").write_text("# one more\n")
    done = restore(own, lived.town.workspace, ["signoffs"])
    assert [note.split()[0] for note in done.notes] == ["signoffs.toml"]
    assert (council / "signoffs.toml").read_text() == "# one more\n"


def test_another_key_or_none_is_refused_with_which_is_needed_and_where(
    lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest.read(find_backup(lived.backups))
    key = os.environ["SOONER_KEY"]
    held = b"".join(path.read_bytes() for path in lived.backups.rglob("*") if path.is_file())
    assert key.encode() not in held
    assert bytes.fromhex(key) not in held
    monkeypatch.setenv("SOONER_KEY", "ab" * 32)
    with pytest.raises(CharterError) as refused:
        restore(lived, tmp_path / "house")
    assert manifest.key.file[:16] in refused.value.next_step
    assert "$SOONER_KEY" in refused.value.next_step
    monkeypatch.delenv("SOONER_KEY")
    monkeypatch.setenv("SOONER_KEY_FILE", str(tmp_path / "nothing.key"))
    with pytest.raises(CharterError, match="key is not here, and no backup holds it"):
        restore(lived, tmp_path / "house")
    assert not (tmp_path / "nothing.key").exists()
    assert not (tmp_path / "house" / "store").exists()


def damage_file(backup: Path) -> str:
    (backup / "vault/vault.db").write_bytes((backup / "vault/vault.db").read_bytes()[:-1])
    return "vault.db was changed"


def drop_file(backup: Path) -> str:
    (backup / "vault/vault.db").unlink()
    return "vault.db is missing"


def add_file(backup: Path) -> str:
    (backup / "vault/other.db").touch()
    return "other.db is in no manifest"


def edit_manifest(backup: Path) -> str:
    document = json.loads((backup / "manifest.json").read_text())
    document["requests"] += 1
    (backup / "manifest.json").write_text(json.dumps(document))
    return "manifest.json of the backup was changed"


@pytest.mark.parametrize("tamper", [damage_file, drop_file, add_file, edit_manifest])
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_changed(
    lived: Lived, tamper: Callable[[Path], str]
) -> None:
    before = sorted(path.name for path in lived.town.workspace.iterdir())
    said = tamper(find_backup(lived.backups))
    with pytest.raises(DataError, match=said):
        restore(lived, lived.town.workspace)
    assert sorted(path.name for path in lived.town.workspace.iterdir()) == before


def test_what_makes_no_sense_is_refused(lived: Lived, tmp_path: Path) -> None:
    town = lived.town
    for folder, words in ((town.workspace / "in", "inside the workspace"), (tmp_path / "b", "no part of a backup")):
        with writer_lock(town.workspace), pytest.raises(UsageError, match=words):
            take_backup(town.invocation, folder, ["everything"] if folder.name == "b" else [])
    with writer_lock(town.workspace), pytest.raises(UsageError, match="needs its reason"):
        restore_backup(town.invocation, lived.backups, " ")
    with pytest.raises(DataError, match="no backup in"):
        find_backup(tmp_path / "b")
    with writer_lock(town.workspace):
        take_backup(town.invocation, tmp_path / "part", ["vault"])
    only = Lived(town, lived.person, lived.number, tmp_path / "part")
    with pytest.raises(UsageError, match="has no part database"):
        restore(only, town.workspace, ["database"])


def test_a_backup_has_no_link_and_nothing_that_others_may_read(lived: Lived) -> None:
    paths = [path for path in lived.backups.rglob("*") if path.name != ".writer"]
    assert len(paths) > 20
    assert not [path for path in paths if path.is_symlink() or path.stat().st_mode & 0o077]
    manifest = Manifest.read(find_backup(lived.backups))
    assert set(manifest.parts) == set(PARTS)
    taken = read_json(lived.town.invocation.workspace.backup_taken)
    assert taken == {"at": manifest.taken_at}, "so that a watch knows how old the last whole one is"
    assert manifest.left_out[0].startswith("extracts:")
    assert not [
        name for name in manifest.parts["workspace"].files if name.startswith(("extracts", "vault", "casework"))
    ]


@pytest.mark.parametrize(
    ("verb", "moments"),
    [
        ("backup", (0.1,)),
        pytest.param("backup", (0.02, 0.05, 0.2, 0.3), marks=pytest.mark.deep),
        pytest.param("restore", (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 0.8), marks=pytest.mark.deep),
    ],
)
def test_a_kill_in_the_middle_leaves_a_whole_backup_or_none_and_the_old_workspace_or_the_new(
    lived: Lived, verb: str, moments: tuple[float, ...]
) -> None:
    from tests.pipeline.test_faults import stopped

    ask(lived, "erase")
    words = [verb, str(lived.backups), "--council", str(lived.town.council), "--workspace", str(lived.town.workspace)]
    words += ["--why", "the disk failed"] if verb == "restore" else []
    kills = 0
    for moment in moments:
        ran = stopped(words, 9, moment)
        kills += ran.code == -9
        backups = [path for path in lived.backups.iterdir() if path.is_dir() and not path.name.startswith(".new-")]
        assert backups
        for path in backups:
            assert (path / "manifest.json").exists()
        verify_logs(lived.town.invocation)
    assert kills
    # A backup is named by its second, and the last one may have come through before it was to be killed.
    time.sleep(1)
    through = subprocess.run(
        [sys.executable, "-m", "sooner", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert through.returncode == 0, through.stderr
    assert not shown(lived.town, lived.person)
    assert not list(lived.backups.glob(".new-*"))
    assert not list(lived.town.workspace.parent.glob(f".new-{lived.town.workspace.name}-*"))
    verify_logs(lived.town.invocation)


def test_nothing_is_restored_under_a_service(lived: Lived) -> None:
    from charter.contracts.files import hold_open

    with hold_open(lived.town.workspace), pytest.raises(DataError, match="a service is using"):
        restore(lived, lived.town.workspace)
    restore(lived, lived.town.workspace)


def test_retention_that_was_carried_out_since_is_outstanding_on_a_restored_copy(lived: Lived) -> None:
    workspace = lived.town.invocation.workspace
    moment = datetime.now(UTC).isoformat()
    append_request(
        workspace,
        Request("retained", moment, "*", "", (), "*", "*", decided_by="data_protection_officer", moment=moment),
    )
    with pytest.raises(CharterError, match="were not carried out"):
        require_carried_out(workspace)
    with pytest.raises(CharterError, match="retention had taken off"):
        require_caught_up(workspace)
    done = restore(lived, lived.town.workspace)
    assert done.replayed is not None
    assert done.replayed.retained is not None
    require_carried_out(Workspace(lived.town.workspace, "early_help"))
    require_caught_up(workspace)


def test_a_case_that_was_over_long_ago_ends_again_in_a_restored_database(lived: Lived) -> None:
    """It stays while a hold names everything; six years and a day later it goes, and no backup brings it back."""
    invocation = lived.town.invocation
    workspace, key, rooms = invocation.workspace, find_log_key(invocation), list_forgetting_rooms(invocation)
    moment = datetime.now(UTC) + timedelta(days=6 * 366)
    assert rooms.count_made(moment)["cases"] == 0
    (hold,) = list_holds(read_requests(workspace))
    released = Request("release", datetime.now(UTC).isoformat(), "*", "", (), "*", "*", answers=hold.id)
    append_request(workspace, released)
    assert rooms.count_made(moment)["cases"] == 1
    with writer_lock(workspace.root):
        plan, _ = retain_records(invocation, moment, "data_protection_officer", rooms)
        note_retention(workspace, key=key)
    assert plan.made["lists"] == 1
    restore(lived, lived.town.workspace, ["database"])
    with open_store(workspace, key=key) as store:
        assert store.list_ids() == frozenset()
    require_caught_up(workspace)
    verify_logs(invocation)


def test_a_backup_is_kept_for_so_many_days_and_the_newest_whole_one_always(lived: Lived) -> None:
    invocation, now = lived.town.invocation, datetime.now(UTC)
    (first,) = (path.name for path in lived.backups.iterdir() if not path.name.startswith("."))
    assert drop_aged(invocation, lived.backups, now + timedelta(days=400)) == []
    with writer_lock(invocation.workspace.root):
        newer, _ = take_backup(invocation, lived.backups, now=now + timedelta(days=20))
        part, _ = take_backup(invocation, lived.backups, ["ledger"], now=now + timedelta(days=60))
    (lived.backups / "notes").mkdir()
    assert drop_aged(invocation, lived.backups, now + timedelta(days=34)) == []
    assert drop_aged(invocation, lived.backups, now + timedelta(days=61)) == [first]
    assert find_backup(lived.backups) == part
    assert drop_aged(invocation, lived.backups, now + timedelta(days=400)) == [part.name]
    assert {path.name for path in lived.backups.iterdir() if path.is_dir()} == {newer.name, "notes"}


def test_what_a_restore_replaced_goes_when_a_backup_would(lived: Lived) -> None:
    invocation, now = lived.town.invocation, datetime.now(UTC)
    done = restore(lived, lived.town.workspace)
    assert done.kept
    assert find_replaced(invocation, now + timedelta(days=34)) == []
    assert drop_replaced(invocation, now + timedelta(days=36)) == 1
    assert not done.kept.exists()
