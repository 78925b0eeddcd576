"""What people said about being linked, honoured before and after it.

A reference is left out of linkage where its service's basis does not cover `link`, where consent is the basis and was
not given, and where a refusal, objection or restriction about that service forbids it. Somebody who objects to
linkage altogether is found by linkage one last time, so that every record of theirs can be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from charter.register import Register
from features.permission import ALL, Choice, denied, permitted

__all__ = ["forbids_all", "leave_out", "said_by_reference"]

_COLUMNS = 'ref, service, purpose, kind, status, start, "end", decided_by, known_at, known_until'


def said_by_reference(database: duckdb.DuckDBPyConnection, choices: str) -> Mapping[str, tuple[Choice, ...]]:
    """Return the choices filed through each reference; `choices` is the SQL of a table with the permission columns."""
    said: dict[str, list[Choice]] = {}
    for row in database.execute(f"select {_COLUMNS} from {choices} order by all").fetchall():
        said.setdefault(row[0], []).append(Choice(*row))
    return {ref: tuple(of) for ref, of in said.items()}


def leave_out(
    database: duckdb.DuckDBPyConnection,
    register: Register,
    said: Mapping[str, Sequence[Choice]],
    taken_at: datetime,
) -> int:
    """Delete from `refs` and `evidence` what may not be linked at `taken_at` (naive UTC); return how many it was."""
    out: list[tuple[str]] = []
    rows: Sequence[tuple[str, str]] = database.execute("select ref, service from refs order by ref").fetchall()
    for ref, service in rows:
        allowed = register.permits(service, "link") and permitted(
            said.get(ref, ()), service, "link", taken_at, consent_based=register.consent_based(service)
        )
        if not allowed:
            out.append((ref,))
    database.execute("create or replace temp table left_out (ref varchar)")
    if out:
        database.execute("insert into left_out select unnest($1::varchar[])", [[ref for (ref,) in out]])
    for table in ("refs", "evidence"):
        database.execute(f"delete from {table} where ref in (select ref from left_out)")
    return len(out)


def forbids_all(said: Sequence[Choice], taken_at: datetime) -> bool:
    """Whether what was said through one reference forbids linking the person's records of every service."""
    return denied(said, ALL, "link", taken_at)
