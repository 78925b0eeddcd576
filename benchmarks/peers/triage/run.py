"""Triage: its own FeatureGenerator makes and imputes one table per service, for every household and date.

128 columns: counts, sums, means and maxima in four windows, and a flag beside each that had nothing. Its one date is
the knowledge date; no version, choice, coverage, moving home or different details. The tables are loaded and indexed
before the clock starts. Needs a PostgreSQL server: PGHOST, PGPORT and PGUSER say which (127.0.0.1, 5432, postgres).
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import psycopg2
import pyarrow.parquet as pq
from triage import create_engine
from triage.component.architect.feature_generators import FeatureGenerator
from work import Work

DATABASE = "sooner_peer_triage"
INTERVALS = ["30 days", "90 days", "365 days", "all"]
SERVER = {
    "host": os.environ.get("PGHOST", "127.0.0.1"),
    "port": os.environ.get("PGPORT", "5432"),
    "user": os.environ.get("PGUSER", "postgres"),
}


def main(tables: Path, question: Path) -> None:
    """Load, index, time the features, and leave no database behind."""
    work = Work(tables, json.loads(question.read_text()))
    administer(f"DROP DATABASE IF EXISTS {DATABASE}")
    administer(f"CREATE DATABASE {DATABASE}")
    engine = create_engine(
        f"postgresql://{SERVER['user']}@{SERVER['host']}:{SERVER['port']}/{DATABASE}",
        connect_args={"options": "-c work_mem=256MB -c synchronous_commit=off"},
    )
    try:
        load(work)
        generator = FeatureGenerator(db_engine=engine, features_schema_name="features")
        before, began = cpu(), time.perf_counter()
        made = generator.create_all_tables(
            feature_aggregation_config=[aggregation(service) for service in work.services],
            feature_dates=[day.isoformat() for day in work.dates],
            state_table="public.cohort",
        )
        wall, used = time.perf_counter() - began, cpu() - before
    finally:
        engine.dispose()
        administer(f"DROP DATABASE {DATABASE}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"wall": wall, "cpu": used, "peak": peak, "tables": len(made)}))


def aggregation(service: str) -> dict[str, object]:
    """Return Triage's configuration of one service."""
    return {
        "prefix": service,
        "from_obj": f"public.{service}",
        "knowledge_date_column": "known",
        "intervals": INTERVALS,
        "aggregates_imputation": {"all": {"type": "zero"}},
        "aggregates": [{"quantity": "amount", "metrics": ["count", "sum", "avg", "max"]}],
    }


def load(work: Work) -> None:
    """Fill one table of events per service, by household at the last date, and the cohort; index and analyse them."""
    person, household, mask = work.members
    here = (mask >> (len(work.times) - 1) & 1).astype(bool)
    home = np.full(len(work.people), -1)
    home[person[here]] = household[here]
    events = pq.read_table(
        work.tables / "events.parquet", columns=["person_id", "signal", "known_at", "amount"]
    ).to_pandas()
    place, found = work.coded(events["person_id"].to_numpy(), work.people)
    events["entity_id"] = np.where(found, home[place], -1)
    events = events[events["entity_id"] >= 0]
    with psycopg2.connect(dbname=DATABASE, **SERVER) as connection, connection.cursor() as cursor:
        for service, signal in work.signals.items():
            cursor.execute(f"CREATE TABLE {service} (entity_id int, known timestamp, amount double precision)")
            some = events[events["signal"] == signal][["entity_id", "known_at", "amount"]]
            copy(cursor, service, some.to_csv(index=False, header=False))
            cursor.execute(f"CREATE INDEX ON {service} (entity_id, known)")
        cursor.execute("CREATE TABLE cohort (entity_id int, as_of_date date, active boolean)")
        rows = [f"{entity},{day},t" for k, day in enumerate(work.dates) for entity in work.rows(k)]
        copy(cursor, "cohort", "\n".join(rows) + "\n")
        cursor.execute("CREATE INDEX ON cohort (as_of_date, entity_id)")
    administer("ANALYZE", DATABASE)


def copy(cursor: object, table: str, rows: str) -> None:
    """Load rows of comma-separated values; an empty cell is null."""
    cursor.copy_expert(f"COPY {table} FROM STDIN WITH (FORMAT csv)", io.StringIO(rows))


def administer(statement: str, database: str = "postgres") -> None:
    """Run one statement outside a transaction."""
    connection = psycopg2.connect(dbname=database, **SERVER)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def cpu() -> float:
    """Return the CPU seconds of this process and of the PostgreSQL server, whoever else uses it included."""
    mine = resource.getrusage(resource.RUSAGE_SELF)
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parts = (process / "stat").read_text().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parts[0].endswith("(postgres"):
            numbers = parts[1].split()
            # The server keeps what its ended processes used.
            ticks += sum(int(n) for n in numbers[11:15])
    return mine.ru_utime + mine.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
