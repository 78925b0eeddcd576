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
from dataclasses import replace
from datetime import datetime

import duckdb
import pyarrow as pa

from charter.council.register import Register
from features.intake.database import Relation, compute_rows, define_rows, fetch_rows, give_rows, quote_text
from features.linking.evidence import Evidence
from features.permission import ALL, Choice, is_denied, is_permitted

__all__ = [
    "find_lapsed_consents",
    "forbids_all",
    "forbids_service",
    "gather_choices",
    "group_choices",
    "lapse_consents",
    "leave_out",
]  # fmt: skip

_FILED = pa.schema(
    [(name, pa.string()) for name in ("ref", "service", "purpose", "kind", "status", "decided_by")]
    + [(name, pa.timestamp("us")) for name in ("start", "known_at")]
)
_COLUMNS = 'ref, service, purpose, kind, status, start, "end", decided_by, known_at, known_until'


def gather_choices(database: duckdb.DuckDBPyConnection, sent: Relation, filed: Sequence[Choice]) -> Relation:
    """Return the choices that services sent and those in the rights ledger, by reference."""
    rows = pa.Table.from_pylist(
        [
            {
                "ref": choice.person_id,
                "service": choice.service,
                "purpose": choice.purpose,
                "kind": choice.kind,
                "status": choice.status,
                "start": choice.start,
                "decided_by": choice.decided_by,
                "known_at": choice.known_at,
            }
            for choice in filed
        ],
        _FILED,
    )
    return define_rows(
        database,
        f"select {_COLUMNS} from sent union all by name select * from filed",
        sent=sent,
        filed=give_rows(database, rows),
    )


def group_choices(database: duckdb.DuckDBPyConnection, choices: Relation) -> Mapping[str, tuple[Choice, ...]]:
    """Return the choices filed through each reference."""
    by_reference: dict[str, list[Choice]] = {}
    for row in fetch_rows(database, f"select {_COLUMNS} from choices order by all", choices=choices):
        by_reference.setdefault(row[0], []).append(Choice(*row))
    return {ref: tuple(of) for ref, of in by_reference.items()}


def leave_out(
    database: duckdb.DuckDBPyConnection,
    evidence: Evidence,
    register: Register,
    said: Mapping[str, Sequence[Choice]],
    taken_at: datetime,
) -> tuple[Evidence, int]:
    """Return the evidence without the references that may not be linked at `taken_at` (naive UTC), and how many."""
    rows = fetch_rows(database, "select ref, service from refs order by ref", refs=evidence.references)
    out = [
        ref
        for ref, service in rows
        if not register.permits(service, "link")
        or (
            register.consent_based(service)
            and not is_permitted(said.get(ref, ()), service, "link", taken_at, consent_based=True)
        )
    ]
    if not out:
        return evidence, 0
    left_out = compute_rows(database, "select unnest($1::varchar[]) as ref", [out])
    references, traits = (
        define_rows(database, "select * from known where ref not in (from left_out)", known=rows, left_out=left_out)
        for rows in (evidence.references, evidence.traits)
    )
    return replace(evidence, references=references, traits=traits), len(out)


def forbids_service(said: Sequence[Choice], service: str, taken_at: datetime) -> bool:
    """Whether what was said through one reference forbids linking the person's records of a service."""
    return is_denied(said, service, "link", taken_at)


def forbids_all(said: Sequence[Choice], taken_at: datetime) -> bool:
    """Whether what was said through one reference forbids linking the person's records of every service."""
    return is_denied(said, ALL, "link", taken_at)


def lapse_consents(
    database: duckdb.DuckDBPyConnection, choices: Relation, born: Relation, register: Register, time_zone: str
) -> Relation:
    """Return the choices with the consents that parents gave ended at the birthday of the person's own voice.

    `born` says the `birth_date` of each reference or person, by the first column of `choices`. Of a person whose birth
    date nobody knows, consents stand.
    """
    key, voice = choices.columns[0], _own_voice("c.service", "b.birth_date", register, time_zone)
    return compute_rows(
        database,
        f"""
        select c.* replace (
            if(c.kind = 'consent' and c.start < {voice} and (c."end" is null or c."end" > {voice}), {voice}, c."end")
            as "end")
        from choices c left join born b on c.{key} = b.{key}
        """,
        choices=choices,
        born=born,
    )


def _own_voice(service: str, birth_date: str, register: Register, time_zone: str) -> str:
    """Return SQL for the midnight (UTC) from which the person's own voice counts; for all services, the earliest."""
    ages = ", ".join(f"{quote_text(source.service)}: {source.own_voice_age}" for source in register.sources)
    youngest = min(source.own_voice_age for source in register.sources)
    years = f"to_years(coalesce(map {{{ages}}}[{service}], {youngest}))"
    return f"timezone({quote_text(time_zone)}, ({birth_date} + {years})::timestamp)::timestamp"


def find_lapsed_consents(
    database: duckdb.DuckDBPyConnection, register: Register, time_zone: str, taken_at: datetime
) -> Sequence[tuple[str, str, datetime]]:
    """Return (person, service, since when) of those whose parents' consent has lapsed and who said nothing since.

    `database` has the tables `permission` and `people`; `taken_at` is naive UTC.
    """
    voice = _own_voice("c.service", "p.birth_date", register, time_zone)
    consents = ", ".join(quote_text(s.service) for s in register.sources if register.consent_based(s.service)) or "''"
    return database.execute(
        f"""
        select distinct c.person_id, c.service, c."end" from permission c join people p using (person_id)
        where c.kind = 'consent' and c.service in ({consents}) and c."end" = {voice} and c."end" <= $1
          and p.death_date is null
          and not exists (select 1 from permission l where l.person_id = c.person_id
                          and l.service in (c.service, '*') and l.start >= c."end")
        order by all
        """,
        [taken_at],
    ).fetchall()
