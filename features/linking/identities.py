"""Who each person is, for the vault: the name, date of birth, address and safe contact that a worker may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from charter.vault.vault import NamedPerson, Vault

__all__ = ["best_identities"]

_WITHHELD = "Protected address: ask the safeguarding lead."


def best_identities(database: duckdb.DuckDBPyConnection, vault: Vault, snapshot: Path) -> Mapping[str, NamedPerson]:
    """Return one identity for each person: the newest name, the settled date of birth, the home they live in now.

    The address of a protected home is never given: a note says whom to ask.
    """
    database.register("places_arrow", pq.read_table(BytesIO(vault.get_set(snapshot.name, "places"))))
    rows = database.execute(
        """
        with named as (
            select person_id, forename, surname, safe_contact from said_people join person_of using (ref)
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
                  from places_arrow group by household_id)
        select p.person_id, trim(concat_ws(' ', n.forename, n.surname)), p.birth_date, coalesce(place.address, ''),
               coalesce(n.safe_contact, ''), coalesce(place.kind, '')
        from people p left join named n using (person_id) left join home h using (person_id)
        left join place using (household_id) where n.person_id is not null
        """
    ).fetchall()
    database.unregister("places_arrow")
    return {
        person_id: NamedPerson(name, born, _WITHHELD if kind == "protected" else address, contact)
        for person_id, name, born, address, contact, kind in rows
    }
