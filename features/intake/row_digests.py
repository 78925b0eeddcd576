"""Which rows of a file the delivery before had just so: by a digest of all that a row says, sealed with the snapshot.

Digests are 64 bits under a secret of the key, and lie in the vault alone; they count and decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from charter.council.register import ExtractFile, Source
from features.intake.database import quote_name, quote_text
from features.intake.extract import name_table

__all__ = ["count_unchanged", "count_unchanged_rows", "create_digests"]


def create_digests(database: duckdb.DuckDBPyConnection) -> None:
    """Create the empty table `digests` of (service, file, digest): what the snapshot being made holds."""
    database.execute("create table digests (service varchar, file varchar, digest ubigint)")


def count_unchanged(
    database: duckdb.DuckDBPyConnection, source: Source, file: ExtractFile, set_apart: str, *, full: bool
) -> int:
    """Return how many rows of a file's table the delivery before had; remember this one's in its place.

    `set_apart` is SQL for the numbers of rows that do not count. An incremental delivery adds to what is remembered.
    """
    rows = f"(select * from {name_table(source, file)} where _row not in ({set_apart}))"
    return count_unchanged_rows(database, (source.service, file.name), rows, tuple(file.columns), full=full)


def count_unchanged_rows(
    database: duckdb.DuckDBPyConnection, place: tuple[str, str], rows: str, columns: Sequence[str], *, full: bool
) -> int:
    """Return how many of `rows` (SQL) were there before under `place` (service, file), and remember them."""
    names = ", ".join(map(quote_name, columns))
    mine = f"service = {quote_text(place[0])} and file = {quote_text(place[1])}"
    said = f"select hash(getvariable('row_inner'), {names}) as digest from {rows}"
    into = f"insert into main.digests select {quote_text(place[0])}, {quote_text(place[1])}, digest from"
    if not database.execute(f"select 1 from main.digests where {mine} limit 1").fetchall():
        database.execute(f"{into} ({said})")
        return 0
    database.execute(f"create or replace temp table said as {said}")
    known = f"select digest from main.digests where {mine}"
    count = database.execute(f"select count(*) from said where digest in ({known})").fetchall()[0][0]
    if full:
        database.execute(f"delete from main.digests where {mine}")
    fresh = "" if full else f" where digest not in ({known})"
    database.execute(f"{into} said{fresh}")
    database.execute("drop table said")
    return int(count)
