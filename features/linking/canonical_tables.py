"""The canonical tables of a linked snapshot, made of its records and of who is whom.

Reads the tables `links`, `person_of` and `person_said` (ref, person_id), `choices`, `said_people` and the records;
makes one table per contract, and `links`. Rows of canonical sources join them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from charter.contracts import read_table_contract
from charter.council.register import Register
from features.intake.database import literal, quoted
from features.linking.activity import keep_active_spans
from features.linking.corrections import Correction, address_claims, correct_events
from features.linking.homes import settle_residence
from features.linking.parameters import Parameters
from features.permission import ALL, Choice, denied

__all__ = ["NOT_RECORDED", "TABLES", "fill_protected", "make_tables", "write_table"]

NOT_RECORDED = "not recorded"
TABLES = ("events", "people", "protected", "residence", "households", "permission", "feeds", "coverage")
"""The tables of `store/SNAPSHOT/tables/`, besides `links`."""

_ALWAYS = "timestamp '1900-01-01'"
_SORTED_BY: Mapping[str, str] = {
    "events": "person_id, valid_at, known_at, event_id",
    "links": "person_id, service, ref",
    "review": "weight desc, one, other",
}
_SQL_TYPES: Mapping[str, str] = {
    "string": "varchar",
    "datetime": "timestamp",
    "date": "date",
    "decimal": "decimal(18, 4)",
}


def make_tables(
    database: duckdb.DuckDBPyConnection,
    records: Path,
    register: Register,
    characteristics: Sequence[str],
    parameters: Parameters,
    taken_at: datetime,
    corrections: Sequence[Correction] = (),
) -> None:
    """Make every table of TABLES in the connection, put right by `corrections`.

    `taken_at` is naive UTC, as all times in tables are.
    """
    for name in TABLES:
        columns = ", ".join(
            f"{quoted(column.name)} {_SQL_TYPES[column.type]}" for column in read_table_contract(name).columns
        )
        database.execute(f"create or replace table {name} ({columns})")
    _events(database, records, parameters)
    _people(database)
    _residence(database, records, parameters, corrections)
    _households(database, records)
    _permission(database)
    _coverage(database, records)
    fill_protected(database, records, register, characteristics, "select distinct person_id from person_of", taken_at)
    database.execute(f"insert into feeds by name select * from {_parquet(records, 'feeds')}")
    for name in TABLES:
        if (records / f"canonical_{name}.parquet").exists():
            database.execute(f"insert into {name} by name select * from {_parquet(records, 'canonical_' + name)}")
    correct_events(database, corrections)
    _complete_people(database)
    _complete_feeds(database, taken_at)
    _permission_of_given(database)
    _withhold(database, register, taken_at)


def _parquet(records: Path, name: str) -> str:
    return f"read_parquet({literal(str(records / f'{name}.parquet'))})"


def _events(database: duckdb.DuckDBPyConnection, records: Path, parameters: Parameters) -> None:
    """Fill `events`: each version for as long as its reference's link is active."""
    keep_active_spans(database, records, parameters.inactive_months)
    database.execute(
        f"""
        insert into events by name
        select e.id as event_id, p.person_id, e.signal, e.valid_at, e.end_at, greatest(e.known_at, a.since) as known_at,
               nullif(least(coalesce(e.known_until, 'infinity'::timestamp), coalesce(a.until, 'infinity'::timestamp)),
                      'infinity'::timestamp) as known_until,
               e.amount, e.detail
        from {_parquet(records, "events")} e join person_of p using (ref) join active a using (ref)
        where e.known_at < coalesce(a.until, 'infinity'::timestamp)
          and a.since < coalesce(e.known_until, 'infinity'::timestamp)
        """
    )


def _people(database: duckdb.DuckDBPyConnection) -> None:
    """Fill `people`: of several dates of birth the one most services give, then the earliest."""
    database.execute(
        """
        insert into people by name
        with born as (
            select person_id, birth_date from said_people join person_of using (ref) where birth_date is not null
            group by person_id, birth_date
            qualify row_number() over (partition by person_id order by count(*) desc, birth_date) = 1
        ),
        died as (
            select person_id, min(death_date) as death_date from said_people join person_of using (ref)
            group by person_id)
        select distinct person_id, birth_date, death_date
        from person_of left join born using (person_id) left join died using (person_id)
        """
    )


def _residence(
    database: duckdb.DuckDBPyConnection, records: Path, parameters: Parameters, corrections: Sequence[Correction]
) -> None:
    addresses = address_claims(database, _parquet(records, "addresses"), corrections)
    database.execute(f"create or replace temp view address_claims as select * from {addresses}")
    claims = f"(select p.person_id, a.* from {addresses} a join person_of p using (ref))"
    settle_residence(database, claims, parameters.home_order)


def _households(database: duckdb.DuckDBPyConnection, records: Path) -> None:
    """Fill `households`: the gazetteer's homes, and homes it doesn't know, whose area is not recorded."""
    database.execute(
        f"""
        insert into households by name
        select household_id, kind, area, start, "end", known_at from {_parquet(records, "places")}
        union all
        select distinct household_id, 'home', '', {_ALWAYS}, null::timestamp, {_ALWAYS} from residence
        where household_id not in (select household_id from {_parquet(records, "places")})
        """
    )


def _permission(database: duckdb.DuckDBPyConnection) -> None:
    """Fill `permission` from `choices`, those of references that are not used included: they say why."""
    database.execute(
        f"""
        insert into permission by name
        select p.person_id, c.service, c.purpose, c.kind, c.status, c.start, c.known_at,
               {_latest('c."end"')} as "end", max(c.decided_by) as decided_by, {_latest("c.known_until")} as known_until
        from choices c join person_said p using (ref)
        group by p.person_id, c.service, c.purpose, c.kind, c.status, c.start, c.known_at
        """
    )


