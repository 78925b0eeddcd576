"""Who each person is, for the vault: the name, date of birth, address and safe contact that a worker may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from charter.vault.vault import NamedPerson
from features.intake.database import Relation, fetch_rows, give_rows
from features.linking.canonical_tables import CanonicalTables
from features.linking.linked_people import LinkedPeople

__all__ = ["choose_identities"]

_WITHHELD = "Protected address: ask the safeguarding lead."


def choose_identities(
    database: duckdb.DuckDBPyConnection, said: Relation, places: Any, people: LinkedPeople, tables: CanonicalTables
) -> Mapping[str, NamedPerson]:
    """Return one identity for each person: the newest name, the settled date of birth, the home they live in now.

    `said` is what services say of who people are, `places` an Arrow table of homes with their addresses. The address
    of a protected home is never given: a note says whom to ask. Of one person:

        school    Bob Oneil     known 2023        a name written otherwise than in capitals comes first,
        housing   ROB O'NEIL    known 2024        whole names before halves: Bob Oneil
    """
    rows = fetch_rows(
        database,
        """
        with named as (
            select person_id, forename, surname, safe_contact from said join used using (ref)
            where forename is not null or surname is not null
            qualify row_number() over (partition by person_id
                order by (forename is not null and surname is not null) desc, (upper(surname) = surname),
                         known_at desc nulls last, surname, forename) = 1
        ),
        home as (
            select person_id, household_id from residence where "end" is null and known_until is null
            qualify row_number() over (partition by person_id order by start desc, household_id) = 1
        ),
        place as (select household_id, any_value(address order by address) as address, max(kind) as kind
                  from places group by household_id)
        select p.person_id, trim(concat_ws(' ', n.forename, n.surname)), p.birth_date, coalesce(place.address, ''),
               coalesce(n.safe_contact, ''), coalesce(place.kind, '')
        from people p left join named n using (person_id) left join home h using (person_id)
        left join place using (household_id) where n.person_id is not null
        """,
        said=said,
        used=people.used,
        residence=tables.residence,
        people=tables.people,
        places=give_rows(database, places),
    )
    return {
        person_id: NamedPerson(name, born, _WITHHELD if kind == "protected" else address, contact)
        for person_id, name, born, address, contact, kind in rows
    }
