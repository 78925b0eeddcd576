"""featuretools: deep feature synthesis with a cutoff time per household and date.

Its cutoff is event time: no version, choice, coverage or moving home. One call a window (a training window is its
word for ours), 8 services by an interesting value of the service, and counts, sums, means, maxima and different
details of each: 160 columns, with no days since and no change between two windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import featuretools as ft
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from work import Work, main

WINDOWS = ("30 days", "90 days", "365 days", None)


def run(tables: Path, question: Mapping[str, object], out: Path | None) -> Mapping[str, float]:
    """Make the columns of every window for every household and date."""
    work = Work(tables, question)
    person, household, mask = work.members
    here = (mask >> (len(work.times) - 1) & 1).astype(bool)
    members = pd.DataFrame({"person_id": work.people[person[here]], "household": household[here]})
    events = pq.read_table(tables / "events.parquet", columns=["person_id", "signal", "valid_at", "amount", "detail"])
    rows = events.to_pandas().merge(members, on="person_id")
    rows["amount"] = rows["amount"].astype(float)
    rows["number"] = np.arange(len(rows))
    households = work.rows(len(work.times) - 1)
    data = ft.EntitySet("borough")
    data.add_dataframe(pd.DataFrame({"household": households}), "households", index="household")
    for service, name in work.signals.items():
        some = rows[rows["signal"] == name].drop(columns=["signal", "person_id"])
        data.add_dataframe(
            some, service, index="number", time_index="valid_at", logical_types={"detail": "Categorical"}
        )
        data.add_relationship("households", "household", service, "household")
    cutoffs = pd.DataFrame(
        [(household, pd.Timestamp(moment, unit="us")) for moment in work.times for household in households],
        columns=["household", "time"],
    )
    cells = 0
    for window in WINDOWS:
        matrix, _ = ft.dfs(
            entityset=data, target_dataframe_name="households", cutoff_time=cutoffs, training_window=window,
            agg_primitives=["count", "sum", "mean", "max", "num_unique"], trans_primitives=[], max_depth=1, n_jobs=1,
        )  # fmt: skip
        cells += matrix.size
        if out is not None:
            matrix.to_parquet(out / f"{window or 'all'}.parquet")
    return {"cells": cells, "rows": len(cutoffs)}


if __name__ == "__main__":
    main(run)
