"""The index that the minimal residence check answers from: whose current home may be told, and nothing else."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from charter.vault.key import Key
from charter.vault.residence_check import PURPOSE, index_row, residents_token
from charter.vault.vault import Vault
from features.intake.database import Relation, fetch_rows, quote_text
from features.linking.canonical_tables import CanonicalTables, LinkingRules
from features.linking.linked_people import LinkedPeople
from features.permission import ALL, Choice, is_denied

__all__ = ["find_tokens", "index_residents"]


def index_residents(
    database: duckdb.DuckDBPyConnection,
    key: Key,
    said: Relation,
    claims: Relation,
    linked: LinkedPeople,
    tables: CanonicalTables,
    rules: LinkingRules,
) -> Mapping[str, bytes]:
    """Return the index rows by token, of everybody with a name and a birth date; {} where the register has no check.

    `said` is what services say of who people are, `claims` of where they live. A home may be told where a service
    whose entry covers the purpose says it, and the person's choices don't forbid it.
    """
    if not rules.register.checks:
        return {}
    homes = _find_homes(database, claims, tables, rules)
    people: dict[str, set[str]] = defaultdict(set)
    rows = fetch_rows(
        database,
        "select distinct person_id, forename, surname, p.birth_date from said s join used using (ref) "
        "join people p using (person_id) where s.forename is not null and s.surname is not null "
        "and p.birth_date is not null",
        said=said,
        used=linked.used,
        people=tables.people,
    )
    for person, forename, surname, born in rows:
        people[residents_token(key, forename, surname, born)].add(person)
    return {
        # Two people of one name and birth date can't be told apart, so nothing is told of either.
        token: index_row(of, homes.get(next(iter(of)), ()) if len(of) == 1 else ())
        for token, of in people.items()
    }


def find_tokens(vault: Vault, key: Key, snapshot: Path, person_id: str) -> frozenset[str]:
    """Return the tokens by which a person may have been asked about, under any name that a service said.

    None that somebody else of the same name and birth date shares: a line about it may be about them.
    """
    tables = {name: quote_text(str(snapshot / "tables" / f"{name}.parquet")) for name in ("links", "people")}
    with duckdb.connect() as database:
        database.register("said_people", pq.read_table(BytesIO(vault.get_set(snapshot.name, "people"))))
        rows = database.execute(
            "select distinct s.forename, s.surname, p.birth_date from said_people s "
            f"join read_parquet({tables['links']}) using (ref) join read_parquet({tables['people']}) p "
            "using (person_id) where person_id = ? and s.forename is not null and s.surname is not null "
            "and p.birth_date is not null",
            [person_id],
        ).fetchall()
    tokens = {residents_token(key, *row) for row in rows}
    return frozenset(
        token for token in tokens if len(json.loads(vault.resident(token) or index_row((), ()))["people"]) < 2
    )


def _find_homes(
    database: duckdb.DuckDBPyConnection, claims: Relation, tables: CanonicalTables, rules: LinkingRules
) -> Mapping[str, set[str]]:
    """Return the current homes that may be told, by person; people of whom nothing may be told are left out."""
    services = [source.service for source in rules.register.sources if PURPOSE in source.purposes]
    telling = ", ".join(map(quote_text, services)) or "''"
    now = f"timestamp {quote_text(rules.taken_at.isoformat(sep=' '))}"
    rows = fetch_rows(
        database,
        f"""
        with here as (
            select r.person_id, r.household_id from residence r
            where r.start <= {now} and (r."end" is null or r."end" > {now}) and r.known_until is null),
        apart as (
            select person_id from here join households h using (household_id) where h.kind <> 'home'
            union select person_id from people where death_date is not null),
        said as (
            select distinct person_id, household_id, service from claims
            where service in ({telling}) and known_until is null)
        select h.person_id, h.household_id, s.service from here h join said s using (person_id, household_id)
        where h.person_id not in (select person_id from apart) order by all
        """,
        claims=claims,
        residence=tables.residence,
        households=tables.households,
        people=tables.people,
    )
    chosen: dict[str, list[Choice]] = defaultdict(list)
    columns = 'person_id, service, purpose, kind, status, start, "end", decided_by, known_at, known_until'
    for row in fetch_rows(
        database,
        f"select {columns} from permission where kind <> 'consent' order by all",
        permission=tables.permission,
    ):
        chosen[row[0]].append(Choice(*row))
    homes: dict[str, set[str]] = defaultdict(set)
    for person, home, service in rows:
        choices = chosen.get(person, ())
        if not is_denied(choices, service, PURPOSE, rules.taken_at) and not is_denied(
            choices, ALL, PURPOSE, rules.taken_at
        ):
            homes[person].add(home)
    return homes
