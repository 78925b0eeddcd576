"""What is left behind is the old or the new, one process writes at a time, and ids are of content."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from charter.contracts.files import (
    content_id,
    file_digest,
    find_current,
    folder_digest,
    new_file,
    new_folder,
    read_json,
    set_current,
    write_json,
    write_text,
    writer_lock,
)
from charter.errors import DataError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "decision.json"
    write_text(path, "old")

    def stop_halfway() -> None:
        with new_file(path) as beside:
            beside.write_text("half of the n")
            assert path.read_text() == "old"
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        stop_halfway()
    assert path.read_text() == "old"
    assert names(path.parent) == ["decision.json"]
    write_text(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "store" / "0123456789abcdef"

    def stop_halfway() -> None:
        with new_folder(path) as beside:
            (beside / "events.parquet").write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        stop_halfway()
    assert names(tmp_path / "store") == []
    with new_folder(path) as beside:
        (beside / "tables").mkdir()
        (beside / "tables" / "events.parquet").write_text("whole")
        assert not path.exists()
    assert (path / "tables" / "events.parquet").read_text() == "whole"
    assert names(tmp_path / "store") == [path.name]


def test_a_folder_named_by_its_content_that_is_there_already_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "0123456789abcdef"
    for text in ("first", "the same by its name"):
        with new_folder(path) as beside:
            (beside / "file").write_text(text)
    assert (path / "file").read_text() == "first"
    assert names(tmp_path) == [path.name]


def test_a_digest_of_a_folder_is_of_names_and_bytes_and_of_nothing_else(tmp_path: Path) -> None:
    for number, folder in enumerate(("one", "two", "renamed", "edited")):
        (tmp_path / folder / "deeper").mkdir(parents=True)
        (tmp_path / folder / "deeper" / ("b" if folder == "renamed" else "a")).write_text(f"{number == 3}")
    one, two, renamed, edited = (folder_digest(tmp_path / name) for name in ("one", "two", "renamed", "edited"))
    assert one == two
    assert len({one, renamed, edited}) == 3
    assert file_digest(tmp_path / "one/deeper/a") == file_digest(tmp_path / "renamed/deeper/b")


def test_an_id_is_of_the_value_whatever_the_order_of_its_keys() -> None:
    assert content_id({"a": 1, "b": [1, 2]}) == content_id({"b": [1, 2], "a": 1})
    assert content_id([1, 2]) != content_id([2, 1])
    assert len(content_id(None)) == 16


def test_json_is_written_the_same_each_time_and_what_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "run" / "manifest.json"
    write_json(path, {"b": "é", "a": 1})
    assert path.read_text(encoding="utf-8") == '{\n "a": 1,\n "b": "é"\n}\n'
    assert read_json(path) == {"a": 1, "b": "é"}
    with pytest.raises(DataError, match=r"other\.json is missing from run/"):
        read_json(path.with_name("other.json"))
    path.write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json in run/ is not JSON"):
        read_json(path)


def test_the_pointer_names_the_newest_or_nothing_yet(tmp_path: Path) -> None:
    assert find_current(tmp_path) is None
    set_current(tmp_path, "0123456789abcdef")
    assert find_current(tmp_path) == tmp_path / "0123456789abcdef"


TRY = """
import sys
from pathlib import Path
from charter.contracts.files import writer_lock
from charter.errors import DataError
try:
    with writer_lock(Path(sys.argv[1])):
        print("wrote")
except DataError as error:
    print(error.exit_code, error.message, error.next_step)
"""


def try_elsewhere(root: Path) -> str:
    command = [sys.executable, "-c", TRY, str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_one_process_writes_at_a_time_and_the_other_is_told_at_once(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    with writer_lock(root):
        assert try_elsewhere(root) == (
            "11 another command is writing to workspace/. Wait until it ends, then run this again."
        )
    assert try_elsewhere(root) == "wrote"


def test_what_a_killed_writer_left_beside_is_gone_before_the_next_writes(tmp_path: Path) -> None:
    (tmp_path / "store" / ".new-abc").mkdir(parents=True)
    (tmp_path / "store" / ".new-abc" / "half").write_text("half")
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / ".new-xyz").write_text(json.dumps("half"))
    (tmp_path / "audit" / "kept.json").write_text("whole")
    with writer_lock(tmp_path):
        left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == [".writer", "audit/kept.json"]
    assert not (tmp_path / "store" / ".new-abc").exists()
