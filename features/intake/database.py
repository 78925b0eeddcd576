"""The DuckDB connection that reads extracts: in memory, without a word to disk, with pseudonyms as a function.

Names and identifiers pass through this connection, so it never spills to disk: what doesn't fit in memory fails
clearly instead. Pseudonyms are HMAC-SHA256 as in `charter.vault`, in SQL over DuckDB's own hash function (a test
holds the two equal); the keys are variables of the connection, so they are in no query text.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime

import duckdb

from charter.vault.key import SEPARATOR, Key

__all__ = ["connect", "joined", "literal", "moment", "quoted"]

_PURPOSES = ("reference", "event", "household", "row")


def connect(key: Key, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open a connection in UTC with the macros `reference_of`, `event_of`, `household_of`, `row_of`.

    Each takes a text and gives its pseudonym of 32 hexadecimal digits under the key of that purpose.
    """
    database = duckdb.connect(config={"threads": threads or os.cpu_count() or 1})
    database.execute("set TimeZone = 'UTC'")
    database.execute("set temp_directory = ''")
    for purpose in _PURPOSES:
        inner, outer = key.pads(purpose)
        database.execute(f"set variable {purpose}_inner = $1::blob", [inner])
        database.execute(f"set variable {purpose}_outer = $1::blob", [outer])
        database.execute(
            f"create macro {purpose}_of(message) as left(sha256(getvariable('{purpose}_outer') "
            f"|| unhex(sha256(getvariable('{purpose}_inner') || encode(message)))), 32)"
        )
    return database


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as an SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def joined(parts: Iterable[str]) -> str:
    """Return an SQL expression that joins text expressions by the separator of pseudonyms."""
    return f" || chr({ord(SEPARATOR)}) || ".join(parts)


def moment(time: datetime) -> str:
    """Return an aware time as an SQL timestamp literal in UTC."""
    return f"timestamp '{time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}'"
