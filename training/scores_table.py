"""The table `scores` of a run: out-of-time scores of every model, as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

__all__ = ["SCORES", "ScoredRows", "write_scores"]

SCORES = pa.schema(
    [
        ("entity", pa.string()),
        ("as_of", pa.date32()),
        ("fold", pa.string()),
        ("margin", pa.float64()),
        ("score", pa.float64()),
        ("model", pa.string()),
    ]
)


@dataclass(frozen=True)
class ScoredRows:
    """Out-of-time scores of one model in one fold: row by row, with the rows' as-of dates."""

    model: str
    fold: str
    entity: NDArray[np.bytes_]
    as_of: Sequence[date]
    day: NDArray[np.int32]
    margin: NDArray[np.float64]
    score: NDArray[np.float64]


def write_scores(path: Path, parts: Sequence[ScoredRows]) -> None:
    """Write the `scores` table: one row per entity, as-of date, fold and model."""
    with pq.ParquetWriter(path, SCORES, compression="zstd") as writer:
        for part in parts:
            days = pa.array(part.as_of, pa.date32()).take(pa.array(part.day))
            rows = len(part.margin)
            writer.write_table(
                pa.table(
                    [
                        pa.array(part.entity.astype(str)),
                        days,
                        pa.repeat(part.fold, rows),
                        pa.array(part.margin),
                        pa.array(part.score),
                        pa.repeat(part.model, rows),
                    ],
                    schema=SCORES,
                )
            )
