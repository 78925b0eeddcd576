"""Rows that lead nowhere: about somebody whom no record of the service knows, or at no address. They are counted."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from charter.council.register import Source
from charter.errors import DataError

__all__ = ["count_no_addresses", "count_orphans"]


def count_orphans(database: duckdb.DuckDBPyConnection, source: Source) -> Mapping[str, tuple[int, int]]:
    """Return, by file of the source, how many of its events' rows name nobody its person records name, and of how many.

    All files of the source have been staged. A service that sends no person records is not asked: it may name people
    by another's references. Raises DataError where more than the register's `tolerance.unknown_reference` do.
    """
    rows = database.execute(
        """
        select file, sum(rows) filter (where p.ref is null), sum(rows)
        from references_of_events e
        left join (select distinct ref from people where service = $1) p using (ref)
        where e.service = $1 and exists (select 1 from people where service = $1)
        group by file order by file
        """,
        [source.service],
    ).fetchall()
    share = source.tolerance.unknown_reference
    for name, orphans, every in rows:
        if orphans and orphans > share * every:
            raise DataError(
                f"{source.service}/{name}: {int(orphans):,} of {int(every):,} rows name somebody whom no person record "
                f"of {source.service!r} knows (rule reference.unknown; at most {share:.0%} may).",
                "Ask the service whether references lost their zeros, or came from elsewhere. Nothing was pulled.",
            )
    return {name: (int(orphans or 0), int(every)) for name, orphans, every in rows}


def count_no_addresses(database: duckdb.DuckDBPyConnection, source: Source) -> Mapping[str, int]:
    """Return, by file of the source, how many of its address rows say that no UPRN is known."""
    rows = database.execute(
        "select file, sum(rows) from no_addresses where service = ? group by file", [source.service]
    ).fetchall()
    return {name: int(count) for name, count in rows}
