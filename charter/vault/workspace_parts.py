"""What should exist of a workspace, so that a part which is gone or emptied is missed and never taken for a beginning.

    database   vault   ledger:N requests   log   bundle/PROGRAMME/ID   live/PROGRAMME/RELEASE   closed/PROGRAMME

A part is named in an anchor (charter.vault.anchors) once it is there, and must be there from then on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress

from charter.contracts.workspace import Workspace
from charter.vault.envelope import VAULT_FILE
from charter.vault.log import FileLog
from charter.vault.rights_ledger import ledger_file, outside_ledger_file

__all__ = ["find_parts", "name_missing"]

_WORDS = {
    "vault": "the vault holds nobody, or is not there",
    "log": "the log of typed commands is not there, or empty",
    "ledger": "the rights ledger has lost requests",
    "bundle": "a bundle that was promoted is not there, or lacks a file",
    "live": "the record that let lists be shown is not there",
    "closed": "the record that a programme was closed is not there",
}


def find_parts(workspace: Workspace) -> frozenset[str]:
    """Return the parts that are there now, other than the casework database, which serving knows."""
    parts = set()
    if _holds_people(workspace):
        parts.add("vault")
    if FileLog(workspace.log).entries_begun:
        parts.add("log")
    requests = max(_count_lines(workspace, outside=outside) for outside in (True, False))
    parts |= {f"ledger:{number}" for number in ([requests] if requests else [])}
    for manifest in (workspace.root / "bundle").glob("*/*/manifest.json"):
        if all((manifest.parent / name).exists() for name in ("model.lgb", "check.npz")):
            parts.add(f"bundle/{manifest.parent.parent.name}/{manifest.parent.name}")
    for path in (workspace.root / "live").glob("*/*.json"):
        parts.add(f"live/{path.parent.name}/{path.stem}")
    for path in workspace.closed.glob("*.certificate.json"):
        target = path.name.removesuffix(".certificate.json")
        parts |= {f"closed/{target}"} if (workspace.closed / f"{target}.json").exists() else set()
    return frozenset(parts)


def name_missing(recorded: Iterable[str], there: Iterable[str]) -> list[str]:
    """Say of each part that was recorded and is not there what is missing."""
    now = frozenset(there)
    requests = max((int(part.partition(":")[2]) for part in now if part.startswith("ledger:")), default=0)
    faults = []
    for part in sorted(frozenset(recorded) - now):
        kind = part.split("/")[0].split(":")[0]
        if kind == "ledger":
            if int(part.partition(":")[2]) > requests:
                faults.append(f"{_WORDS[kind]}: it had {part.partition(':')[2]} and has {requests}")
            continue
        faults.append(f"{_WORDS.get(kind, 'a part is not there')} ({part})")
    return faults


def _holds_people(workspace: Workspace) -> bool:
    path = workspace.vault / VAULT_FILE
    if not path.exists():
        return False
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as vault:
        return vault.execute("select 1 from identities limit 1").fetchone() is not None
    return False


def _count_lines(workspace: Workspace, *, outside: bool) -> int:
    path = outside_ledger_file(workspace) if outside else ledger_file(workspace)
    return path.read_bytes().count(b"\n") if path.exists() else 0
