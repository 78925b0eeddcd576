"""What people said about being linked, honoured before and after it.

A reference is left out of linkage where its service's basis does not cover `link`, and where consent is the basis and
is not in force. An objection, refusal or restriction against a service that needs no consent is honoured by linking
the reference once more and then leaving its records out: else nobody could know whose values must say "not seen". So
is an objection to linkage altogether, which leaves out every record of the person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from charter.register import Register
from features.permission import ALL, Choice, denied, permitted

__all__ = ["forbids_all", "forbids_service", "leave_out", "said_by_reference"]

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
    rows: Sequence[tuple[str, str]] = database.execute("select ref, service from refs order by ref").fetchall()
    out = [
        ref
        for ref, service in rows
        if not register.permits(service, "link")
        or (
            register.consent_based(service)
            and not permitted(said.get(ref, ()), service, "link", taken_at, consent_based=True)
        )
    ]
    database.execute("create or replace temp table left_out as select unnest($1::varchar[]) as ref", [out])
    for table in ("refs", "evidence"):
        database.execute(f"delete from {table} where ref in (select ref from left_out)")
    return len(out)


def forbids_service(said: Sequence[Choice], service: str, taken_at: datetime) -> bool:
    """Whether what was said through one reference forbids linking the records of its own service."""
    return denied(said, service, "link", taken_at)


def forbids_all(said: Sequence[Choice], taken_at: datetime) -> bool:
    """Whether what was said through one reference forbids linking the person's records of every service."""
    return denied(said, ALL, "link", taken_at)
