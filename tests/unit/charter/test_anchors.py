"""Anchors outside: chained, counted, signed, and what a workspace had by then must be there still."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from charter.contracts.workspace import Workspace
from charter.errors import DataError
from charter.vault.anchors import Anchors, anchors_file
from charter.vault.log import FileLog
from charter.vault.workspace_parts import find_parts, name_missing

KEY = b"k" * 32


@pytest.fixture
def anchors(tmp_path: Path) -> Anchors:
    return Anchors(tmp_path / "w.anchors.jsonl", KEY)


def test_lines_are_numbered_chained_and_read_again(anchors: Anchors) -> None:
    assert anchors.read() == ([], [])
    assert anchors.parts() == frozenset()
    assert not anchors.begun
    with pytest.raises(DataError, match="anchors of the audit log are not there"):
        anchors.require()
    anchors.add({"a": (1, "d1")})
    anchors.require()
    anchors.add({"a": (2, "d2")}, ["vault"])
    lines, faults = anchors.read()
    assert not faults
    assert [(line.number, dict(line.heads), line.parts) for line in lines] == [
        (1, {"a": (1, "d1")}, ()), (2, {"a": (2, "d2")}, ("vault",)),
    ]  # fmt: skip
    assert lines[1].previous == lines[0].signature
    assert anchors.parts() == {"vault"}
    assert anchors.path.stat().st_mode & 0o077 == 0


def test_a_line_longer_than_what_is_read_first_is_followed(anchors: Anchors) -> None:
    anchors.add({f"chain-{number}": (number, "d" * 64) for number in range(1500)})
    anchors.add({f"chain-{number}": (number, "d" * 64) for number in range(1500)})
    anchors.add({"a": (1, "d")})
    assert [line.number for line in anchors.read()[0]] == [1, 2, 3]


def test_half_a_line_is_cut_off_and_alone_is_none(anchors: Anchors) -> None:
    anchors.path.write_text('{"half')
    assert anchors.read() == ([], [])
    anchors.add({"a": (1, "d")})
    with anchors.path.open("a") as handle:
        handle.write('{"half')
    anchors.add({"a": (2, "d")})
    assert [line.number for line in anchors.read()[0]] == [1, 2]


def test_nothing_is_added_after_a_line_that_is_none_of_ours_or_where_nobody_may_write(
    anchors: Anchors, tmp_path: Path
) -> None:
    anchors.path.write_text("oops\n")
    with pytest.raises(DataError, match="none of ours"):
        anchors.add({})
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't be written"):
        Anchors(tmp_path / "file" / "anchors.jsonl", KEY).add({})


def test_a_line_goes_to_the_system_log_too_where_that_is_asked(
    anchors: Anchors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOONER_ANCHORS_SYSLOG", "1")
    anchors.add({})
    assert [line.number for line in anchors.read()[0]] == [1]


def test_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "w", "p")
    monkeypatch.delenv("SOONER_ANCHORS", raising=False)
    assert anchors_file(workspace) == tmp_path / "w.anchors.jsonl"
    monkeypatch.setenv("SOONER_ANCHORS", str(tmp_path / "elsewhere"))
    assert anchors_file(workspace) == tmp_path / "elsewhere"


def test_a_log_with_keyed_entries_and_without_its_anchors_is_no_beginning(tmp_path: Path) -> None:
    anchors = Anchors(tmp_path / "w.anchors.jsonl", KEY)
    old = FileLog(tmp_path / "log.jsonl")
    old.append(actor="a", role="r", action="x")
    log = FileLog(tmp_path / "log.jsonl", key=KEY, anchors=anchors)
    log.append(actor="a", role="r", action="y")
    first, second = anchors.read()[0]
    assert first.begins
    assert first.heads["commands"][0] == 1
    assert second.heads["commands"][0] == 2
    anchors.path.unlink()
    with pytest.raises(DataError, match="are not there"):
        log.append(actor="a", role="r", action="z")
    assert [entry.action for entry in log.entries()] == ["x", "y"]


def test_what_should_be_there_is_named_where_it_is_not(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w", "p")
    assert find_parts(workspace) == frozenset()
    workspace.vault.mkdir(parents=True)
    (workspace.vault / "vault.db").write_bytes(b"no database")
    assert find_parts(workspace) == frozenset()
    recorded = ["vault", "ledger:3", "ledger:1", "log", "bundle/p/1", "live/p/1", "other"]
    faults = name_missing(recorded, ["ledger:2"])
    assert len(faults) == 6
    assert any("it had 3 and has 2" in fault for fault in faults)
    assert any("a part is not there (other)" in fault for fault in faults)
    assert name_missing(recorded, [*recorded, "ledger:4"]) == []
    assert name_missing(["ledger:1"], []) == ["the rights ledger has lost requests: it had 1 and has 0"]


def test_an_anchor_s_text_is_one_line_of_json(anchors: Anchors) -> None:
    anchors.add({"a": (1, "d")}, begins=True)
    raw = json.loads(anchors.path.read_text())
    assert raw["begins"] is True
    assert set(raw) == {"number", "previous", "at", "heads", "parts", "begins", "signature"}
