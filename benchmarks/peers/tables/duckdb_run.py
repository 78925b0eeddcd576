"""Hand-tuned DuckDB: all folded to bits once, then a sweep over the dates with no join to people and no DISTINCT.

    x        events x homes, with the dates at which each counts as bits and the first of them; two masks: for windows
             with a length, and for windows since the start (whom a service could see differs)
    delta    x grouped by (household, service, mask, first date): what each date adds to "since the start"
    run      the running sums, one row per (household, service, mask)
    narrow   per date: run where its bit is set, joined with the last 365 days grouped by (household, service)

Corrected versions end, so their masks end too; all others only ever begin. With OUT the result is also widened and
written, by NumPy: that is for comparing cells, and is not the aggregation that is timed.
"""

# ruff: noqa: S608 - the SQL is made of our own words and numbers
from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
from work import NOTHING, WINDOWS, Work, keep, main

_SUMS = (
    "sum(n) AS n, sum(total) AS total, sum(carrying) AS carrying, max(top) AS top, "
    "bit_or(kinds) AS kinds, max(newest) AS newest"
)


def run(tables, question, out: Path | None) -> None:
    """Aggregate every date into a narrow table; write the matrices as well where asked."""
    work = Work(tables, question)
    base = duckdb.connect(config={"threads": 2})
    base.execute("SET TimeZone = 'UTC'")
    base.execute("SET preserve_insertion_order = false")
    fold(base, work)
    base.execute(f"CREATE TABLE run0 AS SELECT household, service, since, {_SUMS} FROM delta WHERE false GROUP BY ALL")
    for k in range(len(work.dates)):
        sweep(base, work, k)
        if out is not None:
            keep(out, work, k, widen(base, work, k))
        base.execute(f"DROP TABLE narrow{k}")


def fold(base: duckdb.DuckDBPyConnection, work: Work) -> None:
    """Make `recent` (events of the last 365 days before any date) and `delta`."""
    person, household, mask = work.members
    register(base, "people", person_id=work.people.astype(str), person=np.arange(len(work.people), dtype=np.int32))
    register(base, "members", person=person.astype(np.int32), household=household.astype(np.int32), mask=mask)
    register(
        base, "seen",
        person=np.repeat(np.arange(len(work.people), dtype=np.int32), len(work.services)),
        service=np.tile(np.arange(len(work.services), dtype=np.int8), len(work.people)),
        lasting=work.seen[:, :, 0].ravel(), since=work.seen[:, :, 1].ravel(),
    )  # fmt: skip
    base.execute("""
        CREATE TABLE home AS SELECT person, service, household, mask & lasting AS lasting, mask & since AS since
        FROM members JOIN seen USING (person) WHERE mask & (lasting | since) <> 0""")
    base.execute("CREATE TABLE signals (signal VARCHAR, service TINYINT)")
    base.executemany("INSERT INTO signals VALUES (?, ?)", [[name, n] for n, name in enumerate(work.signals.values())])
    source = work.tables / "events.parquet"
    base.execute(f"""
        CREATE TABLE kinds AS SELECT detail, (1::BIGINT << (row_number() OVER (ORDER BY detail) - 1)) AS bit
        FROM (SELECT DISTINCT detail FROM '{source}' WHERE detail IS NOT NULL)""")
    last = len(work.times)
    before = " + ".join(f"(greatest(valid_at, known_at) >= make_timestamp({t}))::TINYINT" for t in work.times)
    until = " + ".join(f"(known_until >= make_timestamp({t}))::TINYINT" for t in work.times)
    # The first date after both moments; the first date by which the version has ended.
    base.execute(f"""
        CREATE TABLE x AS
        SELECT household, service, first, valid, amount, bit,
            lasting & ((1::BIGINT << stop) - 1) AS lasting, since & ((1::BIGINT << stop) - 1) AS since
        FROM (
            SELECT person, service, epoch_us(valid_at) AS valid, bit, (amount * 10000)::BIGINT AS amount,
                ({before})::TINYINT AS first, CASE WHEN known_until IS NULL THEN {last} ELSE {until} END AS stop
            FROM '{source}' JOIN signals USING (signal) JOIN people USING (person_id) LEFT JOIN kinds USING (detail)
        ) JOIN home USING (person, service)
        WHERE first < stop AND (lasting | since) & ((1::BIGINT << stop) - 1) >= (1::BIGINT << first)""")
    base.execute(
        f"CREATE TABLE recent AS SELECT * EXCLUDE since FROM x WHERE valid >= {work.starts['365d'][0]} AND lasting <> 0"
    )
    base.execute("""
        CREATE TABLE delta AS SELECT household, service, since, first, count(*) AS n, sum(amount)::BIGINT AS total,
            count(amount) AS carrying, max(amount) AS top, bit_or(bit) AS kinds, max(valid) AS newest
        FROM x WHERE since <> 0 GROUP BY ALL""")
    base.execute("DROP TABLE x")


