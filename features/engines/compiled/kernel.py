"""The compiled folding of tables into masks: bit k of a uint64 is as-of date k of the frame.

Numba compiles on first use and keeps the result beside this file (or in NUMBA_CACHE_DIR). All take and fill NumPy
arrays. The sums themselves are in sums.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.engines.compiled.arrays import ChoiceRows, CoverageRows, HomeRows
from features.engines.compiled.kernel_plan import LARGEST, SMALLEST

__all__ = [
    "cover_windows",
    "digest_texts",
    "find_day",
    "find_first_after",
    "find_shared_moments",
    "find_visible",
    "fold_choices",
    "fold_homes",
    "group_rows",
    "mask_span",
    "mask_spans",
    "weigh_amounts",
]  # fmt: skip

_DAY = 86_400_000_000
_ONE = np.uint64(1)
_NONE = np.uint64(0)

Masks = NDArray[np.uint64]
Moments = NDArray[np.int64]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def find_first_after(times: Any, moment: Any) -> Any:
    """Return the index of the first of ascending `times`, 64 at most, that is later than `moment`."""
    # Counting them all has no branch to mispredict, so for so few it is quicker than halving.
    earlier = 0
    for k in range(times.shape[0]):
        earlier += times[k] <= moment
    return earlier


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def mask_span(first: Any, last: Any) -> Any:
    """Return the mask with the bits `first <= k < last`."""
    if first >= last:
        return _NONE
    mask = ~_NONE if last - first >= 64 else (_ONE << np.uint64(last - first)) - _ONE
    return mask << np.uint64(first)


@njit(cache=True, nogil=True, error_model="numpy")
def mask_spans(times: Any, known_at: Any, known_until: Any, start: Any, end: Any, masks: Any) -> None:
    """Fill, per row, the dates at which its version is visible and its half-open interval [start, end) holds."""
    for row in range(known_at.shape[0]):
        first = max(find_first_after(times, known_at[row]), find_first_after(times, start[row] - 1))
        last = min(find_first_after(times, known_until[row]), find_first_after(times, end[row] - 1))
        masks[row] = mask_span(first, last)


@njit(cache=True, nogil=True, error_model="numpy")
def group_rows(key: Any, groups: Any) -> Any:
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
def fold_choices(choices: ChoiceRows, mask: Masks, denied: Masks, consented: Masks) -> None:
    """Fold choices, each in force at the dates of its mask, into the dates they deny and consent to, by person.

    All services are the last column. Kind 0 is consent, 1 refusal, 2 objection or restriction, of which the newest in
    force with the same key decides. An objection at dates 1 to 3, and its overruling at date 3:

        row 1  forbids    0 1 1 1     running  0 1 1 1
        row 2  overruled  0 0 0 1     running  0 1 1 0     the last of its key: denied
    """
    everything = denied.shape[1] - 1
    running = _NONE
    for row in range(choices.person.shape[0]):
        p, kind, key, forbids = choices.person[row], choices.kind[row], choices.key[row], choices.forbids[row]
        s = everything if choices.service[row] < 0 else choices.service[row]
        if row == 0 or key != choices.key[row - 1]:
            running = _NONE
        if kind == 0:
            if forbids == 0:
                consented[p, s] |= mask[row]
        elif kind == 1:
            denied[p, s] |= mask[row]
        else:
            running = (running | mask[row]) if forbids else (running & ~mask[row])
            if row + 1 == choices.person.shape[0] or choices.key[row + 1] != key:
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
def cover_windows(rows: CoverageRows, needs: Moments, times: Moments, masks: Masks) -> None:
    """Fold, per person, the dates at which their known coverage of one service holds each whole window.

    `needs[w, k]` is when window w starts. Intervals that meet are one: of a window from 3 on, asked at 9,

        rows    [1, 4)  [4, 8)  [6, 10)      reach from 1 to 4, 8, 10: held
        rows    [1, 4)  [5, 10)              the second begins anew at 5, after the window: not held
    """
    for g in range(rows.person.shape[0]):
        for k in range(times.shape[0]):
            for w in range(needs.shape[0]):
                begin, reach = SMALLEST, SMALLEST
                for row in range(rows.start[g], rows.start[g + 1]):
                    if not rows.first[row] <= k < rows.last[row]:
                        continue
                    if begin == SMALLEST or rows.begin[row] > reach:
                        begin, reach = rows.begin[row], rows.end[row]
                    else:
                        reach = max(reach, rows.end[row])
                    if begin <= needs[w, k] and times[k] <= reach:
                        masks[rows.person[g], w] |= _ONE << np.uint64(k)


@njit(cache=True, nogil=True, error_model="numpy")
def find_day(midnights: Any, moment: Any) -> Any:
    """Return the index of the calendar day of `moment`; `midnights[d]` is when day d begins, one more at the end."""
    day = min(max((moment - midnights[0]) // _DAY, 0), midnights.shape[0] - 2)
    while midnights[day] > moment and day > 0:
        day -= 1
    while day < midnights.shape[0] - 2 and midnights[day + 1] <= moment:
        day += 1
    return day


@njit(cache=True, nogil=True, error_model="numpy")
def find_visible(times: Any, valid: Any, known: Any, until: Any, first: Any, last: Any) -> None:
    """Fill, per event, the dates `first <= k < last` at which its version is visible and its moment has come."""
    for row in range(valid.shape[0]):
        first[row] = find_first_after(times, max(valid[row], known[row]))
        last[row] = times.shape[0] if until[row] == LARGEST else find_first_after(times, until[row])


@njit(cache=True, nogil=True, error_model="numpy")
def weigh_amounts(signal: Any, amount: Any, signals: Any) -> Any:
    """Return the sum of the sizes of each signal's amounts, as floats that cannot overflow."""
    total = np.zeros(signals)
    for row in range(signal.shape[0]):
        if amount[row] != SMALLEST:
            total[signal[row]] += abs(float(amount[row]))
    return total


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _hash_moment(contest: Any, valid: Any, known: Any) -> Any:
    mixed = (np.uint64(valid) ^ np.uint64(contest)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(32)) ^ np.uint64(known)) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@njit(cache=True, nogil=True, error_model="numpy")
