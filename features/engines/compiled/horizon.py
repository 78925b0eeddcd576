"""The compiled look ahead: the first event of each outcome in the horizon from each date, and whom a choice closes."""

from __future__ import annotations

import numpy as np
from numba import njit

from features.engines.compiled.arrays import MemberRows, OutcomeRows, Outcomes, PersonRows, Timetable, WantedRows
from features.engines.compiled.kernel import find_first_after, mask_span
from features.engines.compiled.kernel_plan import SMALLEST

__all__ = ["find_outcomes"]

_ONE = np.uint64(1)


@njit(cache=True, nogil=True, error_model="numpy")
def find_outcomes(
    wanted: WantedRows,
    members: MemberRows,
    people: PersonRows,
    events: OutcomeRows,
    timetable: Timetable,
    outcomes: Outcomes,
) -> None:
    """Fill, per date, wanted entity and component, the first event in the horizon, and the dates a choice closes."""
    times, ends = timetable.times, timetable.ends
    at, known_at = outcomes.valid, outcomes.known
    for i in range(wanted.entity.shape[0]):
        household = wanted.entity[i]
        for m in range(members.start[household], members.start[household + 1]):
            person, mask = members.person[m], members.mask[m] & wanted.mask[household]
            if mask == 0:
                continue
            for c in range(events.service.shape[0]):
                outcomes.closed[i, c] |= mask & ~people.allowed[person, events.service[c]]
            for e in range(events.start[person], events.start[person + 1]):
                valid, known_moment, c = events.valid[e], events.known[e], events.component[e]
                # Of horizons [time, end), those that hold the moment: dates whose end is later, up to it itself.
                first, last = find_first_after(ends, valid), find_first_after(times, valid)
                bits = mask & people.allowed[person, events.service[c]] & mask_span(first, last)
                for k in range(first, last):
                    if bits >> np.uint64(k) & _ONE and (
                        at[k, i, c] == SMALLEST
                        or valid < at[k, i, c]
                        or (valid == at[k, i, c] and known_moment < known_at[k, i, c])
                    ):
                        at[k, i, c], known_at[k, i, c] = valid, known_moment
