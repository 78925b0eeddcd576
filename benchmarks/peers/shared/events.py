"""The events as polars reads and folds them: codes, moments, and the dates at which each counts."""

from __future__ import annotations

import numpy as np
import polars as pl
from work import Work


def folded(work: Work) -> pl.DataFrame:
    """Return the events that count at some date: codes, moments, and the dates as bits by kind of window."""
    people = pl.DataFrame({"person_id": work.people.astype(str), "person": np.arange(len(work.people), dtype=np.int32)})
    codes = pl.LazyFrame(
        {"signal": list(work.signals.values()), "service": np.arange(len(work.services), dtype=np.int8)}
    )
    seen = pl.LazyFrame(
        {
            "person": np.repeat(np.arange(len(work.people), dtype=np.int32), len(work.services)),
            "service": np.tile(np.arange(len(work.services), dtype=np.int8), len(work.people)),
            "lasting": work.seen[:, :, 0].ravel(),
            "since": work.seen[:, :, 1].ravel(),
        }
    ).filter(pl.col("lasting") | pl.col("since") != 0)
    rows = (
        pl.scan_parquet(work.tables / "events.parquet")
        .filter(pl.col("signal").is_in(list(work.signals.values())))
        .join(codes, on="signal")
        .join(people.lazy(), on="person_id")
        .select(
            "person", "service", pl.col("valid_at").dt.epoch("us").alias("valid"),
            pl.max_horizontal("valid_at", "known_at").dt.epoch("us").alias("moment"),
            pl.col("known_until").dt.epoch("us").fill_null(np.iinfo(np.int64).max).alias("until"),
            (pl.col("amount").cast(pl.Float64) * 10_000).round().cast(pl.Int64).alias("amount"),
            pl.col("detail").cast(pl.Categorical),
        )
        .join(seen, on=["person", "service"])
        .collect(engine="streaming")
    )  # fmt: skip
    first = np.searchsorted(work.times, rows["moment"].to_numpy(), side="right").astype(np.int8)
    last = np.searchsorted(work.times, rows["until"].to_numpy(), side="right").astype(np.int8)
    kind = np.left_shift(np.int64(1), rows["detail"].to_physical().to_numpy().astype(np.int64) % 64)
    if rows["detail"].n_unique() > 64:
        raise SystemExit("more than 64 details")
    rows = rows.drop("moment", "until", "detail").with_columns(
        first=pl.Series(first), last=pl.Series(last), kind=pl.Series(kind)
    )
    return rows.filter(pl.col("first") < pl.col("last"))


def bit(name: str, k: int) -> pl.Expr:
    """Whether bit k of a mask is set."""
    return (pl.col(name) & (1 << k)) != 0
