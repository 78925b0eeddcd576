"""The compiled look ahead: the first event of each outcome in the horizon from each date, and whom a choice closes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from features.engines.compiled.kernel import first_after, span
from features.engines.compiled.kernel_plan import SMALLEST

__all__ = ["outcomes"]

_ONE = np.uint64(1)


@njit(cache=True, nogil=True, error_model="numpy")
def outcomes(
    households: Any, member_start: Any, member: Any, member_mask: Any, row_mask: Any, allowed: Any, services: Any,
    event_start: Any, events: Any, components: Any, times: Any, ends: Any, at: Any, known_at: Any, closed: Any,
) -> None:  # fmt: skip
    """Fill, per date, household and component, the first event in the horizon, and the dates a choice closes.

    events[e] = (valid, known), components[e] its component; `services[c]` the service of component c in `allowed`,
    the dates at which each person's choices allow it; `ends[k]` is when the horizon from date k ends.
    """
    for i in range(households.shape[0]):
        household = households[i]
        for m in range(member_start[household], member_start[household + 1]):
            person, mask = member[m], member_mask[m] & row_mask[household]
            if mask == 0:
                continue
            for c in range(services.shape[0]):
                closed[i, c] |= mask & ~allowed[person, services[c]]
            for e in range(event_start[person], event_start[person + 1]):
                valid, known, c = events[e, 0], events[e, 1], components[e]
                first, last = first_after(ends, valid), first_after(times, valid)
                bits = mask & allowed[person, services[c]] & span(first, last)
                for k in range(first, last):
                    if bits >> np.uint64(k) & _ONE and (
                        at[k, i, c] == SMALLEST
                        or valid < at[k, i, c]
                        or (valid == at[k, i, c] and known < known_at[k, i, c])
                    ):
                        at[k, i, c], known_at[k, i, c] = valid, known
