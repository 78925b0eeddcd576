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
from features.intake.database import Relation, compute_rows, define_rows, drop_rows, give_rows, quote_text
from features.intake.identifiers import breaks_form, fold_key, is_no_key, looks_like_upn
from features.linking.corrections import correct_people, read_corrections
from features.linking.matching.commonness import add_date_shares, add_shares
from features.linking.matching.folded_names import fold_names, list_words, sound_out
from features.linking.service_records import ServiceRecords

__all__ = ["Evidence", "gather_evidence", "gather_traits", "weigh_traits"]

_SHORT_FORMS = Path(__file__).with_name("short_forms.csv")
_WEEKS_TO_MOVE = 6
"""Somebody who left one home and is said to live at another comes there within this many weeks, more often than not."""
_LIVING, _SLIPS = 1850, 0.02
"""Nobody living was born before; a service with more such dates than this share has people of the past."""
_PEOPLE_OF_A_KEY = 3
"""A key with more different dates of birth and more different forenames than this is everybody's and nobody's."""
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
    return Evidence(people, references, gather_traits(database, people, records.addresses, register, taken_at))


def gather_traits(
    database: duckdb.DuckDBPyConnection, people: Relation, addresses: Relation, register: Register, taken_at: str
) -> Relation:
    """Return one row of evidence per reference of `people` (see Evidence), each value with how common it is."""
    youngest = ", ".join(f"{quote_text(source.service)}: {source.youngest_age}" for source in register.sources)
    week_left = _number_week('"end"')
    said = _fold_people(database, people)
    newest = ", ".join(
        f"arg_max({name}, {_newest_first(name)}) filter ({name} is not null) as {name}"
        for name in (
            "forename",
            "forename_whole",
            "surname",
            "birth_date",
            "sex",
            "shared_key",
            "address",
            "postcode",
            "town",
            "email",
            "phone",
        )
    )
    traits = compute_rows(
        database,
        f"""
        with short_forms as (
            select short, list(forename order by forename) as forms
            from read_csv({quote_text(str(_SHORT_FORMS))}, header = true, all_varchar = true) group by short
        ),
        homes as (
            select ref, list(distinct household_id order by household_id) as homes from (
                select ref, household_id from said where household_id is not null
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
            select ref, service, {newest},
                   arg_max(forename_words, (len(forename_words) > 0, {_newest_first("forename")})) as forename_words,
                   list_sort(list_distinct(flatten(list(surname_parts))
                       || coalesce(list(distinct surname) filter (surname is not null), []))) as surnames
            from said group by ref, service
        )
        select n.*, coalesce(s.forms, []::varchar[]) as forename_forms, coalesce(h.homes, []::varchar[]) as homes,
               coalesce(m.came, []::bigint[]) as came, coalesce(m.gone, []::bigint[]) as gone,
               if(map {{{youngest}}}[service] > 0, m.born_by::date, null) as born_by
        from newest n left join short_forms s on s.short = n.forename left join homes h using (ref)
        left join moves m using (ref)
        """,
        said=said,
        addresses=addresses,
    )
    drop_rows(database, said)
    kept = _drop_crowded_keys(database, traits)
    drop_rows(database, traits)
    weighed = weigh_traits(database, kept)
    drop_rows(database, kept)
    return weighed


def _fold_people(database: duckdb.DuckDBPyConnection, people: Relation) -> Relation:
    """Return each record of `people` as it is compared: names as words, no date or key that says nothing."""
    dates = ", ".join(f"date {quote_text(day)}" for day in list_words("dates") if not day.endswith("-00"))
    particles = ", ".join(map(quote_text, list_words("particles")))
    folded = fold_names(database, _with_every_column(database, people))
    rows = compute_rows(
        database,
        f"""
        select ref, service, known_at, forename_words[1] as forename,
               nullif(array_to_string(forename_words, ''), '') as forename_whole,
               forename_words, nullif(array_to_string(surname_words, ''), '') as surname,
               list_filter(surname_words, lambda w: len(w) > 1 and w not in ({particles})) as surname_parts,
               if(birth_date in ({dates}) or (year(birth_date) < {_LIVING} and not {_of_the_past()}), null, birth_date)
                   as birth_date,
               sex, household_id,
               {_read_key()} as shared_key, {_fold_text("postcode")} as postcode,
               if(regexp_matches(address, '[A-Za-z]'), {_fold_text("address")}, null) as address,
               {_fold_text("town")} as town, nullif(lower(trim(email)), '') as email,
               nullif(right(regexp_replace(phone, '[^0-9]', '', 'g'), 9), '') as phone
        from folded
        """,
        folded=folded,
    )
    drop_rows(database, folded)
    return rows


