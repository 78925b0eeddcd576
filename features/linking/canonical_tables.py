"""The canonical tables of a linked snapshot, made of its records and of who is whom.

Each table has the columns of its contract, whichever of them the rows it is made of have. Rows of canonical sources
join them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path

import duckdb

from charter.contracts import read_table_contract
from charter.contracts.files import file_digest
from charter.council.register import Register
from features.intake.database import Relation, compute_rows, define_rows, fetch_rows, quote_name, quote_text
from features.linking.activity import find_active_spans
from features.linking.corrections import Correction, correct_addresses, correct_events
from features.linking.homes import find_crowded_homes, settle_residence
from features.linking.linked_people import LinkedPeople
from features.linking.parameters import Parameters
from features.linking.service_records import ServiceRecords
from features.permission import ALL, Choice, is_denied

__all__ = [
    "NOT_RECORDED", "TABLES", "CanonicalTables", "LinkingRules", "Said", "claim_homes", "conform_rows", "make_tables",
    "settle_protected", "write_tables",
]  # fmt: skip

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


@dataclass(frozen=True)
class LinkingRules:
    """What decides besides the records: register, charter's characteristics, parameters, the snapshot's moment.

    `taken_at` is naive UTC, as all times in tables are.
    """

    register: Register
    characteristics: Sequence[str]
    parameters: Parameters
    taken_at: datetime


@dataclass(frozen=True)
class Said:
    """What was said besides records: of who people are, what they chose (by reference), and what was put right."""

    people: Relation
    choices: Relation
    corrections: Sequence[Correction] = ()


@dataclass(frozen=True)
class CanonicalTables:
    """One relation per table of TABLES."""

    events: Relation
    people: Relation
    protected: Relation
    residence: Relation
    households: Relation
    permission: Relation
    feeds: Relation
    coverage: Relation

    def by_name(self) -> dict[str, Relation]:
        """Return the tables by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def conform_rows(database: duckdb.DuckDBPyConnection, name: str, *parts: Relation) -> Relation:
    """Return the rows of `parts` as the table `name`: its columns in its types, empty where a part has none.

    They are not copied, only read through.
    """
    columns = read_table_contract(name).columns
    selects = []
    for place, part in enumerate(parts):
        values = (quote_name(column.name) if column.name in part.columns else "null" for column in columns)
        typed = ", ".join(
            f"{value}::{_SQL_TYPES[column.type]} as {quote_name(column.name)}"
            for value, column in zip(values, columns, strict=True)
        )
        selects.append(f"select {typed} from part_{place}")
    relations = {f"part_{place}": part for place, part in enumerate(parts)}
    return define_rows(database, " union all ".join(selects), **relations)


def make_tables(
    database: duckdb.DuckDBPyConnection,
    records: ServiceRecords,
    people: LinkedPeople,
    claims: Relation,
    said: Said,
    rules: LinkingRules,
) -> CanonicalTables:
    """Return every table of TABLES; `claims` are those of `claim_homes`."""
    residence = settle_residence(database, claims, rules.parameters.home_order)
    permission = _make_permission(database, people, said.choices)
    everybody = compute_rows(database, "select distinct person_id from used", used=people.used)
    linked_rows = {
        "events": _make_events(database, records, people, rules.parameters.inactive_months),
        "people": _make_people(database, people, said.people),
        "protected": settle_protected(database, records.protected, everybody, people.used, permission, rules),
        "residence": residence,
        "households": _make_households(database, records.places, residence),
        "permission": permission,
        "feeds": records.feeds,
        "coverage": _make_coverage(database, records.coverage, people),
    }
    canonical = records.canonical
    whole = {
        name: conform_rows(database, name, rows, *([canonical[name]] if name in canonical else []))
        for name, rows in linked_rows.items()
    }
    tables = CanonicalTables(**whole)
    tables = replace(tables, events=correct_events(database, tables.events, said.corrections))
    tables = replace(tables, people=_complete_people(database, tables))
    tables = replace(tables, feeds=_complete_feeds(database, tables, rules.taken_at))
    tables = replace(tables, permission=_with_choices_of_given(database, tables, people, said.choices))
    return replace(tables, protected=_withhold_protected(database, tables, rules))


def claim_homes(
    database: duckdb.DuckDBPyConnection,
    addresses: Relation,
    used: Relation,
    corrections: Sequence[Correction],
) -> Relation:
    """Return what services say of where the people of `used` (ref, person_id) lived, put right by residents."""
    addresses = correct_addresses(database, addresses, corrections)
    return define_rows(
        database,
        "select p.person_id, a.* from addresses a join used p using (ref)",
        addresses=addresses,
        used=used,
    )


