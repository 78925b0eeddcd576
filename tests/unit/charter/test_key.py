from __future__ import annotations

import hashlib
import hmac
import shutil
from pathlib import Path

import pytest

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import CharterError, UsageError
from charter.vault.key import Key, key_file, make_key_file
from charter.vault.vault import Vault
from features.intake.database import open_database

ROOT = Path(__file__).resolve().parents[3]
KEY = Key(bytes(range(32)))


@pytest.fixture
def council() -> Council:
    return Council.load(ROOT / "council")


def test_a_pseudonym_is_hmac_sha256_under_the_key_of_its_purpose() -> None:
    expected = hmac.new(KEY.derive("person"), b"a\x1fb", hashlib.sha256).hexdigest()[:32]
    assert KEY.pseudonym("person", "a", "b") == expected
    assert KEY.pseudonym("household", "a", "b") != expected
    assert KEY.pseudonym("person", "ab") != expected


def test_keys_are_derived_by_hkdf_of_rfc_5869() -> None:
    """Extract and expand written out: the library's result is the RFC's."""
    extracted = hmac.new(b"sooner", KEY.master, hashlib.sha256).digest()
    assert KEY.derive("vault") == hmac.new(extracted, b"vault\x01", hashlib.sha256).digest()


@pytest.mark.parametrize("text", ["", "H1", "O'Néil \U0001f600", "x" * 500])
def test_the_database_makes_the_same_pseudonyms(text: str) -> None:
    with open_database(KEY) as database:
        (made,) = database.execute("select reference_of($1)", [text]).fetchall()[0]
    assert made == KEY.pseudonym("reference", text)


def test_the_key_is_never_shown() -> None:
    assert KEY.master.hex() not in repr(KEY)
    assert repr(KEY.master) not in repr(KEY)
    assert KEY.id != Key(bytes(32)).id


def test_a_key_is_made_by_name_alone_once_and_for_its_owner(
    council: Council, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOONER_KEY", "SOONER_KEY_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    workspace = Workspace(tmp_path / "workspace", "early_help")
    path = tmp_path / ".config/sooner/borough-of-fernhill.key"
    with pytest.raises(CharterError, match="no key of this council yet") as refused:
        Key.load(council, workspace)
    assert "sooner key make" in refused.value.next_step
    assert not path.exists()
    assert make_key_file(council, workspace) == path == key_file(council)
    first = Key.load(council, workspace)
    assert path.stat().st_mode & 0o777 == 0o600
    assert make_key_file(council, workspace) == path
    assert Key.load(council, workspace) == first
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_a_lost_key_or_a_renamed_council_is_told_and_gets_no_key_that_opens_nothing(
    council: Council, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOONER_KEY", "SOONER_KEY_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    workspace = Workspace(tmp_path / "workspace", "early_help")
    path = make_key_file(council, workspace)
    Vault.open(workspace.vault, Key.load(council, workspace)).file_paper("correction", "c1", b"words")
    shutil.copytree(ROOT / "council", tmp_path / "council")
    text = (tmp_path / "council/council.toml").read_text(encoding="utf-8")
    assert council.name in text
    (tmp_path / "council/council.toml").write_text(text.replace(council.name, "Fernhill and Brook"), encoding="utf-8")
    renamed = Council.load(tmp_path / "council")
    for act in (Key.load, make_key_file):
        with pytest.raises(CharterError, match="the key that sealed the vault is not here") as refused:
            act(renamed, workspace)
        assert path.name in refused.value.next_step
        assert refused.value.next_step.startswith("Name the council whose workspace this is with --council.")
    assert [child.name for child in path.parent.iterdir()] == [path.name]
    monkeypatch.setenv("SOONER_KEY_FILE", str(path))
    moved = Workspace(workspace.root.rename(tmp_path / "elsewhere"), "early_help")
    assert Vault.open(moved.vault, Key.load(renamed, moved)).papers("correction") == {"c1": b"words"}
    # What systemd hands over is found by itself.
    monkeypatch.delenv("SOONER_KEY_FILE")
    handed = tmp_path / "credentials"
    handed.mkdir()
    path.rename(handed / "sooner-key")
    with pytest.raises(CharterError, match="is not here"):
        Key.load(renamed, moved)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    assert Vault.open(moved.vault, Key.load(renamed, moved)).papers("correction") == {"c1": b"words"}


def test_a_key_beside_the_data_or_open_to_others_is_refused(
    council: Council, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOONER_KEY")
    workspace = Workspace(tmp_path, "early_help")
    monkeypatch.setenv("SOONER_KEY_FILE", str(tmp_path / "my.key"))
    with pytest.raises(CharterError, match="inside the workspace"):
        Key.load(council, workspace)
    elsewhere = Workspace(tmp_path / "workspace", "early_help")
    (tmp_path / "my.key").write_text("ab" * 32, encoding="ascii")
    (tmp_path / "my.key").chmod(0o644)
    with pytest.raises(CharterError, match="can be read by others"):
        Key.load(council, elsewhere)


def test_a_key_that_is_none_is_refused_without_showing_it(
    council: Council, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOONER_KEY", "password")
    with pytest.raises(UsageError, match="64 hexadecimal digits") as refused:
        Key.load(council, Workspace(tmp_path, "early_help"))
    assert "password" not in str(refused.value)


def test_a_place_that_can_not_be_written_is_said(
    council: Council, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOONER_KEY")
    (tmp_path / "file").write_text("", encoding="ascii")
    monkeypatch.setenv("SOONER_KEY_FILE", str(tmp_path / "file" / "my.key"))
    with pytest.raises(UsageError, match="a key could not be kept"):
        make_key_file(council, Workspace(tmp_path / "workspace", "early_help"))
