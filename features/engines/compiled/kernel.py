"""The compiled folding of tables into masks: bit k of a uint64 is as-of date k of the frame.

Numba compiles on first use and keeps the result beside this file (or in NUMBA_CACHE_DIR). All take and fill NumPy
arrays. The sums themselves are in sums.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from features.engines.compiled.kernel_plan import LARGEST, SMALLEST

__all__ = [
    "cover", "digests", "first_after", "fold_choices", "fold_homes", "group", "local_day", "shared", "span",
    "span_masks", "visible", "weigh",
]  # fmt: skip

_DAY = 86_400_000_000
_ONE = np.uint64(1)
_NONE = np.uint64(0)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def first_after(times: Any, moment: Any) -> Any:
    """Return the index of the first of ascending `times`, 64 at most, that is later than `moment`."""
    # Counting them all has no branch to mispredict, so for so few it is quicker than halving.
    earlier = 0
    for k in range(times.shape[0]):
        earlier += times[k] <= moment
    return earlier


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def span(first: Any, last: Any) -> Any:
    """Return the mask with the bits `first <= k < last`."""
    if first >= last:
        return _NONE
    mask = ~_NONE if last - first >= 64 else (_ONE << np.uint64(last - first)) - _ONE
    return mask << np.uint64(first)


@njit(cache=True, nogil=True, error_model="numpy")
def span_masks(times: Any, known_at: Any, known_until: Any, start: Any, end: Any, masks: Any) -> None:
    """Fill, per row, the dates at which its version is visible and its half-open interval [start, end) holds."""
    for row in range(known_at.shape[0]):
        first = max(first_after(times, known_at[row]), first_after(times, start[row] - 1))
        last = min(first_after(times, known_until[row]), first_after(times, end[row] - 1))
        masks[row] = span(first, last)


@njit(cache=True, nogil=True, error_model="numpy")
def group(key: Any, groups: Any) -> Any:
    """Return (starts, order): the rows of key g are `order[starts[g]:starts[g + 1]]`, in their old order."""
    starts = np.zeros(groups + 1, np.int64)
    for row in range(key.shape[0]):
        starts[key[row] + 1] += 1
    for g in range(groups):
        starts[g + 1] += starts[g]
    following = starts[:-1].copy()
    order = np.empty(key.shape[0], np.int64)
    for row in range(key.shape[0]):
        order[following[key[row]]] = row
        following[key[row]] += 1
    return starts, order


@njit(cache=True, nogil=True, error_model="numpy")
def fold_choices(
    person: Any, service: Any, kind: Any, key: Any, forbids: Any, mask: Any, denied: Any, consented: Any
) -> None:
    """Fold choices, ordered by (key, start, known_at, forbids), into the dates they deny and consent to.

    Service -1 is all services: the last column. Kind 0 is consent, 1 refusal, 2 objection or restriction, of which the
    newest in force with the same key decides.
    """
    everything = denied.shape[1] - 1
    running = _NONE
    for row in range(person.shape[0]):
        p = person[row]
        s = everything if service[row] < 0 else service[row]
        if row == 0 or key[row] != key[row - 1]:
            running = _NONE
        if kind[row] == 0:
            if forbids[row] == 0:
                consented[p, s] |= mask[row]
        elif kind[row] == 1:
            denied[p, s] |= mask[row]
        else:
            running = (running | mask[row]) if forbids[row] else (running & ~mask[row])
            if row + 1 == person.shape[0] or key[row + 1] != key[row]:
                denied[p, s] |= running


@njit(cache=True, nogil=True, error_model="numpy")
def fold_homes(household: Any, kind: Any, area: Any, mask: Any, kinds: Any, areas: Any) -> None:
    """Fold rows of `households`, ordered by (household, start, known_at), into the kind and area at each date."""
    for row in range(household.shape[0]):
        for k in range(kinds.shape[1]):
            if mask[row] >> np.uint64(k) & _ONE:
                kinds[household[row], k] = kind[row]
                areas[household[row], k] = area[row]


@njit(cache=True, nogil=True, error_model="numpy")
def cover(
    starts: Any,
    ends: Any,
    first: Any,
    last: Any,
    group_start: Any,
    group_person: Any,
    needs: Any,
    times: Any,
    masks: Any,
) -> None:
    """Fill, per person, the dates at which their known coverage of one service holds each whole window.

    Rows of group g are ordered by start and visible at the dates `first <= k < last`; `needs[w, k]` is when window w
    starts.
    """
    for g in range(group_person.shape[0]):
        for k in range(times.shape[0]):
            for w in range(needs.shape[0]):
                begin, reached = SMALLEST, SMALLEST
                for row in range(group_start[g], group_start[g + 1]):
                    if not first[row] <= k < last[row]:
                        continue
                    if begin == SMALLEST or starts[row] > reached:
                        begin, reached = starts[row], ends[row]
                    else:
                        reached = max(reached, ends[row])
                    if begin <= needs[w, k] and times[k] <= reached:
                        masks[group_person[g], w] |= _ONE << np.uint64(k)


@njit(cache=True, nogil=True, error_model="numpy")
def local_day(midnights: Any, moment: Any) -> Any:
    """Return the index of the calendar day of `moment`; `midnights[d]` is when day d begins, one more at the end."""
    day = min(max((moment - midnights[0]) // _DAY, 0), midnights.shape[0] - 2)
    while midnights[day] > moment and day > 0:
        day -= 1
    while day < midnights.shape[0] - 2 and midnights[day + 1] <= moment:
        day += 1
    return day


@njit(cache=True, nogil=True, error_model="numpy")
def visible(times: Any, valid: Any, known: Any, until: Any, first: Any, last: Any) -> None:
    """Fill, per event, the dates `first <= k < last` at which its version is visible and its moment has come."""
    for row in range(valid.shape[0]):
        first[row] = first_after(times, max(valid[row], known[row]))
        last[row] = times.shape[0] if until[row] == LARGEST else first_after(times, until[row])


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(signal: Any, amount: Any, signals: Any) -> Any:
    """Return the sum of the sizes of each signal's amounts, as floats that cannot overflow."""
    total = np.zeros(signals)
    for row in range(signal.shape[0]):
        if amount[row] != SMALLEST:
            total[signal[row]] += abs(float(amount[row]))
    return total


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _hashed(contest: Any, valid: Any, known: Any) -> Any:
    mixed = (np.uint64(valid) ^ np.uint64(contest)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(32)) ^ np.uint64(known)) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@njit(cache=True, nogil=True, error_model="numpy")
