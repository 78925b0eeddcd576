"""When all of some services had delivered, from a snapshot's own deliveries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

from charter.contracts.spans import Span, meet_spans, merge_spans
from fairness_reports.audit.population.reading_tables import open_connection

__all__ = ["read_feed_spans"]

_DELIVERIES = "SELECT epoch_us(covers_from), epoch_us(covers_to) FROM read_parquet($path) WHERE service = $service"
# A service of which no delivery says what it covers counts as live from its first event to the snapshot.
_LIVE = """
    SELECT epoch_us(min(valid_at)), epoch_us($now::timestamptz) FROM read_parquet($path)
    WHERE split_part(signal, '.', 1) = $service HAVING min(valid_at) IS NOT NULL
"""


def read_feed_spans(tables: Path, services: Collection[str], taken_at: datetime) -> tuple[Span, ...]:
    """Return what the deliveries of every one of `services` cover (UTC µs), in order; empty where one never did."""
    connection = open_connection()
    covered: tuple[Span, ...] | None = None
    for service in sorted(services):
        spans = _read_service(connection, tables, service, taken_at)
        covered = spans if covered is None else meet_spans(covered, spans)
    return covered or ()


def _read_service(connection: DuckDBPyConnection, tables: Path, service: str, taken_at: datetime) -> tuple[Span, ...]:
    rows: list[Span] = []
    if (feeds := tables / "feeds.parquet").exists():
        rows = connection.execute(_DELIVERIES, {"path": str(feeds), "service": service}).fetchall()
    if not rows and (events := tables / "events.parquet").exists():
        asked = {"path": str(events), "service": service, "now": taken_at}
        rows = connection.execute(_LIVE, asked).fetchall()
    return merge_spans(rows)
