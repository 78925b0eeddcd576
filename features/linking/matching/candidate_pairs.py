"""Which pairs are compared at all: those that share something few others share.

Every record gets keys, each of something that records of one person share unless it is wrong in one of them: a date of
birth; a surname with a forename's first letter; a home; an address, postcode, telephone or key; how both names sound;
either name with the year of birth. A key that many records share says little and makes a great many pairs, so the
commonest are left out until no more pairs are left than can be compared: what they would have found has rarer ones.
"""

from __future__ import annotations

import duckdb

from features.intake.database import Relation, compute_rows, drop_rows, fetch_rows

__all__ = ["add_candidate_keys"]

_ALWAYS, _PER_RECORD, _FEWEST = 400_000, 12, 20
"""Pairs that may be compared: so many, and so many more for each record; keys of so few records always stay."""

_KEYS = """
    'd' || birth_date::varchar,
    'df' || birth_date::varchar || left(forename, 1), 'ds' || birth_date::varchar || left(surname, 1),
    'n' || least(forename, surname) || ' ' || greatest(forename, surname),
    's' || surname, 's1' || surname || left(forename, 1), 's1' || forename || left(surname, 1),
    'v' || surname_sound || ' ' || forename_sound,
    'fy' || forename || year(birth_date), 'sy' || coalesce(surname_sound, surname) || year(birth_date),
    'fm' || coalesce(forename_sound, forename) || strftime(birth_date, '%m%d'),
    'sm' || coalesce(surname_sound, surname) || strftime(birth_date, '%m%d'),
    'k' || shared_key, 'e' || email, 'el' || split_part(email, '@', 1), 't' || phone,
    'a' || address, 'pf' || postcode || left(forename, 1), 'ps' || postcode || left(surname, 1),
    'pd' || postcode || left(birth_date::varchar, 7), 'p' || postcode,
    'w' || town || left(coalesce(surname_sound, surname), 3) || left(forename, 1),
    'wy' || town || year(birth_date), 'ym' || left(birth_date::varchar, 7), 'md' || strftime(birth_date, '%m%d'),
    'y' || year(birth_date), 'i' || left(forename, 1) || left(surname, 1), 'f' || forename, 'w' || town, 'z'
"""


def add_candidate_keys(database: duckdb.DuckDBPyConnection, records: Relation) -> Relation:
    """Return records (unique_id and the columns of traits) with `keys`, sorted, those of the commonest left out."""
    keyed = compute_rows(
        database,
        f"""
        with plain as (
            select unique_id, unnest([{_KEYS}]
                || list_transform(surnames, lambda s: 'sd' || s || birth_date::varchar)
                || list_transform(homes, lambda h: 'h' || h)
                || list_transform(homes, lambda h: 'hf' || h || left(forename, 1))
                || list_transform(homes, lambda h: 'hs' || h || left(surname, 2))) as key
            from records)
        select distinct unique_id, key from plain where key is not null
        """,
        records=records,
    )
    sizes = compute_rows(database, "select key, count(*) as n from keyed group by key having count(*) > 1", keyed=keyed)
    count = fetch_rows(database, "select count(*) from records", records=records)[0][0]
    most = fetch_rows(
        database,
        f"""
        with by_size as (select n, sum(n * (n - 1) // 2) as pairs from sizes group by n)
        select coalesce(max(n), 0) from (select n, sum(pairs) over (order by n) as so_far from by_size)
        where so_far <= {_ALWAYS + _PER_RECORD * count} or n <= {_FEWEST}
        """,
        sizes=sizes,
    )[0][0]
    with_keys = compute_rows(
        database,
        f"""
        with kept as (
            select unique_id, list(key order by key) as keys from keyed semi join
            (select key from sizes where n <= {most}) using (key) group by unique_id)
        select r.*, coalesce(k.keys, []) as keys from records r left join kept k using (unique_id)
        """,
        records=records,
        keyed=keyed,
        sizes=sizes,
    )
    drop_rows(database, keyed, sizes)
    return with_keys
