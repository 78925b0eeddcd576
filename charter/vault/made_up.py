"""What `sooner synth` made, so that the demonstration's sign-in opens for that alone and for nothing that was sent.

    synth   writes the digest of every file that it makes into `made_up.json`, beside the extracts and not among them
    pull    a snapshot of such files alone, on none or on another such, is signed in it with the council's key
    serve   opens the demonstration where the bundle and every list are of signed snapshots

No file of a sender can set the mark: it lies where none of theirs does, and what pull adds is signed.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from charter.contracts.files import file_digest, read_json, write_json
from charter.contracts.workspace import Workspace
from charter.vault.key import Key

__all__ = ["confirm_snapshot", "is_confirmed", "is_made_up", "mark_files"]

_PURPOSE = "made up"


def mark_files(extracts: Path) -> None:
    """Write down the digests of the made-up files in `extracts`, beside that folder.

    Snapshots that were signed stay so: the same borough made again is pulled into no new one.
    """
    digests = sorted({file_digest(path) for path in extracts.rglob("*") if path.is_file()})
    path = extracts.parent / "made_up.json"
    write_json(path, {"files": digests, "snapshots": _read(path).get("snapshots", {})})


def is_made_up(workspace: Workspace, digests: Iterable[str]) -> bool:
    """Whether each of some files, by its digest, was made by synth here."""
    files = frozenset(_read(workspace.made_up).get("files", ()))
    return all(digest in files for digest in digests)


def confirm_snapshot(workspace: Workspace, key: Key, snapshot: str) -> None:
    """Sign that a snapshot holds made-up files alone."""
    document = _read(workspace.made_up)
    signatures = {**document.get("snapshots", {}), snapshot: _sign(key, snapshot)}
    write_json(workspace.made_up, {"files": document.get("files", []), "snapshots": signatures})


def is_confirmed(workspace: Workspace, key: Key, snapshots: Iterable[str]) -> bool:
    """Whether every one of some snapshots was signed as made up, and there is one at least."""
    signatures, names = _read(workspace.made_up).get("snapshots", {}), list(snapshots)
    return bool(names) and all(hmac.compare_digest(str(signatures.get(name, "")), _sign(key, name)) for name in names)


def _sign(key: Key, snapshot: str) -> str:
    return hmac.digest(key.derive(_PURPOSE), snapshot.encode(), "sha256").hex()


def _read(path: Path) -> dict[str, Any]:
    document = read_json(path) if path.exists() else {}
    return document if isinstance(document, dict) else {}
