"""The audit's part of an erasure: everything row by row that this room left behind."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable

from charter.contracts.files import write_text
from charter.contracts.workspace import Workspace

__all__ = ["forget", "forget_lines"]


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


def forget_lines(person_ids: Iterable[str], workspace: Workspace) -> int:
    """Remove from every list's line.csv the households in which any of these people lived; return how many rows went.

    Nobody worked on these rows and nothing was decided by them, so nothing of them is sealed.
    """
    gone = frozenset(person_ids)
    count = 0
    for path in sorted(workspace.root.glob("worklist/*/*/line.csv")) if gone else ():
        with path.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            names, rows = reader.fieldnames or (), list(reader)
        left = [row for row in rows if gone.isdisjoint(row["people"].split())]
        if len(left) < len(rows):
            text = io.StringIO()
            writer = csv.DictWriter(text, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(left)
            write_text(path, text.getvalue())
            count += len(rows) - len(left)
    return count
