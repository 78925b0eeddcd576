"""Beyond one machine: the same engine on each bucket of households, handed out and gathered by Apache Spark.

    tables     Parquet on any file system that Spark reaches
    buckets    a household (or person) belongs to the bucket of its id's hash; every row about somebody who ever lived
               in a bucket's households goes there, so a child of two homes may go to two
    engine     `mapInArrow` hands a worker one bucket after another; it runs `Engine` on it as on a whole snapshot
    rows       Parquet by as-of date, on any file system; `collect` brings them home as a matrix's arrays

A household's answer rests on its members' rows and on five facts about whole tables: the feeds, when coverage was first
known, when households were, and (for a service without feeds) its first events. The last three reach every bucket as
rows about nobody: a person and a household whose id is empty, who live nowhere.

What is sent to workers is a reference to `answer` and the question as JSON text: no object of ours is pickled, and a
worker needs `sooner[train]` installed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import COLUMNS, MatrixColumn, MatrixDate
from charter.errors import UsageError
from features.engines.question import Each, Question, to_microseconds
from features.grammar import Definition, Period, Signal
from features.permission import Permission

__all__ = ["answer_buckets", "collect_dates", "map_rows", "measure_reporting_lag", "open_session", "write_rows"]

NOBODY = ""
"""The id of the person and the household that stand for facts about whole tables."""

_TIMES = ("valid_at", "end_at", "known_at", "known_until", "start", "end", "covers_from", "covers_to", "received_at")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "events": ("event_id", "person_id", "signal", "valid_at", "end_at", "known_at", "known_until", "amount", "detail"),
    "people": ("person_id", "birth_date", "death_date"),
    "residence": ("person_id", "household_id", "start", "end", "known_at", "known_until"),
    "households": ("household_id", "kind", "area", "start", "end", "known_at"),
    "permission": (
        "person_id", "service", "purpose", "kind", "status", "start", "end", "decided_by", "known_at", "known_until",
    ),
    "feeds": ("service", "covers_from", "covers_to", "received_at"),
    "coverage": ("person_id", "service", "start", "end", "known_at", "known_until"),
}  # fmt: skip
_NAMES = tuple(_COLUMNS)
_SPARK_TYPES: Mapping[str, str] = {"S": "string", "f": "float", "u": "int", "i": "bigint", "b": "boolean"}
"""By the kind of a NumPy type, that of Spark which holds it."""


def _spark_type(column: MatrixColumn) -> str:
    kind = _SPARK_TYPES[np.dtype(column.dtype).kind]
    return f"array<{kind}>" if column.width or column.per == "person" else kind


_ANSWERED = tuple(column for column in COLUMNS if column.name != "person_row")
"""What a row of the answer holds of the matrix: its people are a list, so whose they are needs no saying."""
_COUNTS = ("cannot_tell", "cannot_begin")
_COLUMNS_OUT = [f"{column.name} {_spark_type(column)}" for column in _ANSWERED]
_ROWS = ", ".join(["as_of date", *_COLUMNS_OUT, *(f"{name} bigint" for name in _COUNTS)])
"""A row of the answer; one without an entity only counts who has none, by why."""

PEOPLE_PER_BUCKET = 25_000
"""About how many people one bucket holds: the fixed cost of an engine is small beside them, its memory too."""

_AT_ONCE = 25_000
"""How many rows of an array one piece of work has."""


def open_session(master: str = "local[*]") -> Any:
    """Return a Spark session on `master` ("local[2]", "spark://...", "yarn").

    Raises UsageError where PySpark or Java is missing.
    """
    try:
        builder = import_module("pyspark.sql").SparkSession.builder
        failed = import_module("pyspark.errors").PySparkRuntimeError
    except ModuleNotFoundError as missing:
        raise UsageError(
            "PySpark is not installed here.", 'Install it: pip install "sooner[spark]"; it needs Java 17 or newer.'
        ) from missing
    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
        # Rows arrive date by date, again and again; one open file per date saves a sort of the whole answer.
        "spark.sql.maxConcurrentOutputFileWriters": "128",
        # One date of every household comes home at once; a million of them are more than Spark's own limit of 1 GB.
        "spark.driver.maxResultSize": "0",
    }
    if master.startswith("local"):
        settings |= {
            "spark.ui.enabled": "false",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.memory": "4g",
        }
        # Workers on this machine are this very Python; Spark's own setting for it is read too late.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = builder.master(master).appName("sooner")
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except failed as why:
        raise UsageError("Spark did not start.", "Install Java 17 or newer, or check --master.") from why


def write_rows(
    spark: Any, question: Question, tables: str, out: str, *, buckets: int | None = None
) -> list[dict[str, int]]:
    """Answer `question` from the tables below the URL `tables` into Parquet at the URL `out`.

    Returns, by date, how many entities have no row, by why. `buckets` is by default one per 25,000 people. Rows are as
    `charter.contracts.matrix` describes them: lists in the order of the definition, times in microseconds.
    """
    functions = import_module("pyspark.sql.functions")
    observation = import_module("pyspark.sql").Observation("cohort")
    whole_tables = _open_tables(spark, tables)
    many = buckets or max(
        int(spark.sparkContext.defaultParallelism), -(-whole_tables["residence"].count() // PEOPLE_PER_BUCKET)
    )
    handed = (
        _bucket_rows(spark, question, whole_tables, many)
        .repartition(many, "bucket")
        .sortWithinPartitions("bucket", "table", "person_id")
    )
    rows = handed.mapInArrow(partial(answer_buckets, _write_question(question)), _ROWS)
    days = [day.isoformat() for day in question.dates]
    counted = [
        functions.sum(functions.when(functions.col("as_of") == functions.lit(day).cast("date"), rows[name])).alias(
            f"{name} {day}"
        )
        for day in days
        for name in _COUNTS
    ]
    observed = rows.observe(observation, *counted)
    answered = observed.filter(functions.col("entity").isNotNull()).drop(*_COUNTS)
    answered.write.partitionBy("as_of").mode("overwrite").parquet(out)
    return [{name: int(observation.get[f"{name} {day}"] or 0) for name in _COUNTS} for day in days]


def collect_dates(spark: Any, question: Question, out: str, folder: Path) -> None:
    """Write the rows at the URL `out` as a matrix's arrays, one folder per date below `folder`."""
    functions = import_module("pyspark.sql.functions")
    rows = spark.read.schema(_ROWS.rsplit(",", len(_COUNTS))[0]).parquet(out)
    for day in question.dates:
        table = rows.filter(functions.col("as_of") == functions.lit(day)).drop("as_of").toArrow().sort_by("entity")
        _gather_arrays(question, day, table).write(folder / f"as_of={day.isoformat()}")


