"""Keys within keys: what the council's key file opens, so that the file can be changed without sealing all data anew.

    key file (or $SOONER_KEY) ── wraps ──> data key   seals every record of the vault; new at each rotation
                                └─ wraps ──> root       pseudonyms and all other derived keys come from it

Both are kept sealed in the vault's table `meta`. A vault that was never rotated holds neither: its root is the key
file's own key, and its data key is derived from that. Pseudonyms therefore stay the same through every rotation.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from charter.errors import CharterError

__all__ = ["VAULT_FILE", "read_sealed_key", "seal_value", "unseal_value", "wrapping_key"]

VAULT_FILE = "vault.db"
_NONCE = 12


def wrapping_key(master: bytes) -> bytes:
    """Return the 32 byte key by which the key file's key seals other keys, and nothing else."""
    return HKDF(hashes.SHA256(), 32, b"sooner", b"wrapping").derive(master)


def seal_value(key: bytes, name: str, value: bytes) -> bytes:
    """Seal `value` with AES-256-GCM; `name` is authenticated with it, so that it can't stand for something else."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, value, name.encode())


def unseal_value(key: bytes, name: str, sealed: bytes) -> bytes:
    """Return what `seal_value` sealed; raise CharterError for another key, another name or altered bytes."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
    except InvalidTag:
        raise CharterError(
            "the vault was sealed with another key, or has been altered.",
            "Give the key it was sealed with in $SOONER_KEY or $SOONER_KEY_FILE.",
        ) from None


def read_sealed_key(vault: Path, name: str) -> bytes | None:
    """Return the sealed key `name` (data, root) of the vault in the folder `vault`; None where it has none."""
    path = vault / VAULT_FILE
    if not path.exists():
        return None
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        row = connection.execute("select sealed from meta where name = ?", (name,)).fetchone()
    except sqlite3.DatabaseError:
        return None  # Not a vault, or one that is only begun: opening it says so in its own words.
    finally:
        connection.close()
    return bytes(row[0]) if row else None
