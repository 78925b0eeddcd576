"""How often somebody did a thing is counted for all workers together, by minute and by day, in either database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from serving.store.connection import migrate_database, open_engine
from serving.store.counting.allowances import DAY, MINUTE, Allowances

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_two_workers_count_together_and_a_minute_a_day_and_somebody_else_begin_anew(url: str) -> None:
    engine, other = open_engine(url), open_engine(url)
    migrate_database(engine)
    here, there = Allowances(engine), Allowances(other)
    assert [worker.count("api", "parking", MINUTE, NOON) for worker in (here, there, here)] == [1, 2, 3]
    assert here.count("api", "parking", MINUTE, NOON + timedelta(minutes=1)) == 1
    assert here.count("api", "housing", MINUTE, NOON) == 1
    assert here.count("checks", "parking", DAY, NOON) == 1
    assert there.count("checks", "parking", DAY, NOON + timedelta(hours=3)) == 2
    assert here.read("api", "parking", MINUTE, NOON) == 3
    # What is older than 90 days is thrown away by the way.
    here.count("api", "parking", MINUTE, NOON + timedelta(days=91))
    assert here.read("api", "parking", MINUTE, NOON) == 0
    for one in (engine, other):
        one.dispose()
