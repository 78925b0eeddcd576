"""Uncertain links that nothing has confirmed for long drop out: what the reference told stops being its person's.

A link below `certain` bits (parameters.toml) is believed while services keep recording. If its reference has been
silent for `inactive_months`, its events are not known of the person from then on, which is a matter of time like any:

    last heard of      2021-03-10            the events' version ends 2023-03-10: as of 2022 they count, as of 2024 not
    heard of again     2024-05-01            a second version begins: from then on they count again

An open tenancy, school place or episode is not silence. Where somebody lives ends by its own dates.
"""

from __future__ import annotations

import duckdb

from features.intake.database import Relation, compute_rows
from features.linking.linked_people import LinkedPeople
from features.linking.service_records import ServiceRecords

__all__ = ["find_active_spans"]


def find_active_spans(
    database: duckdb.DuckDBPyConnection, records: ServiceRecords, people: LinkedPeople, months: int
) -> Relation:
    """Return (ref, since, until): when the events of each reference that is used are its person's.

    A reference whose link is certain, or that has none, has one span without end.
    """
    doubtful = compute_rows(
        database,
        "select ref from links semi join used using (ref) where not certain",
        links=people.links,
        used=people.used,
    )
    # Signals that ever end are episodes: one without an end is open, and its reference heard of until it ends.
    heard = compute_rows(
        database,
        """
        with episodes as (select distinct signal from events where end_at is not null),
        said as (
            select ref, known_at, known_until, end_at is null and signal in (select signal from episodes) as is_open,
                   coalesce(end_at, valid_at) as last from events
            union all select ref, known_at, known_until, "end" is null, coalesce("end", start) from addresses
            union all select ref, known_at, known_until, "end" is null, coalesce("end", start) from coverage)
        select ref, known_at as since,
               case when is_open then coalesce(known_until, 'infinity'::timestamp) else greatest(known_at, last) end
                   as last
        from said semi join doubtful using (ref)
        """,
        events=records.events,
        addresses=records.addresses,
        coverage=records.coverage,
        doubtful=doubtful,
    )
    # With 24 months: heard of in 2021-03 and 2021-09, then in 2024-05 again.
    #     span     2021-03 to 2023-03, 2021-09 to 2023-09, 2024-05 to 2026-05
    #     island   2021-03 to 2023-09 (they overlap: begins is false at the second), 2024-05 to 2026-05
    return compute_rows(
        database,
        f"""
        with span as (
            select ref, since, if(last < 'infinity', last + to_months({months}), last) as until from heard),
        marked as (
            select *, since > max(until) over (
                partition by ref order by since, until rows between unbounded preceding and 1 preceding) as begins
            from span),
        island as (
            select *, sum(coalesce(begins, true)::int) over (partition by ref order by since, until) as number
            from marked)
        select ref, min(since) as since, nullif(max(until), 'infinity'::timestamp) as until
        from island group by ref, number
        union all
        select ref, '-infinity'::timestamp, null from used where ref not in (select ref from doubtful)
        """,
        heard=heard,
        used=people.used,
        doubtful=doubtful,
    )
