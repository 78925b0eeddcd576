"""What services say about who people are: one line of evidence per reference, for linkage alone.

Names are folded (no accents, case or marks) so that O'Neil and ONEIL are one; a short form counts as the names it may
stand for; placeholder names say nothing. What may not be linked has been left out by then (linking_choices).
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from charter.contracts.files import read_json
from charter.council.register import Register
from charter.vault.vault import Vault
from features.intake.database import Relation, compute_rows, give_rows, quote_text
from features.linking.corrections import correct_people, read_corrections
from features.linking.service_records import ServiceRecords

__all__ = ["Evidence", "gather_evidence"]

_SHORT_FORMS = Path(__file__).with_name("short_forms.csv")
_PLACEHOLDERS = ("baby", "babe", "infant", "twin", "unborn", "unknown", "notknown", "child", "test", "na")
_WEEKS_TO_MOVE = 6
"""Somebody who left one home and is said to live at another comes there within this many weeks, more often than not."""
_ANYWHERE = "events", "addresses", "coverage", "protected"


@dataclass(frozen=True)
class Evidence:
    """What is known of each reference before anybody is linked.

    people: what services say of who people are, put right by what residents said (forename, surname, birth_date, ...).
    references: every reference and its service.
    traits: one row per reference: ref, service, forename, forename_forms (what it may stand for), surname, birth_date,
    sex, homes (all known pseudonyms), came and gone (weeks in which they came to a home, and those within which
    somebody who left one comes to another), born_by (the latest day of birth that the service's youngest age leaves),
    shared_key. Of several values the newest counts.
    """

    people: Relation
    references: Relation
    traits: Relation


def gather_evidence(database: duckdb.DuckDBPyConnection, vault: Vault, snapshot: Path, register: Register) -> Evidence:
    """Return what a snapshot's records and the vault say of every reference.

    Three lines of one school's reference, of which the newest name and the newest date of birth count:

        said      Bob   O'Neil   2010-03-01   known 2019        folded    bob    oneil   2010-03-01
                  Rob   ONEIL    (none)       known 2021                  rob    oneil   (none)
        trait     rob (may stand for robert)   oneil   2010-03-01
    """
    people_as_read = give_rows(database, pq.read_table(BytesIO(vault.get_set(snapshot.name, "people"))))
    people = correct_people(database, people_as_read, read_corrections(vault))
    records = ServiceRecords.open(database, snapshot / "records")
    references = compute_rows(
        database,
        "select distinct ref, service from people union "
        + " union ".join(f"select ref, service from {name}" for name in _ANYWHERE),
        people=people,
        **{name: getattr(records, name) for name in _ANYWHERE},
    )
    taken_at = str(read_json(snapshot / "manifest.json")["taken_at"])[:19]
    return Evidence(people, references, _gather_traits(database, people, records.addresses, register, taken_at))


def _gather_traits(
    database: duckdb.DuckDBPyConnection, people: Relation, addresses: Relation, register: Register, taken_at: str
) -> Relation:
    youngest = ", ".join(f"{quote_text(source.service)}: {source.youngest_age}" for source in register.sources)
    placeholders = ", ".join(quote_text(name) for name in _PLACEHOLDERS)
    week_left = _number_week('"end"')
    return compute_rows(
        database,
        f"""
        with folded as (
            select ref, service, nullif({_fold_name("forename")}, '') as forename,
                   nullif({_fold_name("surname")}, '') as surname, birth_date, sex, household_id, shared_key,
                   known_at
            from people
        ),
        short_forms as (
            select short, list(forename order by forename) as forms
            from read_csv({quote_text(str(_SHORT_FORMS))}, header = true, all_varchar = true) group by short
        ),
        homes as (
            select ref, list(distinct household_id order by household_id) as homes from (
                select ref, household_id from folded where household_id is not null
                union select ref, household_id from addresses)
            group by ref
        ),
        moves as (
            select ref, list_sort(list_distinct(list({_number_week("start")}))) as came,
                   list_sort(list_distinct(flatten(list(range({week_left}, {week_left} + {_WEEKS_TO_MOVE})
                   ) filter ("end" is not null)))) as gone,
                   max(coalesce("end", {quote_text(taken_at)}::timestamp))
                       - to_years(any_value(coalesce(map {{{youngest}}}[service], 0))) as born_by
            from addresses group by ref
        ),
        newest as (
            select ref, service,
                   arg_max(forename, {_newest_first("forename")})
                       filter (forename is not null and forename not in ({placeholders})) as forename,
                   arg_max(surname, {_newest_first("surname")}) filter (surname is not null) as surname,
                   arg_max(birth_date, {_newest_first("birth_date")}) filter (birth_date is not null) as birth_date,
                   max(sex) as sex, max(shared_key) as shared_key
            from folded group by ref, service
        )
        select n.*, coalesce(s.forms, []::varchar[]) as forename_forms, coalesce(h.homes, []::varchar[]) as homes,
               coalesce(m.came, []::bigint[]) as came, coalesce(m.gone, []::bigint[]) as gone,
               if(map {{{youngest}}}[service] > 0, m.born_by::date, null) as born_by
        from newest n left join short_forms s on s.short = n.forename left join homes h using (ref)
        left join moves m using (ref)
        """,
        people=people,
        addresses=addresses,
    )


def _fold_name(column: str) -> str:
    return f"regexp_replace(lower(strip_accents({column})), '[^a-z]', '', 'g')"


def _number_week(column: str) -> str:
    """Return the number of the week of a time, from 1 January 1900."""
    return f"(date_diff('day', timestamp '1900-01-01', {column}) // 7)"


def _newest_first(column: str) -> str:
    """Return what makes the newest value win, and among equally new ones always the same."""
    return f"(coalesce(known_at, timestamp '1900-01-01'), {column})"
