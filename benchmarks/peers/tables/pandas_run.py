"""Plain pandas: events coded once; per date boolean filters, that day's members by look-up, and group-bys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from work import NOTHING, Work, keep, main, scaled, times


def run(tables, question, out: Path | None) -> None:
    """Write the matrix of every date to `out`."""
    work = Work(tables, question)
    events = folded(work)
    for k in range(len(work.dates)):
        keep(out, work, k, matrix(work, events, k))


def folded(work: Work) -> pd.DataFrame:
    """Return the events that are visible at some date, as codes and moments."""
    wanted = ["person_id", "signal", "detail"]
    table = pq.read_table(
        work.tables / "events.parquet",
        columns=[*wanted, "valid_at", "known_at", "known_until", "amount"],
        read_dictionary=wanted,
        filters=[("signal", "in", list(work.signals.values()))],
    ).unify_dictionaries()
    codes = {}
    for name in wanted:
        column = table[name].combine_chunks()
        codes[name] = column.indices.to_numpy(), column.dictionary.to_numpy(zero_copy_only=False)
    place, found = work.coded(codes["person_id"][1], work.people)
    names = list(work.signals.values())
    amount, there = scaled(table["amount"])
    valid = times(table, "valid_at")
    first = np.searchsorted(work.times, np.maximum(valid, times(table, "known_at")), side="right")
    last = np.searchsorted(work.times, times(table, "known_until"), side="right")
    service = np.array([names.index(name) if name in names else -1 for name in codes["signal"][1]])
    events = pd.DataFrame(
        {
            "person": np.where(found, place, -1).astype(np.int32)[codes["person_id"][0]],
            "service": service.astype(np.int8)[codes["signal"][0]],
            "detail": codes["detail"][0].astype(np.int8),
            "valid": valid,
            "amount": amount,
            "carrying": there.astype(np.int8),
            "first": first.astype(np.int8),
            "last": last.astype(np.int8),
        }
    )
    return events[(events["first"] < events["last"]) & (events["person"] >= 0)]


def matrix(work: Work, events: pd.DataFrame, k: int) -> np.ndarray:
    """Return the matrix of date k."""
    visible = events[(events["first"] <= k) & (events["last"] > k)]
    seen = (work.seen >> k & 1).astype(bool)
    person, service = visible["person"].to_numpy(), visible["service"].to_numpy()
    always = visible[seen[person, service, 1]]
    year = visible[(visible["valid"].to_numpy() >= work.starts["365d"][k]) & seen[person, service, 0]]
    found = [aggregates(at_home(work, always, k), "all")]
    lately = at_home(work, year, k)
    found += [
        aggregates(lately[lately["valid"] >= work.starts[window][k]], window) for window in ("365d", "90d", "30d")
    ]
    half = lately[lately["valid"] >= work.starts["180d"][k]].groupby("key").size().rename("count_180d")
    narrow = pd.concat([*found, half], axis=1)
    rest = {name: NOTHING if name.startswith(("maximum", "newest")) else 0 for name in narrow.columns}
    columns = {name: narrow[name].fillna(rest[name]).to_numpy().astype(np.int64) for name in narrow.columns}
    key = narrow.index.to_numpy()
    return work.matrix(k, key // len(work.services), key % len(work.services), columns)


def at_home(work: Work, events: pd.DataFrame, k: int) -> pd.DataFrame:
    """Return the events once for each home of their person, with a key of household and service."""
    person, household, mask = work.members
    here = (mask >> k & 1).astype(bool)
    members = pd.DataFrame({"person": person[here], "household": household[here]})
    second = members["person"].duplicated()
    home = np.full(len(work.people), -1)
    home[members["person"][~second]] = members["household"][~second]
    one = events.assign(household=home[events["person"].to_numpy()])
    both = events[events["person"].isin(members["person"][second])].merge(members[second], on="person")
    rows = pd.concat([one[one["household"] >= 0], both], ignore_index=True)
    rows["key"] = rows["household"] * len(work.services) + rows["service"]
    return rows


def aggregates(rows: pd.DataFrame, window: str) -> pd.DataFrame:
    """Return the aggregates of one window by key; pandas has no bit-or, so different details are counted as pairs."""
    by = rows.groupby("key", sort=True)
    pairs = np.unique(rows["key"].to_numpy() * 128 + rows["detail"].to_numpy())
    kinds = pd.Series(1, index=pairs // 128).groupby(level=0).size()
    carrying = rows[rows["carrying"] == 1].groupby("key")["amount"]
    found = pd.DataFrame(
        {
            f"count_{window}": by.size(),
            f"total_{window}": by["amount"].sum(),
            f"carrying_{window}": carrying.size(),
            f"maximum_{window}": carrying.max(),
            f"kinds_{window}": kinds,
        }
    )
    if window == "all":
        found["newest"] = by["valid"].max()
    return found


if __name__ == "__main__":
    main(run)
