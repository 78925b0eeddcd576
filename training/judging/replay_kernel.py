"""The replay's compiled loop: every list of every week made again, once for each draw of the households.

A household that a draw holds c times is c copies. Each has a place, rests and a lot of its own:

    week     margin 9   8 8   7     places: 2       times drawn 2, 0, 1, 1
    copies   a a        c     d
    first    a a                                    both listed; one is decided on and rests three lists, one is not
    second   a c                                    the other copy of a is still there; c moves up
    third    a d                                    c rests, d moves up

A list goes down the order by levels of equal margin. A level that has more copies left than places gives them by lot:
the smallest lots win. Lots and decisions are hashes of household, copy, list and seed (SplitMix64, Steele and others
2014), so nothing depends on the order of the work, and models that are compared share them.

Numba compiles on first use and keeps the result beside this file (or in NUMBA_CACHE_DIR).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "BEFORE", "DAYS", "FAMILIES", "FRESH", "LABELLED", "LISTINGS", "NEED", "NEEDED", "NEW", "NEW_NEEDED", "QUANTITIES",
    "SPELLS", "UNUSED",
    "Answers", "Calendar", "Lists", "Order", "Outcomes", "draw_answers", "replay_draws",
]  # fmt: skip

LISTINGS, SPELLS, NEEDED, NEW, NEW_NEEDED, FAMILIES, BEFORE, DAYS, UNUSED = range(9)
QUANTITIES = 9
"""What is summed: places filled; spells with a label, those with a need, those new to every service, new with a need;
households with a spell, those listed before a need, days between the two; places that nobody was left for."""


class Order(NamedTuple):
    """One model's order: places by list and falling margin, (places,); list g has `start[g]` to `start[g + 1]`.

    `level_end` is where the run of equal margins ends that a place is in. `cut` says of a list that there are more rows
    than these places.
    """

    household: NDArray[np.int32]
    level_end: NDArray[np.int32]
    start: NDArray[np.int64]
    cut: NDArray[np.bool_]


class Outcomes(NamedTuple):
    """What came of each place's row, (places,): bits of LABELLED, NEED and FRESH together; days until the need."""

    bits: NDArray[np.uint8]
    days: NDArray[np.float32]


LABELLED, NEED, FRESH = 1, 2, 4
"""A place's row has a label; the need came; no service was in touch. In one byte, so that one look fetches them all."""


class Calendar(NamedTuple):
    """Of each list: its week's number and its places, (lists,); of each week: the part it counts in, -1 for none."""

    week: NDArray[np.int32]
    room: NDArray[np.int32]
    part: NDArray[np.int8]


class Answers(NamedTuple):
    """The decisions: cumulated shares, (answers,), and from which list on a household may be listed again."""

    until: NDArray[np.float64]
    lists: NDArray[np.int32]


class Lists(NamedTuple):
    """All that a replay needs to know; `keys` (households,) name the households to the lots.

    Households here are those that a list can come to; `number` (households,) is each one's among all.
    """

    order: Order
    outcomes: Outcomes
    calendar: Calendar
    answers: Answers
    keys: NDArray[np.uint64]
    number: NDArray[np.int32]


class State(NamedTuple):
    """Where a replay stands: copies numbered by household, those of h from `first[h]` to `first[h + 1]`.

    `free` (households,) counts the copies that do not rest; `again` (copies,) is the week from which on a copy may be
    listed. `marks` (copies,) are of what was counted.
    """

    first: NDArray[np.int32]
    free: NDArray[np.uint8]
    again: NDArray[np.int16]
    marks: NDArray[np.uint8]


class Log(NamedTuple):
    """Every listing in its order: its household and which answer it had; `start` (weeks + 1,) where each week's begin.

    Whose rest ends is read from it in one go: all that a week listed and answered alike come back together.
    """

    household: NDArray[np.int32]
    answer: NDArray[np.uint8]
    start: NDArray[np.int64]


class Level(NamedTuple):
    """The free copies of one level, with their places and lots; each as long as there are copies."""

    copy: NDArray[np.int32]
    place: NDArray[np.int32]
    lot: NDArray[np.uint64]


