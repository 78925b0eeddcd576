"""The compiled sums: one household at a time, its members' events once, all as-of dates of the frame together.

An event counts at a run of dates, so a sum needs two additions however long the run is: one where it begins, one where
it ends, summed along the dates once all events are in. Maxima and bits can't be taken back; where the run reaches the
last row they are carried ahead too, else they go to each date. Sums are 64-bit whole numbers. Four dates, two events
that count as 1, one of them at dates 1 and 2, the other from date 2 on:

    where they begin and end      0  +1  +1  -1      (the second ends after the last date)
    summed along the dates        0   1   2   1
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.engines.compiled.arrays import EventRows, MemberRows, PersonRows, Program, Results, Timetable, WantedRows
from features.engines.compiled.kernel import find_day, find_first_after, mask_span
from features.engines.compiled.kernel_plan import (
    AT_LEAST,
    BELOW,
    BY,
    BY_PAYLOAD,
    BY_PERSON,
    CARRYING,
    CHANGED,
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
    SMALLEST_AMOUNT,
    SUM,
    TOTAL,
    UNION,
    WINDOW,
    WORDS,
)
from features.grammar.signal import AMOUNT_SCALE

__all__ = ["accumulate_events"]

# Numba freezes these; a name instead of a look-up keeps the loops plain.
_COUNT, _ANY, _DAYS, _TOTAL, _MEAN, _MAXIMUM, _MINIMUM = (
    MAKE[w] for w in ("count", "any_of", "days_since", "total", "mean", "maximum", "minimum")
)
_LATEST, _STEP, _BITS, _CHANGE = MAKE["latest"], MAKE["step"], MAKE["bits"], MAKE["change_count"]
_CHANGE_TOTAL, _COMPOSITION, _RATIO = MAKE["change_total"], MAKE["composition"], MAKE["ratio"]
_MEMBER_COUNT, _MEMBER_TOTAL = MAKE["member_count"], MAKE["member_total"]
_SCALE = float(AMOUNT_SCALE)
_ONE = np.uint64(1)
_NONE = np.uint64(0)

Slots = NDArray[np.int64]
"""`slots[row, k]`: what a household's events come to at date k; one date more, where sums that reach the end end."""


class _Member(NamedTuple):
    """A member as a household's events see them: the place among its members, the dates each seen column saw them."""

    place: int
    watched: NDArray[np.uint64]


class _Dates(NamedTuple):
    """The dates of `bits`, all within `begin <= k < stop`; `rows` are the household's dates, none at `top` or later."""

    bits: Any
    rows: Any
    begin: Any
    stop: Any
    top: Any


class _Moment(NamedTuple):
    """What decides which of two events is the latest, in this order."""

    valid: Any
    known: Any
    tie: Any


@njit(cache=True, nogil=True, error_model="numpy")
def accumulate_events(
    wanted: WantedRows,
    members: MemberRows,
    people: PersonRows,
    events: EventRows,
    timetable: Timetable,
    program: Program,
    results: Results,
) -> None:
    """Fill the results for each wanted entity, at the dates of its mask."""
    dates = timetable.times.shape[0]
    blank = np.empty((program.fresh.shape[0], dates + 1), np.int64)
    for row in range(program.fresh.shape[0]):
        for k in range(dates + 1):
            blank[row, k] = program.fresh[row]
    slots = np.empty((program.fresh.shape[0], dates + 1), np.int64)
    table = np.empty((dates, program.column.shape[0]), np.float32)
    anybody = np.empty(people.seen.shape[1], np.uint64)
    counted = np.empty((results.seen.shape[2], dates), np.uint16)
    for i in range(wanted.entity.shape[0]):
        household = wanted.entity[i]
        rows = wanted.mask[household]
        _begin_household(slots, blank, anybody, counted)
        top = dates
        while top > 0 and not rows >> np.uint64(top - 1) & _ONE:
            top -= 1
        for m in range(members.start[household], members.start[household + 1]):
            person, mask = members.person[m], members.mask[m] & rows
            if mask == 0:
                continue
            member = _Member(m - members.start[household], people.seen[person])
            _count_seen(mask, member.watched, anybody, counted)
            for e in range(events.start[person], events.start[person + 1]):
                first, last = np.int64(events.first[e]), np.int64(events.last[e])
                here = mask & mask_span(first, last)
                if here:
                    _add_event(slots, e, member, _Dates(here, rows, first, last, top), events, timetable, program)
        _carry_ahead(slots, program.carry, dates)
        _make_columns(slots, table, household, timetable, program)
        _blank_unseen(table, anybody, program.column_seen, rows)
        _keep_rows(table, counted, rows, i, results)


