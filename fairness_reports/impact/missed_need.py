"""Whom lists miss: of households just below their lines the share with a need, by looks that a lot chose.

`[exploration]` of worklist.toml, which the charter must allow, gives each list's last places by lot to households below
it, as many of those as the team has places; `issued.csv` has each one's chance (`inclusion`). Whoever had one in five
stands for five. A look sees a need where a later need is recorded, or where help was offered after it.

    share    Hajek's: the sum of weights of households in whom a need was seen, by that of all looked at
    a list   Horvitz and Thompson's: the sum of weights of needs, by the number of lists

The error is the linearised one, each household one draw however often a lot chose it; nothing is taken off for having
looked at a large part. The interval is Wilson's of as many independent households as that error says (Korn and
Graubard, Survey Methodology 1998, 24:193-201), with Kish's number where a need was seen in nobody or in all.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.measuring.intervals import bound_share

__all__ = ["FEWEST", "BelowLine", "Look", "estimate_missed", "measure_missed", "read_looks", "read_offers_of_looks"]

FEWEST = 30
"""Households looked at below which nothing is said."""


@dataclass(frozen=True)
class Look:
    """A household below the line that a lot put on a list, with the chance that it had."""

    entity: str
    list: str
    as_of: date
    inclusion: float


@dataclass(frozen=True)
class BelowLine:
    """The share with a need among those below the line, its linearised error, its interval, and needs for all lists."""

    share: float
    error: float
    interval: tuple[float, float]
    needs: float


def read_looks(folder: Path) -> list[Look]:
    """Return every household that exploration's lot put on a list; those of before its chance was kept are left out."""
    looks = []
    for path in sorted(folder.glob("*/issued.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            looks += [
                Look(row["entity"], row["list"], date.fromisoformat(row["as_of"]), float(row["inclusion"]))
                for row in csv.DictReader(handle)
                if row["arm"] == "random" and 0 < float(row.get("inclusion") or 0) <= 1
            ]
    return looks


def read_offers_of_looks(path: Path) -> set[tuple[str, str]]:
    """Return the households, each with the list, that were offered help, from actions.csv; nobody without that file."""
    if not path.exists():
        return set()
    with path.open(encoding="utf-8", newline="") as handle:
        return {(row["entity"], row["list"]) for row in csv.DictReader(handle) if row["offered_at"]}


def estimate_missed(
    need: NDArray[np.float64], inclusion: NDArray[np.float64], household: NDArray[np.int64]
) -> BelowLine:
    """Return the estimate of looks (looks,): whether a need was seen, the chance of the look, whose look it was."""
    weight = 1 / inclusion
    share = float(weight @ need / weight.sum())
    of_household = np.bincount(household, weights=weight * (need - share))
    variance = float(of_household @ of_household) / float(weight.sum()) ** 2
    independent = float(weight.sum() ** 2 / (np.bincount(household, weights=weight) ** 2).sum())
    if variance > 0:
        independent = min(share * (1 - share) / variance, float(len(np.unique(household))))
    low, high = bound_share(np.array([share]), np.array([independent]))
    return BelowLine(share, variance**0.5, (float(low[0]), float(high[0])), float(weight @ need))


def measure_missed(
    looks: Sequence[Look], had: Collection[tuple[date, str]], offers: Collection[tuple[str, str]]
) -> dict[str, Any]:
    """Return what looks whose outcome period is over say of those below the line, and its sentence.

    `had` names the need that followed a list's day, by day and household; `offers` help offered, by household and list.
    """
    households = len({look.entity for look in looks})
    document: dict[str, Any] = {"looks": len(looks), "households": households, "share": None, "interval": None}
    if households < FEWEST:
        words = f"Of those below the line {households} were looked at by lot with their outcome period over: too few."
        return document | {"needs_a_list": None, "sentence": words}
    seen = [(look.as_of, look.entity) in had or (look.entity, look.list) in offers for look in looks]
    _, household = np.unique([look.entity for look in looks], return_inverse=True)
    below = estimate_missed(np.array(seen, dtype=np.float64), np.array([look.inclusion for look in looks]), household)
    low, high = (100 * end for end in below.interval)
    a_list = below.needs / len({look.list for look in looks})
    return document | {
        "share": below.share,
        "interval": list(below.interval),
        "needs_a_list": a_list,
        "sentence": f"Of 100 just below the line {100 * below.share:.0f} have a need ({low:.0f} to {high:.0f}), some"
        f" {a_list:.1f} for each list with looks: by {len(looks)} looks that a lot chose. It says nothing of those"
        " further down.",
    }
