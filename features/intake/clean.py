"""`clean`: old snapshots go, with what the vault and the quarantine hold of them; the newest and the current stay."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from charter.contracts.files import find_current, read_json
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.vault.key import Key
from charter.vault.vault import Vault
from features.pull_plan import find_newest_snapshot

__all__ = ["Cleaned", "clean_snapshots"]


@dataclass(frozen=True)
class Cleaned:
    """The snapshots removed and kept, oldest first."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]


def clean_snapshots(invocation: Invocation, *, keep: int) -> Cleaned:
    """Remove all but the newest `keep` snapshots and the current one. The writer lock is the caller's.

    Raises UsageError for fewer than one. A snapshot's folder goes last, so that a kill leaves nothing unlisted.
    """
    if keep < 1:
        raise UsageError("at least one snapshot is kept.", "Type --keep 1 or more.")
    workspace = invocation.workspace
    order: list[str] = []
    snapshot = find_newest_snapshot(workspace.store)
    while snapshot is not None and snapshot.is_dir():
        order.append(snapshot.name)
        before = read_json(snapshot / "manifest.json").get("previous")
        snapshot = workspace.store / before if before else None
    current = find_current(workspace.store)
    stay = {*order[:keep], *([current.name] if current else [])}
    gone = [name for name in reversed(order) if name not in stay]
    if gone:
        vault = Vault.open(workspace.vault, Key.load(invocation.council, workspace))
        for name in gone:
            vault.drop_sets(name)
            (workspace.quarantine / f"{name}.parquet").unlink(missing_ok=True)
            shutil.rmtree(workspace.store / name)
    return Cleaned(tuple(gone), tuple(name for name in reversed(order) if name in stay))
