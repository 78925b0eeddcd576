"""timeseriesflattener: `--our-rule` filters and joins before a call per date; without it, one call as shipped.

As shipped it knows event time only: everybody is taken to live where they live at the last date, no version, choice or
coverage is looked at, and 128 columns are made. By our rule it makes 160: counts, sums, means, maxima and different
details in four windows. It has no days since, no change between two windows, and no window without an end, so
"since the start" is 4,000 days. Its windows hold their own end, so events at the date itself are filtered out before.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from events import bit, folded
from timeseriesflattener import (
    CountAggregator,
    Flattener,
    MaxAggregator,
    MeanAggregator,
    PredictionTimeFrame,
    PredictorSpec,
    SumAggregator,
    ValueFrame,
)
from timeseriesflattener.aggregators import UniqueCountAggregator
from work import Work, main

BACK = [dt.timedelta(days=n) for n in (30, 90, 365, 4000)]


def by_our_rule(tables: Path, question: Mapping[str, object], out: Path | None) -> Mapping[str, float]:
    """Flatten the events that count at each date, for the households that have a row then."""
    work = Work(tables, question)
    events = folded(work)
    cells = 0
    for k, moment in enumerate(work.times):
        person, household, mask = work.members
        here = (mask >> k & 1).astype(bool)
        members = pl.DataFrame({"person": person[here].astype(np.int32), "entity_id": household[here]})
        visible = events.lazy().filter((pl.col("first") <= k) & (pl.col("last") > k))
        rows = (
            visible.join(members.lazy(), on="person")
            .with_columns(timestamp=stamp(pl.col("valid")), lasting=bit("lasting", k), since=bit("since", k))
            .collect()
        )
        frame = flatten(work, rows, work.rows(k), [int(moment)], our_rule=True)
        cells += frame.height * (frame.width - 3)
        if out is not None:
            frame.write_parquet(out / f"{work.dates[k]}.parquet")
    return {"cells": cells}


def as_shipped(tables: Path, question: Mapping[str, object], out: Path | None) -> Mapping[str, float]:
    """Flatten every event by its own time for every household and date in one call."""
    work = Work(tables, question)
    person, household, mask = work.members
    here = (mask >> (len(work.times) - 1) & 1).astype(bool)
    members = pl.LazyFrame({"person_id": work.people[person[here]].astype(str), "entity_id": household[here]})
    codes = pl.LazyFrame(
        {"signal": list(work.signals.values()), "service": np.arange(len(work.services), dtype=np.int8)}
    )
    rows = (
        pl.scan_parquet(tables / "events.parquet")
        .join(codes, on="signal").join(members, on="person_id")
        .select("service", "entity_id", timestamp="valid_at", amount=pl.col("amount").cast(pl.Float64) * 10_000)
        .collect()
    )  # fmt: skip
    frame = flatten(work, rows, work.rows(len(work.times) - 1), work.times.tolist(), our_rule=False)
    if out is not None:
        frame.write_parquet(out / "flat.parquet")
    return {"cells": frame.height * (frame.width - 3)}


def flatten(
    work: Work, rows: pl.DataFrame, households: np.ndarray, moments: list[int], *, our_rule: bool
) -> pl.DataFrame:
    """Return one row per household and moment."""
    grid = pl.DataFrame({"entity_id": households}).join(
        pl.DataFrame({"pred_timestamp": moments}).with_columns(stamp(pl.col("pred_timestamp"))), how="cross"
    )
    specs = []
    for code, service in enumerate(work.services):
        some = rows.filter(pl.col("service") == code)
        if not our_rule:
            specs += described(service, some, BACK, kinds=False)
        elif (some["lasting"] == some["since"]).all():
            specs += described(service, some.filter("lasting"), BACK, kinds=True)
        else:
            # Whom the service saw for a year and whom it saw from the start are not the same people.
            specs += described(service, some.filter("lasting"), BACK[:-1], kinds=True)
            specs += described(f"{service}_since", some.filter("since"), BACK[-1:], kinds=True)
    return Flattener(PredictionTimeFrame(grid)).aggregate_timeseries(specs).df


def described(service: str, some: pl.DataFrame, back: list[dt.timedelta], *, kinds: bool) -> list[PredictorSpec]:
    """Return what is to be made of one service's events over some windows."""
    amounts = some.select("entity_id", "timestamp", pl.col("amount").alias(service)).drop_nulls()
    numbers = [SumAggregator(), MeanAggregator(), MaxAggregator()]
    if not kinds:
        return [PredictorSpec(ValueFrame(amounts), back, [*numbers, CountAggregator()], fallback=0)]
    details = some.select("entity_id", "timestamp", pl.col("kind").alias(f"{service}_kind"))
    return [
        PredictorSpec(ValueFrame(details), back, [CountAggregator(), UniqueCountAggregator()], fallback=0),
        PredictorSpec(ValueFrame(amounts), back, numbers, fallback=0),
    ]


def stamp(microseconds: pl.Expr) -> pl.Expr:
    """Return a moment of microseconds since 1970 as polars' own."""
    return pl.from_epoch(microseconds, time_unit="us")


if __name__ == "__main__":
    ours = "--our-rule" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--our-rule"]
    main(by_our_rule if ours else as_shipped)
