"""The council's secret key: 32 bytes that never lie beside the data, and the keys and pseudonyms derived from it.

The key comes from `$SOONER_KEY` (64 hexadecimal digits) or from a file, readable by its owner alone:
`$SOONER_KEY_FILE`, else what systemd hands over as the credential `sooner-key`, else `~/.config/sooner/COUNCIL.key`. It
is made by `sooner key make` (or a demo) and never by the way: where a key was lost, or a council renamed, a new one
would open nothing. Each purpose has a key of its own (HKDF-SHA256, RFC 5869), so that the pseudonyms of one can't be
compared with those of another. A pseudonym is the first 128 bits of HMAC-SHA256 (RFC 2104) of the parts joined by the
unit separator, as 32 hexadecimal digits.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import CharterError, UsageError
from charter.vault.envelope import VAULT_FILE, read_sealed_key, unseal_value, wrapping_key

__all__ = ["SEPARATOR", "Key", "key_file", "make_key_file", "open_key_file"]

SEPARATOR = "\x1f"
_BLOCK = 64
_CREDENTIAL = "sooner-key"


def key_file(council: Council) -> Path:
    """Return where the key of `council` is kept, unless the environment holds the key itself."""
    variable = os.environ.get("SOONER_KEY_FILE")
    if variable:
        return Path(variable)
    handed_over = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / _CREDENTIAL
    if "CREDENTIALS_DIRECTORY" in os.environ and handed_over.exists():
        return handed_over
    slug = re.sub(r"[^a-z0-9]+", "-", council.name.lower()).strip("-") or "council"
    return Path.home() / ".config" / "sooner" / f"{slug}.key"


@dataclass(frozen=True)
class Key:
    """The master key; it is not shown by repr, and only keys derived from it are ever used.

    `file_key` is what the key file holds: the master itself until the vault is given another (charter.vault.envelope).
    """

    master: bytes = field(repr=False)
    file_key: bytes = field(repr=False, default=b"")

    @classmethod
    def load(cls, council: Council, workspace: Workspace) -> Key:
        """Return the council's key.

        Raises CharterError where there is none, where it lies beside the data (in the workspace or the council's
        folder), can be read by others, or is another than the vault was sealed with; UsageError for one that is not 64
        hexadecimal digits.
        """
        digits = os.environ.get("SOONER_KEY")
        file_key = (
            open_key_file(key_file(council), council, workspace)
            if digits is None
            else _parse_key(digits, "$SOONER_KEY")
        )
        root = read_sealed_key(workspace.vault, "root")
        return cls(unseal_value(wrapping_key(file_key), "root", root) if root else file_key, file_key)

    @property
    def wrapping(self) -> bytes:
        """The 32 byte key that seals the vault's own keys."""
        return wrapping_key(self.file_key or self.master)

    def derive(self, purpose: str) -> bytes:
        """Return the 32 byte key of one purpose."""
        return HKDF(hashes.SHA256(), 32, b"sooner", purpose.encode()).derive(self.master)

    @cached_property
    def id(self) -> str:
        """A name of the key that gives nothing of it away: two snapshots with the same id share pseudonyms."""
        return self.pseudonym("key id")

    @cached_property
    def fingerprint(self) -> str:
        """A name of what the key file holds, which another has after a rotation; it gives nothing away."""
        return Key(self.file_key or self.master).id

    def pads(self, purpose: str) -> tuple[bytes, bytes]:
        """Return HMAC's inner and outer padded key of `purpose`, for engines that have only a hash function."""
        padded = self.derive(purpose).ljust(_BLOCK, b"\0")
        return bytes(b ^ 0x36 for b in padded), bytes(b ^ 0x5C for b in padded)

    def pseudonym(self, purpose: str, *parts: str) -> str:
        """Return the pseudonym of `parts` under the key of `purpose`: 32 hexadecimal digits."""
        return self.pseudonyms(purpose)(*parts)

    def pseudonyms(self, purpose: str) -> Callable[..., str]:
        """Return `pseudonym` for one purpose, its key derived once: for many of them."""
        derived = self.derive(purpose)
        return lambda *parts: hmac.digest(derived, SEPARATOR.join(parts).encode(), "sha256").hex()[:32]


def make_key_file(council: Council, workspace: Workspace, path: Path | None = None) -> Path:
    """Make the council's key, in `path` or where it is looked for, and return where; one that is there stays as it is.

    Raises CharterError where a vault was sealed already: a new key would not open it. A `path` is for another key.
    """
    place = path or key_file(council)
    _require_apart(place, council, workspace)
    if not place.exists():
        if path is None and (workspace.vault / VAULT_FILE).exists():
            raise _miss_key(place, workspace)
        _make_key(place)
    return place


def open_key_file(path: Path, council: Council, workspace: Workspace) -> bytes:
    """Return the key in the file `path`; refused as `Key.load` says."""
    _require_apart(path, council, workspace)
    if not path.exists():
        raise _miss_key(path, workspace)
    if path.stat().st_mode & 0o077:
        raise CharterError("the key file can be read by others.", f"Type `chmod 600` with its path ({path.name}).")
    return _parse_key(path.read_text(encoding="ascii", errors="replace"), "the key file")


def _miss_key(path: Path, workspace: Workspace) -> CharterError:
    """Return what to say where there is no key file: none was made yet, or the one that there was is elsewhere."""
    if not (workspace.vault / VAULT_FILE).exists():
        return CharterError(
            f"there is no key of this council yet ({path.name}).",
            "Run `sooner key make`, and keep a copy of it where no backup goes.",
        )
    others = ", ".join(sorted(other.name for other in path.parent.glob("*.key"))) if path.parent.is_dir() else ""
    return CharterError(
        f"the key that sealed the vault is not here ({path.name}); without it nobody can be named or linked.",
        "Name the council whose workspace this is with --council. Where it is that one already, name the key's file in"
        " $SOONER_KEY_FILE: a council that was renamed keeps its key, and a new machine has none"
        f"{f'. Beside it lie: {others}' if others else ''}.",
    )


def _require_apart(path: Path, council: Council, workspace: Workspace) -> None:
    """Raise CharterError for a key file beside the data that it seals."""
    for folder, what in ((workspace.root, "workspace"), (council.folder, "council's folder")):
        if path.resolve().is_relative_to(folder.resolve()):
            raise CharterError(
                f"the key file is inside the {what}, beside the data it seals.",
                "Name a file elsewhere in $SOONER_KEY_FILE.",
            )


def _parse_key(text: str, where: str) -> bytes:
    digits = text.strip()
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
        raise UsageError(f"{where} does not hold a key of 64 hexadecimal digits.", "Make one: `openssl rand -hex 32`.")
    return bytes.fromhex(digits)


def _make_key(path: Path) -> None:
    """Make a key in `path`, whole or not at all; where another process was first, theirs stays."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path)
    except OSError as error:
        raise UsageError(
            f"a key could not be kept in {path.name}: {error.strerror}.",
            "Set $SOONER_KEY_FILE to a file you may write, or $SOONER_KEY to a key (`openssl rand -hex 32`).",
        ) from None
    finally:
        if beside.exists():
            beside.unlink()
