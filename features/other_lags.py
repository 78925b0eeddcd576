"""A snapshot as it would be had records without a known time come sooner or later than the register says.

    known times     given by the source, or first seen in a later delivery: they stay
                    none, first delivery: valid_at + arrival_lag_days of the register, an assumption
    times the lag   0.5: after half as many days; 2: after twice as many; never after the delivery that held it came

A copy of the store that shares all tables with it but `events`. Homes and time in view of a service, whose known times
can be assumed too, stay as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import duckdb

from charter.contracts.workspace import Workspace
from charter.council.register import Register
from charter.invocation import Invocation
from features.intake.database import quote_text

__all__ = ["count_assumed", "shift_arrival"]

_HOURS = 24


def count_assumed(snapshot: Path, signals: Collection[str]) -> tuple[int, int]:
    """Return how many events of these signals have an assumed known time in a snapshot, and how many there are."""
    source = _assumed_sql(snapshot)
    with duckdb.connect() as database:
        assumed, events = database.execute(
            f"select count(*) filter (where assumed), count(*) from ({_marked_sql(snapshot, source)}) "
            "where list_contains($1, signal)",
            [sorted(signals)],
        ).fetchall()[0]
    return int(assumed), int(events)


def shift_arrival(invocation: Invocation, snapshot: str, times: float, scratch: Path) -> Invocation:
    """Leave a copy of a snapshot's store below `scratch` with the lag so many `times`; return an invocation on it."""
    here = invocation.workspace.store / snapshot
    workspace = Workspace(scratch, invocation.programme)
    there = workspace.store / snapshot
    (there / "tables").mkdir(parents=True)
    shutil.copy(here / "manifest.json", there / "manifest.json")
    for path in (here / "tables").iterdir():
        if path.name != "events.parquet":
            (there / "tables" / path.name).symlink_to(path.resolve())
    shifted = f"greatest(valid_at, least(valid_at + to_hours({_hours_sql(invocation.register, times)}), received))"
    with duckdb.connect() as database:
        database.execute(
            f"copy (select * exclude (place, assumed, received) replace ("
            f"case when assumed then {shifted} else known_at end as known_at) "
            f"from ({_marked_sql(here, _assumed_sql(here))})) "
            f"to {quote_text(str(there / 'tables' / 'events.parquet'))} (format parquet)"
        )
    return replace(invocation, workspace=workspace)


def _marked_sql(snapshot: Path, assumed: str) -> str:
    """Return SQL of the events in their order, each with whether its known time is assumed, and when it came."""
    events = quote_text(str(snapshot / "tables" / "events.parquet"))
    return (
        "select e.*, a.event_id is not null as assumed, a.received from "
        f"(select *, row_number() over () as place from read_parquet({events})) e "
        f"left join ({assumed}) a on a.event_id = e.event_id and a.known_at = e.known_at order by e.place"
    )


def _assumed_sql(snapshot: Path) -> str:
    """Return SQL of (event_id, known_at, received) of records whose known time was assumed when they came first."""
    records = snapshot / "records"
    events, feeds = (quote_text(str(records / f"{name}.parquet")) for name in ("events", "feeds"))
    return (
        "select distinct r.id as event_id, r.known_at, f.received from "
        f"read_parquet({events}) r join (select service, min(received_at) as received from read_parquet({feeds}) "
        "group by service) f using (service) where r.known_rule = 'assumed'"
    )


def _hours_sql(register: Register, times: float) -> str:
    """Return SQL of the hours of lag of an event's service."""
    lags = ", ".join(
        f"{quote_text(source.service)}: {round(source.arrival_lag_days * _HOURS * times)}"
        for source in register.sources
    )
    return f"coalesce(map {{{lags}}}[split_part(signal, '.', 1)], 0)"
