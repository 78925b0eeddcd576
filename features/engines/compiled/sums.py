"""The compiled sums: one household at a time, its members' events once, all as-of dates of the frame together.

An event counts at a run of dates, so a sum needs two additions however long the run is: one where it begins, one where
it ends, summed along the dates once all events are in. Maxima and bits can't be taken back; where the run reaches the
last row they are carried ahead too, else they go to each date. Sums are 64-bit whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from features.engines.compiled.kernel import first_after, local_day, span
from features.engines.compiled.kernel_plan import (
    AT_LEAST,
    BELOW,
    BY,
    BY_PAYLOAD,
    BY_PERSON,
    CARRYING,
    COUNT,
    KIND,
    LARGEST_AMOUNT,
    LATEST,
    LIMITED,
    MAKE,
    MOST,
    NEWEST,
    OPEN,
    PLAIN,
    SEEN,
    SLOT,
    SMALLEST,
    SUM,
    TOTAL,
    UNION,
    WINDOW,
    WORDS,
)
from features.grammar.signal import AMOUNT_SCALE

__all__ = ["accumulate"]

# Numba freezes these; a name instead of a look-up keeps the loops plain.
_COUNT, _ANY, _DAYS, _TOTAL, _MEAN, _MAXIMUM = (
    MAKE[w] for w in ("count", "any_of", "days_since", "total", "mean", "maximum")
)
_LATEST, _STEP, _BITS, _CHANGE = MAKE["latest"], MAKE["step"], MAKE["bits"], MAKE["change_count"]
_CHANGE_TOTAL, _COMPOSITION = MAKE["change_total"], MAKE["composition"]
_SCALE = float(AMOUNT_SCALE)
_ONE = np.uint64(1)
_NONE = np.uint64(0)


@njit(cache=True, nogil=True, error_model="numpy")
def accumulate(
    households: Any, member_start: Any, member: Any, member_mask: Any, row_mask: Any, seen_mask: Any,
    event_start: Any, signal: Any, detail: Any, valid: Any, known: Any, amount: Any, ended: Any, tie: Any,
    first: Any, last: Any, window_start: Any, since: Any, today: Any, midnights: Any, times: Any,
    entry_from: Any, entry_to: Any, entry: Any, payload: Any, fresh: Any, carry: Any, column: Any, column_seen: Any,
    composition: Any, values: Any, seen: Any,
) -> None:  # fmt: skip
    """Fill `values[k, i, column]` and `seen[k, i, seen column]` for `households[i]` at the dates in its row mask.

    `first[e] <= k < last[e]` are the dates at which event e's version is visible. `since[w, k]` is the value of
    days_since where there was nothing; `fresh[row]` what a row of the slots starts from, `carry[row]` how it is
    carried along the dates.
    """
    dates = times.shape[0]
    blank = np.empty((fresh.shape[0], dates + 1), np.int64)
    for row in range(fresh.shape[0]):
        blank[row, :] = fresh[row]
    slots = np.empty_like(blank)
    made = np.empty((dates, column.shape[0]), np.float32)
    anybody = np.empty(seen_mask.shape[1], np.uint64)
    counted = np.empty((seen.shape[2], dates), np.uint16)
    for i in range(households.shape[0]):
        household = households[i]
        rows = row_mask[household]
        slots[:, :] = blank
        anybody[:] = _NONE
        counted[:, :] = 0
        top = dates
        while top > 0 and not rows >> np.uint64(top - 1) & _ONE:
            top -= 1
        for m in range(member_start[household], member_start[household + 1]):
            person, mask = member[m], member_mask[m] & rows
            if mask == 0:
                continue
            _count_seen(mask, seen_mask[person], anybody, counted)
            for e in range(event_start[person], event_start[person + 1]):
                here = mask & span(np.int64(first[e]), np.int64(last[e]))
                if here:
                    _event(
                        slots, e, m - member_start[household], here, rows, top, seen_mask[person],
                        signal, detail, valid, known, amount, ended, tie, first, last,
                        window_start, midnights, entry_from, entry_to, entry, payload, times,
                    )  # fmt: skip
        _carry(slots, carry, dates)
        _columns(slots, made, household, composition, column, since, today, midnights)
        _blank(made, anybody, column_seen, rows)
        for k in range(dates):
            if rows >> np.uint64(k) & _ONE:
                values[k, i, :] = made[k]
                for w in range(counted.shape[0]):
                    seen[k, i, w] = counted[w, k]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _event(
    slots: Any, e: Any, place: Any, here: Any, rows: Any, top: Any, watched: Any,
    signal: Any, detail: Any, valid: Any, known: Any, amount: Any, ended: Any, tie: Any, first: Any, last: Any,
    window_start: Any, midnights: Any, entry_from: Any, entry_to: Any, entry: Any, payload: Any, times: Any,
) -> None:  # fmt: skip
    """Add one event, at the dates `here`, to every cell of its signal that it concerns."""
    size, begin, said = amount[e], np.int64(first[e]), detail[e]
    window, watch, stop, bits = np.int64(-1), np.int64(-1), np.int64(0), _NONE
    for n in range(entry_from[signal[e]], entry_to[signal[e]]):
        if entry[n, WINDOW] != window or entry[n, SEEN] != watch:
            window, watch = entry[n, WINDOW], entry[n, SEEN]
            if valid[e] < window_start[window, 0]:
                break  # entries are ordered by where their window starts: the rest start later still
            stop = min(np.int64(last[e]), first_after(window_start[window], valid[e]))
            bits = here & watched[watch] & span(begin, stop)
        if bits == _NONE:
            continue
        meaning = np.int64(payload[n, said])
        if meaning < 0:
            continue
        if entry[n, LIMITED] and (size == SMALLEST or size < entry[n, AT_LEAST] or size >= entry[n, BELOW]):
            continue
        kind = entry[n, KIND]
        if kind == PLAIN:
            _plain(slots, entry[n], bits, rows, begin, stop, top, valid[e], size)
        elif kind == OPEN:
            end = min(stop, first_after(times, ended[e] - 1))
            _open(slots, entry[n, SLOT], bits & span(begin, end), rows, begin, end)
        elif kind == LATEST:
            value = meaning if meaning > 0 else size
            if value != SMALLEST:
                _newest(slots, entry[n, SLOT], bits, begin, stop, valid[e], known[e], np.int64(tie[e]), value)
        else:
            bit = meaning - 1
            if entry[n, BY] != BY_PAYLOAD:
                bit = place if entry[n, BY] == BY_PERSON else local_day(midnights, valid[e]) % (entry[n, WORDS] * 64)
            _mark(slots, entry[n, SLOT], bits, rows, begin, stop, top, bit)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _plain(
    slots: Any, entry: Any, bits: Any, rows: Any, begin: Any, stop: Any, top: Any, valid: Any, amount: Any
) -> None:
    """Add an event to a cell at the dates `bits`, which are within `begin <= k < stop`."""
    k = begin
    while k < stop:
        end = _run(bits, rows, k, stop)
        if end > k:
            if entry[SLOT + COUNT] >= 0:
                _add(slots, entry[SLOT + COUNT], k, end, 1)
            if entry[SLOT + NEWEST] >= 0:
                _most(slots, entry[SLOT + NEWEST], k, end, top, valid)
            if amount != SMALLEST:
                if entry[SLOT + TOTAL] >= 0:
                    _add(slots, entry[SLOT + TOTAL], k, end, amount)
                if entry[SLOT + CARRYING] >= 0:
                    _add(slots, entry[SLOT + CARRYING], k, end, 1)
                if entry[SLOT + LARGEST_AMOUNT] >= 0:
                    _most(slots, entry[SLOT + LARGEST_AMOUNT], k, end, top, amount)
        k = max(end, k + 1)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _open(slots: Any, slot: Any, bits: Any, rows: Any, begin: Any, stop: Any) -> None:
    k = begin
    while k < stop:
        end = _run(bits, rows, k, stop)
        if end > k:
            _add(slots, slot, k, end, 1)
        k = max(end, k + 1)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _newest(
    slots: Any, slot: Any, bits: Any, begin: Any, stop: Any, valid: Any, known: Any, tie: Any, value: Any
) -> None:
    for k in range(begin, stop):
        if bits >> np.uint64(k) & _ONE and _newer(slots, slot, k, valid, known, tie):
            slots[slot, k], slots[slot + 1, k] = valid, known
            slots[slot + 2, k], slots[slot + 3, k] = tie, value


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _newer(slots: Any, slot: Any, k: Any, valid: Any, known: Any, tie: Any) -> Any:
    if valid != slots[slot, k]:
        return valid > slots[slot, k]
    if known != slots[slot + 1, k]:
        return known > slots[slot + 1, k]
    return tie >= slots[slot + 2, k]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _mark(slots: Any, slot: Any, bits: Any, rows: Any, begin: Any, stop: Any, top: Any, bit: Any) -> None:
    if bit < 0:
        return
    word, one = slot + 2 * (bit // 64), np.int64(_ONE << np.uint64(bit % 64))
    k = begin
    while k < stop:
        end = _run(bits, rows, k, stop)
        if end >= top and end > k:
            slots[word + 1, k] |= one
        else:
            for at in range(k, end):
                slots[word, at] |= one
        k = max(end, k + 1)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _run(bits: Any, rows: Any, k: Any, stop: Any) -> Any:
    """Return where the run of `bits` from k on ends, k where there is none; dates without a row don't end it."""
    if bits == rows & span(k, stop):
        return stop if bits else k
    if not bits >> np.uint64(k) & _ONE:
        return k
    while k < stop and (bits >> np.uint64(k) & _ONE or not rows >> np.uint64(k) & _ONE):
        k += 1
    return k


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add(slots: Any, slot: Any, begin: Any, stop: Any, number: Any) -> None:
    """Add a number at the dates `begin <= k < stop`: where it begins, and off where it ends."""
    slots[slot, begin] += number
    slots[slot, stop] -= number


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _most(slots: Any, slot: Any, begin: Any, stop: Any, top: Any, value: Any) -> None:
    """Raise a maximum at the dates `begin <= k < stop`; no row is at `top` or later."""
    if stop >= top:
        slots[slot + 1, begin] = max(slots[slot + 1, begin], value)
    else:
        for k in range(begin, stop):
            slots[slot, k] = max(slots[slot, k], value)