@njit(cache=True, nogil=True, error_model="numpy")
def _begin_household(slots: Slots, blank: Slots, anybody: NDArray[np.uint64], counted: NDArray[np.uint16]) -> None:
    """Forget the household before: slots as they begin, nobody seen, nobody counted.

    Loops and not `slots[:, :] = blank`: for that Numba compiles the words of an error about shapes, for three seconds.
    """
    for row in range(blank.shape[0]):
        for k in range(blank.shape[1]):
            slots[row, k] = blank[row, k]
    for w in range(anybody.shape[0]):
        anybody[w] = _NONE
    for w in range(counted.shape[0]):
        for k in range(counted.shape[1]):
            counted[w, k] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def _keep_rows(
    table: NDArray[np.float32], counted: NDArray[np.uint16], rows: Any, household: int, results: Results
) -> None:
    """Keep what was made of a household at the dates at which it gets a row."""
    for k in range(table.shape[0]):
        if rows >> np.uint64(k) & _ONE:
            for c in range(table.shape[1]):
                results.values[k, household, c] = table[k, c]
            for w in range(counted.shape[0]):
                results.seen[k, household, w] = counted[w, k]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_event(
    slots: Slots,
    e: int,
    member: _Member,
    seen: _Dates,
    events: EventRows,
    timetable: Timetable,
    program: Program,
) -> None:
    """Add event e of a member to every cell that an entry of its signal points at, at the dates each concerns."""
    # Never `entry[n]` alone in the loop: a view of a row counts references for every event, as long as the sums take.
    entry = program.entry
    size, first, last = events.amount[e], seen.begin, seen.stop
    valid, detail, signal = events.valid[e], events.detail[e], events.signal[e]
    window, watch, stop, bits = np.int64(-1), np.int64(-1), np.int64(0), _NONE
    for n in range(program.begin[signal], program.end[signal]):
        if entry[n, WINDOW] != window or entry[n, SEEN] != watch:
            window, watch = entry[n, WINDOW], entry[n, SEEN]
            if valid < timetable.windows[window, 0]:
                break  # entries are ordered by where their window starts: the rest start later still
            stop = min(last, find_first_after(timetable.windows[window], valid))
            bits = seen.bits & member.watched[watch] & mask_span(first, stop)
        if bits == _NONE:
            continue
        meaning = np.int64(program.payload[n, detail])
        if meaning < 0:
            continue
        if entry[n, LIMITED] and (size == SMALLEST or size < entry[n, AT_LEAST] or size >= entry[n, BELOW]):
            continue
        run, kind = _Dates(bits, seen.rows, first, stop, seen.top), entry[n, KIND]
        if kind == PLAIN:
            _add_plain(slots, entry[n], run, valid, size)
        elif kind == OPEN:
            end = min(stop, find_first_after(timetable.times, events.ended[e] - 1))
            _add_open(slots, entry[n, SLOT], _Dates(bits & mask_span(first, end), seen.rows, first, end, seen.top))
        elif kind == LATEST:
            value = meaning if meaning > 0 else size
            if value != SMALLEST:
                _keep_newest(
                    slots, entry[n, SLOT], run, _Moment(valid, events.known[e], np.int64(events.tie[e])), value
                )
        elif kind == CHANGED:
            _note_change(slots, entry[n, SLOT], run, member.place, meaning, valid)
        else:
            _mark_bit(
                slots, entry[n, SLOT], run, _choose_bit(entry[n], meaning, member.place, timetable.midnights, valid)
            )


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_plain(slots: Slots, entry: NDArray[np.int64], dates: _Dates, valid: int, amount: int) -> None:
    """Add an event to a cell's slots."""
    k = dates.begin
    while k < dates.stop:
        end = _find_end_of_run(dates, k)
        if end > k:
            if entry[SLOT + COUNT] >= 0:
                _add_number(slots, entry[SLOT + COUNT], k, end, 1)
            if entry[SLOT + NEWEST] >= 0:
                _raise_maximum(slots, entry[SLOT + NEWEST], k, end, dates.top, valid)
            if amount != SMALLEST:
                if entry[SLOT + TOTAL] >= 0:
                    _add_number(slots, entry[SLOT + TOTAL], k, end, amount)
                if entry[SLOT + CARRYING] >= 0:
                    _add_number(slots, entry[SLOT + CARRYING], k, end, 1)
                if entry[SLOT + LARGEST_AMOUNT] >= 0:
                    _raise_maximum(slots, entry[SLOT + LARGEST_AMOUNT], k, end, dates.top, amount)
                if entry[SLOT + SMALLEST_AMOUNT] >= 0:
                    _raise_maximum(slots, entry[SLOT + SMALLEST_AMOUNT], k, end, dates.top, -amount)
        k = max(end, k + 1)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_open(slots: Slots, slot: int, dates: _Dates) -> None:
    """Count an event that is open at the dates."""
    k = dates.begin
    while k < dates.stop:
        end = _find_end_of_run(dates, k)
        if end > k:
            _add_number(slots, slot, k, end, 1)
        k = max(end, k + 1)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _keep_newest(slots: Slots, slot: int, dates: _Dates, moment: _Moment, value: Any) -> None:
    """Keep a value where it is newer than what is kept: in four rows, its moment's three and itself."""
    for k in range(dates.begin, dates.stop):
        if dates.bits >> np.uint64(k) & _ONE and _is_newer(slots, slot, k, moment):
            slots[slot, k], slots[slot + 1, k] = moment.valid, moment.known
            slots[slot + 2, k], slots[slot + 3, k] = moment.tie, value


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _is_newer(slots: Slots, slot: int, k: int, moment: _Moment) -> Any:
    if moment.valid != slots[slot, k]:
        return moment.valid > slots[slot, k]
    if moment.known != slots[slot + 1, k]:
        return moment.known > slots[slot + 1, k]
    return moment.tie >= slots[slot + 2, k]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _note_change(slots: Slots, slot: int, dates: _Dates, place: Any, detail: Any, valid: int) -> None:
    """Keep when a member's detail became another, in three rows: whose was newest, which it was, and when.

    A member's events come in their order, one member after the other. Of details a, a, b and of another member's b:

        whose     0  0  0  1
        which     a  a  b  b
        changed   -  -  3  3
    """
    if detail <= 0:
        return
    for k in range(dates.begin, dates.stop):
        if dates.bits >> np.uint64(k) & _ONE:
            if slots[slot, k] == place and slots[slot + 1, k] != detail:
                slots[slot + 2, k] = max(slots[slot + 2, k], valid)
            slots[slot, k], slots[slot + 1, k] = place, detail


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _choose_bit(entry: NDArray[np.int64], meaning: Any, place: int, midnights: NDArray[np.int64], valid: int) -> Any:
    """Return which bit an event sets: of its detail or signal, of its person, or of its day."""
    if entry[BY] == BY_PAYLOAD:
        return meaning - 1
    if entry[BY] == BY_PERSON:
        return place
    return find_day(midnights, valid) % (entry[WORDS] * 64)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _mark_bit(slots: Slots, slot: int, dates: _Dates, bit: Any) -> None:
    """Set a bit at the dates: carried ahead where they reach the last row, else at each of them."""
    if bit < 0:
        return
    word, mark = slot + 2 * (bit // 64), np.int64(_ONE << np.uint64(bit % 64))
    k = dates.begin
    while k < dates.stop:
        end = _find_end_of_run(dates, k)
        if end >= dates.top and end > k:
            slots[word + 1, k] |= mark
        else:
            for place in range(k, end):
                slots[word, place] |= mark
        k = max(end, k + 1)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _find_end_of_run(dates: _Dates, k: Any) -> Any:
    """Return where the run of the bits from k on ends, k where there is none; dates without a row don't end it.

    Bits 0 1 0 1 1 0 with rows 0 1 0 1 1 1, from date 1 on: nobody asks at date 2, so the run ends at 5, not at 2.
    """
    if dates.bits == dates.rows & mask_span(k, dates.stop):
        return dates.stop if dates.bits else k
    if not dates.bits >> np.uint64(k) & _ONE:
        return k
    while k < dates.stop and (dates.bits >> np.uint64(k) & _ONE or not dates.rows >> np.uint64(k) & _ONE):
        k += 1
    return k


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_number(slots: Slots, slot: int, begin: int, stop: int, number: int) -> None:
    """Add a number at the dates `begin <= k < stop`: where it begins, and off where it ends."""
    slots[slot, begin] += number
    slots[slot, stop] -= number


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _raise_maximum(slots: Slots, slot: int, begin: int, stop: int, top: int, value: int) -> None:
    """Raise a maximum at the dates `begin <= k < stop`; no row is at `top` or later."""
    if stop >= top:
        slots[slot + 1, begin] = max(slots[slot + 1, begin], value)
    else:
        for k in range(begin, stop):
            slots[slot, k] = max(slots[slot, k], value)


@njit(cache=True, nogil=True, error_model="numpy")
def _count_seen(
    mask: Any, watched: NDArray[np.uint64], anybody: NDArray[np.uint64], counted: NDArray[np.uint16]
) -> None:
    """Count a member, at the dates of `mask`, under the seen columns whose service saw them."""
    for w in range(anybody.shape[0]):
        bits = mask & watched[w]
        anybody[w] |= bits
        if w < counted.shape[0]:
            for k in range(counted.shape[1]):
                counted[w, k] += np.uint16(bits >> np.uint64(k) & _ONE)


@njit(cache=True, nogil=True, error_model="numpy")
def _carry_ahead(slots: Slots, carry: NDArray[np.int8], dates: int) -> None:
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
def _count_ones(word: Any) -> Any:
    bits = np.uint64(word)
    bits -= bits >> np.uint64(1) & np.uint64(0x5555555555555555)
    bits = (bits & np.uint64(0x3333333333333333)) + (bits >> np.uint64(2) & np.uint64(0x3333333333333333))
    bits = bits + (bits >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64(bits * np.uint64(0x0101010101010101) >> np.uint64(56))


@njit(cache=True, nogil=True, error_model="numpy")
def _make_columns(
    slots: Slots,
    made: NDArray[np.float32],
    household: int,
    timetable: Timetable,
    program: Program,
) -> None:
    """Make every column at every date, a column at a time; a loop for each word, so that none has a branch inside."""
    since, today = timetable.since, timetable.today
    for c in range(program.column.shape[0]):
        make, a, b = program.column[c, 0], program.column[c, 1], program.column[c, 2]
        if make == _DAYS:
            for k in range(made.shape[0]):
                newest = slots[a, k]
                made[k, c] = since[b, k] if newest == SMALLEST else today[k] - find_day(timetable.midnights, newest)
        elif make == _COMPOSITION:
            for k in range(made.shape[0]):
                made[k, c] = program.composition[household, k, a]
        elif make in (_MEMBER_COUNT, _MEMBER_TOTAL):
            scale = _SCALE if make == _MEMBER_TOTAL else 1.0
            for k in range(made.shape[0]):
                among = program.composition[household, k, b]
                made[k, c] = 0.0 if among == 0 else float(slots[a, k]) / (scale * among)
        elif make in (_COUNT, _ANY, _TOTAL, _MEAN, _MAXIMUM, _MINIMUM):
            _make_sum_column(slots, made, c, make, a, b)
        else:
            _make_other_column(slots, made, c, make, a, b)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _make_sum_column(slots: Slots, made: NDArray[np.float32], c: int, make: int, a: int, b: int) -> None:
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
    elif make == _MAXIMUM:
        for k in range(made.shape[0]):
            made[k, c] = float(slots[a, k]) / _SCALE if slots[a, k] != SMALLEST else 0.0
    else:
        for k in range(made.shape[0]):
            made[k, c] = (0.0 - float(slots[a, k])) / _SCALE if slots[a, k] != SMALLEST else 0.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _make_other_column(slots: Slots, made: NDArray[np.float32], c: int, make: int, a: int, b: int) -> None:
    if make == _BITS:
        for k in range(made.shape[0]):
            ones = 0
            for word in range(a, a + 2 * b, 2):
                ones += _count_ones(slots[word, k])
            made[k, c] = float(ones)
    elif make in (_LATEST, _STEP):
        for k in range(made.shape[0]):
            made[k, c] = float(slots[a + 3, k]) / (_SCALE if make == _LATEST else 1.0)
    elif make == _RATIO:
        for k in range(made.shape[0]):
            made[k, c] = float(slots[a, k]) / float(slots[b, k]) if slots[b, k] else 0.0
    else:
        for k in range(made.shape[0]):
            made[k, c] = float(2 * slots[a, k] - slots[b, k]) / (_SCALE if make == _CHANGE_TOTAL else 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _blank_unseen(
    made: NDArray[np.float32], anybody: NDArray[np.uint64], column_seen: NDArray[np.int32], rows: Any
) -> None:
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