_STEP = np.uint64(0x9E3779B97F4A7C15)
_DECISION = np.uint64(0xD1B54A32D192ED03)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def mix(value: Any) -> Any:
    """Return 64 bits that look like chance: SplitMix64's finish of `value`."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _lot(seed: Any, key: Any, copy: Any, week: Any) -> Any:
    """Return the lot of one copy of a household on the lists of one week."""
    return mix(mix(seed ^ mix(key + np.uint64(copy) * _STEP)) + np.uint64(week + 1) * _STEP)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _answer(until: Any, lot: Any) -> Any:
    """Return the number of the answer that a lot draws."""
    share = (mix(lot ^ _DECISION) >> np.uint64(11)) * 2.0**-53
    k = 0
    while share >= until[k]:
        k += 1
    return k


@njit(cache=True, nogil=True, error_model="numpy")
def draw_answers(until: Any, keys: Any, weeks: Any, seed: Any) -> Any:
    """Return the number of the answer to each listing of a lottery over all households: `keys`, `weeks` (listings,)."""
    answers = np.empty(keys.shape[0], np.int64)
    for n in range(keys.shape[0]):
        answers[n] = _answer(until, _lot(seed, keys[n], 0, weeks[n]))
    return answers


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _count(bits: Any, days: Any, part: Any, mark: Any, total: Any) -> Any:
    """Add one listing to the totals of its part (quantities,); return its copy's marks of what was counted."""
    total[LISTINGS] += 1
    if not bits & LABELLED:
        return mark
    total[SPELLS] += 1
    listed, before = np.uint8(1 << (2 * part)), np.uint8(2 << (2 * part))
    if not mark & listed:
        mark |= listed
        total[FAMILIES] += 1
    if bits & FRESH:
        total[NEW] += 1
    if bits & NEED:
        total[NEEDED] += 1
        if bits & FRESH:
            total[NEW_NEEDED] += 1
        if not mark & before:
            mark |= before
            total[BEFORE] += 1
            total[DAYS] += days
    return mark


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _wake(free: Any, log: Any, lists: Any, week: Any) -> None:
    """Free every copy whose rest ends with the lists of a week; `lists` (answers,) is how long each answer rests."""
    household, answer, start = log.household, log.answer, log.start
    for k in range(lists.shape[0]):
        then = week - lists[k]
        if then >= 0:
            for n in range(start[then], start[then + 1]):
                if answer[n] == k:
                    free[household[n]] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _begin(number: Any, times: Any) -> Any:
    """Return the state before the first list: everybody drawn is free; `times` is of all households."""
    first, free = np.empty(number.shape[0] + 1, np.int32), np.empty(number.shape[0], np.uint8)
    first[0] = 0
    for h in range(number.shape[0]):
        free[h] = times[number[h]]
        first[h + 1] = first[h] + free[h]
    copies = first[-1]
    return State(first, free, np.zeros(copies, np.int16), np.zeros(copies, np.uint8))


@njit(cache=True, nogil=True, error_model="numpy")
def _smallest(values: Any, number: Any) -> Any:
    """Return the `number`-th smallest of some values, at least so many; they are put into another order (Hoare)."""
    low, high, wanted = 0, values.shape[0] - 1, number - 1
    while low < high:
        pivot = values[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if wanted <= right:
            high = right
        elif wanted >= left:
            low = left
        else:
            break
    return values[wanted]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _gather(lists: Any, state: Any, level: Any, k: Any, week: Any, seed: Any) -> Any:
    """Put every free copy of the level that begins at `k` into `level`, with its lot; return how many there are."""
    household, keys = lists.order.household, lists.keys
    first, free, again = state.first, state.free, state.again
    number = 0
    for place in range(k, lists.order.level_end[k]):
        h = household[place]
        if free[h] == 0:
            continue
        for copy in range(first[h], first[h + 1]):
            if again[copy] <= week:
                level.copy[number] = copy
                level.place[number] = place
                level.lot[number] = _lot(seed, keys[h], copy - first[h], week)
                number += 1
    return number


@njit(cache=True, nogil=True, error_model="numpy")
def _replay(lists: Any, times: Any, seed: Any, total: Any, kept: Any) -> bool:
    """Make every list once and add up `total` (parts, quantities); say whether a list ran out of the order it has.

    `kept`, where it has any length, is filled with the place of each listing, in the order of the lists.
    """
    household, level_end, start = lists.order.household, lists.order.level_end, lists.order.start
    weeks, room, parts = lists.calendar.week, lists.calendar.room, lists.calendar.part
    bits, days, rests = lists.outcomes.bits, lists.outcomes.days, lists.answers.lists
    state = _begin(lists.number, times)
    free, again, marks = state.free, state.again, state.marks
    copies = again.shape[0]
    level = Level(np.empty(copies, np.int32), np.empty(copies, np.int32), np.empty(copies, np.uint64))
    log = Log(np.empty(room.sum(), np.int32), np.empty(room.sum(), np.uint8), np.zeros(parts.shape[0] + 1, np.int64))
    short, now, listings = False, -1, 0
    for g in range(weeks.shape[0]):
        week, left = weeks[g], room[g]
        while now < week:
            now += 1
            log.start[now] = log.start[now + 1] = listings
            _wake(free, log, rests, now)
        part = parts[week]
        k, end = start[g], start[g + 1]
        while left > 0 and k < end:
            if free[household[k]] == 0:
                k += 1
                continue
            number = _gather(lists, state, level, k, week, seed)
            k = level_end[k]
            # All of the level get a place, or as many as there are places: those with the smallest lots.
            last = _smallest(level.lot[:number].copy(), left) if number > left else ~np.uint64(0)
            for n in range(number):
                if level.lot[n] <= last:
                    copy, place = level.copy[n], level.place[n]
                    answer = _answer(lists.answers.until, level.lot[n])
                    left -= 1
                    free[household[place]] -= 1
                    again[copy] = week + rests[answer]
                    log.household[listings], log.answer[listings] = household[place], answer
                    if kept.shape[0]:
                        kept[listings] = place
                    listings += 1
                    if part >= 0:
                        marks[copy] = _count(bits[place], days[place], part, marks[copy], total[part])
        log.start[week + 1] = listings
        if left > 0:
            short |= lists.order.cut[g]
            if part >= 0:
                total[part, UNUSED] += left
    return short


@njit(cache=True, nogil=True, error_model="numpy")
def replay_draws(lists: Any, times: Any, seeds: Any, totals: Any, kept: Any) -> bool:
    """Replay each draw: `times` (draws, households), `seeds` (draws,) into `totals` (draws, parts, quantities).

    `kept` (draws, 0) keeps no listing, (draws, all lists' places) the place of each; what it does not fill, it leaves.
    Returns whether any list ran out of the places it was given while there were more: then the order is too short.
    """
    short = False
    for draw in range(times.shape[0]):
        short |= _replay(lists, times[draw], seeds[draw], totals[draw], kept[draw])
    return short
