"""The compiled inner loops: exact whole numbers, one household at a time, as-of dates as the bits of one mask.

Numba compiles them on first use and keeps the result beside this file (or in NUMBA_CACHE_DIR). All take and fill
NumPy arrays; none allocates more than one household needs. Masks: bit k of a uint64 is as-of date k of the chunk.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from features.engines.plan import (
    BY_DAY,
    BY_PERSON,
    CARRYING,
    COUNT,
    LARGEST_AMOUNT,
    LATEST,
    MAKE,
    NEWEST,
    OPEN,
    PLAIN,
    SMALLEST,
    TOTAL,
)
from features.grammar.signal import AMOUNT_SCALE

__all__ = ["accumulate", "cover", "fold_choices", "fold_homes", "group", "outcomes", "span_masks"]

# Numba freezes these; a name instead of a look-up keeps the loops plain.
_COUNT, _ANY, _DAYS, _TOTAL, _MEAN, _MAXIMUM = (
    MAKE[w] for w in ("count", "any_of", "days_since", "total", "mean", "maximum")
)
_LATEST, _STEP, _BITS, _CHANGE = (MAKE[w] for w in ("latest", "step", "bits", "change_count"))
_CHANGE_TOTAL, _COMPOSITION = MAKE["change_total"], MAKE["composition"]
_SCALE = float(AMOUNT_SCALE)
_DAY = 86_400_000_000
_ONE = np.uint64(1)
_NONE = np.uint64(0)


@njit(cache=True, nogil=True)
def first_after(times: Any, moment: Any) -> Any:
    """Return the index of the first of ascending `times` that is later than `moment`."""
    low, high = 0, times.shape[0]
    while low < high:
        middle = (low + high) // 2
        if times[middle] > moment:
            high = middle
        else:
            low = middle + 1
    return low


@njit(cache=True, nogil=True)
def span(first: Any, last: Any) -> Any:
    """Return the mask with the bits `first <= k < last`."""
    if first >= last:
        return _NONE
    mask = ~_NONE if last - first >= 64 else (_ONE << np.uint64(last - first)) - _ONE
    return mask << np.uint64(first)


@njit(cache=True, nogil=True)
def span_masks(times: Any, known_at: Any, known_until: Any, start: Any, end: Any, masks: Any) -> None:
    """Fill, per row, the dates at which its version is visible and its half-open interval [start, end) holds."""
    for row in range(known_at.shape[0]):
        first = max(first_after(times, known_at[row]), first_after(times, start[row] - 1))
        last = min(first_after(times, known_until[row]), first_after(times, end[row] - 1))
        masks[row] = span(first, last)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def fold_homes(household: Any, kind: Any, area: Any, mask: Any, kinds: Any, areas: Any) -> None:
    """Fold rows of `households`, ordered by (household, start, known_at), into the kind and area at each date."""
    for row in range(household.shape[0]):
        for k in range(kinds.shape[1]):
            if mask[row] >> np.uint64(k) & _ONE:
                kinds[household[row], k] = kind[row]
                areas[household[row], k] = area[row]


@njit(cache=True, nogil=True)
def cover(
    starts: Any, ends: Any, first: Any, group_start: Any, group_person: Any, needs: Any, times: Any, masks: Any
) -> None:
    """Fill, per person, the dates at which their known coverage of one service holds each whole window.

    Rows of group g are ordered by start and visible from date `first`; `needs[w, k]` is when window w starts.
    """
    for g in range(group_person.shape[0]):
        for k in range(times.shape[0]):
            for w in range(needs.shape[0]):
                begin, reached = SMALLEST, SMALLEST
                for row in range(group_start[g], group_start[g + 1]):
                    if first[row] > k:
                        continue
                    if begin == SMALLEST or starts[row] > reached:
                        begin, reached = starts[row], ends[row]
                    else:
                        reached = max(reached, ends[row])
                    if begin <= needs[w, k] and times[k] <= reached:
                        masks[group_person[g], w] |= _ONE << np.uint64(k)


@njit(cache=True, nogil=True)
def local_day(midnights: Any, moment: Any) -> Any:
    """Return the index of the calendar day of `moment`; `midnights[d]` is when day d begins, one more at the end."""
    day = min(max((moment - midnights[0]) // _DAY, 0), midnights.shape[0] - 2)
    while midnights[day] > moment and day > 0:
        day -= 1
    while day < midnights.shape[0] - 2 and midnights[day + 1] <= moment:
        day += 1
    return day


@njit(cache=True, nogil=True)
def _newer(slots: Any, slot: Any, k: Any, valid: Any, known: Any, tie: Any) -> Any:
    if valid != slots[slot, k]:
        return valid > slots[slot, k]
    if known != slots[slot + 1, k]:
        return known > slots[slot + 1, k]
    return tie >= slots[slot + 2, k]


@njit(cache=True, nogil=True)
def _plain(slots: Any, slot: Any, uses: Any, bits: Any, first: Any, last: Any, valid: Any, amount: Any) -> None:
    carrying = amount != SMALLEST
    for k in range(first, last):
        if not bits >> np.uint64(k) & _ONE:
            continue
        if uses & (1 << COUNT):
            slots[slot + COUNT, k] += 1
        if uses & (1 << NEWEST) and valid > slots[slot + NEWEST, k]:
            slots[slot + NEWEST, k] = valid
        if carrying:
            if uses & (1 << TOTAL):
                slots[slot + TOTAL, k] += amount
            if uses & (1 << CARRYING):
                slots[slot + CARRYING, k] += 1
            if uses & (1 << LARGEST_AMOUNT) and amount > slots[slot + LARGEST_AMOUNT, k]:
                slots[slot + LARGEST_AMOUNT, k] = amount


@njit(cache=True, nogil=True)
def accumulate(
    households: Any, member_start: Any, member: Any, member_mask: Any, row_mask: Any, seen_mask: Any,
    event_start: Any, events: Any, codes: Any,
    times: Any, window_start: Any, since: Any, today: Any, midnights: Any,
    entry_start: Any, entry: Any, payload: Any, fresh: Any, column: Any, column_seen: Any, composition: Any,
    values: Any, seen: Any,
) -> None:  # fmt: skip
    """Fill `values[k, i, column]` and `seen[k, i, seen column]` for `households[i]` at the dates in its row mask.

    events[e] = (valid, known, end, amount, tie), codes[e] = (signal, detail, first date, last date): the dates at
    which the version is visible. `since[w, k]` is the value of days_since where there was nothing.
    """
    dates = times.shape[0]
    slots = np.empty((fresh.shape[0], dates), np.int64)
    for i in range(households.shape[0]):
        household = households[i]
        for slot in range(fresh.shape[0]):
            slots[slot, :] = fresh[slot]
        for m in range(member_start[household], member_start[household + 1]):
            person, mask = member[m], member_mask[m] & row_mask[household]
            if mask == 0:
                continue
            for w in range(seen_mask.shape[1]):
                bits = mask & seen_mask[person, w]
                if w < seen.shape[2]:
                    for k in range(dates):
                        seen[k, i, w] += np.uint16(bits >> np.uint64(k) & _ONE)
            for e in range(event_start[person], event_start[person + 1]):
                here = mask & span(np.int64(codes[e, 2]), np.int64(codes[e, 3]))
                if here:
                    _event(
                        slots, here, seen_mask[person], m - member_start[household], events[e], codes[e],
                        times, window_start, midnights, entry_start, entry, payload,
                    )  # fmt: skip
        for k in range(dates):
            if row_mask[household] >> np.uint64(k) & _ONE:
                _columns(slots, k, values[k, i], household, composition, column, since, today, midnights)
                _blank(values[k, i], column_seen, k, member_start, member, member_mask, seen_mask, household)


@njit(cache=True, nogil=True)
def _event(
    slots: Any, here: Any, seen_mask: Any, place: Any, event: Any, code: Any,
    times: Any, window_start: Any, midnights: Any, entry_start: Any, entry: Any, payload: Any,
) -> None:  # fmt: skip
    valid, end, amount = event[0], event[2], event[3]
    signal, detail, first = code[0], code[1], np.int64(code[2])
    for e in range(entry_start[signal], entry_start[signal + 1]):
        meaning = payload[e, detail]
        if meaning < 0 or (entry[e, 9] and (amount == SMALLEST or amount < entry[e, 7] or amount >= entry[e, 8])):
            continue
        last = min(np.int64(code[3]), first_after(window_start[entry[e, 1]], valid))
        bits = here & seen_mask[entry[e, 6]] & span(first, last)
        if bits == 0:
            continue
        kind, slot = entry[e, 0], entry[e, 2]
        if kind == PLAIN:
            _plain(slots, slot, entry[e, 3], bits, first, last, valid, amount)
        elif kind == OPEN:
            _plain(slots, slot, 1 << COUNT, bits, first, min(last, first_after(times, end - 1)), valid, amount)
        elif kind == LATEST:
            value = np.int64(meaning) if meaning > 0 else amount
            if value != SMALLEST:
                _newest(slots, slot, bits, first, last, event, value)
        else:
            bit = np.int64(meaning) - 1
            if entry[e, 4] == BY_PERSON:
                bit = place
            elif entry[e, 4] == BY_DAY:
                bit = local_day(midnights, valid) % (entry[e, 5] * 64)
            _mark(slots, slot, bits, first, last, bit)


@njit(cache=True, nogil=True)
def _newest(slots: Any, slot: Any, bits: Any, first: Any, last: Any, event: Any, value: Any) -> None:
    valid, known, tie = event[0], event[1], event[4]
    for k in range(first, last):
        if bits >> np.uint64(k) & _ONE and _newer(slots, slot, k, valid, known, tie):
            slots[slot, k], slots[slot + 1, k] = valid, known
            slots[slot + 2, k], slots[slot + 3, k] = tie, value


@njit(cache=True, nogil=True)
def _mark(slots: Any, slot: Any, bits: Any, first: Any, last: Any, bit: Any) -> None:
    if bit < 0:
        return
    word, one = slot + bit // 64, np.int64(_ONE << np.uint64(bit % 64))
    for k in range(first, last):
        if bits >> np.uint64(k) & _ONE:
            slots[word, k] |= one


@njit(cache=True, nogil=True)
def _ones(word: Any) -> Any:
    bits = np.uint64(word)
    bits -= bits >> np.uint64(1) & np.uint64(0x5555555555555555)
    bits = (bits & np.uint64(0x3333333333333333)) + (bits >> np.uint64(2) & np.uint64(0x3333333333333333))
    bits = bits + (bits >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64(bits * np.uint64(0x0101010101010101) >> np.uint64(56))


@njit(cache=True, nogil=True)
def _columns(
    slots: Any, k: Any, row: Any, household: Any, composition: Any, column: Any, since: Any, today: Any, midnights: Any
) -> None:
    for c in range(column.shape[0]):
        make, a, b = column[c, 0], column[c, 1], column[c, 2]
        value = float(composition[household, k, a]) if make == _COMPOSITION else 0.0
        if make in (_COUNT, _ANY):
            value = float(slots[a, k] if make == _COUNT else slots[a, k] > 0)
        elif make == _DAYS:
            newest = slots[a, k]
            value = float(since[b, k]) if newest == SMALLEST else float(today[k] - local_day(midnights, newest))
        elif make == _TOTAL:
            value = float(slots[a, k]) / _SCALE
        elif make == _MEAN:
            value = float(slots[a, k]) / (_SCALE * float(slots[b, k])) if slots[b, k] else 0.0
        elif make == _MAXIMUM:
            value = float(slots[a, k]) / _SCALE if slots[a, k] != SMALLEST else 0.0
        elif make in (_LATEST, _STEP):
            value = float(slots[a + 3, k]) / (_SCALE if make == _LATEST else 1.0)
        elif make == _BITS:
            ones = 0
            for word in range(a, a + b):
                ones += _ones(slots[word, k])
            value = float(ones)
        elif make in (_CHANGE, _CHANGE_TOTAL):
            value = float(2 * slots[a, k] - slots[b, k]) / (_SCALE if make == _CHANGE_TOTAL else 1.0)
        row[c] = value


@njit(cache=True, nogil=True)
def _blank(
    row: Any, column_seen: Any, k: Any, member_start: Any, member: Any, member_mask: Any, seen_mask: Any, household: Any
) -> None:
    """Make every value missing of which a service saw no member."""
    anybody = np.zeros(seen_mask.shape[1], np.bool_)
    for m in range(member_start[household], member_start[household + 1]):
        if member_mask[m] >> np.uint64(k) & _ONE:
            for w in range(seen_mask.shape[1]):
                if seen_mask[member[m], w] >> np.uint64(k) & _ONE:
                    anybody[w] = True
    for c in range(column_seen.shape[0]):
        for place in range(column_seen.shape[1]):
            if column_seen[c, place] >= 0 and not anybody[column_seen[c, place]]:
                row[c] = np.nan


@njit(cache=True, nogil=True)
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
