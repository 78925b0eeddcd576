"""Where each entity's horizon ends: with the outcome's `next`, or sooner, with what is open at the as-of date."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from features.engines.compiled.arrays import MemberRows
from features.engines.compiled.kernel_plan import LARGEST, SMALLEST
from features.engines.question import to_microseconds
from features.engines.reading.frame import ONE, Frame

__all__ = ["find_ends"]


def find_ends(frame: Frame, members: MemberRows, allowed: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return by date and entity where the horizon ends, UTC microseconds.

    Of the events of `ends_with` that are open at a date, as known then and permitted, the last end counts:

        as of 1 March, twelve months    open until 30 June: 1 July    also until 5 May: 1 July    open-ended: 1 March
    """
    question = frame.question
    ends = np.array([to_microseconds(question.horizon_end(day)) for day in frame.dates], dtype=np.int64)
    result = np.repeat(ends[:, None], members.entities, axis=1)
    ends_with = question.definition.outcome.ends_with
    if ends_with is None or ends_with.name not in question.permission.signals:
        return result
    rows = frame.store.own_ends(ends_with)
    person, after = rows["person"], _day_after(frame, rows["ended"])
    bits = allowed[person, frame.services.index(ends_with.service)]
    for k, t in enumerate(frame.times.tolist()):
        visible = (rows["known"] < t) & (rows["until"] >= t) & (rows["valid"] < t) & (rows["ended"] > t)
        chosen = np.flatnonzero(visible & (bits >> np.uint64(k) & ONE).astype(bool))
        latest = np.full(len(frame.codes.people), SMALLEST)
        np.maximum.at(latest, person[chosen], after[chosen])
        here = np.flatnonzero(members.mask >> np.uint64(k) & ONE)
        by_entity = np.full(members.entities, SMALLEST)
        np.maximum.at(by_entity, members.owner[here], latest[members.person[here]])
        result[k] = np.where(by_entity == SMALLEST, ends[k], np.minimum(by_entity, ends[k]))
    return result


def _day_after(frame: Frame, ended: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the midnight that follows the day of each end; LARGEST where there is no end."""
    moments, place = np.unique(ended, return_inverse=True)
    question = frame.question
    after = [
        moment if moment == LARGEST else to_microseconds(question.midnight(frame.day(moment) + timedelta(days=1)))
        for moment in moments.tolist()
    ]
    return np.array(after, dtype=np.int64)[place] if len(moments) else ended