def find_shared_moments(
    homes: HomeRows, event_start: Any, signal: Any, contest: Any, valid: Moments, known: Moments
) -> Any:
    """Return, by event, whether another of the same contest and moments, of anybody of the same home, may be there.

    `contest[s]` is what signal s competes in, -1 for nothing. Never a wrong no, a rare wrong yes. One home at a time,
    so that the counts stay in the nearest cache.
    """
    home_start, person = homes.start, homes.person
    shares = np.zeros(valid.shape[0], np.bool_)
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
                    n = np.int64(_hash_moment(contest[signal[e]], valid[e], known[e]) & last)
                    counts[n] = min(counts[n] + 1, 2)
        for place in range(home_start[home], home_start[home + 1]):
            for e in range(event_start[person[place]], event_start[person[place] + 1]):
                if contest[signal[e]] >= 0:
                    shares[e] |= counts[np.int64(_hash_moment(contest[signal[e]], valid[e], known[e]) & last)] > 1
    return shares


@njit(cache=True, nogil=True, error_model="numpy")
def digest_texts(ends: Any, data: Any) -> Any:
    """Return a 64-bit digest of each text `data[ends[n]:ends[n + 1]]`: FNV-1a, then mixed."""
    states = np.empty(ends.shape[0] - 1, np.uint64)
    for n in range(states.shape[0]):
        state = np.uint64(0xCBF29CE484222325)
        for place in range(ends[n], ends[n + 1]):
            state = (state ^ np.uint64(data[place])) * np.uint64(0x100000001B3)
        states[n] = (state ^ (state >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    return states


@njit(cache=True, nogil=True, error_model="numpy")
def order_histories(start: Any, valid: Moments, known: Moments, tie: Any) -> Any:
    """Return the order of events in which each person's stand by moment, known moment and tie; equals as they were.

    A history is nearly in order as it is read, so each event is put where it belongs among those before it. One of
    which many are out of order, and long, is sorted key by key instead.
    """
    order = np.arange(valid.shape[0])
    for person in range(start.shape[0] - 1):
        first, last = start[person], start[person + 1]
        moves, most = 0, 32 * (last - first)
        for place in range(first + 1, last):
            event, before = order[place], place - 1
            while before >= first and _is_later(order[before], event, valid, known, tie):
                order[before + 1] = order[before]
                before -= 1
            order[before + 1] = event
            moves += place - 1 - before
            if moves > most:
                _sort_history(order[first:last], first, valid, known, tie)
                break
    return order


@njit(cache=True, nogil=True, error_model="numpy")
def _is_later(one: int, other: int, valid: Moments, known: Moments, tie: Any) -> bool:
    """Return whether an event stands after another."""
    if valid[one] != valid[other]:
        return bool(valid[one] > valid[other])
    if known[one] != known[other]:
        return bool(known[one] > known[other])
    return bool(tie[one] > tie[other])


@njit(cache=True, nogil=True, error_model="numpy")
def _sort_history(order: Any, first: int, valid: Moments, known: Moments, tie: Any) -> None:
    """Put the events from `first` on in order, whatever order they are in; equals as they were read."""
    order[:] = first + np.arange(order.shape[0])
    for keys in (tie.astype(np.int64), known, valid):
        order[:] = order[np.argsort(keys[order], kind="mergesort")]
