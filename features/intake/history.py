"""When each row could first have been known, and what became of rows that the last snapshot held.

    a given known time            stays
    none, first delivery          valid_at + the feed's arrival lag: `assumed`
    none, later delivery          when the delivery that first held it was received: `first_seen`
    changed since the last one    the old version ends, the new begins, when this delivery was received: `changed`
    gone since the last one       ends when this delivery was received, if the delivery is full and covers its time, or
                                  takes the row back (its `where` is false now); else it stays

A delivery in which more standing rows are gone than the register tolerates (a transfer that broke off) is refused,
unless confirmed. Deliveries are settled in the order in which they were received (`features.intake.inputs`).

So nothing is overwritten: an earlier as-of date sees what it saw. Rows whose time was settled in an earlier snapshot
keep it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from charter.council.register import Source
from charter.errors import DataError
from features.intake.database import quote_moment, quote_name, quote_text
from features.intake.delivery import Delivery
from features.intake.records import STAGED

__all__ = ["KEPT", "Settling", "create_kept", "load_kept", "settle_versions"]


@dataclass(frozen=True)
class _Versioned:
    """A staged table that keeps versions: who owns a row, when it is of, and what it says."""

    owner: str
    time: str
    content: tuple[str, ...]


KEPT: Mapping[str, _Versioned] = {
    "events": _Versioned("service", "valid_at", ("ref", "signal", "valid_at", "end_at", "amount", "detail")),
    "addresses": _Versioned("service", "start", ("ref", "household_id", "start", "end")),
    "coverage": _Versioned("service", "start", ("ref", "start", "end")),
    "permission": _Versioned(
        "source", "start", ("ref", "service", "purpose", "kind", "status", "start", "end", "decided_by")
    ),
}
"""The staged tables whose rows have versions; `settle_versions` keeps them in `kept_TABLE`, with a `known_rule`."""


def create_kept(database: duckdb.DuckDBPyConnection) -> None:
    """Create the empty tables `kept_events`, `kept_addresses`, `kept_coverage`, `kept_permission`."""
    for table in KEPT:
        database.execute(f"create table kept_{table} as select *, ''::varchar as known_rule from {table} limit 0")


_HANDFUL = 10
"""So many rows may always go: of a short list one family that moved is a large share."""


@dataclass(frozen=True)
class Settling:
    """How a delivery is settled: the first of its source or a later one; `confirmed` where rows are really gone.

    `earlier` is when the delivery before it was received, where there was one.
    """

    first: bool
    confirmed: bool = False
    earlier: datetime | None = None


def load_kept(database: duckdb.DuckDBPyConnection, source: Source, previous: Path | None) -> bool:
    """Load what the last snapshot kept of a source into the kept tables; return whether it had any delivery of it.

    `previous` is the records folder of the last snapshot, or None to begin anew.
    """
    if previous is None:
        return False
    feeds = quote_text(str(previous / "feeds.parquet"))
    rows = database.execute(f"select count(*) from read_parquet({feeds}) where service = ?", [source.service])
    if not rows.fetchall()[0][0]:
        return False
    for table, kept in KEPT.items():
        database.execute(
            f"insert into kept_{table} by name select * from "
            f"read_parquet({quote_text(str(previous / f'{table}.parquet'))}) "
            f"where {kept.owner} = {quote_text(source.service)}"
        )
    return True


def settle_versions(
    database: duckdb.DuckDBPyConnection, source: Source, delivery: Delivery, settling: Settling
) -> None:
    """Move the staged rows of one delivery to the kept tables with their known times settled.

    What the source's deliveries before it left stands in the kept tables. Raises DataError for one that has lost more
    rows than `tolerance.vanished_rows` of the register allows, unless `confirmed`.
    """
    staged, kept = _count_versions(database, source)
    for table, versioned in KEPT.items():
        if not staged[table] and (settling.first or not kept[table]):
            continue
        if settling.first:
            _settle_first(database, table, versioned, source, delivery)
        else:
            _take_before(database, table, versioned, source)
            if delivery.full and not settling.confirmed:
                _refuse_vanished(database, table, versioned, source, delivery)
            _settle_against(database, table, versioned, delivery)
        database.execute(f"delete from {table}")
    database.execute("delete from taken_back")


def _count_versions(database: duckdb.DuckDBPyConnection, source: Source) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return by table how many rows are staged, and how many of the source are kept: most have none of most."""
    counted = [f"select {quote_text(table)}, count(*) from {table}" for table in KEPT]
    counted += [
        f"select {quote_text(f'kept_{table}')}, count(*) from kept_{table} where {of.owner} = "
        f"{quote_text(source.service)}"
        for table, of in KEPT.items()
    ]
    counts = dict(database.execute(" union all ".join(counted)).fetchall())
    return {table: counts[table] for table in KEPT}, {table: counts[f"kept_{table}"] for table in KEPT}


