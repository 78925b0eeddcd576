"""The rights ledger: kept in two places, so that a restored workspace learns what was asked since its backup."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from charter.contracts.files import set_current, write_json
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, DataError
from charter.vault.rights_ledger import (
    Request,
    adopt_vault,
    append_request,
    count_withdrawn,
    ledger_file,
    list_outstanding,
    outside_ledger_file,
    read_requests,
    require_carried_out,
)

ASKED = Request("object", "2026-01-01T10:00:00+00:00", "housing", "a" * 32, ("a" * 32,), "*", "*")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    snapshot = tmp_path / "workspace/store/2025-12-31-0123456789abcdef"
    snapshot.mkdir(parents=True)
    (snapshot / "manifest.json").write_text("{}", encoding="utf-8")
    return Workspace(tmp_path / "workspace", "help")


def carry_out(workspace: Workspace, *requests: Request) -> None:
    (snapshot,) = (path for path in workspace.store.iterdir() if path.is_dir())
    lines = [json.dumps({"request": request.id, "people": []}) for request in requests]
    (snapshot / "tombstones.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_a_request_is_on_disk_in_both_places(workspace: Workspace) -> None:
    append_request(workspace, ASKED)
    assert not outside_ledger_file(workspace).is_relative_to(workspace.root)
    assert outside_ledger_file(workspace).read_bytes() == ledger_file(workspace).read_bytes()
    assert outside_ledger_file(workspace).stat().st_mode & 0o077 == 0
    assert read_requests(workspace) == (ASKED,)


def test_either_copy_alone_is_enough_and_both_are_one_history(workspace: Workspace) -> None:
    append_request(workspace, ASKED)
    ledger_file(workspace).unlink()
    later = Request("erase", "2026-02-01T10:00:00+00:00", "housing", "b" * 32, ("b" * 32,), "*", "*")
    append_request(workspace, later)
    assert read_requests(workspace) == (ASKED, later)
    outside_ledger_file(workspace).unlink()
    assert read_requests(workspace) == (later,)


def test_the_copy_apart_may_be_named(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOONER_RIGHTS", str(tmp_path / "elsewhere/rights.jsonl"))
    append_request(workspace, ASKED)
    assert (tmp_path / "elsewhere/rights.jsonl").exists()
    assert read_requests(workspace) == (ASKED,)


def test_a_ledger_that_cannot_be_written_files_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOONER_RIGHTS", str(workspace.root / "store"))
    with pytest.raises(DataError, match="can't be written"):
        append_request(workspace, ASKED)
    assert not ledger_file(workspace).exists()


def test_a_restored_copy_is_not_used_until_what_was_asked_since_is_carried_out(workspace: Workspace) -> None:
    require_carried_out(workspace)
    append_request(workspace, ASKED)
    assert list_outstanding(workspace) == (ASKED,)
    with pytest.raises(CharterError, match="1 of the residents' requests") as refused:
        require_carried_out(workspace)
    assert "sooner replay" in refused.value.next_step
    carry_out(workspace, ASKED)
    require_carried_out(workspace)


def test_what_a_request_does_not_say_is_no_part_of_its_id() -> None:
    """So that a ledger written before `by` was asked still matches its tombstones."""
    told = {name: getattr(ASKED, name) for name in ("action", "filed_at", "through", "ref", "refs", "service")}
    assert Request(**told, purpose="*").id == ASKED.id
    assert Request(**told, purpose="*", by="parent").id != ASKED.id


def test_what_clears_records_is_erasure_and_what_is_asked_of_every_purpose() -> None:
    def clears(action: str, purpose: str) -> bool:
        return Request(action, "", "housing", "", (), "*", purpose).clears

    assert all(clears("erase", purpose) for purpose in ("*", "rank"))
    assert all(clears(action, "*") and not clears(action, "rank") for action in ("object", "withdraw"))
    assert not clears("restrict", "*")


@pytest.mark.parametrize("line", ["{", "[]", '{"action": "object"}', '{"refs": [], "surprise": 1}'])
def test_a_line_that_is_no_request_stops_everything_that_rests_on_the_ledger(workspace: Workspace, line: str) -> None:
    append_request(workspace, ASKED)
    with ledger_file(workspace).open("a", encoding="utf-8") as ledger:
        ledger.write(line + "\n")
    with pytest.raises(DataError, match=r"line 2 of rights.jsonl is not a request"):
        require_carried_out(workspace)


def test_rows_withdrawn_since_the_model_in_use_learned_are_counted(workspace: Workspace) -> None:
    assert count_withdrawn(workspace) == 0
    write_json(workspace.bundle / "b1" / "manifest.json", {"release": "r1"})
    set_current(workspace.bundle, "b1")
    # A bundle that was brought here without what it was made from: nothing is known to have gone.
    assert count_withdrawn(workspace) == 0
    write_json(workspace.release / "r1" / "manifest.json", {"run": "t1"})
    assert count_withdrawn(workspace) == 0
    write_json(workspace.scores / "t1" / "manifest.json", {})
    assert count_withdrawn(workspace) == 0
    write_json(workspace.scores / "t1" / "manifest.json", {"withdrawn_rows": 12})
    assert count_withdrawn(workspace) == 12


def test_the_vault_of_an_older_sooner_is_marked_once_with_what_every_snapshot_honoured(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace", "early_help")
    assert not adopt_vault(workspace)
    workspace.vault.mkdir(parents=True)
    with closing(sqlite3.connect(workspace.vault / "vault.db")) as vault, vault:
        vault.execute("create table identities (person_id text primary key)")
    requests = [Request("erase", f"2026-01-0{day}T00:00:00+00:00", "housing", "r", ("r",), "*", "*") for day in (1, 2)]
    for request in requests:
        append_request(workspace, request)
    for name, done in (("a", requests), ("b", requests[:1])):
        (workspace.store / name).mkdir(parents=True)
        (workspace.store / name / "manifest.json").touch()
        lines = "".join(json.dumps({"request": one.id, "people": []}) + "\n" for one in done)
        (workspace.store / name / "tombstones.jsonl").write_text(lines)
    assert set(list_outstanding(workspace)) == set(requests)
    assert adopt_vault(workspace)
    assert list_outstanding(workspace) == (requests[1],)
    assert not adopt_vault(workspace)
