"""The DuckDB connection that reads extracts: in memory, without a word to disk, with pseudonyms as a function.

Names and identifiers pass through this connection, so it never spills to disk: what doesn't fit in memory fails
clearly instead. Pseudonyms are HMAC-SHA256 as in `charter.vault`, in SQL over DuckDB's own hash function (a test
holds the two equal); the keys are variables of the connection, so they are in no query text.

Steps hand each other relations. A query names them as it likes: what a name stands for is given beside it.

    homes = compute_rows(database, "select ref, max(day) as day from claims group by ref", claims=addresses)
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyRelation as Relation

from charter.vault.key import SEPARATOR, Key
from features.progress_bar import stop_progress_bar

__all__ = [
    "Relation",
    "bind_names",
    "compute_rows",
    "define_rows",
    "drop_rows",
    "fetch_rows",
    "give_rows",
    "join_texts",
    "open_database",
    "quote_moment",
    "quote_name",
    "quote_text",
    "read_parquet",
]  # fmt: skip

_NUMBERS = itertools.count(1)
_PURPOSES = ("reference", "event", "household", "row")


def open_database(key: Key, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open a connection in UTC with the macros `reference_of`, `event_of`, `household_of`, `row_of`.

    Each takes a text and gives its pseudonym of 32 hexadecimal digits under the key of that purpose.
    """
    database = duckdb.connect(config={"threads": threads or os.cpu_count() or 1})
    database.execute("set TimeZone = 'UTC'")
    database.execute("set temp_directory = ''")
    stop_progress_bar(database)
    for purpose in _PURPOSES:
        inner, outer = key.pads(purpose)
        database.execute(f"set variable {purpose}_inner = $1::blob", [inner])
        database.execute(f"set variable {purpose}_outer = $1::blob", [outer])
        database.execute(
            f"create macro {purpose}_of(message) as left(sha256(getvariable('{purpose}_outer') "
            f"|| unhex(sha256(getvariable('{purpose}_inner') || encode(message)))), 32)"
        )
    return database


def compute_rows(
    database: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = (), /, **relations: Relation
) -> Relation:
    """Run a query once and return its rows, as a relation that others read as often as they like.

    `relations` are what the names in the query stand for.
    """
    # DuckDB computes a relation anew each time it is read; a table of a name that nobody is told is read as it stands.
    name = f"rows_{next(_NUMBERS)}"
    database.execute(f"create temp table {name} as {bind_names(query, relations)}", list(parameters))
    return database.table(name)


def drop_rows(database: duckdb.DuckDBPyConnection, *computed: Relation) -> None:
    """Give back the memory of relations of `compute_rows` that nothing reads any more."""
    for rows in computed:
        database.execute(f"drop table {quote_name(rows.alias)}")


def define_rows(database: duckdb.DuckDBPyConnection, query: str, /, **relations: Relation) -> Relation:
    """Return the rows of a query, computed where they are read: for what is read once.

    `relations` are what the names in the query stand for.
    """
    return database.sql(bind_names(query, relations))


def fetch_rows(
    database: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = (), /, **relations: Relation
) -> list[Any]:
    """Run a query and return its rows as tuples; `relations` are what the names in the query stand for."""
    return database.execute(bind_names(query, relations), list(parameters)).fetchall()


def bind_names(query: str, relations: dict[str, Relation]) -> str:
    """Return the query with its names bound, as common table expressions before its own."""
    if not relations:
        return query
    expressions = ", ".join(f"{name} as not materialized ({of.sql_query()})" for name, of in relations.items())
    rest = query.strip()
    return f"with {expressions}, {rest[5:]}" if rest[:5].lower() == "with " else f"with {expressions} {rest}"


def give_rows(database: duckdb.DuckDBPyConnection, table: Any) -> Relation:
    """Return the rows of an Arrow table."""
    database.register("given", table)
    rows = compute_rows(database, "select * from given")
    database.unregister("given")
    return rows


def read_parquet(database: duckdb.DuckDBPyConnection, path: Path) -> Relation:
    """Return the rows of a Parquet file, read each time they are."""
    return database.sql(f"select * from read_parquet({quote_text(str(path))})")


def quote_name(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return `text` as an SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def join_texts(parts: Iterable[str]) -> str:
    """Return an SQL expression that joins text expressions by the separator of pseudonyms."""
    return f" || chr({ord(SEPARATOR)}) || ".join(parts)


def quote_moment(time: datetime) -> str:
    """Return an aware time as an SQL timestamp literal in UTC."""
    return f"timestamp '{time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}'"
