"""Who belongs to which entity at which dates, and how old they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.engines.compiled import kernel
from features.engines.compiled.arrays import MemberRows
from features.engines.question import to_microseconds
from features.engines.reading.frame import ALL, Frame
from features.engines.reading.snapshot_reader import Columns

__all__ = ["find_ages", "find_members", "read_stays"]


def read_stays(frame: Frame) -> tuple[Columns, NDArray[np.uint64]]:
    """Return the rows of `residence` and the dates at which each is visible and in force."""
    stays = frame.store.residence()
    mask = np.zeros(len(stays["person"]), np.uint64)
    kernel.mask_spans(frame.times, stays["known"], stays["until"], stays["start"], stays["ended"], mask)
    return stays, mask


def find_members(
    frame: Frame,
    stays: Columns,
    mask: NDArray[np.uint64],
    kept_out: NDArray[np.uint64],
    alive: NDArray[np.uint64],
) -> tuple[MemberRows, NDArray[np.uint64]]:
    """Return who belongs where, of those alive and not kept out; and the dates at which each is settled.

    Settled is who has lived there for as long as the cohort asks.
    """
    person, people = stays["person"].astype(np.int64), len(frame.codes.people)
    mask = mask & ~kept_out[person] & alive[person]
    settled = mask & _long_enough(frame, stays["start"])
    if frame.by_person:
        settled_person = np.zeros(people, np.uint64)
        np.bitwise_or.at(settled_person, person, settled)
        known_dates = frame.since(np.searchsorted(frame.times, frame.store.first_known(), side="right"))
        return MemberRows(np.arange(people + 1), np.arange(people), known_dates & ~kept_out & alive), settled_person
    pairs, where = np.unique(stays["household"].astype(np.int64) * (people + 1) + person, return_inverse=True)
    folded = np.zeros((2, len(pairs)), np.uint64)
    np.bitwise_or.at(folded[0], where, mask)
    np.bitwise_or.at(folded[1], where, settled)
    household, person = np.divmod(pairs, people + 1)
    start = np.searchsorted(household, np.arange(len(frame.codes.households) + 1))
    return MemberRows(start.astype(np.int64), person, folded[0]), folded[1]


def _long_enough(frame: Frame, start: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the dates at which a residence that began at `start` is as long as the cohort asks."""
    period = frame.question.definition.cohort.resident
    if period is None:
        return np.full(len(start), ALL)
    since = np.array([to_microseconds(frame.question.midnight(period.before(day))) for day in frame.dates])
    return frame.since(np.searchsorted(since, start, side="left"))


def find_ages(frame: Frame) -> tuple[NDArray[np.uint64], NDArray[np.int16]]:
    """Return (by person, the dates at which they live; by date and person, the age in whole years or -1)."""
    rows = frame.store.births()
    birth, death = rows["birth"].astype(np.int64), rows["death"].astype(np.int64)
    alive = np.zeros(len(birth), np.uint64)
    ages = np.full((len(frame.dates), len(birth)), -1, np.int16)
    for k, day in enumerate(frame.dates):
        today = day.year * 10000 + day.month * 100 + day.day
        living = ((birth == 0) | (birth <= today)) & ((death == 0) | (death > today))
        alive |= living.astype(np.uint64) << np.uint64(k)
        ages[k] = np.where((birth > 0) & (birth <= today), (today - birth) // 10000, -1)
    return alive, ages
