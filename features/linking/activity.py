"""Uncertain links that nothing has confirmed for long drop out: what the reference told stops being its person's.

A link below `certain` bits (parameters.toml) is believed while services keep recording. If its reference has been
silent for `inactive_months`, its events are not known of the person from then on, which is a matter of time like any:

    last heard of      2021-03-10            the events' version ends 2023-03-10: as of 2022 they count, as of 2024 not
    heard of again     2024-05-01            a second version begins: from then on they count again

An open tenancy, school place or episode is not silence. Where somebody lives ends by its own dates.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from features.intake.database import literal

__all__ = ["keep_active_spans"]


def keep_active_spans(database: duckdb.DuckDBPyConnection, records: Path, months: int) -> None:
    """Make the table `active` (ref, since, until): when the events of each reference are its person's.

    Reads `links` and `person_of`. A reference whose link is certain, or that has none, has one span without end.
    """
    events, addresses, coverage = (
        f"read_parquet({literal(str(records / f'{name}.parquet'))})" for name in ("events", "addresses", "coverage")
    )
    database.execute(
        "create or replace temp table doubtful as select ref from links semi join person_of using (ref) "
        "where not certain"
    )
    # Signals that ever end are episodes: one without an end is open, and its reference heard of until it ends.
    database.execute(
        f"""
        create or replace temp table heard as
        with episodes as (select distinct signal from {events} where end_at is not null),
        said as (
            select ref, known_at, known_until, end_at is null and signal in (select signal from episodes) as is_open,
                   coalesce(end_at, valid_at) as last from {events}
            union all select ref, known_at, known_until, "end" is null, coalesce("end", start) from {addresses}
            union all select ref, known_at, known_until, "end" is null, coalesce("end", start) from {coverage})
        select ref, known_at as since,
               case when is_open then coalesce(known_until, 'infinity'::timestamp) else greatest(known_at, last) end
                   as last
        from said semi join doubtful using (ref)
        """
    )
    database.execute(
        f"""
        create or replace table active as
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
        select ref, '-infinity'::timestamp, null from person_of where ref not in (select ref from doubtful)
        """
    )