def _make_events(
    database: duckdb.DuckDBPyConnection, records: ServiceRecords, people: LinkedPeople, months: int
) -> Relation:
    """Return `events`: each version for as long as its reference's link is active.

    version   known 2021 until now    active  2020 to 2023, 2024 on
    events    known 2021 until 2023,  known 2024 until now
    """
    return compute_rows(
        database,
        """
        select e.id as event_id, p.person_id, e.signal, e.valid_at, e.end_at, greatest(e.known_at, a.since) as known_at,
               nullif(least(coalesce(e.known_until, 'infinity'::timestamp), coalesce(a.until, 'infinity'::timestamp)),
                      'infinity'::timestamp) as known_until,
               e.amount, e.detail
        from events e join used p using (ref) join active a using (ref)
        where e.known_at < coalesce(a.until, 'infinity'::timestamp)
          and a.since < coalesce(e.known_until, 'infinity'::timestamp)
        """,
        events=records.events,
        used=people.used,
        active=find_active_spans(database, records, people, months),
    )


def _make_people(database: duckdb.DuckDBPyConnection, people: LinkedPeople, said: Relation) -> Relation:
    """Return `people`: of several dates of birth the one most services give, then the earliest."""
    return define_rows(
        database,
        """
        with born as (
            select person_id, birth_date from said join used using (ref) where birth_date is not null
            group by person_id, birth_date
            qualify row_number() over (partition by person_id order by count(*) desc, birth_date) = 1
        ),
        died as (
            select person_id, min(death_date) as death_date from said join used using (ref) group by person_id)
        select distinct person_id, birth_date, death_date
        from used left join born using (person_id) left join died using (person_id)
        """,
        said=said,
        used=people.used,
    )


def _make_households(database: duckdb.DuckDBPyConnection, places: Relation, residence: Relation) -> Relation:
    """Return `households`: the gazetteer's homes, and homes it doesn't know, whose area is not recorded.

    A home that turns out to be of more people than a household has is communal from then on.
    """
    return compute_rows(
        database,
        f"""
        select household_id, kind, area, start, "end", known_at from places
        union all
        select distinct household_id, 'home', '', {_ALWAYS}, null::timestamp, {_ALWAYS} from residence
        where household_id not in (select household_id from places)
        union all
        select c.household_id, 'communal', coalesce(max_by(p.area, (p.start, p.known_at)), ''), c.since, null, c.since
        from crowded c left join places p using (household_id)
        group by c.household_id, c.since having coalesce(max_by(p.kind, (p.start, p.known_at)), 'home') = 'home'
        """,
        places=places,
        residence=residence,
        crowded=find_crowded_homes(database, residence),
    )


def _make_permission(database: duckdb.DuckDBPyConnection, people: LinkedPeople, choices: Relation) -> Relation:
    """Return `permission` of choices, those of references that are not used included: they say why."""
    return compute_rows(
        database,
        f"""
        select p.person_id, c.service, c.purpose, c.kind, c.status, c.start, c.known_at,
               {_latest_end('c."end"')} as "end", max(c.decided_by) as decided_by,
               {_latest_end("c.known_until")} as known_until
        from choices c join every p using (ref)
        group by p.person_id, c.service, c.purpose, c.kind, c.status, c.start, c.known_at
        """,
        choices=choices,
        every=people.every,
    )


def _make_coverage(database: duckdb.DuckDBPyConnection, coverage: Relation, people: LinkedPeople) -> Relation:
    return compute_rows(
        database,
        f"""
        select p.person_id, c.service, c.start, c.known_at, {_latest_end('c."end"')} as "end",
               {_latest_end("c.known_until")} as known_until
        from coverage c join used p using (ref)
        group by p.person_id, c.service, c.start, c.known_at
        """,
        coverage=coverage,
        used=people.used,
    )


def _latest_end(column: str) -> str:
    """Return SQL for the latest of several ends, where empty means it goes on."""
    return f"case when bool_or({column} is null) then null else max({column}) end"


def settle_protected(
    database: duckdb.DuckDBPyConnection,
    protected: Relation,
    people: Relation,
    used: Relation,
    permission: Relation,
    rules: LinkingRules,
) -> Relation:
    """Return, for each of `people` (person_id), what most services say of each characteristic, the newest of equals.

    Only of services whose basis covers equality monitoring, and where that is consent, of people who gave it; whoever
    opted out of it, or of whom nobody recorded it, is in the group "not recorded". Of one person:

        school    ethnicity  White    known 2019        services that count: school, housing, clinic
        housing   ethnicity  Mixed    known 2023
        clinic    ethnicity  White    known 2021        two of three: White, known since 2019
    """
    register = rules.register
    now = quote_text(rules.taken_at.isoformat(sep=" "))
    consent = ", ".join(
        quote_text(source.service) for source in register.sources if register.consent_based(source.service)
    )
    allowed = ", ".join(
        quote_text(source.service) for source in register.sources if "equality_monitoring" in source.purposes
    )
    wanted = ", ".join(f"({quote_text(name)})" for name in rules.characteristics)
    return compute_rows(
        database,
        f"""
        with agreed as (
            select person_id, service from permission
            where purpose in ('equality_monitoring', '*') and kind = 'consent' and known_until is null
              and ("end" is null or "end" > {now}::timestamp)
        ),
        said as (
            select p.person_id, s.characteristic, s.value, min(s.known_at) as known_at, count(*) as services,
                   max(s.known_at) as newest
            from records s join used p using (ref)
            where s.service in ({allowed or "''"})
              and (p.person_id, s.service) not in (select person_id, service from declined)
              and (s.service not in ({consent or "''"})
                   or exists (select 1 from agreed a where a.person_id = p.person_id and a.service in (s.service, '*')))
            group by p.person_id, s.characteristic, s.value
            qualify row_number() over (
                partition by person_id, characteristic order by services desc, newest desc, value) = 1
        )
        select person_id, characteristic, coalesce(value, {quote_text(NOT_RECORDED)}) as value,
               coalesce(known_at, {_ALWAYS}) as known_at
        from people cross join (values {wanted}) as w(characteristic)
        left join said using (person_id, characteristic)
        """,
        records=protected,
        people=people,
        used=used,
        permission=permission,
        declined=_find_declined(database, permission, rules),
    )