@njit(cache=True, nogil=True, error_model="numpy")
def _count_seen(mask: Any, watched: Any, anybody: Any, counted: Any) -> None:
    """Count a member, at the dates of `mask`, under the seen columns whose service saw them."""
    for w in range(anybody.shape[0]):
        bits = mask & watched[w]
        anybody[w] |= bits
        if w < counted.shape[0]:
            for k in range(counted.shape[1]):
                counted[w, k] += np.uint16(bits >> np.uint64(k) & _ONE)


@njit(cache=True, nogil=True, error_model="numpy")
def _carry(slots: Any, carry: Any, dates: Any) -> None:
    """Carry what was added once along the dates."""
    for slot in range(slots.shape[0]):
        how = carry[slot]
        if how == SUM:
            running = slots[slot, 0]
            for k in range(1, dates):
                running += slots[slot, k]
                slots[slot, k] = running
        elif how == MOST:
            running = slots[slot + 1, 0]
            for k in range(dates):
                running = max(running, slots[slot + 1, k])
                slots[slot, k] = max(slots[slot, k], running)
        elif how == UNION:
            running = slots[slot + 1, 0]
            for k in range(dates):
                running |= slots[slot + 1, k]
                slots[slot, k] |= running


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _ones(word: Any) -> Any:
    bits = np.uint64(word)
    bits -= bits >> np.uint64(1) & np.uint64(0x5555555555555555)
    bits = (bits & np.uint64(0x3333333333333333)) + (bits >> np.uint64(2) & np.uint64(0x3333333333333333))
    bits = bits + (bits >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64(bits * np.uint64(0x0101010101010101) >> np.uint64(56))


@njit(cache=True, nogil=True, error_model="numpy")
def _columns(
    slots: Any, made: Any, household: Any, composition: Any, column: Any, since: Any, today: Any, midnights: Any
) -> None:
    """Make every column at every date, a column at a time; a loop for each word, so that none has a branch inside."""
    for c in range(column.shape[0]):
        make, a, b = column[c, 0], column[c, 1], column[c, 2]
        if make == _DAYS:
            for k in range(made.shape[0]):
                newest = slots[a, k]
                made[k, c] = since[b, k] if newest == SMALLEST else today[k] - local_day(midnights, newest)
        elif make == _COMPOSITION:
            for k in range(made.shape[0]):
                made[k, c] = composition[household, k, a]
        elif make in (_COUNT, _ANY, _TOTAL, _MEAN, _MAXIMUM):
            _sum_column(slots, made, c, make, a, b)
        else:
            _other_column(slots, made, c, make, a, b)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _sum_column(slots: Any, made: Any, c: Any, make: Any, a: Any, b: Any) -> None:
    if make == _COUNT:
        for k in range(made.shape[0]):
            made[k, c] = float(slots[a, k])
    elif make == _ANY:
        for k in range(made.shape[0]):
            made[k, c] = 1.0 if slots[a, k] > 0 else 0.0
    elif make == _TOTAL:
        for k in range(made.shape[0]):
            made[k, c] = float(slots[a, k]) / _SCALE
    elif make == _MEAN:
        for k in range(made.shape[0]):
            made[k, c] = float(slots[a, k]) / (_SCALE * float(slots[b, k])) if slots[b, k] else 0.0
    else:
        for k in range(made.shape[0]):
            made[k, c] = float(slots[a, k]) / _SCALE if slots[a, k] != SMALLEST else 0.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _other_column(slots: Any, made: Any, c: Any, make: Any, a: Any, b: Any) -> None:
    if make == _BITS:
        for k in range(made.shape[0]):
            ones = 0
            for word in range(a, a + 2 * b, 2):
                ones += _ones(slots[word, k])
            made[k, c] = float(ones)
    elif make in (_LATEST, _STEP):
        for k in range(made.shape[0]):
            made[k, c] = float(slots[a + 3, k]) / (_SCALE if make == _LATEST else 1.0)
    else:
        for k in range(made.shape[0]):
            made[k, c] = float(2 * slots[a, k] - slots[b, k]) / (_SCALE if make == _CHANGE_TOTAL else 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _blank(made: Any, anybody: Any, column_seen: Any, rows: Any) -> None:
    """Make every value missing of which a service saw no member."""
    for c in range(column_seen.shape[0]):
        unseen = _NONE
        for place in range(column_seen.shape[1]):
            if column_seen[c, place] >= 0:
                unseen |= rows & ~anybody[column_seen[c, place]]
        if unseen:
            for k in range(made.shape[0]):
                if unseen >> np.uint64(k) & _ONE:
                    made[k, c] = np.nan