def weigh_traits(database: duckdb.DuckDBPyConnection, traits: Relation) -> Relation:
    """Return traits with what each value sounds like and how common it is (tf_...)."""
    homes = compute_rows(
        database,
        f"""
        with at_home as (select home, count(*) as n from (select unnest(homes) as home from traits) group by home),
        fullest as (
            select ref, max(n) as n from (select ref, unnest(homes) as home from traits) join at_home using (home)
                    group by ref)
        select t.*, {sound_out("forename")} as forename_sound, {sound_out("surname")} as surname_sound,
               (f.n + 0.012) / ((select count(*) from traits) + 60) as tf_home
        from traits t left join fullest f using (ref)
        """,
        traits=traits,
    )
    weighed = add_shares(database, homes, _USUAL)
    drop_rows(database, homes)
    dated = add_date_shares(database, weighed)
    drop_rows(database, weighed)
    return dated


_USUAL = {
    "forename": 0.0043,
    "surname": 0.0005,
    "address": 0.0002,
    "postcode": 0.0005,
    "town": 0.01,
    "email": 0.0001,
    "phone": 0.0002,
    "shared_key": 0.00001,
}
"""How common a value usually is, as parameters.toml has it: while there are few records, they say little of it."""
_OPTIONAL = ("sex", "postcode", "household_id", "shared_key", "address", "town", "email", "phone")


def _with_every_column(database: duckdb.DuckDBPyConnection, people: Relation) -> Relation:
    """Return people with the columns that older snapshots lack, empty."""
    missing = "".join(f", null::varchar as {name}" for name in _OPTIONAL if name not in people.columns)
    return define_rows(database, f"select *{missing} from people", people=people)


def _of_the_past() -> str:
    """Return SQL for whether a service's people are of another time: more of its dates than slips are before ours."""
    return (
        f"(count_if(year(birth_date) < {_LIVING}) over (partition by service) > {_SLIPS} * count(birth_date) "
        "over (partition by service))"
    )


def _read_key() -> str:
    """Return SQL for a shared key as it is compared; null where it is none, or a UPN whose check letter is wrong."""
    key = fold_key("shared_key")
    return (
        f"case when not {is_no_key(key)} and not ({looks_like_upn(key)} and {breaks_form(key, 'upn')}) then {key} end"
    )


def _drop_crowded_keys(database: duckdb.DuckDBPyConnection, traits: Relation) -> Relation:
    """Return traits without keys that more different people have than slips in one person's names explain."""
    return compute_rows(
        database,
        f"""
        with crowded as (
            select shared_key from traits where shared_key is not null group by shared_key
            having least(count(distinct birth_date), count(distinct forename)) > {_PEOPLE_OF_A_KEY})
        select t.* replace (if(c.shared_key is null, t.shared_key, null) as shared_key)
        from traits t left join crowded c using (shared_key)
        """,
        traits=traits,
    )


def _fold_text(column: str) -> str:
    """Return SQL for a text in words of letters and digits alone; null where nothing is left."""
    words = f"regexp_replace(lower(strip_accents({column})), '[^a-z0-9]+', ' ', 'g')"
    return f"nullif(trim({words}), '')"


def _number_week(column: str) -> str:
    """Return the number of the week of a time, from 1 January 1900."""
    return f"(date_diff('day', timestamp '1900-01-01', {column}) // 7)"


def _newest_first(column: str) -> str:
    """Return what makes the newest value win, and among equally new ones always the same."""
    return f"(coalesce(known_at, timestamp '1900-01-01'), {column})"
