"""What the strict door costs beside plain DuckDB: the same rows read, typed, checked and written, in processor time.

Each figure is one process, user and system seconds and its greatest memory, for a million rows and for ten. The peer
reads with the types stated and writes Parquet; the door reads every cell exactly, looks for odd values, doubles and
second headers, and writes the same table. PostgreSQL's peer is its own `COPY ... TO STDOUT`, read by the same client
and thrown away. `SOONER_BENCH_ROWS` is another number than ten million.

    python -m benchmarks intake
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.results import Row
from benchmarks.verb_sections import REST

ROOT = Path(__file__).parents[1]
POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"
GOAL = 2.0

MAKE = """
import sys, duckdb
duckdb.execute("set enable_progress_bar = false")
rows, folder = int(sys.argv[1]), sys.argv[2]
duckdb.execute(f'''copy (select 'A' || i as id, 'H' || (i * 7919 % 400000) as person_ref,
    (date '2016-01-01' + (i % 3000)::integer)::date as day, ((i * 31 % 99999) / 100)::decimal(18, 4) as balance,
    ['letter', 'notice', 'court'][1 + i % 3] as stage from range({rows}) t(i)) to '{folder}/rows.parquet' ''')
duckdb.execute(f"copy (select * replace (strftime(day, '%d/%m/%Y') as day) from '{folder}/rows.parquet') "
               f"to '{folder}/rows.csv'")
"""
PEER = """
import sys, duckdb
duckdb.execute("set enable_progress_bar = false")
kind, folder = sys.argv[1], sys.argv[2]
types = dict(id="varchar", person_ref="varchar", day="date", balance="decimal(18,4)", stage="varchar")
if kind == "csv":
    rows = duckdb.read_csv(folder + "/rows.csv", header=True, date_format="%d/%m/%Y", dtype=types)
else:
    rows = duckdb.read_parquet(folder + "/rows.parquet")
rows.write_parquet(folder + "/peer.parquet")
"""
DOOR = """
import json, sys
from pathlib import Path
from benchmarks.verb_sections import time_parts
from charter.council.register import ExtractFile, Source
from charter.vault.key import Key
from features.intake.database import open_database
from features.intake.extract import name_table, read_file
from features.intake.quarantine import Quarantine
kind, folder = sys.argv[1], Path(sys.argv[2])
columns = {"id": "text", "person_ref": "text", "day": "date", "balance": "decimal", "stage": "text"}
file = ExtractFile(name=f"rows.{kind}", columns=columns, key=("id",))
source = Source(service="rents", title="Rents", basis="public task", purposes=frozenset({"link"}), retention_years=7,
                dates="%d/%m/%Y", files=(file,))
clock = time_parts("intake")
with open_database(Key(b"k" * 32)) as database:
    tally = read_file(database, source, file, [folder / file.name], Quarantine(database, folder / "refused.parquet"))
    database.execute(f"copy (select * from {name_table(source, file)}) to '{folder}/door.parquet'")
    clock.charge()
    held = database.execute("select sum(memory_usage_bytes) from duckdb_memory()").fetchone()[0]
(folder / "sections.json").write_text(json.dumps(clock.seconds | {"held": held / 2**20}))
assert tally.rows == int(sys.argv[3])
"""
FILL = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("drop table if exists bench_rows")
    connection.execute("create table bench_rows as select 'A' || i as id, "
                       "'H' || (i::bigint * 7919 % 400000) as person_ref, date '2016-01-01' + i % 3000 as day, "
                       f"(i % 99999) / 100.0 as balance from generate_series(1, {int(sys.argv[2])}) i")
"""
COPY = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection, connection.cursor() as cursor, open("/dev/null", "wb") as away:
    with cursor.copy("copy (select * from bench_rows) to stdout (format csv)") as copied:
        for block in copied:
            away.write(block)
