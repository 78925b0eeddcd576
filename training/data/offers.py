"""Households that were offered help: their outcomes are no longer what would have happened without it.

    as_of            offered_at            horizon ends
      |------------------x----------------------|          the row is treated

Help that works keeps its outcome away; learning from such rows as from all others teaches that this need passes by
itself. `[offers] treated` in training.toml says what training does: "keep" learns from them, "leave_out" does not.
Tests always hold all rows. Either way the run says how many there were, what came of them, and what the other choice
would have found (`effect`).

Offers come from `actions.csv`, which casework writes: those that were known before the snapshot, and for a fold those
known before its cut.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError

__all__ = ["NO_OFFERS", "Offers", "read_moment"]


@dataclass(frozen=True)
class Offers:
    """Offers of help, one element each: to whom (S32), when it was made, when that was known (UTC µs)."""

    entity: NDArray[np.bytes_]
    offered: NDArray[np.int64]
    known: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path, before: datetime) -> Offers:
        """Read the offers of `actions.csv` that were known before a moment; none where there is no such file yet.

        Raises DataError where a time is none.
        """
        if not path.exists():
            return NO_OFFERS
        with path.open(newline="", encoding="utf-8") as handle:
            rows = [row for row in csv.DictReader(handle) if row.get("offered_at")]
        times = sorted(
            (read_moment(row, "offered_at"), read_moment(row, "known_at"), row["entity"].encode()) for row in rows
        )
        known_rows = [row for row in times if row[1] < int(before.timestamp() * 1_000_000)]
        return cls(
            np.array([row[2] for row in known_rows], dtype="S32"),
            np.array([row[0] for row in known_rows], dtype=np.int64),
            np.array([row[1] for row in known_rows], dtype=np.int64),
        )

    def treated(self, entity: NDArray[np.bytes_], start: int, end: int, cut: int) -> NDArray[np.bool_]:
        """Return which rows were offered help from `start` until before `end`, as known before `cut` (UTC µs)."""
        meant = (self.offered >= start) & (self.offered < end) & (self.known < cut)
        return np.asarray(np.isin(np.asarray(entity), self.entity[meant]))

    @property
    def sha256(self) -> str:
        """One digest over all offers: a run says which ones it knew."""
        return hashlib.sha256(self.entity.tobytes() + self.offered.tobytes() + self.known.tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self.entity)


NO_OFFERS = Offers(np.zeros(0, dtype="S32"), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def read_moment(row: dict[str, str], column: str) -> int:
    """Return a time of actions.csv in UTC µs; a time without a zone is UTC. Raises DataError where it is none."""
    try:
        moment = datetime.fromisoformat(row[column])
    except ValueError:
        raise DataError(
            f"actions.csv has {row[column]!r} as {column}, which is not a time.",
            "Let `sooner serve` or `sooner rank` write the file again.",
        ) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000_000)
