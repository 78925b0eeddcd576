"""What goes with a restore: the entries of the log, and the parts, that the newer copy had and the older has not.

Anchors outside say how far each chain had come; where the newer database and log can still be read, what the acts were
is counted too. Told in the anchor that announces the restore, so that `verify-log` can tell it from tampering.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from pathlib import Path

from charter.contracts.workspace import Workspace
from charter.errors import DataError
from charter.vault.anchors import Anchors
from charter.vault.log import Entry, FileLog
from charter.vault.workspace_parts import find_parts
from serving.store.database_copy import read_chain_ends

__all__ = ["count_lost_acts", "find_lost_entries", "find_lost_parts"]


def find_lost_entries(
    anchors: Anchors, restored: Collection[str], log: Path, database: Path | None
) -> dict[str, tuple[int, int]]:
    """Return by chain the first and last entry that anchors name and the restored `log` and `database` have not got.

    `restored` names the parts: chains of what is not restored lose nothing.
    """
    lines, _ = anchors.read()
    furthest: dict[str, int] = {}
    for line in lines:
        if line.restored:
            gone = {chain for chain, number in furthest.items() if line.restored.took(chain, number)}
            furthest |= {chain: line.restored.lost[chain][0] - 1 for chain in gone}
        for chain, (number, _) in line.heads.items():
            furthest[chain] = max(number, furthest.get(chain, 0))
    typed = FileLog.chain
    ends = dict(furthest)
    if "workspace" in restored:
        ends[typed] = max((entry.number for entry in FileLog(log).entries() if entry.chain == typed), default=0)
    if "database" in restored and database is not None:
        copied = read_chain_ends(database)
        ends |= {chain: copied.get(chain, 0) for chain in furthest if chain != typed}
    return {chain: (ends[chain] + 1, last) for chain, last in furthest.items() if ends[chain] < last}


def find_lost_parts(anchors: Anchors, assembled: Workspace) -> tuple[str, ...]:
    """Return the parts that anchors name and the assembled workspace lacks; what residents asked is never lost."""
    gone = anchors.parts() - find_parts(assembled)
    return tuple(sorted(part for part in gone if not part.startswith("ledger:")))


def count_lost_acts(workspace: Workspace, lost: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Return how many acts of each kind are lost, as far as what is still there can be read."""

    def is_lost(chain: str, number: int) -> bool:
        return chain in lost and lost[chain][0] <= number <= lost[chain][1]

    counts: Counter[str] = Counter()
    with suppress(DataError):
        entries: list[Entry] = FileLog(workspace.log).entries()
        counts.update(entry.action for entry in entries if is_lost(entry.chain, entry.number))
    if workspace.casework.exists():
        with suppress(sqlite3.DatabaseError):
            with closing(sqlite3.connect(f"file:{workspace.casework}?mode=ro", uri=True)) as database:
                rows = database.execute("select chain, number, action from audit").fetchall()
            counts.update(str(action) for chain, number, action in rows if is_lost(chain, number))
    return dict(sorted(counts.items()))
