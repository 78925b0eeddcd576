"""A role's own key: made once, never overwritten, its owner's alone; what it signs is that role's and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from charter.errors import DataError, UsageError
from charter.vault.role_key import is_locked, make_role_key, sign_with_key
from charter.vault.signature import is_signed


def test_what_a_key_signs_is_signed_by_its_public_half_alone(tmp_path: Path) -> None:
    public, other = make_role_key(tmp_path / "one.key"), make_role_key(tmp_path / "other.key")
    signature = sign_with_key(tmp_path / "one.key", "a line")
    assert is_signed(public, "a line", signature)
    assert not is_signed(public, "another line", signature)
    assert not is_signed(other, "a line", signature)


def test_a_key_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    make_role_key(tmp_path / "one.key")
    before = (tmp_path / "one.key").read_bytes()
    assert (tmp_path / "one.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="never overwritten"):
        make_role_key(tmp_path / "one.key")
    assert (tmp_path / "one.key").read_bytes() == before
    with pytest.raises(UsageError, match="cannot be written"):
        make_role_key(tmp_path / "nowhere" / "one.key")


def test_a_locked_key_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    public = make_role_key(tmp_path / "one.key", "correct horse")
    assert is_locked(tmp_path / "one.key")
    assert is_signed(public, "a line", sign_with_key(tmp_path / "one.key", "a line", "correct horse"))
    for wrong in ("", "battery staple"):
        with pytest.raises(DataError, match="locked with another passphrase"):
            sign_with_key(tmp_path / "one.key", "a line", wrong)


def test_what_is_no_key_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a key")
    with pytest.raises(DataError, match=r"notes\.txt is not a role's key"):
        sign_with_key(tmp_path / "notes.txt", "a line")
    with pytest.raises(DataError, match=r"none\.key cannot be read"):
        is_locked(tmp_path / "none.key")
