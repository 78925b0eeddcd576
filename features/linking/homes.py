"""Who lived where, and when that could have been known: claims of services settled into residence.

A claim is one service's word that a person lived at a home over an interval, in a version that was known from one time
to another. At any time that something new became known, the claims known by then are settled afresh: where several
hold at one time, the service that comes first in the stated order (parameters.toml) is believed; if it says two homes
at once, the person has two. Each settled interval carries when it was first known and when it stopped being so:

    claims known         settled as                       known
    housing A 2018..     A 2018..                         from 2018 until 2021
    then A 2018..2021,   A 2018..2021, B 2021..           from 2021
    council tax B 2021..

So residence at an as-of date is what the council could have worked out that morning.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from features.intake.database import Relation, compute_rows, quote_text

__all__ = ["MOST_AT_HOME", "find_crowded_homes", "settle_residence"]

MOST_AT_HOME = 20
"""People at one time at one UPRN that are one household at most: beyond it is a block's parent, a hostel or a hall. The
census counts no size of household beyond "8 or more" (England and Wales 2021, table TS017)."""


def settle_residence(database: duckdb.DuckDBPyConnection, claims: Relation, order: Sequence[str]) -> Relation:
    """Return the table `residence` of the contract, made of claims.

    `claims` have person_id, household_id, service, start, "end", known_at, known_until. Services that `order` does not
    name come after those it does, by name.

    A person whose claims all come from one service, or who has one claim, needs no settling between services; but the
    same steps do it, so there is one path.
    """
    claim = _place_claims(database, claims, order)
    state = _list_states(database, claim)
    return _date_settled(database, state, _settle_states(database, state, claim))


def _place_claims(database: duckdb.DuckDBPyConnection, claims: Relation, order: Sequence[str]) -> Relation:
    """Return the claims that last, open ends as infinity, each with the place of its service in the order."""
    services = ", ".join(quote_text(service) for service in order)
    return compute_rows(
        database,
        f"""
        select person_id, household_id, start, coalesce("end", 'infinity') as "end", known_at,
               coalesce(known_until, 'infinity') as known_until,
               coalesce(nullif(list_position([{services}]::varchar[], service), 0), {len(order) + 1}) as place, service
        from claims where "end" is null or "end" > start
        """,
        claims=claims,
    )


def _list_states(database: duckdb.DuckDBPyConnection, claim: Relation) -> Relation:
    """Return (person_id, moment): the times at which what is known of somebody changes."""
    return compute_rows(
        database,
        """
        select distinct person_id, moment from (
            select person_id, known_at as moment from claim
            union all select person_id, known_until from claim where known_until < 'infinity')
        """,
        claim=claim,
    )


def _settle_states(database: duckdb.DuckDBPyConnection, state: Relation, claim: Relation) -> Relation:
    """Return (person_id, household_id, moment, start, "end"): where somebody lived by what was known at each moment.

    The claims known then are cut wherever one begins or ends, the first in the order is believed of each piece, and
    pieces of one home that touch become one again.
    """
    known = compute_rows(
        database,
        """
        select s.person_id, s.moment, c.household_id, c.start, c."end", c.place, c.service
        from state s join claim c
          on c.person_id = s.person_id and c.known_at <= s.moment and s.moment < c.known_until
        """,
        state=state,
        claim=claim,
    )
    return _join_pieces(database, _believe_pieces(database, known))


def _believe_pieces(database: duckdb.DuckDBPyConnection, known: Relation) -> Relation:
    """Return (person_id, moment, start, "end", household_id): of each piece between two edges, the home believed."""
    return compute_rows(
        database,
        """
        with edge as (
            select distinct person_id, moment, time from (
                select person_id, moment, start as time from known union all select person_id, moment, "end" from known)
        ),
        piece as (
            select person_id, moment, time as start,
                   lead(time) over (partition by person_id, moment order by time) as "end"
            from edge
        ),
        believed as (
            select p.person_id, p.moment, p.start, p."end", k.household_id
            from piece p join known k on k.person_id = p.person_id and k.moment = p.moment
                 and k.start <= p.start and p."end" <= k."end"
            where p."end" is not null
            qualify dense_rank() over (partition by p.person_id, p.moment, p.start order by k.place, k.service) = 1
        )
        select distinct * from believed
        """,
        known=known,
    )


def _join_pieces(database: duckdb.DuckDBPyConnection, believed: Relation) -> Relation:
    """Return the pieces with those of one home that touch made one."""
    return compute_rows(
        database,
        """
        with run as (
            select *, sum(begins) over (partition by person_id, moment, household_id order by start) as number from (
                select *, (start is distinct from lag("end") over (
                    partition by person_id, moment, household_id order by start))::int as begins
                from believed)
        )
        select person_id, household_id, moment, min(start) as start, max("end") as "end"
        from run group by person_id, household_id, moment, number
        """,
        believed=believed,
    )


def _date_settled(database: duckdb.DuckDBPyConnection, state: Relation, settled: Relation) -> Relation:
    """Return each settled interval with when it was first known, and when it stopped being so.

    Moments in which it stood without a break are one island of them.
    """
    return compute_rows(
        database,
        """
        with numbered as (
            select person_id, moment, row_number() over (partition by person_id order by moment) as place,
                   lead(moment) over (partition by person_id order by moment) as next_at
            from state
        ),
        marked as (
            select s.*, n.next_at,
                   n.place - row_number() over (
                       partition by s.person_id, s.household_id, s.start, s."end" order by n.place) as island
            from settled s join numbered n using (person_id, moment)
        )
        select person_id, household_id, start, nullif("end", 'infinity'::timestamp) as "end", min(moment) as known_at,
               case when bool_or(next_at is null) then null else max(next_at) end as known_until
        from marked group by person_id, household_id, start, "end", island
        """,
        state=state,
        settled=settled,
    )


def find_crowded_homes(database: duckdb.DuckDBPyConnection, residence: Relation) -> Relation:
    """Return (household_id, since): homes that had more people than one household has, and when that was first known.

    Somebody counts from the day they live there and that is known, until either ends.
    """
    return compute_rows(
        database,
        f"""
        with stay as (
            select household_id, greatest(start, known_at) as moment,
                   least(coalesce("end", 'infinity'::timestamp), coalesce(known_until, 'infinity'::timestamp)) as until
            from residence),
        step as (
            select household_id, moment, 1 as people from stay where moment < until
            union all select household_id, until, -1 from stay where moment < until),
        at_once as (
            select household_id, moment, sum(sum(people)) over (partition by household_id order by moment) as people
            from step group by household_id, moment)
        select household_id, min(moment) as since from at_once where people > {MOST_AT_HOME} group by household_id
        """,
        residence=residence,
    )