"""
ASK = """
import os, sys
from charter.council.register import ExtractFile, Source
from features.intake.connecting.databases import DatabaseRows
os.environ["BENCH_DATABASE"] = sys.argv[1]
columns = {"id": "text", "person_ref": "text", "day": "date", "balance": "decimal"}
query = "select * from bench_rows"
file = ExtractFile.model_construct(name="rows", columns=columns, key=("id",), query=query, cursor="")
source = Source.model_construct(service="rents", files=(file,))
rows = DatabaseRows(source, "BENCH_DATABASE").fetch(file, "")
assert rows.rows == int(sys.argv[2]), rows.rows
"""


def bound_door(sections: dict[str, float], peer: float) -> dict[str, float | str]:
    """Return a row's peers: what the door's parts take, and how many times the peer all but reading and writing is."""
    parts = sorted(sections.items(), key=lambda part: -part[1])
    asked = sum(took for name, took in sections.items() if name not in ("cells read", REST))
    return {
        "of which, processor s": "; ".join(f"{name} {took:.2f}" for name, took in parts),
        "bound: start and checks, times plain DuckDB": round(asked / peer, 2),
    }


def measure(program: str, *words: str) -> tuple[float, float]:
    """Run a program and return its processor seconds and its greatest memory in MiB; raise where it fails."""
    child = subprocess.Popen(
        [sys.executable, "-c", program, *words], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, "a benchmark of intake")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def run() -> list[Row]:
    """Measure files of a million rows and of ten, then a table of half as many in PostgreSQL."""
    most = int(os.environ.get("SOONER_BENCH_ROWS", "10000000"))
    results: list[Row] = []
    memory: dict[tuple[str, int], float] = {}
    held: dict[tuple[str, int], float] = {}
    for rows in (most // 10, most):
        with tempfile.TemporaryDirectory() as folder:
            measure(MAKE, str(rows), folder)
            for kind in ("csv", "parquet"):
                peer, _ = measure(PEER, kind, folder)
                door, memory[kind, rows] = measure(DOOR, kind, folder, str(rows))
                sections = json.loads((Path(folder) / "sections.json").read_text(encoding="utf-8"))
                held[kind, rows] = sections.pop("held")
                results.append(
                    Row(
                        f"intake {kind} {rows:,} rows",
                        round(door / peer, 2),
                        "times plain DuckDB",
                        f"at most {GOAL}",
                        door / peer <= GOAL,
                        {"door, seconds": round(door, 1), "plain DuckDB, seconds": round(peer, 1)}
                        | bound_door(sections, peer),
                        "processor time of one process, reading and writing Parquet",
                    )
                )
    for kind in ("csv", "parquet"):
        grown = memory[kind, most] / memory[kind, most // 10]
        results.append(
            Row(
                f"intake {kind} memory, rows x10",
                round(grown, 1),
                "times",
                "flat: at most 1.2",
                grown <= 1.2,
                {f"{rows:,} rows, MiB": round(memory[kind, rows]) for rows in (most // 10, most)}
                | {
                    f"bound: {rows:,} rows as DuckDB holds them, MiB": round(held[kind, rows])
                    for rows in (most // 10, most)
                },
                "every row of a file is in memory at once, and nothing of it on a disk",
            )
        )
    return results + measure_database(most // 2)


def measure_database(rows: int) -> list[Row]:
    """Measure a table of PostgreSQL, where one runs."""
    try:
        measure(FILL, POSTGRES, str(rows))
    except subprocess.CalledProcessError:
        return []
    copied, _ = measure(COPY, POSTGRES)
    asked, _ = measure(ASK, POSTGRES, str(rows))
    return [
        Row(
            f"intake PostgreSQL {rows:,} rows",
            round(asked / copied, 2),
            "times COPY TO STDOUT",
            f"at most {GOAL}",
            asked / copied <= GOAL,
            {"asked, seconds": round(asked, 2), "copied, seconds": round(copied, 2)},
            "processor time of the client, rows into memory, digest included",
        )
    ]