def shared(home_start: Any, person: Any, event_start: Any, signal: Any, contest: Any, valid: Any, known: Any) -> Any:
    """Return whether another event of the same contest and moments, of anybody of the same home, may be there.

    `person[home_start[h]:home_start[h + 1]]` ever lived in home h; `contest[s]` is what signal s competes in, -1 for
    nothing. Never a wrong no, a rare wrong yes. One home at a time, so that the counts stay in the nearest cache.
    """
    found = np.zeros(valid.shape[0], np.bool_)
    counts = np.zeros(1024, np.uint8)
    for home in range(home_start.shape[0] - 1):
        total = 0
        for place in range(home_start[home], home_start[home + 1]):
            total += event_start[person[place] + 1] - event_start[person[place]]
        size = 64
        while size < 4 * total:
            size *= 2
        if size > counts.shape[0]:
            counts = np.zeros(size, np.uint8)
        counts[:size] = 0
        last = np.uint64(size - 1)
        for place in range(home_start[home], home_start[home + 1]):
            for e in range(event_start[person[place]], event_start[person[place] + 1]):
                if contest[signal[e]] >= 0:
                    n = np.int64(_hashed(contest[signal[e]], valid[e], known[e]) & last)
                    counts[n] = min(counts[n] + 1, 2)
        for place in range(home_start[home], home_start[home + 1]):
            for e in range(event_start[person[place]], event_start[person[place] + 1]):
                if contest[signal[e]] >= 0:
                    found[e] |= counts[np.int64(_hashed(contest[signal[e]], valid[e], known[e]) & last)] > 1
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def digests(ends: Any, data: Any) -> Any:
    """Return a 64-bit digest of each text `data[ends[n]:ends[n + 1]]`: FNV-1a, then mixed."""
    found = np.empty(ends.shape[0] - 1, np.uint64)
    for n in range(found.shape[0]):
        state = np.uint64(0xCBF29CE484222325)
        for place in range(ends[n], ends[n + 1]):
            state = (state ^ np.uint64(data[place])) * np.uint64(0x100000001B3)
        found[n] = (state ^ (state >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    return found
