"""What people said about being linked, honoured before and after it.

A reference is left out of linkage where its service's basis does not cover `link`, and where consent is the basis and
is not in force. An objection, refusal or restriction against a service that needs no consent is honoured by linking
the reference once more and then leaving its records out: else nobody could know whose values must say "not seen". So
is an objection to linkage altogether, which leaves out every record of the person.

A consent that was given before the person's own voice counts (register: `own_voice_age`) is a parent's. It lapses on
that birthday, and the young person is asked again. An objection never lapses: a competent child's or either parent's
excludes, until a named role overrules it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb

from charter.council.register import Register
from features.intake.database import literal
from features.permission import ALL, Choice, denied, permitted

__all__ = ["forbids_all", "forbids_service", "lapse", "leave_out", "said_by_reference", "to_ask_again"]

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


def lapse(database: duckdb.DuckDBPyConnection, table: str, born: str, register: Register, time_zone: str) -> None:
    """End the consents of `table` that parents gave, at the birthday from which the person's own voice counts.

    `born` is SQL of (id, birth_date), where `id` is the first column of `table`: a reference or a person. Of a person
    whose birth date nobody knows, consents stand.
    """
    own = _own_voice("c.service", "b.birth_date", register, time_zone)
    database.execute(
        f"""
        update {table} c set "end" = {own} from ({born}) b(id, birth_date)
        where c.{_key(table)} = b.id and c.kind = 'consent' and c.start < {own} and (c."end" is null or c."end" > {own})
        """
    )


def _key(table: str) -> str:
    return "ref" if table == "choices" else "person_id"


def _own_voice(service: str, birth_date: str, register: Register, time_zone: str) -> str:
    """Return SQL for the midnight (UTC) from which the person's own voice counts; for all services, the earliest."""
    ages = ", ".join(f"{literal(source.service)}: {source.own_voice_age}" for source in register.sources)
    youngest = min(source.own_voice_age for source in register.sources)
    years = f"to_years(coalesce(map {{{ages}}}[{service}], {youngest}))"
    return f"timezone({literal(time_zone)}, ({birth_date} + {years})::timestamp)::timestamp"


def to_ask_again(
    database: duckdb.DuckDBPyConnection, register: Register, time_zone: str, taken_at: datetime
) -> Sequence[tuple[str, str, datetime]]:
    """Return (person, service, since when) of those whose parents' consent has lapsed and who said nothing since.

    Reads the tables `permission` and `people`; `taken_at` is naive UTC.
    """
    own = _own_voice("c.service", "p.birth_date", register, time_zone)
    consents = ", ".join(literal(s.service) for s in register.sources if register.consent_based(s.service)) or "''"
    return database.execute(
        f"""
        select distinct c.person_id, c.service, c."end" from permission c join people p using (person_id)
        where c.kind = 'consent' and c.service in ({consents}) and c."end" = {own} and c."end" <= $1
          and p.death_date is null
          and not exists (select 1 from permission l where l.person_id = c.person_id
                          and l.service in (c.service, '*') and l.start >= c."end")
        order by all
        """,
        [taken_at],
    ).fetchall()
