"""A role's signature is of one line, by one key; openssl's output can be filed as it is."""

from __future__ import annotations

import base64
import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from charter.errors import CharterError, DataError, SignOffError, SoonerError, UsageError
from charter.invocation import Invocation, shipped_council
from charter.rules.policy import Policy
from charter.signing.acceptance import Signable, Signature, sign_as
from charter.signing.signoffs import (
    SignOff,
    add_signoff,
    find_today,
    list_missing,
    read_charter_signoffs,
    read_signoffs,
    require_charter,
    write_statement,
)
from charter.vault.signature import is_signed, public_key, read_signature
from tests.conftest import run_sooner

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
ROLE = "data_protection_officer"


def listed(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    """Open a council whose charter lists a key for one role."""
    council = tmp_path / "council"
    shutil.copytree(shipped_council(), council)
    charter = council / "charter.toml"
    text = charter.read_text(encoding="utf-8")
    charter.write_text(text.replace(f'id = "{ROLE}"', f'id = "{ROLE}"\npublic_key = "{listed(KEY)}"'), encoding="utf-8")
    return Invocation.open(council, "early_help", tmp_path / "workspace", quiet=True)


def policy_of(invocation: Invocation) -> Policy:
    return Policy.load(invocation.council.folder / "charter.toml")


def signature(invocation: Invocation, path: Path, until: date, *, key: Ed25519PrivateKey = KEY) -> Path:
    """Leave the signature of the charter until a day, as raw bytes."""
    path.write_bytes(key.sign(write_statement(ROLE, "charter", policy_of(invocation).sha256, until).encode()))
    return path


def left(invocation: Invocation) -> set[str]:
    """Return the roles that must still sign this charter before real data."""
    policy = policy_of(invocation)
    rows = read_charter_signoffs(invocation)
    return {
        role.id
        for role in list_missing("charter", policy.sha256, policy, rows, find_today(invocation), synthetic=False)
    }


def test_whoever_has_only_the_command_line_makes_a_key_and_signs_with_it(
    invocation: Invocation, tmp_path: Path
) -> None:
    """A locked key asks for its passphrase at a terminal; see test_role_key.py."""
    key = tmp_path / "officer.key"
    ran = run_sooner("role-key", str(key), "--json")
    assert ran.code == 0, ran.err
    charter = invocation.council.folder / "charter.toml"
    text = charter.read_text(encoding="utf-8")
    charter.write_text(text.replace(listed(KEY), json.loads(ran.out)["public_key"]), encoding="utf-8")
    where = ("--council", str(invocation.council.folder), "--workspace", str(invocation.workspace.root))
    ran = run_sooner("sign", "--role", ROLE, "--what", "charter", "--key", str(key), *where, "--json")
    assert (ran.code, json.loads(ran.out)["kind"]) == (0, "signed"), ran.err
    assert ROLE not in left(invocation.reread())
    other = run_sooner("sign", "--role", "residents_panel", "--what", "charter", "--key", str(key), *where)
    assert (other.code, "lists no public_key" in other.err) == (12, True)


def test_a_row_that_claims_a_signature_is_named_as_forged(invocation: Invocation) -> None:
    policy, day = policy_of(invocation), find_today(invocation)
    forged = SignOff.of(
        ROLE, "charter", policy.sha256, datetime.now(UTC), day + timedelta(days=9), "signed", signature="AAAA"
    )
    with pytest.raises(SignOffError, match="not by the key that the charter lists"):
        require_charter(policy, [forged], day, synthetic=True)


def test_a_signature_by_the_roles_key_counts_for_real_data(invocation: Invocation, tmp_path: Path) -> None:
    until = find_today(invocation) + timedelta(days=100)
    assert ROLE in left(invocation)
    made = sign_as(
        invocation,
        ROLE,
        Signable("charter"),
        demo=False,
        proof=Signature(signature(invocation, tmp_path / "s", until)),
        until=until,
    )
    assert (made.kind, made.expires) == ("signed", until)
    assert ROLE not in left(invocation)


def test_a_row_that_says_signed_counts_for_nothing_without_the_signature(
    invocation: Invocation, tmp_path: Path
) -> None:
    until = find_today(invocation) + timedelta(days=100)
    made = sign_as(
        invocation,
        ROLE,
        Signable("charter"),
        demo=False,
        proof=Signature(signature(invocation, tmp_path / "s", until)),
        until=until,
    )
    rows = invocation.council.folder / "signoffs.toml"
    for forged in (
        made.replace(signature=""),
        made.replace(signature="!"),
        made.replace(expires=until + timedelta(days=1)),
        made.replace(role="residents_panel"),
    ):
        rows.unlink(missing_ok=True)
        add_signoff(rows, forged)
        assert read_signoffs(rows) == (forged.replace(signed_at=made.signed_at.replace(microsecond=0)),)
        assert {ROLE, "residents_panel"} <= left(invocation)


def test_another_key_another_day_and_another_charter_are_refused(invocation: Invocation, tmp_path: Path) -> None:
    until = find_today(invocation) + timedelta(days=100)
    by_another = signature(invocation, tmp_path / "a", until, key=OTHER)
    with pytest.raises(SignOffError, match="not a signature of this charter by the key of"):
        sign_as(invocation, ROLE, Signable("charter"), demo=False, proof=Signature(by_another), until=until)
    good = signature(invocation, tmp_path / "b", until)
    with pytest.raises(SignOffError):
        sign_as(
            invocation, ROLE, Signable("charter"), demo=False, proof=Signature(good), until=until - timedelta(days=1)
        )
    charter = invocation.council.folder / "charter.toml"
    charter.write_text(charter.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(SignOffError):
        sign_as(invocation.reread(), ROLE, Signable("charter"), demo=False, proof=Signature(good), until=until)
    assert not (invocation.council.folder / "signoffs.toml").exists()


def test_a_role_without_a_key_cannot_sign_and_nobody_signs_for_longer_than_the_charter_says(
    invocation: Invocation, tmp_path: Path
) -> None:
    until = find_today(invocation) + timedelta(days=100)
    some = signature(invocation, tmp_path / "s", until)
    with pytest.raises(CharterError, match="lists no public_key for residents_panel"):
        sign_as(invocation, "residents_panel", Signable("charter"), demo=False, proof=Signature(some), until=until)
    for day in (find_today(invocation), find_today(invocation) + timedelta(days=800)):
        with pytest.raises(UsageError, match="cannot end on"):
            sign_as(invocation, ROLE, Signable("charter"), demo=False, proof=Signature(some), until=day)


def test_without_a_signature_the_line_to_sign_is_said(invocation: Invocation) -> None:
    with pytest.raises(UsageError) as refused:
        sign_as(invocation, ROLE, Signable("charter"), demo=False)
    assert f"'{ROLE} accepts the charter {policy_of(invocation).sha256} until 20" in refused.value.next_step


def test_a_file_holds_a_signature_as_bytes_or_as_text(tmp_path: Path) -> None:
    raw, text = tmp_path / "raw", tmp_path / "text"
    raw.write_bytes(KEY.sign(b"x"))
    text.write_text(base64.b64encode(KEY.sign(b"x")).decode() + "\n")
    assert read_signature(raw) == read_signature(text)
    assert is_signed(listed(KEY), "x", read_signature(raw))
    assert not is_signed(listed(KEY), "y", read_signature(raw))
    assert not is_signed("", "x", read_signature(raw))


@pytest.mark.parametrize("content", [b"", b"not a signature", b"\xff" * 63, base64.b64encode(b"short")])
def test_a_file_without_a_signature_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(DataError, match="holds no Ed25519 signature"):
        read_signature(tmp_path / "s")
    with pytest.raises(DataError, match="there is no signature"):
        read_signature(tmp_path / "none")


def of_another_kind() -> str:
    key = generate_private_key(SECP256R1()).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize("text", ["?", "AAAA", of_another_kind()], ids=["no base64", "too short", "another curve"])
def test_a_key_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(SoonerError, match="Ed25519"):
        public_key(text)
