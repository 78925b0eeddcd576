"""From events to scored lists of one borough, on Spark and on one machine: the same arrays and the same list.

    tables  ->  rows of every date  ->  a matrix's arrays  ->  margins of the last date  ->  a list of each small area

Both leave the digest of each date's arrays and of the list, and what each part took. Spark's start is not counted, nor
is what a small run before the clock starts.
"""

from __future__ import annotations

import hashlib
import os
import resource
import tempfile
import time
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.borough_at_scale import WORKSPACE, make, question
from benchmarks.definition import FEATURES
from charter.contracts.files import folder_digest
from charter.contracts.matrix import Matrix
from charter.rules.listing import order_lists
from features.engines.question import Question
from serving.ranking.scoring import Model

__all__ = ["hand_out_events", "list_here", "list_on_spark", "score_by_file"]

PLACES = 50
"""How many places each small area's list has."""
_SMALL = (20, 4000)
"""Households and events of the run before the clock starts."""

Outcome = dict[str, Any]


def list_on_spark(tables: Path, dates: int, model: Path) -> Outcome:
    """Go the whole way on Spark with two workers on this machine."""
    from features.engines.spark import collect_dates, map_rows, write_rows

    asked, spark = question(dates), _start_spark()
    with tempfile.TemporaryDirectory(dir=WORKSPACE) as name:
        folder, clock = Path(name), _Clock()
        write_rows(spark, asked, str(tables), str(folder / "rows"))
        clock.note("rows")
        collect_dates(spark, asked, str(folder / "rows"), folder / "matrix")
        clock.note("collected")
        file = _date_folder(folder / "matrix", asked.dates[-1]) / "features.npy"
        margins = map_rows(spark, file, partial(score_by_file, str(model)))
        clock.note("scored")
        lists = _list_rows(folder / "matrix", asked.dates[-1], margins)
        clock.note("listed")
        outcome = _describe(clock, folder / "matrix", asked, lists)
    spark.stop()
    return outcome


def list_here(tables: Path, dates: int, model: Path) -> Outcome:
    """Go the whole way with the engine alone, in this process."""
    from features.engines.engine import Engine
    from features.writer import DateWriter

    asked = question(dates)
    for _ in Engine(question(2), make(*_SMALL, 2)).blocks():
        pass
    with tempfile.TemporaryDirectory(dir=WORKSPACE) as name:
        folder, clock = Path(name), _Clock()
        with ExitStack() as stack:
            writers = [stack.enter_context(DateWriter(_date_folder(folder, day), asked)) for day in asked.dates]
            for block in Engine(asked, tables).blocks():
                writers[block.date_index].append(block)
        clock.note("rows")
        features = np.load(_date_folder(folder, asked.dates[-1]) / "features.npy", mmap_mode="r", allow_pickle=False)
        margins = score_by_file(str(model), np.asarray(features))
        clock.note("scored")
        lists = _list_rows(folder, asked.dates[-1], margins)
        clock.note("listed")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        return _describe(clock, folder, asked, lists) | {"peak": peak}


def hand_out_events(tables: Path) -> Outcome:
    """Let Spark do alone what it does for us at the least: hand the events out by person, and sort each part."""
    from pyspark.sql.functions import col

    spark = _start_spark()
    clock = _Clock()
    events = spark.read.parquet(str(tables / "events.parquet"))
    parts = max(2, len(np.unique(_read_people(tables))) // 25_000)
    handed = events.repartition(parts, col("person_id")).sortWithinPartitions("person_id", "known_at")
    handed.write.format("noop").mode("overwrite").save()
    clock.note("handed out")
    spark.stop()
    return {"seconds": clock.seconds}


def score_by_file(model: str, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the margins of rows by the LightGBM text in a file: for a worker, which has its path only."""
    names = [feature.name for feature in FEATURES]
    return Model.read(Path(model).read_text(encoding="utf-8"), names, {}, []).margins(rows)


class _Clock:
    """Seconds by the clock of each part, by name, one after another, and processor seconds of this process's family."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.before, self.processor_before = time.perf_counter(), _count_processor()

    def note(self, part: str) -> None:
        """Put down what passed since the part before."""
        self.seconds[part], self.before = time.perf_counter() - self.before, time.perf_counter()

    def processor(self) -> float:
        return _count_processor() - self.processor_before


def _count_processor() -> float:
    """Return processor seconds of this process and all that descend from it: the JVM, and its Python workers."""
    used: dict[int, float] = {}
    parent: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile, and is counted with its parent's ended children
            continue
        number = int(path.parent.name)
        parent[number] = int(words[1])
        used[number] = sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
    total, waiting = 0.0, [os.getpid()]
    while waiting:
        number = waiting.pop()
        total += used.get(number, 0.0)
        waiting += [child for child, above in parent.items() if above == number]
    return total


def _start_spark() -> Any:
    """Start Spark, and its workers by a small run: what compiling and starting take is not counted."""
    from features.engines.spark import open_session, write_rows

    spark = open_session("local[2]")
    spark.sparkContext.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        write_rows(spark, question(2), str(make(*_SMALL, 2)), f"{folder}/rows")
    return spark


def _read_people(tables: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(tables / "people.parquet", columns=["person_id"])["person_id"].to_numpy()


def _date_folder(folder: Path, day: date) -> Path:
    return folder / f"as_of={day.isoformat()}"


def _list_rows(folder: Path, day: date, margins: NDArray[np.float64]) -> bytes:
    """Return the lists of a date as CSV: each small area's first by the published order."""
    at = Matrix(folder, {"id": "benchmark"}, {}).at(day)
    areas = np.asarray(at.area).astype(np.str_)
    places = dict.fromkeys(np.unique(areas).tolist(), PLACES)
    rows, ranks = order_lists(at.entity, day, margins, areas, places, np.zeros(len(areas), dtype=bool))
    lines = [
        f"{areas[row]},{rank},{at.entity[row].decode()},{float(margins[row])!r}"
        for row, rank in zip(rows.tolist(), ranks.tolist(), strict=True)
    ]
    return "\n".join(["area,rank,household,margin", *lines, ""]).encode()


def _describe(clock: _Clock, folder: Path, asked: Question, lists: bytes) -> Outcome:
    processor = clock.processor()
    days = [_date_folder(folder, day) for day in asked.dates]
    return {
        "seconds": clock.seconds,
        "processor": processor,
        "rows": sum(len(np.load(day / "entity.npy", mmap_mode="r", allow_pickle=False)) for day in days),
        "listed": lists.count(b"\n") - 1,
        "digests": [*(folder_digest(day) for day in days), hashlib.sha256(lists).hexdigest()],
    }