def measure_reporting_lag(spark: Any, question: Question, tables: str) -> float:
    """Return the 95th percentile (nearest rank) of known minus valid of the outcome's first versions, in days."""
    functions = import_module("pyspark.sql.functions")
    events = _open_tables(spark, tables)["events"]
    wanted = functions.lit(False)
    for component in question.definition.outcome.components:
        wanted = wanted | _pick_events(functions, component.signal, question.permission.signals)
    known_at, valid = (
        functions.unix_micros(functions.col(name).cast("timestamp")) for name in ("known_at", "valid_at")
    )
    lags = (
        events.filter(wanted & (known_at <= to_microseconds(question.taken_at)))
        .groupBy("event_id")
        .agg(functions.min_by(known_at - valid, known_at).alias("lag"))
        .groupBy("lag")
        .count()
        .orderBy("lag")
        .collect()
    )
    if not lags:
        return 0.0
    reached = np.cumsum([row["count"] for row in lags])
    place = int(np.searchsorted(reached, (95 * reached[-1] + 99) // 100))
    return float(lags[place]["lag"]) / 86_400_000_000


def _pick_events(functions: Any, signal: Signal, usable: frozenset[str]) -> Any:
    """Return the condition that picks a signal's events, or none of them where it may not be used."""
    if signal.name not in usable:
        return functions.lit(False)
    chosen = functions.col("signal") == signal.name
    if signal.details:
        chosen = chosen & functions.col("detail").isin(list(signal.details))
    if signal.at_least is not None:
        chosen = chosen & (functions.col("amount") >= signal.at_least)
    if signal.below is not None:
        chosen = chosen & (functions.col("amount") < signal.below)
    return chosen


def map_rows(
    spark: Any, file: Path, function: Callable[[NDArray[np.float32]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return `function` of the rows of the array in `file`, one number each, made in pieces by Spark's workers.

    They read the array where it lies, so it must be on a file system that all of them see. `function` is sent by its
    name with plain arguments and must say of a row the same whatever rows are beside it.
    """
    many = max(1, -(-len(np.load(file, mmap_mode="r", allow_pickle=False)) // _AT_ONCE))
    pieces = spark.range(0, many, 1, many).mapInArrow(
        partial(_some_rows, str(file.resolve()), function), "row bigint, value double"
    )
    return np.asarray(pieces.toArrow().sort_by("row")["value"].to_numpy(), dtype=np.float64)


def _some_rows(file: str, function: Callable[[Any], Any], pieces: Iterator[Any]) -> Iterator[Any]:
    import pyarrow as pa

    rows = np.load(file, mmap_mode="r", allow_pickle=False)
    for batch in pieces:
        for piece in batch.column("id").to_pylist():
            part = np.asarray(rows[piece * _AT_ONCE : (piece + 1) * _AT_ONCE])
            places = np.arange(len(part), dtype=np.int64) + piece * _AT_ONCE
            yield pa.RecordBatch.from_arrays([pa.array(places), pa.array(function(part))], ["row", "value"])


# What is handed to the workers.


def _open_tables(spark: Any, tables: str) -> dict[str, Any]:
    """Open every table that is there, with its canonical columns and types; one that is not is empty."""
    functions = import_module("pyspark.sql.functions")
    absent = import_module("pyspark.errors").AnalysisException
    opened = {}
    for name, columns in _COLUMNS.items():
        try:
            table = spark.read.parquet(f"{tables.rstrip('/')}/{name}.parquet")
        except absent as why:
            if why.getCondition() != "PATH_NOT_FOUND":
                raise
            table = spark.createDataFrame([], ", ".join(f"`{column}` string" for column in columns))
        opened[name] = table.select(*[_cast_column(functions, column) for column in columns])
    return opened


def _cast_column(functions: Any, column: str) -> Any:
    kind = "timestamp_ntz" if column in _TIMES else "date" if column.endswith("_date") else "string"
    if column == "amount":
        kind = "decimal(18,4)"
    return functions.col(f"`{column}`").cast(kind).alias(column)


def _bucket_rows(spark: Any, question: Question, found: Mapping[str, Any], buckets: int) -> Any:
    """Return all rows of all tables with the bucket they belong to and their table's place in `_NAMES`."""
    functions = import_module("pyspark.sql.functions")
    every = spark.range(buckets).withColumnRenamed("id", "bucket")

    def bucket(column: str) -> Any:
        return functions.pmod(functions.xxhash64(column), functions.lit(buckets)).alias("bucket")

    events = found["events"]
    if question.definition.entity == "person":
        parts = {
            name: found[name].select("*", bucket("person_id"))
            for name in ("events", "people", "residence", "permission", "coverage")
        }
        homes = parts["residence"].select("household_id", "bucket").distinct()
        parts["households"] = found["households"].join(homes, "household_id")
    else:
        events = events.filter(functions.col("signal").isin(sorted(_needed_signals(question))))
        parts = {name: found[name].select("*", bucket("household_id")) for name in ("residence", "households")}
        lived = parts["residence"].select("person_id", "bucket").distinct()
        parts |= {name: found[name].join(lived, "person_id") for name in ("people", "permission", "coverage")}
        parts["events"] = events.join(lived, "person_id")
    parts["feeds"] = found["feeds"].crossJoin(every)
    whole = None
    for name, rows in [
        *parts.items(),
        *((n, rows.crossJoin(every)) for n, rows in _state_facts(question, found, spark)),
    ]:
        typed = rows.withColumn("table", functions.lit(_NAMES.index(name)).cast("tinyint"))
        whole = typed if whole is None else whole.unionByName(typed, allowMissingColumns=True)
    return whole


def _needed_signals(question: Question) -> set[str]:
    """Return every signal whose events say anything about a household's row."""
    definition = question.definition
    rules = question.expressions
    names = {signal.name for rule in rules for signal in rule.signals}
    names |= {component.signal.name for component in definition.outcome.components}
    if definition.outcome.ends_with:
        names.add(definition.outcome.ends_with.name)
    return names | ({question.each.signal} if question.each else set())


def _state_facts(question: Question, found: Mapping[str, Any], spark: Any) -> list[tuple[str, Any]]:
    """Return rows about nobody that say what is true of whole tables."""
    functions = import_module("pyspark.sql.functions")
    nobody, kind, known_at = functions.lit(NOBODY), functions.lit("home"), functions.col("known_at")
    covered = found["coverage"].groupBy("service").agg(functions.min("known_at").alias("known_at"))
    housed = found["households"].agg(functions.min("known_at").alias("known_at")).filter(known_at.isNotNull())
    dead = spark.createDataFrame(
        [(NOBODY, None, date(1900, 1, 1))], "person_id string, birth_date date, death_date date"
    )
    facts = [
        ("people", dead),
        ("coverage", covered.select(nobody.alias("person_id"), "service", known_at.alias("start"), "known_at")),
        (
            "households",
            housed.select(nobody.alias("household_id"), kind.alias("kind"), known_at.alias("start"), "known_at"),
        ),
    ]  # fmt: skip
    fed = {row["service"] for row in found["feeds"].select("service").distinct().collect()}
    if unfed := sorted(_needed_services(question) - fed):
        facts.append(("events", _first_events(question, found["events"], unfed)))
    return facts


def _needed_services(question: Question) -> set[str]:
    """Return every service whose feed a row depends on."""
    names = _needed_signals(question) | set(question.definition.signals)
    return {name.split(".")[0] for name in names} | {rule.service for rule in question.definition.cohort.known_to}


def _first_events(question: Question, events: Any, services: Sequence[str]) -> Any:
    """Return, as events about nobody, the first event of each service by each date: when it went live."""
    functions = import_module("pyspark.sql.functions")
    known_at = functions.unix_micros(functions.col("known_at").cast("timestamp"))
    both = functions.struct("valid_at", "known_at", "signal")
    firsts = [functions.min(functions.when(known_at < to_microseconds(moment), both)) for moment in question.midnights]
    service = functions.substring_index("signal", ".", 1).alias("service")
    firsts_of_service = (
        events.filter(service.isin(list(services)))
        .groupBy(service)
        .agg(functions.array(*firsts, functions.min(both)).alias("firsts"))
    )
    each = firsts_of_service.select(functions.explode("firsts").alias("one")).filter(functions.col("one").isNotNull())
    nobody = functions.lit(NOBODY)
    return each.select("one.*").distinct().select("*", nobody.alias("person_id"), nobody.alias("event_id"))


def _write_question(question: Question) -> str:
    """Return the question as JSON text."""
    permission, each = question.permission, question.each
    return json.dumps(
        {
            "definition": question.definition.document(permission.units),
            "dates": [day.isoformat() for day in question.dates],
            "zone": str(question.zone),
            "taken_at": question.taken_at.isoformat(),
            "purpose": permission.purpose,
            "signals": sorted(permission.signals),
            "consent": sorted(permission.consent),
            "lag": dict(permission.lag),
            "each": each.document() if each else None,
            "free": question.free.document(),
        }
    )


def _read_question(text: str) -> Question:
    """Return the question that `_text` wrote, without units and titles, which no number depends on."""
    document = json.loads(text)
    each = document["each"]
    return Question(
        Definition.of(document["definition"]),
        tuple(date.fromisoformat(day) for day in document["dates"]),
        ZoneInfo(document["zone"]),
        datetime.fromisoformat(document["taken_at"]).astimezone(UTC),
        Permission(
            document["purpose"], frozenset(document["signals"]), frozenset(document["consent"]), document["lag"], {}, {}
        ),
        Each.of(each) if each else None,
        Period.of(document["free"]),
    )


# What a worker does.


def answer_buckets(text: str, batches: Iterator[Any]) -> Iterator[Any]:
    """Answer the question in `text` from Arrow batches sorted by (bucket, table); give batches of rows."""
    from features.engines.engine import Engine

    question = _read_question(text)
    for tables in _split_buckets(batches):
        with TemporaryDirectory() as folder:
            _write_tables(tables, Path(folder))
            for block in Engine(question, Path(folder), threads=1).blocks():
                yield from _batch_rows(question.dates[block.date_index], block)


def _split_buckets(batches: Iterator[Any]) -> Iterator[dict[str, list[Any]]]:
    """Give the pieces of every table, one bucket after another."""
    tables: dict[str, list[Any]] = {}
    current = -1
    for batch in batches:
        bucket, table = batch.column("bucket").to_numpy(), batch.column("table").to_numpy()
        ends = [*(np.flatnonzero((np.diff(bucket) != 0) | (np.diff(table) != 0)) + 1), batch.num_rows]
        first = 0
        for end in ends if batch.num_rows else ():
            if bucket[first] != current and tables:
                yield tables
                tables = {}
            current = int(bucket[first])
            tables.setdefault(_NAMES[table[first]], []).append(batch.slice(first, end - first))
            first = end
    if tables:
        yield tables


def _write_tables(tables: Mapping[str, Sequence[Any]], folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, pieces in tables.items():
        whole = pa.Table.from_batches(pieces).select(list(_COLUMNS[name]))
        pq.write_table(whole, folder / f"{name}.parquet", row_group_size=122_880, compression="none")


def _batch_rows(day: date, block: Any) -> Iterator[Any]:
    """Give a block's rows, and how many of its entities can't be told as a row without an entity."""
    import pyarrow as pa

    count = len(block.entity)
    owners = pa.array(np.append(0, np.cumsum(np.bincount(block.person_row, minlength=count))), pa.int32())
    columns = [pa.array([day] * count, pa.date32())]
    for column in _ANSWERED:
        values = getattr(block, column.name)
        flat = _flatten_values(values, column)
        if column.width:
            starts = pa.array(np.arange(count + 1) * values.shape[1], pa.int32())
            columns.append(pa.ListArray.from_arrays(starts, flat))
        else:
            columns.append(pa.ListArray.from_arrays(owners, flat) if column.per == "person" else flat)
    columns += [pa.nulls(count, pa.int64()) for _ in _COUNTS]
    names = ["as_of", *(column.name for column in _ANSWERED), *_COUNTS]
    if count:
        yield pa.RecordBatch.from_arrays(columns, names)
    counts = [getattr(block, name) for name in _COUNTS]
    if any(counts):
        nobody = [pa.nulls(1, column.type) for column in columns[: -len(_COUNTS)]]
        nobody[0] = pa.array([day], pa.date32())
        yield pa.RecordBatch.from_arrays([*nobody, *(pa.array([number], pa.int64()) for number in counts)], names)


def _flatten_values(values: NDArray[Any], column: MatrixColumn) -> Any:
    """Return all values of an array, one after another, of the type that Spark is told."""
    import pyarrow as pa

    kind = _SPARK_TYPES[np.dtype(column.dtype).kind]
    if kind == "string":
        return pa.array(values.tolist(), pa.binary()).cast(pa.string())
    wide = {"int": np.int32, "bigint": np.int64}.get(kind)
    return pa.array((values if wide is None else values.astype(wide, copy=False)).ravel())


# What comes home.


def _gather_arrays(question: Question, day: date, table: Any) -> MatrixDate:
    """Return the arrays of one date from its rows, sorted by entity."""
    people = table["person"].combine_chunks()
    sizes = np.diff(people.offsets.to_numpy()) if len(people) else np.zeros(0, np.int64)
    arrays: dict[str, Any] = {"person_row": np.repeat(np.arange(len(sizes)), sizes)}
    for column in _ANSWERED:
        values = table[column.name].combine_chunks()
        flat = values.flatten() if column.width or column.per == "person" else values
        rows = len(flat) if column.per == "person" else len(table)
        numbers = (
            np.array([text.encode() for text in flat.to_pylist()], column.dtype)
            if _SPARK_TYPES[np.dtype(column.dtype).kind] == "string"
            else flat.to_numpy(zero_copy_only=False).astype(column.dtype)
        )
        arrays[column.name] = numbers.reshape(rows, *column.row_shape(question.widths))
    return MatrixDate.of(day, question.widths, arrays)
