"""What a snapshot leaves behind: its manifest, the records that services gave, and the sets that the vault seals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from charter.errors import DataError
from charter.vault.vault import Vault
from features.intake.canonical import CANONICAL
from features.intake.database import quote_moment, quote_name, quote_text
from features.intake.history import KEPT
from features.intake.inputs import SourcePlan
from features.intake.records import STAGED
from features.intake.row_digests import create_digests
from features.intake.source_reader import FileCounts

__all__ = [
    "count_known_dates",
    "gather_feeds",
    "list_sources",
    "load_sets",
    "make_sets",
    "read_feed_moments",
    "write_records",
]

_ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)
"""Since when a home has been where it is, if the gazetteer does not say."""


def read_feed_moments(snapshot: Path) -> list[tuple[str, datetime]]:
    """Return the deliveries of a snapshot by what its table of feeds says: each one's service, when it was received."""
    feeds = quote_text(str(snapshot / "records/feeds.parquet"))
    with duckdb.connect() as database:
        rows = database.execute(f"select distinct service, received_at from read_parquet({feeds})").fetchall()
    return [(service, received_at) for service, received_at in rows]


def list_sources(plans: Sequence[SourcePlan], counts: Mapping[str, FileCounts]) -> list[dict[str, Any]]:
    """Return a manifest's rows of the files that were read, each with its digest and what became of its rows."""
    rows = []
    for plan in plans:
        for entry in plan.inputs:
            prefix = f"{entry.name}/" if entry.name else ""
            for name, parts in entry.parts.items():
                where = f"{plan.source.service}/{prefix}{name}"
                for part in parts[:1]:
                    if where in counts:
                        document = counts[where].document()
                        rows.append(
                            {
                                "service": plan.source.service,
                                "file": f"{prefix}{name}",
                                "sha256": entry.digests[part.name],
                                **document,
                            }
                        )
    return rows


def load_sets(database: duckdb.DuckDBPyConnection, vault: Vault, last: Path | None) -> None:
    """Load what the last snapshot sealed: `people_before`, `protected_before`, and the digests of its rows."""
    create_digests(database)
    columns = ", ".join(f"{quote_name(name)} {kind}" for name, kind in STAGED["people"].items())
    database.execute(f"create temp table people_before ({columns})")
    protected = ", ".join(f"{quote_name(name)} {kind}" for name, kind in STAGED["protected"].items())
    database.execute(f"create temp table protected_before ({protected})")
    if last is None:
        return
    database.execute(
        "insert into protected_before by name select * from "
        f"read_parquet({quote_text(str(last / 'records/protected.parquet'))})"
    )
    for name, table in (("people", "people_before"), ("digests", "digests")):
        try:
            sealed = vault.get_set(last.name, name)
        except DataError:
            continue
        database.register("given", pq.read_table(BytesIO(sealed)))
        database.execute(f"insert into {table} by name select * from given")
        database.unregister("given")


def make_sets(database: duckdb.DuckDBPyConnection) -> Mapping[str, bytes]:
    """Return the tables that the vault seals, as Parquet bytes, their rows in a stated order."""
    sets = {table: _table_bytes(database, table, tuple(STAGED[table])) for table in ("people", "places")}
    return {**sets, "digests": _digests_bytes(database)}


def _table_bytes(database: duckdb.DuckDBPyConnection, table: str, names: Sequence[str]) -> bytes:
    columns = ", ".join(quote_name(name) for name in names)
    into = BytesIO()
    pq.write_table(database.sql(f"select distinct {columns} from {table} order by all").to_arrow_table(), into)
    return into.getvalue()


