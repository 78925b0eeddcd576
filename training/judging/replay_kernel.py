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
    "BEFORE", "DAYS", "FAMILIES", "LISTINGS", "NEEDED", "NEW", "NEW_NEEDED", "QUANTITIES", "SPELLS", "UNUSED",
    "Answers", "Calendar", "Lists", "Order", "Outcomes", "replay_draws",
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
    """What came of each place's row, (places,): whether it has a label, had the need, was new; days until the need."""

    labelled: NDArray[np.bool_]
    needed: NDArray[np.bool_]
    new: NDArray[np.bool_]
    days: NDArray[np.float32]


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
    """All that a replay needs to know; `keys` (households,) name the households to the lots."""

    order: Order
    outcomes: Outcomes
    calendar: Calendar
    answers: Answers
    keys: NDArray[np.uint64]


class State(NamedTuple):
    """Where a replay stands: copies numbered by household, `first` (households + 1,) and `owner` (copies,).

    `free` (households,) counts the copies that do not rest; `again` (copies,) is the week from which on a copy may be
    listed, and `head` (weeks,) with `following` (copies,) chains those whose rest ends with each week's lists.
    `marks` (copies,) are of what was counted.
    """

    first: NDArray[np.int32]
    owner: NDArray[np.int32]
    free: NDArray[np.uint8]
    again: NDArray[np.int32]
    head: NDArray[np.int32]
    following: NDArray[np.int32]
    marks: NDArray[np.uint8]


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
def _answer(answers: Any, lot: Any) -> Any:
    """Return from which list on, counted from its own, a household may be listed again."""
    share = (mix(lot ^ _DECISION) >> np.uint64(11)) * 2.0**-53
    k = 0
    while share >= answers.until[k]:
        k += 1
    return answers.lists[k]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _list(outcomes: Any, place: Any, part: Any, marks: Any, copy: Any, total: Any) -> None:
    """Add one listing to its part's totals; `marks` remembers which copies were counted as households already."""
    if part < 0:
        return
    total[part, LISTINGS] += 1
    if not outcomes.labelled[place]:
        return
    total[part, SPELLS] += 1
    listed, before = np.uint8(1 << (2 * part)), np.uint8(2 << (2 * part))
    if not marks[copy] & listed:
        marks[copy] |= listed
        total[part, FAMILIES] += 1
    if outcomes.new[place]:
        total[part, NEW] += 1
    if outcomes.needed[place]:
        total[part, NEEDED] += 1
        if outcomes.new[place]:
            total[part, NEW_NEEDED] += 1
        if not marks[copy] & before:
            marks[copy] |= before
            total[part, BEFORE] += 1
            total[part, DAYS] += outcomes.days[place]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _rest(state: Any, copy: Any, week: Any, lists: Any) -> None:
    """Let a copy rest from a week on for so many lists."""
    state.again[copy] = week + lists
    state.free[state.owner[copy]] -= 1
    if week + lists < state.head.shape[0]:
        state.following[copy] = state.head[week + lists]
        state.head[week + lists] = copy


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _wake(state: Any, week: Any) -> None:
    """Free every copy whose rest ends with the lists of a week."""
    copy = state.head[week]
    while copy >= 0:
        state.free[state.owner[copy]] += 1
        copy = state.following[copy]


@njit(cache=True, nogil=True, error_model="numpy")
def _begin(times: Any, weeks: Any) -> Any:
    """Return the state before the first list: everybody drawn is free."""
    first = np.empty(times.shape[0] + 1, np.int32)
    first[0] = 0
    for h in range(times.shape[0]):
        first[h + 1] = first[h] + times[h]
    owner = np.empty(first[-1], np.int32)
    for h in range(times.shape[0]):
        owner[first[h] : first[h + 1]] = h
    copies = owner.shape[0]
    return State(
        first,
        owner,
        times.copy(),
        np.zeros(copies, np.int32),
        np.full(weeks, -1, np.int32),
        np.empty(copies, np.int32),
        np.zeros(copies, np.uint8),
    )


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
    number = 0
    for place in range(k, lists.order.level_end[k]):
        h = lists.order.household[place]
        if state.free[h] == 0:
            continue
        for copy in range(state.first[h], state.first[h + 1]):
            if state.again[copy] <= week:
                level.copy[number] = copy
                level.place[number] = place
                level.lot[number] = _lot(seed, lists.keys[h], copy - state.first[h], week)
                number += 1
    return number


@njit(cache=True, nogil=True, error_model="numpy")
def _replay(lists: Any, times: Any, seed: Any, total: Any, kept: Any) -> bool:
    """Make every list once and add up `total` (parts, quantities); say whether a list ran out of the order it has.

    `kept`, where it has any length, is filled with the place of each listing, in the order of the lists.
    """
    order, calendar = lists.order, lists.calendar
    state = _begin(times, calendar.part.shape[0])
    copies = state.owner.shape[0]
    level = Level(np.empty(copies, np.int32), np.empty(copies, np.int32), np.empty(copies, np.uint64))
    short, now, listings = False, -1, 0
    for g in range(calendar.week.shape[0]):
        week, left = calendar.week[g], calendar.room[g]
        while now < week:
            now += 1
            _wake(state, now)
        part = calendar.part[week]
        k, end = order.start[g], order.start[g + 1]
        while left > 0 and k < end:
            if state.free[order.household[k]] == 0:
                k += 1
                continue
            number = _gather(lists, state, level, k, week, seed)
            k = order.level_end[k]
            # All of the level get a place, or as many as there are places: those with the smallest lots.
            last = _smallest(level.lot[:number].copy(), left) if number > left else ~np.uint64(0)
            for n in range(number):
                if level.lot[n] <= last:
                    left -= 1
                    if kept.shape[0]:
                        kept[listings] = level.place[n]
                        listings += 1
                    _rest(state, level.copy[n], week, _answer(lists.answers, level.lot[n]))
                    _list(lists.outcomes, level.place[n], part, state.marks, level.copy[n], total)
        if left > 0:
            short |= order.cut[g]
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
