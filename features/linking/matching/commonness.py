"""How common a value is among the records at hand: what it is worth when two records share it.

Each record carries, beside a value, the share of its service's records that have it, so that a value says less where
its service has it more often: of two services the commoner counts. A date is as common as its year times its day:

    2 March 1985     1 in 80 years x 1 in 365 days                      1 in 29,000
    1 January 1985   1 in 80 years x 3 in 10, in a service that puts    1 in 270
                     1 January where it knows a year alone

unless the whole date is far commoner than that: then its own share counts (a day that a service types for "unknown").
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from features.intake.database import Relation, compute_rows, drop_rows

__all__ = ["YEAR_ALONE", "add_date_shares", "add_shares"]

YEAR_ALONE = 0.05
"""A day and month of more of a service's records than this is written where the year alone is known."""

_STANDING = 60.0
"""Records' worth of trust in what is usual, and in the shares of all services against those of one."""
_FAMILIES = 6
"""A date of people whose surnames begin with so many letters is no single person's, sent again and again."""
_FAR = 5.0
"""A value this many times commoner than its parts make likely is one that people type for another reason."""


def add_shares(database: duckdb.DuckDBPyConnection, records: Relation, usual: Mapping[str, float]) -> Relation:
    """Return records (service, and text columns) with a column tf_COLUMN for each: shares from 0 to 1.

    `usual` is how common a value of each column usually is: what is believed while there are few records.
    """
    shares = {column: _compute_shares(database, records, column, share) for column, share in usual.items()}
    # All at once: a copy of the records for each column would be as many times the memory.
    joins = " ".join(
        f"left join shares_{column} on shares_{column}.service = r.service and shares_{column}.value = r.{column}"
        for column in usual
    )
    weighed = compute_rows(
        database,
        f"select r.*, {', '.join(f'shares_{column}.share as tf_{column}' for column in usual)} from records r {joins}",
        records=records,
        **{f"shares_{column}": of for column, of in shares.items()},
    )
    drop_rows(database, *shares.values())
    return weighed


def _compute_shares(database: duckdb.DuckDBPyConnection, records: Relation, column: str, usual: float) -> Relation:
    """Return (service, value, share) of each value of a column, by the service that has it."""
    return compute_rows(
        database,
        f"""
        with told as (select service, {column} as value from records where {column} is not null),
        everywhere as (
            select value, (count(*) + {_STANDING * usual}) / (sum(count(*)) over () + {_STANDING}) as share
            from told group by value),
        here as (select service, value, count(*) as n, sum(count(*)) over (partition by service) as of_all
                 from told group by service, value)
        select h.service, h.value,
               greatest(e.share, (h.n + {_STANDING} * e.share) / (h.of_all + {_STANDING})) as share
        from here h join everywhere e using (value)
        """,
        records=records,
    )


def add_date_shares(database: duckdb.DuckDBPyConnection, records: Relation) -> Relation:
    """Return records (service, surname, birth_date) with tf_birth_date, and tf_birthday: of its day and month alone."""
    return compute_rows(
        database,
        f"""
        with told as (
            select service, birth_date, year(birth_date) as y, strftime(birth_date, '%m-%d') as d,
                   left(surname, 1) as initial
            from records where birth_date is not null),
        days as (
            select service, d, (count(*) + {_STANDING} / 365.25) / (any_value(of_all) + {_STANDING}) as share
            from (select *, count(*) over (partition by service) as of_all from told) group by service, d),
        all_years as (
            select y, (count(*) + 1) / (sum(count(*)) over () + 80) as share from told group by y),
        years as (
            select t.service, t.y, greatest(any_value(a.share),
                   (count(*) + {_STANDING} * any_value(a.share)) / (any_value(t.of_all) + {_STANDING})) as share
            from (select *, count(*) over (partition by service) as of_all from told) t join all_years a using (y)
            group by t.service, t.y),
        dates as (
            select service, birth_date, any_value(y) as y, any_value(d) as d, count(*) as n,
                   count(distinct initial) as families, sum(count(*)) over (partition by service) as of_all
            from told group by service, birth_date),
        shares as (
            select t.service, t.birth_date, years.share * days.share as usual, days.share as birthday,
                   if(t.families >= {_FAMILIES}, t.n / t.of_all, 0) as seen
            from dates t join years using (service, y) join days using (service, d))
        select r.*, if(s.seen > {_FAR} * s.usual, s.seen, s.usual) as tf_birth_date, s.birthday as tf_birthday
        from records r left join shares s on s.service = r.service and s.birth_date = r.birth_date
        """,
        records=records,
    )
