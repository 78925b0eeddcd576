"""A backup taken: each part whole or absent, consistent though people work on, in a folder of its own.

The writer lock is the caller's, so no verb changes the workspace meanwhile; the service goes on. What is outside is
copied first: a copied anchor then names nothing that the copied database lacks. The folder is written beside and
renamed; a kill leaves nothing that could be taken for a backup.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from charter.contracts.files import new_folder, write_json, writer_lock
from charter.errors import DataError, UsageError
from charter.invocation import Invocation
from charter.vault.anchors import anchors_file
from charter.vault.envelope import VAULT_FILE
from charter.vault.key import Key
from charter.vault.rights_ledger import ledger_file, outside_ledger_file, read_requests
from charter.vault.vault import Vault
from serving.store.database_copy import copy_database
from serving.store.place import find_database_url, is_begun
from sooner.backups.copied_files import copy_folder, copy_lines, place_file
from sooner.backups.manifest import PARTS, KeyNeeded, Manifest, PartCopied
from sooner.version import describe_version

__all__ = ["OUTSIDE_WORKSPACE", "choose_parts", "skip_other_parts", "take_backup"]

OUTSIDE_WORKSPACE = ("vault", "casework.db", "rights.jsonl")
"""What of the workspace's folder is a part of its own."""

_LEFT_OUT: Mapping[str, str] = {
    "extracts": "what services sent, which holds names in the clear; each service has its own",
    "backup": "what `sooner upgrade` kept",
}


def choose_parts(wanted: Collection[str]) -> tuple[str, ...]:
    """Return the parts that are wanted, all where none is named; raise UsageError for a name that is no part."""
    for name in wanted:
        if name not in PARTS:
            raise UsageError(f"{name!r} is no part of a backup.", f"Choose of: {', '.join(PARTS)}.")
    return tuple(name for name in PARTS if name in (wanted or PARTS))


def skip_other_parts(name: str) -> bool:
    """Whether a name in the workspace's folder is no file of the part `workspace`."""
    first = name.split("/")[0]
    return first in (*OUTSIDE_WORKSPACE, *_LEFT_OUT) or first.startswith("casework.db-")


def take_backup(
    invocation: Invocation, folder: Path, wanted: Collection[str] = (), now: datetime | None = None
) -> tuple[Path, Manifest]:
    """Leave a backup in `folder`, named by its moment, and return it. The workspace's writer lock is the caller's.

    Raises DataError where there is nothing to copy or no room, UsageError for a folder inside the workspace.
    """
    workspace = invocation.workspace
    if folder.resolve().is_relative_to(workspace.root.resolve()):
        raise UsageError("a backup inside the workspace goes with it.", "Name a folder on another disk.")
    if not workspace.store.exists() and not is_begun(workspace):
        raise DataError(f"there is nothing in {workspace.root.name}/ to keep.", "Run `sooner pull`.")
    key = Key.load(invocation.council, workspace)
    moment = now or datetime.now(UTC)
    place = folder / f"{moment:%Y%m%dT%H%M%S}Z"
    if place.exists():
        raise UsageError(f"{place.name} is there already.", "Wait a second.")
    with writer_lock(folder), new_folder(place) as beside:
        beside.chmod(0o700)
        parts = {}
        for name in _in_order(choose_parts(wanted)):
            copying = _COPYING[name]
            (beside / name).mkdir(mode=0o700)
            links = copying(invocation, key, beside / name)
            if links is None:
                (beside / name).rmdir()
            else:
                parts[name] = PartCopied.of(beside / name, links)
        manifest = Manifest(
            taken_at=moment.isoformat(),
            sooner=describe_version(),
            council=invocation.council.name,
            programme=invocation.programme,
            key=KeyNeeded.of(key, invocation.council),
            parts=parts,
            ledger=str(outside_ledger_file(workspace).resolve()),
            anchors=str(anchors_file(workspace).resolve()),
            requests=len(read_requests(workspace)),
            left_out=tuple(f"{name}: {why}" for name, why in _LEFT_OUT.items() if (workspace.root / name).exists()),
        )
        manifest.write(beside, key)
        for path in beside.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
    if set(choose_parts(wanted)) == set(PARTS):
        write_json(workspace.backup_taken, {"at": moment.isoformat()})
    return place, Manifest.read(place)


def _in_order(parts: Collection[str]) -> list[str]:
    return sorted(parts, key=lambda name: (name not in ("anchors", "ledger"), name != "database"))


Links = Mapping[str, str] | None


def _copy_workspace(invocation: Invocation, _: Key, place: Path) -> Links:
    return copy_folder(invocation.workspace.root, place, skip_other_parts)


def _copy_vault(invocation: Invocation, key: Key, place: Path) -> Links:
    path = invocation.workspace.vault / VAULT_FILE
    if not path.exists():
        return None
    Vault.open(invocation.workspace.vault, key)  # A vault that this key does not open is no backup of anything.
    place_file(path, place / VAULT_FILE)
    return {}


def _copy_database(invocation: Invocation, _: Key, place: Path) -> Links:
    if not is_begun(invocation.workspace):
        return None
    copy_database(find_database_url(invocation.workspace), place / "casework.db")
    return {}


def _copy_signoffs(invocation: Invocation, _: Key, place: Path) -> Links:
    return copy_folder(invocation.council.folder, place)


def _copy_ledger(invocation: Invocation, _: Key, place: Path) -> Links:
    workspace = invocation.workspace
    copies = {"outside.jsonl": outside_ledger_file(workspace), "rights.jsonl": ledger_file(workspace)}
    there = {name: path for name, path in copies.items() if path.exists()}
    for name, path in there.items():
        copy_lines(path, place / name)
    return {} if there else None


def _copy_anchors(invocation: Invocation, _: Key, place: Path) -> Links:
    path = anchors_file(invocation.workspace)
    if not path.exists():
        return None
    copy_lines(path, place / "anchors.jsonl")
    return {}


_COPYING: Mapping[str, Callable[[Invocation, Key, Path], Links]] = {
    "workspace": _copy_workspace,
    "vault": _copy_vault,
    "database": _copy_database,
    "signoffs": _copy_signoffs,
    "ledger": _copy_ledger,
    "anchors": _copy_anchors,
}
