"""What is missing is said with the command that brings it; what is there, by its name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from charter.contracts.files import set_current, write_json
from charter.invocation import Invocation, shipped_council
from charter.machine import doctor
from charter.machine.doctor import Check, examine_machine
from charter.vault.rights_ledger import Request, append_request


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    return Invocation.open(shipped_council(), "early_help", tmp_path / "workspace", quiet=True)


def checks(invocation: Invocation) -> dict[str, Check]:
    return {check.title: check for check in examine_machine(invocation)}


def test_an_empty_workspace_is_told_what_to_run_for_each_thing(invocation: Invocation) -> None:
    missing = {title: check.note for title, check in checks(invocation).items() if "of early_help" in title}
    assert missing == {
        "snapshot of early_help": "sooner pull, then sooner link",
        "matrix of early_help": "sooner build",
        "trained run of early_help": "sooner train",
        "audit of early_help": "sooner audit",
        "bundle of early_help": "sooner decide, sign and promote",
        "worklist of early_help": "sooner rank",
    }
    assert not any(check.found for title, check in checks(invocation).items() if "of early_help" in title)
    assert checks(invocation)["residents' requests carried out"].note == "none waits"
    assert checks(invocation)["Python 3.11 or newer"].document()["found"] is True


def test_what_is_there_is_called_by_its_id(invocation: Invocation) -> None:
    set_current(invocation.workspace.matrix, "0123456789abcdef")
    assert checks(invocation)["matrix of early_help"] == Check("matrix of early_help", True, "0123456789abcdef")


def test_a_request_that_waits_and_rows_that_went_are_counted(invocation: Invocation) -> None:
    workspace = invocation.workspace
    write_json(workspace.store / "s1" / "manifest.json", {})
    append_request(
        workspace, Request("object", "2026-01-01T10:00:00+00:00", "housing", "a" * 32, ("a" * 32,), "*", "*")
    )
    assert checks(invocation)["residents' requests carried out"].note == "1 wait: sooner replay"
    write_json(workspace.bundle / "b1" / "manifest.json", {"release": "r1"})
    write_json(workspace.release / "r1" / "manifest.json", {"run": "t1"})
    write_json(workspace.scores / "t1" / "manifest.json", {"withdrawn_rows": 7})
    set_current(workspace.bundle, "b1")
    learned = checks(invocation)["model without withdrawn rows"]
    assert not learned.found
    assert learned.note.startswith("7 rows went since")


def test_a_missing_library_or_program_is_named_with_what_brings_it(
    invocation: Invocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(doctor, "EXTRAS", (("train", "training", ("json", "no_such_module")),))
    monkeypatch.setattr(doctor, "PANGO", ("no-such-library",))
    shown = checks(invocation)
    assert shown["extra train"].note == "pip install -c constraints.txt -e '.[train]'"
    assert shown["browser for tests"].note == "apt-get install chromium"
    assert shown["PDF libraries"].note.startswith("apt-get install libpango")
    assert not any(shown[title].found for title in ("extra train", "browser for tests", "PDF libraries"))


def test_what_is_on_this_machine_is_found(
    invocation: Invocation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copy("/bin/true", tmp_path / "chromium")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "EXTRAS", (("train", "training and tracking", ("json",)),))
    monkeypatch.setattr(doctor, "PANGO", ("c",))
    shown = checks(invocation)
    assert shown["browser for tests"] == Check("browser for tests", True, "chromium")
    assert shown["extra train"] == Check("extra train", True, "training and tracking")
    assert shown["PDF libraries"] == Check("PDF libraries", True, "board packs as PDF")


def test_another_distribution_of_one_of_our_names_is_named(
    invocation: Invocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_shared_names", lambda: {"training": ("other-tools",)})
    names = checks(invocation)["package names to itself"]
    assert not names.found
    assert names.note.startswith("other-tools installs `training` too: install Sooner in an environment of its own")