def sweep(base: duckdb.DuckDBPyConnection, work: Work, k: int) -> None:
    """Carry the running sums to date k and aggregate its narrow table."""
    base.execute(f"""
        CREATE TABLE run{k + 1} AS SELECT household, service, since, {_SUMS} FROM (
            FROM run{k} UNION ALL BY NAME SELECT * EXCLUDE first FROM delta WHERE first = {k}) GROUP BY ALL""")
    base.execute(f"DROP TABLE run{k}")
    parts = []
    for window in WINDOWS[:-1]:
        within = f"FILTER (valid >= {work.starts[window][k]})" if window != "365d" else ""
        parts += [
            f"count(*) {within} AS count_{window}", f"sum(amount) {within} AS total_{window}",
            f"count(amount) {within} AS carrying_{window}", f"max(amount) {within} AS maximum_{window}",
            f"bit_or(bit) {within} AS kinds_{window}",
        ]  # fmt: skip
    base.execute(f"""
        CREATE TABLE narrow{k} AS
        WITH always AS (
            SELECT household, service, sum(n) AS count_all, sum(total) AS total_all, sum(carrying) AS carrying_all,
                max(top) AS maximum_all, bit_or(kinds) AS kinds_all, max(newest) AS newest
            FROM run{k + 1} WHERE since >> {k} & 1 = 1 GROUP BY ALL),
        lately AS (
            SELECT household, service, {", ".join(parts)},
                count(*) FILTER (valid >= {work.starts["180d"][k]}) AS count_180d
            FROM recent WHERE valid >= {work.starts["365d"][k]} AND first <= {k} AND lasting >> {k} & 1 = 1
            GROUP BY ALL)
        SELECT * FROM always FULL JOIN lately USING (household, service)""")


def widen(base: duckdb.DuckDBPyConnection, work: Work, k: int) -> np.ndarray:
    """Return the matrix of date k from its narrow table."""
    columns = []
    for name, *_ in base.execute(f"DESCRIBE narrow{k}").fetchall():
        if name.startswith("kinds"):
            columns.append(f"bit_count(coalesce({name}, 0))::BIGINT AS {name}")
        elif name.startswith(("maximum", "newest")):
            # DuckDB writes the smallest int64 only as a cast text.
            columns.append(f"coalesce({name}, '{NOTHING}'::BIGINT) AS {name}")
        else:
            columns.append(f"coalesce({name}, 0)::BIGINT AS {name}")
    found = base.execute(f"SELECT {', '.join(columns)} FROM narrow{k}").fetchnumpy()
    narrow = {name: np.ma.getdata(values) for name, values in found.items()}
    return work.matrix(k, narrow.pop("household"), narrow.pop("service"), narrow)


def register(base: duckdb.DuckDBPyConnection, name: str, **columns: np.ndarray) -> None:
    """Make a table from arrays."""
    import pyarrow as pa

    base.register("given", pa.table(columns))
    base.execute(f"CREATE TABLE {name} AS FROM given")
    base.unregister("given")


if __name__ == "__main__":
    main(run)
