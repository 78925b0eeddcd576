"""The compiled queue: who is taken when, day by day, and what stands at the head of an order.

    day            0        1        2
    arrive         a b c    d
    places         1        1        2
    order c d a b  c        d        a b       taken on days 0, 1, 2, 2
    first come     a        b        c d

A case that was drawn twice is two cases. Tests hold this to a slow one in plain Python.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Waiting", "head_of_order", "work_queue"]

Float = NDArray[np.float64]


class Waiting(NamedTuple):
    """The cases of one team, by arrival: the day each `arrives`, and the last on which it still waits."""

    arrives: NDArray[np.int64]
    leaves: NDArray[np.int64]


@njit(cache=True, nogil=True, error_model="numpy")
def work_queue(waiting: Waiting, order: NDArray[np.int64], times: NDArray[np.int64], room: NDArray[np.int64]) -> Float:
    """Return the sum of the days on which each case's copies are taken; (cases,).

    `order` (cases,) is each one's place, from 0 and all different; `times` how many copies there are of it; `room`
    (days,) how many are taken on each day. Who is not taken counts as taken the day after the last, or after it left.
    """
    arrives, leaves = waiting
    days, cases = len(room), len(arrives)
    at = np.empty(cases, np.int64)
    for case in range(cases):
        at[order[case]] = case
    waiting_copies = times.copy()
    total = np.zeros(cases, np.float64)
    heap = [np.int64(0) for _ in range(0)]
    newest = 0
    for day in range(days):
        while newest < cases and arrives[newest] <= day:
            if waiting_copies[newest] > 0:
                heapq.heappush(heap, order[newest])
            newest += 1
        free = room[day]
        while free > 0 and len(heap) > 0:
            case = at[heap[0]]
            if leaves[case] < day:
                heapq.heappop(heap)
                continue
            number = min(free, waiting_copies[case])
            total[case] += number * day
            waiting_copies[case] -= number
            free -= number
            if waiting_copies[case] == 0:
                heapq.heappop(heap)
    for case in range(cases):
        total[case] += waiting_copies[case] * min(np.int64(days), leaves[case] + 1)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def head_of_order(
    block: NDArray[np.int64], level_end: NDArray[np.int64], value: Float, times: NDArray[np.int64], share: float
) -> Float:
    """Return what the first `share` of each block holds of each value, over all blocks; (values,).

    Cases lie in order within their block (`block`: where each begins, and the end); `level_end` (cases,) is where the
    equals of a case end: of those that the cut runs through, each is in with the same chance.
    """
    sums = np.zeros(value.shape[1], np.float64)
    for number in range(len(block) - 1):
        begin, end = block[number], block[number + 1]
        size = times[begin:end].sum()
        if size == 0:
            continue
        free = max(1.0, np.floor(share * size + 0.5))
        at = begin
        while at < end and free > 0:
            stop = min(level_end[at], end)
            weight = times[at:stop].sum()
            if weight > 0:
                part = min(1.0, free / weight)
                for case in range(at, stop):
                    for column in range(value.shape[1]):
                        sums[column] += part * times[case] * value[case, column]
                free -= part * weight
            at = stop
    return sums
