"""Coverage of need: of all people in the borough with the outcome, how many any list could have reached.

Recall is of the cohort's outcomes. Whoever was not linked, not permitted or not in the cohort was missed before any
model, and recall without this figure flatters. The unit here is the person with an outcome in the horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training.data.dataset import Dataset, to_microseconds

__all__ = ["Coverage", "measure_coverage", "measure_seen_share"]


@dataclass(frozen=True)
class Coverage:
    """People with the outcome, by component, over some as-of dates: all of them, and those in the cohort."""

    component: str
    people: int
    in_cohort: int

    def as_document(self, level: float) -> dict[str, Any]:
        """Return the counts and the share with its Wilson interval; None where nobody had the outcome."""
        low, high = _wilson_interval(self.in_cohort, self.people, level)
        share = self.in_cohort / self.people if self.people else None
        return {
            "component": self.component,
            "people": self.people,
            "in_cohort": self.in_cohort,
            "share": share,
            "low": low,
            "high": high,
        }


def measure_coverage(data: Dataset, tables: Path, days: Sequence[date]) -> list[Coverage]:
    """Count each component of the outcome over the horizons of `days`, from the snapshot's own events.

    A person counts once for each as-of date; the last row, `any`, counts people with any component. Events are those
    the snapshot holds as current and known.
    """
    components = data.matrix.definition["outcome"]["components"]
    events = {part["name"]: _read_events(tables / "events.parquet", part, data.taken_at) for part in components}
    total = dict.fromkeys((*events, "any"), 0)
    reached = dict.fromkeys((*events, "any"), 0)
    for day in days:
        start, end = to_microseconds(data.council.midnight(day)), to_microseconds(data.horizon_end(day))
        members = np.unique(np.asarray(data.at(day).person))
        everybody = np.zeros(0, dtype="S32")
        for name, (people, at) in events.items():
            theirs = np.unique(people[(at >= start) & (at < end)])
            everybody = np.union1d(everybody, theirs)
            total[name] += len(theirs)
            reached[name] += int(np.isin(theirs, members).sum())
        total["any"] += len(everybody)
        reached["any"] += int(np.isin(everybody, members).sum())
    return [Coverage(name, total[name], reached[name]) for name in total]


def _read_events(
    path: Path, component: Mapping[str, Any], taken_at: datetime
) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
    """Return who had the component's events, and when (UTC µs)."""
    wanted = component.get("events", {})
    is_known = pc.less(
        pc.field("known_at"), pa.scalar(taken_at.astimezone(UTC).replace(tzinfo=None), pa.timestamp("us"))
    )
    which = pc.field("signal").isin(list(component["signals"])) & is_known & pc.field("known_until").is_null()
    if wanted.get("details"):
        which = which & pc.field("detail").isin(list(wanted["details"]))
    if wanted.get("at_least") is not None:
        which = which & (pc.field("amount") >= pa.scalar(Decimal(str(wanted["at_least"])), pa.decimal128(18, 4)))
    if wanted.get("below") is not None:
        which = which & (pc.field("amount") < pa.scalar(Decimal(str(wanted["below"])), pa.decimal128(18, 4)))
    rows = pq.read_table(path, columns=["person_id", "valid_at"], filters=which)
    at = rows["valid_at"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    people = np.array([str(person).encode() for person in rows["person_id"].to_pylist()], dtype="S32")
    return people, at


def _wilson_interval(hits: int, number: int, level: float) -> tuple[float | None, float | None]:
    """Return Wilson's interval of a share."""
    if not number:
        return None, None
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = hits / number
    centre = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z * np.sqrt(share * (1 - share) / number + z * z / (4 * number * number)) / (1 + z * z / number)
    return float(centre - half), float(centre + half)


def measure_seen_share(data: Dataset) -> list[dict[str, Any]]:
    """Return, by as-of date and seen column, the share of household members seen: old dates miss later choosers."""
    shares = []
    for rows in data:
        members = float(np.asarray(rows.members, dtype=np.int64).sum())
        members_seen = np.asarray(rows.seen, dtype=np.int64).sum(axis=0)
        for column, number in zip(data.matrix.manifest["seen"], members_seen, strict=True):
            share = float(number) / members if members else None
            shares.append({"as_of": rows.as_of.isoformat(), "column": column, "share": share})
    return shares
