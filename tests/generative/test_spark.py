"""Spark and the engine agree in every cell, in dense worlds that use every word of the grammar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.matrix import Matrix, MatrixDate
from features.engines.question import Question
from features.engines.reference import Reference
from features.engines.rows import Tables

pytest.importorskip("pyspark", reason="needs the extra `spark`")

pytestmark = [
    pytest.mark.deep,
    # PySpark warns of pandas 3, which nothing here uses.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    # Its sockets to the Java side are closed when the interpreter ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

WorldOf = Callable[..., tuple[Question, Tables]]
Answers = list[tuple[MatrixDate, int, int]]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from features.engines.spark import open_session

    running = open_session("local[2]")
    running.sparkContext.setLogLevel("ERROR")
    yield running
    running.stop()


def from_spark(spark: Any, question: Question, tables: Tables, folder: Path) -> tuple[Answers, float]:
    from features.engines.spark import collect_dates, measure_reporting_lag, write_rows

    tables.write(folder / "tables")
    where, out = str(folder / "tables"), str(folder / "rows")
    counts = write_rows(spark, question, where, out, buckets=5)
    collect_dates(spark, question, out, folder / "matrix")
    matrix = Matrix(folder / "matrix", {"id": "spark"}, {})
    rows = [matrix.at(day) for day in question.dates]
    return [(row, *count.values()) for row, count in zip(rows, counts, strict=True)], measure_reporting_lag(
        spark, question, where
    )


def check_same(spark: Any, question: Question, tables: Tables, mine: Answers, folder: Path) -> None:
    theirs, lag = from_spark(spark, question, tables, folder)
    for (one, *untold), (other, *also) in zip(mine, theirs, strict=True):
        assert untold == also
        for name in MatrixDate.ARRAYS:
            left, right = getattr(one, name), getattr(other, name)
            assert (left.dtype, left.shape) == (right.dtype, right.shape)
            assert left.tobytes() == right.tobytes(), f"{name} at {one.as_of}"
    assert lag == Reference(question, tables).reporting_lag_days


@pytest.mark.parametrize("entity", ["household", "person"])
def test_every_word_says_the_same_on_spark(
    entity: str, spark: Any, world: WorldOf, answers: Callable[[Question, Tables], Answers], tmp_path: Path
) -> None:
    question, tables = world(0, entity=entity)
    mine = answers(question, tables)
    assert sum(cannot_tell for _, cannot_tell, _ in mine) > 0 or entity == "person"
    check_same(spark, question, tables, mine, tmp_path)


@pytest.mark.parametrize("entity", ["household", "person"])
def test_what_only_whole_tables_can_say_reaches_every_bucket(
    entity: str, spark: Any, world: WorldOf, answers: Callable[[Question, Tables], Answers], tmp_path: Path
) -> None:
    question, tables = world(3, entity=entity)
    late = datetime(2023, 6, 1, tzinfo=UTC)
    tables = replace(
        tables,
        feeds=tuple(feed for feed in tables.feeds if feed.service not in ("housing", "school", "duty")),
        coverage=tuple(replace(row, known_at=max(row.known_at, late)) for row in tables.coverage),
        households=tuple(replace(row, known_at=late + timedelta(days=n)) for n, row in enumerate(tables.households)),
    )
    check_same(spark, question, tables, answers(question, tables), tmp_path)
