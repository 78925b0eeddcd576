"""What a backup says of itself: when, of what, each part with its files' digests, and which key it needs; signed.

The key itself is never in it: its fingerprint is, and where it was kept. A backup whose manifest or files were changed
is refused; so is another key than the one that it was made under.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from charter.contracts.files import file_digest, read_json, write_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import CharterError, DataError
from charter.vault.key import Key, key_file
from sooner.backups.copied_files import digest_files

__all__ = ["NAME", "PARTS", "KeyNeeded", "Manifest", "PartCopied", "find_backup", "load_key", "verify_part"]

PARTS: Mapping[str, str] = {
    "workspace": "snapshots, matrices, runs, releases, bundles, lists, the log of typed commands",
    "vault": "names, addresses and identifiers, sealed",
    "database": "the casework database",
    "signoffs": "the council's folder, with charter, register and sign-offs",
    "ledger": "what residents asked",
    "anchors": "the anchors of the audit log",
}
"""Every part of a backup, and what it holds."""

NAME = "manifest.json"


@dataclass(frozen=True)
class KeyNeeded:
    """Which key a backup needs: fingerprints of it and of the key file, and where that was kept."""

    id: str
    file: str
    kept: str

    @classmethod
    def of(cls, key: Key, council: Council) -> KeyNeeded:
        """Return what a backup made under `key` says of it."""
        kept = "$SOONER_KEY" if "SOONER_KEY" in os.environ else str(key_file(council))
        return cls(key.id, key.fingerprint, kept)

    @property
    def sentence(self) -> str:
        """Say which key it is."""
        return f"the key {self.file[:16]}, which was kept in {self.kept}"


@dataclass(frozen=True)
class PartCopied:
    """One part: its files' sha256 by name, how many bytes, and the links that were followed."""

    files: Mapping[str, str]
    bytes: int
    links: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, links: Mapping[str, str] | None = None) -> PartCopied:
        """Return a part that was copied into `folder`."""
        files = digest_files(folder)
        return cls(files, sum((folder / name).stat().st_size for name in files), dict(links or {}))


@dataclass(frozen=True)
class Manifest:
    """A backup; `ledger` and `anchors` say where those outside the workspace were kept, newer by now perhaps."""

    taken_at: str
    sooner: str
    council: str
    programme: str
    key: KeyNeeded
    parts: Mapping[str, PartCopied]
    ledger: str
    anchors: str
    requests: int
    left_out: tuple[str, ...] = ()
    signature: str = ""

    def sign(self, key: Key) -> str:
        """Return the signature that the other fields give under the council's key."""
        document = {**asdict(self), "signature": ""}
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hmac.digest(key.derive("backup"), text.encode(), "sha256").hex()

    def write(self, folder: Path, key: Key) -> None:
        """Write it into a backup's folder, signed."""
        write_json(folder / NAME, {**asdict(self), "signature": self.sign(key)})

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read a backup's manifest; raise DataError where it is none."""
        try:
            raw: dict[str, Any] = read_json(folder / NAME)
            parts = {name: PartCopied(**part) for name, part in raw["parts"].items() if name in PARTS}
            key, left_out = KeyNeeded(**raw["key"]), tuple(raw["left_out"])
            return cls(**{**raw, "parts": parts, "key": key, "left_out": left_out})
        except (TypeError, KeyError, AttributeError):
            raise DataError(f"{folder.name}/{NAME} is not that of a backup.", "Name the folder of a backup.") from None

    def require_signed(self, key: Key) -> None:
        """Raise CharterError for another key than it was made under, or a manifest that was changed."""
        if key.id != self.key.id:
            raise CharterError(
                "the backup was made under another key than the one that is here.",
                f"It needs {self.key.sentence}: name its file in $SOONER_KEY_FILE.",
            )
        if not hmac.compare_digest(self.signature, self.sign(key)):
            raise DataError(f"{NAME} of the backup was changed.", "Restore another backup.")


def find_backup(folder: Path) -> Path:
    """Return the backup that `folder` is, or the newest of those that it holds; raise DataError where it holds none."""
    if (folder / NAME).exists():
        return folder
    backups = sorted(path.parent for path in folder.glob(f"*/{NAME}") if not path.parent.name.startswith("."))
    if not backups:
        raise DataError(f"there is no backup in {folder.name}/.", "Name a folder that `sooner backup` left.")
    return backups[-1]


def verify_part(folder: Path, name: str, part: PartCopied) -> None:
    """Raise DataError where a part of a backup is not whole: a file is missing, changed, or one too many."""
    there = {path.relative_to(folder / name).as_posix() for path in (folder / name).rglob("*") if path.is_file()}
    faults = [f"{file} is missing" for file in sorted(part.files.keys() - there)]
    faults += [f"{file} is in no manifest" for file in sorted(there - part.files.keys())]
    for file in sorted(there & part.files.keys()):
        if file_digest(folder / name / file) != part.files[file]:
            faults.append(f"{file} was changed")
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise DataError(
            f"the part {name} of the backup is not whole: {faults[0]}{more}. Nothing was restored.",
            "Restore another backup, or the other parts of this one (--part).",
        )


def load_key(manifest: Manifest, council: Council, vault: Workspace) -> Key:
    """Return the council's key, as it opens the vault that lies in `vault`, or as it is where there is none.

    Raises CharterError where it is not there, is another, or lies beside the backup.
    """
    needed = f"The backup needs {manifest.key.sentence}: bring it, and name its file in $SOONER_KEY_FILE."
    if "SOONER_KEY" not in os.environ and not key_file(council).exists():
        raise CharterError("the council's key is not here, and no backup holds it.", needed)
    try:
        key = Key.load(council, vault)
    except CharterError as error:
        raise CharterError(error.message, needed if "another key" in error.message else error.next_step) from None
    manifest.require_signed(key)
    return key
