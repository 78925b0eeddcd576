"""A role's own key: made once by its holder, who keeps it and gives the board its public half for charter.toml.

The file is PKCS 8 in PEM, its owner's alone, locked with a passphrase where one is given; nothing else of Sooner's
keeps it. Where it is never to come near this machine, openssl does the same (`charter.vault.signature`).
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from charter.errors import DataError, UsageError

__all__ = ["is_locked", "make_role_key", "sign_with_key"]


def make_role_key(path: Path, passphrase: str = "") -> str:
    """Write a new Ed25519 key, and return its public half as charter.toml lists it.

    Raises UsageError where the file is there already or cannot be written: a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    lock: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path.name} is there already, and a key is never overwritten.", "Name a new file.") from None
    except OSError as error:
        raise UsageError(
            f"{path.name} cannot be written: {error.strerror}.", "Name a file that you may write."
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()


def is_locked(path: Path) -> bool:
    """Whether a key asks for a passphrase; raise DataError where there is no such file."""
    return b"ENCRYPTED" in _read(path)


def sign_with_key(path: Path, statement: str, passphrase: str = "") -> str:
    """Return the signature (base64) of a statement, in UTF-8; raise DataError for a file that is no such key."""
    try:
        key = load_pem_private_key(_read(path), passphrase.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise DataError(
            f"{path.name} is not a role's key, or is locked with another passphrase.",
            "Name the file that `sooner role-key` made.",
        )
    return base64.b64encode(key.sign(statement.encode())).decode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror}.", "Name the file that `sooner role-key` made."
        ) from None