def _find_declined(database: duckdb.DuckDBPyConnection, permission: Relation, rules: LinkingRules) -> Relation:
    """Return (person_id, service) of those whose choices forbid equality monitoring, by service and for all."""
    columns = 'person_id, service, purpose, kind, status, start, "end", decided_by, known_at, known_until'
    by_person: dict[str, list[Choice]] = {}
    for row in fetch_rows(
        database,
        f"select {columns} from permission where kind <> 'consent' order by all",
        permission=permission,
    ):
        by_person.setdefault(row[0], []).append(Choice(*row))
    services = [ALL, *(source.service for source in rules.register.sources)]
    declined = [
        (person, service)
        for person, choices in by_person.items()
        for service in services
        if is_denied(choices, service, "equality_monitoring", rules.taken_at)
    ]
    return compute_rows(
        database,
        "select unnest($1::varchar[]) as person_id, unnest($2::varchar[]) as service",
        [[person for person, _ in declined], [service for _, service in declined]],
    )


def _complete_people(database: duckdb.DuckDBPyConnection, tables: CanonicalTables) -> Relation:
    """Return `people` with a row for every person of canonical events or residence."""
    return compute_rows(
        database,
        "select * from people union all by name "
        "select distinct person_id from (select person_id from events union select person_id from residence) "
        "where person_id not in (select person_id from people)",
        people=tables.people,
        events=tables.events,
        residence=tables.residence,
    )


def _complete_feeds(database: duckdb.DuckDBPyConnection, tables: CanonicalTables, taken_at: datetime) -> Relation:
    """Return `feeds` with a service without any counted as live from its first event to the snapshot."""
    return compute_rows(
        database,
        "select * from feeds union all by name "
        "select split_part(signal, '.', 1) as service, min(valid_at) as covers_from, "
        "greatest($1::timestamp, max(valid_at) + interval 1 microsecond) as covers_to, $1::timestamp as received_at "
        "from events where split_part(signal, '.', 1) not in (select service from feeds) "
        "group by split_part(signal, '.', 1)",
        [taken_at],
        feeds=tables.feeds,
        events=tables.events,
    )


def _with_choices_of_given(
    database: duckdb.DuckDBPyConnection, tables: CanonicalTables, people: LinkedPeople, choices: Relation
) -> Relation:
    """Return `permission` with the choices filed for people whom a canonical delivery names by ids of its own."""
    filed = define_rows(
        database,
        """
        select p.person_id, c.service, c.purpose, c.kind, c.status, c.start, c.known_at, c."end", c.decided_by,
               c.known_until
        from choices c join people p on p.person_id = c.ref where c.ref not in (select ref from every)
        """,
        choices=choices,
        people=tables.people,
        every=people.every,
    )
    return conform_rows(database, "permission", tables.permission, filed)


def _withhold_protected(database: duckdb.DuckDBPyConnection, tables: CanonicalTables, rules: LinkingRules) -> Relation:
    """Return `protected` with "not recorded" of those in canonical deliveries who opted out of equality monitoring."""
    return compute_rows(
        database,
        f"""
        select * replace (
            if(person_id in (select person_id from declined where service = {quote_text(ALL)}),
               {quote_text(NOT_RECORDED)}, value) as value)
        from protected
        """,
        protected=tables.protected,
        declined=_find_declined(database, tables.permission, rules),
    )


def write_tables(
    database: duckdb.DuckDBPyConnection, tables: Mapping[str, Relation], folder: Path
) -> Mapping[str, Mapping[str, str | int]]:
    """Write tables as Parquet, rows in a stated order: the same bytes on any number of threads.

    Returns how many rows each has, and the file's sha256.
    """
    described: dict[str, Mapping[str, str | int]] = {}
    for name, rows in tables.items():
        path = folder / f"{name}.parquet"
        order = _SORTED_BY.get(name) or ", ".join(quote_name(column) for column in read_table_contract(name).key)
        database.execute(
            f"copy (select * from ({rows.sql_query()}) order by {order}) to {quote_text(str(path))} (format parquet)"
        )
        count = fetch_rows(database, "select count(*) from rows_of", rows_of=rows)[0][0]
        described[name] = {"rows": count, "sha256": file_digest(path)}
    return described
