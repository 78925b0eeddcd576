"""The published order of a worklist: one rule for training's metrics, the audit and the list that is served.

    1. margin, larger first (the model's raw margin, float64; never the calibrated likelihood)
    2. among equal margins, the sha256 of the entity's pseudonym followed by the as-of date (`ab12...2026-03-01`),
       smaller first

The second key is a lottery that anybody can draw again and nobody can steer: it differs at each date, so the same
household is not last among its equals for ever. Ranking is per as-of date, then within each team, then cut at the
team's capacity. Needs numpy alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charter.errors import DataError

__all__ = ["lots", "order_rows", "rank_within", "select"]


def order_rows(
    entity: ArrayLike, as_of: date, margin: ArrayLike, drawn: NDArray[Any] | None = None
) -> NDArray[np.int64]:
    """Return each row's place from 1 among all rows of one as-of date.

    `entity` (rows,) pseudonyms, as bytes or text; `margin` (rows,) float64; `drawn` (rows,) are the rows' `lots`, or
    their places in the order of lots, where they are at hand because several models are ordered. Raises DataError for
    a margin that is not a number, for an entity that occurs twice, and for lengths that differ.
    """
    names = _as_bytes(entity)
    margins = np.asarray(margin, dtype=np.float64)
    if names.shape != margins.shape or names.ndim != 1:
        raise DataError(
            f"{names.size} entities and {margins.size} margins cannot be ranked: there must be one margin for each.",
            "Make the scores again with `sooner train`.",
        )
    if not np.isfinite(margins).all():
        raise DataError("a margin is not a finite number, so it has no place.", "Make the scores again.")
    # Names are slow to sort; a matrix's come in order.
    if not (names[1:] > names[:-1]).all() and len(np.unique(names)) != names.size:
        raise DataError(f"an entity occurs twice on {as_of}, so places would not be unique.", "Make the scores again.")
    if drawn is None:
        # Only rows with equals need the lottery: hashing all of them would cost more than sorting.
        _, group, size = np.unique(margins, return_inverse=True, return_counts=True)
        tied = size[group] > 1
        drawn = np.zeros(names.size, dtype="S32")
        drawn[tied] = lots(names[tied], as_of)
    places = np.empty(names.size, dtype=np.int64)
    places[np.lexsort((drawn, -margins))] = np.arange(1, names.size + 1)
    return places


def lots(entity: ArrayLike, as_of: date) -> NDArray[np.bytes_]:
    """Return each row's lot on one as-of date, the smallest first among equals: sha256, as bytes S32. Shape (rows,)."""
    day = as_of.isoformat().encode()
    return np.array([hashlib.sha256(bytes(name) + day).digest() for name in _as_bytes(entity)], dtype="S32")


def rank_within(rank: NDArray[np.int64], team: ArrayLike) -> NDArray[np.int64]:
    """Return each row's place from 1 within its team, given its place among all (`order_rows`); shape (rows,)."""
    teams = np.asarray(team)
    by_team = np.lexsort((rank, teams))
    within = np.empty(len(rank), dtype=np.int64)
    ordered = teams[by_team]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if ordered.size else np.zeros(0, dtype=np.int64)
    counts = np.diff(np.r_[starts, ordered.size])
    within[by_team] = np.arange(1, ordered.size + 1) - np.repeat(starts, counts)
    return within


def select(rank: NDArray[np.int64], team: ArrayLike, capacity: Mapping[str, int]) -> NDArray[np.bool_]:
    """Return which rows are on their team's list: place within the team at most the team's capacity; shape (rows,).

    `team` (rows,) team ids as text; a team without capacity (and an empty id: no team) gets no list.
    """
    teams = np.asarray(team)
    places = {str(name): int(capacity.get(str(name), 0)) if name else 0 for name in np.unique(teams)}
    room = np.array([places[str(name)] for name in teams], dtype=np.int64)
    return rank_within(rank, teams) <= room


def _as_bytes(entity: ArrayLike) -> NDArray[np.bytes_]:
    names: NDArray[Any] = np.asarray(entity)
    if names.dtype.kind == "S":
        return names
    encoded: NDArray[np.bytes_] = np.char.encode(names.astype(str), "utf-8")
    return encoded
