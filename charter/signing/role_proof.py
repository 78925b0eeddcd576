"""How a role shows that it is itself: a signature that it made elsewhere, or its own key, read for this one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from charter.vault.role_key import is_locked, sign_with_key
from charter.vault.signature import read_signature

__all__ = ["RoleKey", "Signature", "read_proof"]


@dataclass(frozen=True)
class Signature:
    """A file with a signature that the role made elsewhere."""

    path: Path

    def sign(self, _line: str) -> str:
        """Return the signature, in base64, whatever it is of; raise DataError where the file holds none."""
        return read_signature(self.path)


@dataclass(frozen=True)
class RoleKey:
    """The role's own key, read for this one signature; `passphrase` is empty where it is not locked."""

    path: Path
    passphrase: str = ""

    def sign(self, line: str) -> str:
        """Return the signature of a line, in base64; raise DataError for a file that is no such key."""
        return sign_with_key(self.path, line, self.passphrase)


def read_proof(key: Path | None, signature: Path | None, ask: Callable[[], str]) -> RoleKey | Signature | None:
    """Return how a role shows that it is itself, or none; of a locked key `ask` gives the passphrase."""
    if key is None:
        return Signature(signature) if signature else None
    return RoleKey(key, ask() if is_locked(key) else "")
