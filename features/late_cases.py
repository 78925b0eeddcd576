"""Cases that became known too late for a row of their own: where each row has its own date, nothing else tells of them.

as-of 1 May, each a referral since 1 April    referred 20 April, known 22 April    a row on 1 May
                                              referred 30 April, known 2 May       late: no row at any date
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from features.engines.question import Each, Question

__all__ = ["count_late_cases"]


def count_late_cases(question: Question, tables: Path) -> tuple[int, int]:
    """Return how many standing events give one of the dates as their own, but were not known by then; and of how many.

    Nothing is late where rows are at all dates, or where their days were planned. `tables` is a snapshot's folder.
    """
    each = question.each
    if each is None or each.planned or not (tables / "events.parquet").exists():
        return 0, 0
    import pyarrow.parquet as pq

    dates = {own: day for day in question.dates for own in _list_own_days(each, day)}
    events = pq.read_table(
        tables / "events.parquet",
        columns=["valid_at", "known_at", "known_until"],
        filters=[("signal", "=", each.signal)],
    )
    known = [
        (dates[own], _in_utc(event["known_at"]))
        for event in events.to_pylist()
        if event["known_until"] is None and (own := each.own_day(question.day_of(_in_utc(event["valid_at"])))) in dates
    ]
    return sum(moment >= question.midnight(day) for day, moment in known), len(known)


def _list_own_days(each: Each, day: date) -> Iterator[date]:
    first, end = each.stretch(day)
    return (first + timedelta(days=number) for number in range((end - first).days))


def _in_utc(moment: datetime) -> datetime:
    """Return a moment with its zone: tables keep times in UTC, without saying so."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