def _permission_of_given(database: duckdb.DuckDBPyConnection) -> None:
    """Add the choices filed for people whom a canonical delivery names by ids of its own."""
    database.execute(
        """
        insert into permission by name
        select p.person_id, c.service, c.purpose, c.kind, c.status, c.start, c.known_at, c."end", c.decided_by,
               c.known_until
        from choices c join people p on p.person_id = c.ref where c.ref not in (select ref from person_said)
        """
    )


def _withhold(database: duckdb.DuckDBPyConnection, register: Register, taken_at: datetime) -> None:
    """Say "not recorded" of those in canonical deliveries who opted out of equality monitoring."""
    _find_declined(database, register, taken_at)
    database.execute(
        f"update protected set value = {literal(NOT_RECORDED)} "
        f"where person_id in (select person_id from declined where service = {literal(ALL)})"
    )


def _coverage(database: duckdb.DuckDBPyConnection, records: Path) -> None:
    database.execute(
        f"""
        insert into coverage by name
        select p.person_id, c.service, c.start, c.known_at, {_latest('c."end"')} as "end",
               {_latest("c.known_until")} as known_until
        from {_parquet(records, "coverage")} c join person_of p using (ref)
        group by p.person_id, c.service, c.start, c.known_at
        """
    )


def _latest(column: str) -> str:
    """Return SQL for the latest of several ends, where empty means it goes on."""
    return f"case when bool_or({column} is null) then null else max({column}) end"


def fill_protected(
    database: duckdb.DuckDBPyConnection,
    records: Path,
    register: Register,
    characteristics: Sequence[str],
    people: str,
    taken_at: datetime,
) -> None:
    """Add to `protected`, for each person of the query `people`, what most services say, the newest of equals.

    Only of services whose basis covers equality monitoring, and where that is consent, of people who gave it; whoever
    opted out of it at `taken_at`, or of whom nobody recorded it, is in the group "not recorded".
    """
    _find_declined(database, register, taken_at)
    now = literal(taken_at.isoformat(sep=" "))
    consent = ", ".join(
        literal(source.service) for source in register.sources if register.consent_based(source.service)
    )
    allowed = ", ".join(
        literal(source.service) for source in register.sources if "equality_monitoring" in source.purposes
    )
    wanted = ", ".join(f"({literal(name)})" for name in characteristics)
    database.execute(
        f"""
        insert into protected by name
        with agreed as (
            select person_id, service from permission
            where purpose in ('equality_monitoring', '*') and kind = 'consent' and known_until is null
              and ("end" is null or "end" > {now}::timestamp)
        ),
        said as (
            select p.person_id, s.characteristic, s.value, min(s.known_at) as known_at, count(*) as services,
                   max(s.known_at) as newest
            from {_parquet(records, "protected")} s join person_of p using (ref)
            where s.service in ({allowed or "''"})
              and (p.person_id, s.service) not in (select person_id, service from declined)
              and (s.service not in ({consent or "''"})
                   or exists (select 1 from agreed a where a.person_id = p.person_id and a.service in (s.service, '*')))
            group by p.person_id, s.characteristic, s.value
            qualify row_number() over (
                partition by person_id, characteristic order by services desc, newest desc, value) = 1
        )
        select person_id, characteristic, coalesce(value, {literal(NOT_RECORDED)}) as value,
               coalesce(known_at, {_ALWAYS}) as known_at
        from ({people}) cross join (values {wanted}) as w(characteristic)
        left join said using (person_id, characteristic)
        """
    )


def _find_declined(database: duckdb.DuckDBPyConnection, register: Register, taken_at: datetime) -> None:
    """Make the table `declined`: whose choices forbid equality monitoring at `taken_at`, by service and for all."""
    columns = 'person_id, service, purpose, kind, status, start, "end", decided_by, known_at, known_until'
    said: dict[str, list[Choice]] = {}
    for row in database.execute(f"select {columns} from permission where kind <> 'consent' order by all").fetchall():
        said.setdefault(row[0], []).append(Choice(*row))
    services = [ALL, *(source.service for source in register.sources)]
    declined = [
        (person, service)
        for person, choices in said.items()
        for service in services
        if denied(choices, service, "equality_monitoring", taken_at)
    ]
    database.execute(
        "create or replace temp table declined as select unnest($1::varchar[]) as person_id, "
        "unnest($2::varchar[]) as service",
        [[person for person, _ in declined], [service for _, service in declined]],
    )


def _complete_people(database: duckdb.DuckDBPyConnection) -> None:
    """Give every person of canonical events or residence a row in `people`."""
    database.execute(
        "insert into people by name select distinct person_id from (select person_id from events union "
        "select person_id from residence) where person_id not in (select person_id from people)"
    )


def _complete_feeds(database: duckdb.DuckDBPyConnection, taken_at: datetime) -> None:
    """Count a service without any feed as live from its first event to the snapshot."""
    database.execute(
        "insert into feeds by name select split_part(signal, '.', 1) as service, min(valid_at) as covers_from, "
        "greatest($1::timestamp, max(valid_at) + interval 1 microsecond) as covers_to, $1::timestamp as received_at "
        "from events where split_part(signal, '.', 1) not in (select service from feeds) group by service",
        [taken_at],
    )


def write_table(database: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Write one table as Parquet, its rows in a stated order, the same bytes on any number of threads."""
    order = _SORTED_BY.get(name) or ", ".join(quoted(column) for column in read_table_contract(name).key)
    database.execute(f"copy (select * from {name} order by {order}) to {literal(str(path))} (format parquet)")
