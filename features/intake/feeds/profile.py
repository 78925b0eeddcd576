"""What each delivery held, in counts: `profile.json` of a snapshot.

    {"schema_version": 1, "deliveries": [
       {"service": "housing", "name": "2024-01", "received_at": ..., "covers_to": ..., "deliveries": "full",
        "files": {"arrears.csv": {"rows": 100, "kept": 97, ..., "filled": {"balance": 100, "corrected": 3}}},
        "signals": {"housing.arrears": {"rows": 97, "details": {"letter": 90, "court": 7}}}}]}

Deliveries of earlier snapshots are carried along, so that a feed's past stays when old snapshots go. A detail is named
only where the register names it: a code that it does not name could be anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import read_json
from charter.council.register import Source

__all__ = ["PROFILE", "carry_profile", "count_signals", "read_profile"]

PROFILE = "profile.json"


def count_signals(database: duckdb.DuckDBPyConnection, source: Source) -> Mapping[str, Mapping[str, Any]]:
    """Return by signal how many rows of a delivery are staged, and how many have each detail of the register's."""
    counts: dict[str, dict[str, Any]] = {}
    named = {signal.name: frozenset(signal.details) for signal in source.signals}
    rows = database.execute(
        "select signal, detail, count(*) from events where service = ? group by all order by all", [source.service]
    ).fetchall()
    for signal, detail, count in rows:
        one = counts.setdefault(signal, {"rows": 0, "details": {}})
        one["rows"] += int(count)
        if detail in named.get(signal, ()):
            one["details"][detail] = int(count)
    return counts


def read_profile(snapshot: Path | None) -> list[Mapping[str, Any]]:
    """Return the deliveries of a snapshot's profile, the first received first; none where there is no profile."""
    if snapshot is None or not (snapshot / PROFILE).exists():
        return []
    deliveries: list[Mapping[str, Any]] = read_json(snapshot / PROFILE)["deliveries"]
    return deliveries


def carry_profile(last: Path | None, fresh: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the profile of a snapshot: what the last one had, and the deliveries that were read now."""
    by_moment = {(row["service"], row["received_at"]): row for row in (*read_profile(last), *fresh)}
    return {"schema_version": SCHEMA_VERSION, "deliveries": [by_moment[place] for place in sorted(by_moment)]}
