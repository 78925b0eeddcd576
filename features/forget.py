"""Erasure in this room: no matrix may hold a person who has been forgotten, nor may the vault name them."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable

import numpy as np

from charter.contracts.workspace import Workspace

__all__ = ["forget"]


def forget(person_ids: Iterable[str], workspace: Workspace, matrices: Collection[str] | None = None) -> int:
    """Drop every matrix of every programme that holds any of `person_ids`; return how many were dropped.

    Of `matrices`, their ids, no others are looked at where they are given.

    Snapshots and vault are cleared by `features.rights.asking`, which knows what was asked of which service.
    """
    # Lists of known trouble name households: they are made again in moments.
    shutil.rmtree(workspace.root / "known", ignore_errors=True)
    wanted = np.array(sorted(person_ids), dtype="S32")
    dropped = 0
    for manifest in sorted((workspace.root / "matrix").glob("*/*/manifest.json")):
        folder = manifest.parent
        if matrices is not None and folder.name not in matrices:
            continue
        members = (np.load(path, mmap_mode="r", allow_pickle=False) for path in folder.glob("as_of=*/person.npy"))
        if len(wanted) and any(np.isin(people, wanted).any() for people in members):
            pointer = folder.parent / "current"
            if pointer.exists() and pointer.read_text(encoding="utf-8").strip() == folder.name:
                pointer.unlink()
            shutil.rmtree(folder)
            dropped += 1
    return dropped
