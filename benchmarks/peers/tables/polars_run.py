"""Polars: events coded and folded once; per date a join with that day's members and two narrow group-bys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from events import bit, folded
from work import NOTHING, Work, keep, main


def run(tables, question, out: Path | None) -> None:
    """Write the matrix of every date to `out`."""
    work = Work(tables, question)
    events = folded(work)
    for k in range(len(work.dates)):
        values = matrix(work, events, k)
        keep(out, work, k, values)


def matrix(work: Work, events: pl.DataFrame, k: int) -> np.ndarray:
    """Return the matrix of date k."""
    person, household, mask = work.members
    here = (mask >> k & 1).astype(bool)
    members = pl.LazyFrame({"person": person[here].astype(np.int32), "household": household[here].astype(np.int32)})
    visible = events.lazy().filter((pl.col("first") <= k) & (pl.col("last") > k))
    year = visible.filter((pl.col("valid") >= int(work.starts["365d"][k])) & bit("lasting", k))
    recent = [
        expression
        for window in ("30d", "90d", "365d")
        for expression in aggregates(window, pl.col("valid") >= int(work.starts[window][k]))
    ]
    half = (pl.col("valid") >= int(work.starts["180d"][k])).sum().cast(pl.Int64).alias("count_180d")
    always = visible.filter(bit("since", k)).join(members, on="person").group_by("household", "service").agg(
        *aggregates("all", None), pl.col("valid").max().alias("newest")
    )  # fmt: skip
    lately = year.join(members, on="person").group_by("household", "service").agg(*recent, half)
    joined = always.join(lately, on=["household", "service"], how="full", coalesce=True)
    narrow = joined.collect(engine="streaming")
    columns = {
        name: narrow[name].fill_null(NOTHING if name.startswith(("maximum", "newest")) else 0).to_numpy()
        for name in narrow.columns
    }
    return work.matrix(k, columns.pop("household"), columns.pop("service"), columns)


def aggregates(window: str, within: pl.Expr | None) -> list[pl.Expr]:
    """Return the aggregates of one window."""
    amount, kind = pl.col("amount"), pl.col("kind")
    number = pl.len()
    if within is not None:
        amount, kind, number = amount.filter(within), kind.filter(within), within.sum()
    return [
        number.cast(pl.Int64).alias(f"count_{window}"),
        amount.sum().alias(f"total_{window}"),
        amount.count().cast(pl.Int64).alias(f"carrying_{window}"),
        amount.max().alias(f"maximum_{window}"),
        kind.bitwise_or().bitwise_count_ones().cast(pl.Int64).alias(f"kinds_{window}"),
    ]


if __name__ == "__main__":
    main(run)