def _digests_bytes(database: duckdb.DuckDBPyConnection) -> bytes:
    """Return the digests of all rows, ascending within each file: a number a row, so they are sorted as numbers."""
    places = database.execute("select distinct service, file from digests order by all").fetchall()
    schema = pa.schema({"service": pa.string(), "file": pa.string(), "digest": pa.uint64()})
    into = BytesIO()
    # They are as good as random: no dictionary and no codec makes them smaller, and the gaps between them are.
    options = {"use_dictionary": ["service", "file"], "column_encoding": {"digest": "DELTA_BINARY_PACKED"}}
    with pq.ParquetWriter(into, schema, **options) as writer:
        for place in places:
            query = "select distinct digest from digests where service = $1 and file = $2 order by digest"
            digests = database.execute(query, list(place)).fetchnumpy()["digest"]
            names = (pa.repeat(pa.scalar(name), len(digests)) for name in place)
            writer.write_table(pa.table([*names, pa.array(digests)], schema=schema))
    return into.getvalue()


def gather_feeds(database: duckdb.DuckDBPyConnection, plans: Sequence[SourcePlan], last: Path | None) -> None:
    """Create the table `feeds`: a row for each delivery, those of the last snapshot included.

    A source that is pulled no more covers no time: nothing of it is in the snapshot.
    """
    database.execute(
        "create temp table feeds (service varchar, covers_from timestamp, covers_to timestamp, received_at timestamp)"
    )
    if last is not None:
        services = ", ".join(quote_text(plan.source.service) for plan in plans) or "''"
        database.execute(
            f"insert into feeds select * from read_parquet({quote_text(str(last / 'records/feeds.parquet'))}) "
            f"where service in ({services})"
        )
    for entry in (entry for plan in plans for entry in plan.inputs):
        if entry.delivery.covers_from is not None and entry.delivery.covers_to is not None:
            times = (entry.delivery.covers_from, entry.delivery.covers_to, entry.delivery.received_at)
            database.execute(
                f"insert into feeds values (?, {', '.join(quote_moment(time) for time in times)})",
                [entry.source.service],
            )


def count_known_dates(database: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Return by signal how many rows there are, and of how many it was assumed when they became known.

    A row of back-loaded history that doesn't say it is assumed to have come with its feed's lag (history.py).
    """
    tables = {row[0] for row in database.execute("select table_name from duckdb_tables()").fetchall()}
    queries = ["select signal, count(*), count(*) filter (known_rule = 'assumed') from kept_events group by signal"]
    if "canonical_events" in tables:
        queries.append(
            "select e.signal, count(*), coalesce(any_value(a.number), 0) "
            "from canonical_events e left join assumed_events a on a.signal = e.signal group by e.signal"
        )
    rows = [row for query in queries for row in database.execute(query).fetchall()]
    return {signal: {"rows": number, "assumed": min(assumed, number)} for signal, number, assumed in sorted(rows)}


def write_records(database: duckdb.DuckDBPyConnection, folder: Path, plans: Sequence[SourcePlan]) -> None:
    """Write the records of a snapshot into its new `folder`; `feeds` is there by then."""
    folder.mkdir()
    inputs = [entry for plan in plans for entry in plan.inputs]
    for table in KEPT:
        _copy_rows(database, f"select * from kept_{table}", folder / f"{table}.parquet")
    covers_from = {entry.source.service: entry.delivery.covers_from for entry in inputs}
    whens = ", ".join(
        f"{quote_text(service)}: {quote_moment(start)}" for service, start in covers_from.items() if start is not None
    )
    _copy_rows(
        database,
        f"select * replace (coalesce(known_at, map {{{whens}}}[service]) as known_at) from protected",
        folder / "protected.parquet",
    )
    always = quote_moment(_ALWAYS)
    _copy_rows(
        database,
        f'select household_id, area, kind, coalesce(start, {always}) as start, "end", '
        f"coalesce(known_at, {always}) as known_at from places",
        folder / "places.parquet",
    )
    _copy_rows(database, "select distinct * from feeds order by all", folder / "feeds.parquet")
    present = {row[0] for row in database.execute("select table_name from duckdb_tables()").fetchall()}
    for name in CANONICAL:
        if f"canonical_{name}" in present:
            _copy_rows(database, f"select * from canonical_{name}", folder / f"canonical_{name}.parquet")


def _copy_rows(database: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    database.execute(f"copy ({query}) to {quote_text(str(path))} (format parquet)")