def _refuse_vanished(
    database: duckdb.DuckDBPyConnection, table: str, kept: _Versioned, source: Source, delivery: Delivery
) -> None:
    """Hold a delivery without so many of the rows that stood, in the time it covers: `before` is loaded by now."""
    standing, gone = database.execute(
        f"select count(*), count(*) filter (where id not in (select id from {table})) from before b "
        f"where known_until is null and {_covers_time(kept.time, delivery)}"
    ).fetchall()[0]
    share = source.tolerance.vanished_rows
    if gone > max(_HANDFUL, share * standing):
        raise DataError(
            f"the delivery of {source.service!r} lacks {gone:,} of the {standing:,} {table} that stood in the last one "
            f"(rule rows.vanished; at most {share:.0%} may go).",
            "Ask the service whether the transfer broke off. If they are really gone, run `sooner pull "
            f"--confirm {source.service}`. Nothing was pulled.",
        )


def _take_before(database: duckdb.DuckDBPyConnection, table: str, kept: _Versioned, source: Source) -> None:
    """Move the source's kept rows into `before`."""
    mine = f"{kept.owner} = {quote_text(source.service)}"
    database.execute(f"create or replace temp table before as select * from kept_{table} where {mine}")
    database.execute(f"delete from kept_{table} where {mine}")


def _settle_first(
    database: duckdb.DuckDBPyConnection, table: str, kept: _Versioned, source: Source, delivery: Delivery
) -> None:
    """Without a snapshot before: times as given; back-loaded rows are assumed to have come with the feed's lag.

    No row is known before it happened or after the delivery that holds it was received.
    """
    time, lag = quote_name(kept.time), f"interval {source.arrival_lag_days} day"
    received = quote_moment(delivery.received_at)
    columns = ", ".join(quote_name(name) for name in STAGED[table] if name != "known_at")
    database.execute(
        f"""
        insert into kept_{table} by name
        select {columns},
               coalesce(known_at, greatest({time}, least({time} + {lag}, {received}))) as known_at,
               if(known_at is null, 'assumed', 'given') as known_rule
        from {table}
        """
    )


def _settle_against(database: duckdb.DuckDBPyConnection, table: str, kept: _Versioned, delivery: Delivery) -> None:
    """With the last snapshot's rows in `before`: keep what was settled, close what changed or went.

    A row says the same as before (`said`): it keeps its known time, if that is the given one or the row still stood.
    It says something else under a known time that was already taken: it was changed silently.
    """
    time, received = quote_name(kept.time), quote_moment(delivery.received_at)
    content = f"hash({', '.join(quote_name(name) for name in kept.content)})"
    columns = ", ".join(quote_name(name) for name in (*STAGED[table], "known_rule"))
    gone = _covers_time(kept.time, delivery) if delivery.full else "b.id in (select id from taken_back)"
    gone_until = f"if(b.known_until is null and {gone}, {received}, b.known_until)"
    database.execute(
        f"""
        create or replace temp table settled as
        with old as (select *, {content} as said from before),
        taken as (select distinct id, known_at from before),
        known as (select distinct id from before),
        matched as (
            select n.* rename (known_at as given), o.known_at as old_known_at, o.known_rule as old_rule,
                   t.id is not null or (n.known_at is null and k.id is not null) as changed
            from (select *, {content} as said from {table}) n
            left join old o on o.id = n.id and o.said = n.said and (o.known_at = n.known_at or o.known_until is null)
            left join taken t on t.id = n.id and t.known_at = n.known_at
            left join known k on k.id = n.id
            qualify row_number() over (
                partition by n.id, n.said, n.known_at
                order by coalesce(o.known_at = n.known_at, false) desc, o.known_at) = 1
        )
        select * exclude (given, old_known_at, old_rule, changed, said),
               case when old_known_at is not null then old_known_at
                    when changed or given is null then greatest({time}, {received})
                    else given end as known_at,
               case when old_known_at is not null then old_rule
                    when changed then 'changed'
                    when given is null then 'first_seen'
                    else 'given' end as known_rule
        from matched
        """
    )
    database.execute(
        f"""
        insert into kept_{table} by name
        with everything as (
            select {columns} from settled
            union all by name
            select {columns.replace('"known_until"', f"{gone_until} as known_until")} from before b
            where not exists (select 1 from settled s where s.id = b.id and s.known_at = b.known_at)
        )
        select * replace (least(known_until, lead(known_at) over versions) as known_until) from everything
        window versions as (partition by id order by known_at)
        qualify known_until is null or known_until > known_at
        """
    )


def _covers_time(time: str, delivery: Delivery) -> str:
    """Return SQL that is true where the delivery covers the time of an old row, so that its absence says something."""
    if delivery.covers_from is None or delivery.covers_to is None:
        return "true"
    column = f"b.{quote_name(time)}"
    return f"{column} >= {quote_moment(delivery.covers_from)} and {column} < {quote_moment(delivery.covers_to)}"
