"""The vault's keys are changed without losing a record or a pseudonym, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import CharterError
from charter.vault.key import Key
from charter.vault.vault import NamedPerson, Vault, rotate_vault
from tests.conftest import ROOT, run_sooner

OLD, NEW = bytes.fromhex("5a" * 32), bytes.fromhex("a5" * 32)
WHO = NamedPerson("Ada Marsh", date(1980, 2, 1), "1 New Road", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vault = Vault.open(tmp_path / "workspace/vault", Key(OLD))
    vault.replace({"p1": WHO})
    vault.put_sets("s1", {"people": b"rows" * 100_000})
    vault.file_paper("correction", "c1", b"said")
    return tmp_path / "workspace/vault"


def loaded(folder: Path, key: bytes, monkeypatch: pytest.MonkeyPatch) -> Key:
    monkeypatch.setenv("SOONER_KEY", key.hex())
    return Key.load(Council.load(ROOT / "council"), Workspace(folder.parent, "early_help"))


def whole(folder: Path, key: Key) -> None:
    """Check that the key opens the vault and that nothing is missing from it."""
    vault = Vault.open(folder, key)
    assert vault.identify(["p1"], role="auditor", reason="a test", log=[].append) == {"p1": WHO}
    assert vault.get_set("s1", "people") == b"rows" * 100_000
    assert vault.papers("correction") == {"c1": b"said"}


def sealed(folder: Path) -> set[bytes]:
    with sqlite3.connect(folder / "vault.db") as database:
        tables = ("identities", "sets", "papers", "meta")
        return {bytes(row[0]) for name in tables for row in database.execute(f"select sealed from {name}")}


def test_every_record_is_sealed_anew_and_the_same_key_opens_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sealed(folder)
    assert rotate_vault(folder, Key(OLD)) == 3
    assert not before & sealed(folder)
    whole(folder, loaded(folder, OLD, monkeypatch))
    assert (folder / "vault.db").stat().st_mode & 0o077 == 0


def test_another_key_file_opens_it_and_the_old_one_no_longer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = loaded(folder, OLD, monkeypatch)
    rotate_vault(folder, before, NEW)
    after = loaded(folder, NEW, monkeypatch)
    whole(folder, after)
    assert after.id == before.id
    assert after.pseudonym("person", "x") == before.pseudonym("person", "x")
    with pytest.raises(CharterError, match="sealed with another key"):
        loaded(folder, OLD, monkeypatch)
    rotate_vault(folder, after)
    whole(folder, loaded(folder, NEW, monkeypatch))


def test_a_vault_that_is_open_in_another_process_goes_on(folder: Path) -> None:
    open_before = Vault.open(folder, Key(OLD))
    rotate_vault(folder, Key(OLD))
    assert open_before.identify(["p1"], role="auditor", reason="a test", log=[].append) == {"p1": WHO}


@pytest.mark.parametrize("after", [0.0, 0.01, 0.05, 0.2])
def test_a_kill_at_any_moment_leaves_the_old_or_the_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch, after: float
) -> None:
    code = (
        "import sys; from pathlib import Path; from charter.vault.key import Key; "
        "from charter.vault.vault import rotate\n"
        f"print('go', flush=True); rotate(Path(sys.argv[1]), Key({OLD!r}), {NEW!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    opened = 0
    for key in (OLD, NEW):
        try:
            whole(folder, loaded(folder, key, monkeypatch))
        except CharterError:
            continue
        opened += 1
    assert opened == 1


def test_the_verb_makes_the_new_key_and_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    workspace = str(folder.parent)
    ran = run_sooner("rotate", "--workspace", workspace, "--new-key-file", str(tmp_path / "new.key"))
    assert (ran.code, ran.err) == (0, "")
    assert "3 records" in ran.out
    assert "$SOONER_KEY_FILE" in ran.out
    refused = run_sooner("rotate", "--workspace", workspace)
    assert refused.code == 12
    assert "sealed with another key" in refused.err
    opened = {name: value for name, value in os.environ.items() if name != "SOONER_KEY"}
    again = subprocess.run(
        [sys.executable, "-m", "sooner", "rotate", "--workspace", workspace, "--quiet"],
        cwd=ROOT, env={**opened, "SOONER_KEY_FILE": str(tmp_path / "new.key")}, capture_output=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0
    beside = run_sooner("rotate", "--workspace", workspace, "--new-key-file", f"{workspace}/new.key")
    assert beside.code == 12
