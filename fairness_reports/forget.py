"""The audit's part of an erasure: everything row by row that this room left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from charter.contracts.workspace import Workspace

__all__ = ["forget"]


def forget(person_ids: Iterable[str], workspace: Workspace) -> int:
    """Remove every programme's row-by-row outputs where anybody is to be forgotten; return how many folders went.

    Audits hold counts of groups and a picture of drawn, nameless dots, and stay; the single view and the points list
    hold households and go as a whole, to be made again from what is left.
    """
    if not any(True for _ in person_ids):
        return 0
    folders = [path for path in workspace.root.glob("start/*/*") if path.is_dir()]
    for folder in folders:
        shutil.rmtree(folder)
    return len(folders)
