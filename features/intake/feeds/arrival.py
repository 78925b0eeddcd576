"""How late rows come, measured by what a delivery holds that the one before it lacked.

A row that happened on 1 May, was not in the delivery received on 3 May and is in the one of 3 June came more than 2
and at most 33 days late. Of all rows that are new in a delivery, nine in ten came within so many days: the quantile of
the one and of the other bound hold the true one between them, whatever the service does in between.

Of fewer than 50 new rows nothing is said. A service that sends old rows again under new keys, or that starts to send
more, looks late here: ask before the register is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb

from charter.council.register import Source
from features.intake.database import quote_moment

__all__ = ["find_other_lag", "measure_arrival"]

_FEWEST = 50
_SHARE = 0.9


def measure_arrival(
    database: duckdb.DuckDBPyConnection, source: Source, received: datetime, earlier: datetime
) -> Mapping[str, Any] | None:
    """Return how many staged events are new, and the days within which nine in ten of them came: `at_least`, `at_most`.

    Call it before they are settled, with the times at which this delivery and the one before were received. None where
    too few are new.
    """
    row = database.execute(
        "select count(*), "
        f"quantile_cont(greatest(0, date_diff('day', valid_at, {quote_moment(earlier)})), {_SHARE}), "
        f"quantile_cont(greatest(0, date_diff('day', valid_at, {quote_moment(received)})), {_SHARE}) "
        "from (select id, min(valid_at) as valid_at from events where service = $1 group by id) "
        "where id not in (select id from kept_events where service = $1)",
        [source.service],
    ).fetchall()[0]
    if row[0] < _FEWEST:
        return None
    return {"new": int(row[0]), "at_least": round(row[1]), "at_most": round(row[2])}


def find_other_lag(delivery: Mapping[str, Any], source: Source) -> str:
    """Return what is said where the register's lag is none that rows can have come with; '' where it may be."""
    measured = delivery.get("arrival")
    if not measured:
        return ""
    least, most, stated = measured["at_least"], measured["at_most"], source.arrival_lag_days
    if least <= stated <= most:
        return ""
    return (
        f"Nine in ten of {measured['new']:,} new rows came within {least} to {most} days of their day; "
        f"arrival_lag_days of the register is {stated}."
    )
