"""The compiled tally of what each date can see: two independent 64-bit sums, whatever the order of rows.

A row's state begins with whose it is and takes in one number after another; states of rows are added up. So it is the
same in any order, and a number that changes, or is another row's, changes the sum: for person 7 with ages 3 and 4,

    state(7, 3) + state(7, 4)        the same as                 state(7, 4) + state(7, 3)
                                     but for chance never        state(7, 3) + state(7, 5)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.engines.compiled.arrays import CohortRows, Histories, Identities, MemberRows, PersonRows

__all__ = ["add_entities", "mix_column"]

_ONE = np.uint64(1)
_NONE = np.uint64(0)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _mix_number(state: Any, number: Any) -> Any:
    """Return `state` with `number` mixed in: the finalizer of splitmix64, a bijection for each state."""
    mixed = (state ^ np.uint64(number)) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@njit(cache=True, nogil=True, error_model="numpy")
def mix_column(states: NDArray[np.uint64], column: NDArray[np.uint64]) -> None:
    """Mix a column of numbers into the states of its rows."""
    for row in range(states.shape[0]):
        states[row] = _mix_number(states[row], column[row])


@njit(cache=True, nogil=True, error_model="numpy")
def add_entities(
    cohort: CohortRows,
    members: MemberRows,
    people: PersonRows,
    identities: Identities,
    histories: Histories,
    begin: int,
    end: int,
    tally: NDArray[np.uint64],
) -> None:
    """Add to `tally[k]` what the entities `begin <= h < end` that are candidates at date k are made of.

    That is their members and those members' visible events.
    """
    dates = tally.shape[0]
    history = np.empty((dates + 1, 2), np.uint64)
    for household in range(begin, end):
        rows, entity = cohort.candidates[household], identities.entity[household]
        if rows == _NONE:
            continue
        for k in range(dates):
            if rows >> np.uint64(k) & _ONE:
                state = _mix_number(entity, identities.area[cohort.area[household, k]])
                state = _mix_number(state, cohort.unknown[household] >> np.uint64(k) & _ONE)
                tally[k, 0] += state
                tally[k, 1] += _mix_number(state, np.uint64(7))
        for m in range(members.start[household], members.start[household + 1]):
            person, mask = members.person[m], members.mask[m] & rows
            if mask == _NONE:
                continue
            history[:, :] = _NONE
            _add_watched(history, mask, people.seen[person], identities.seen)
            _add_events(history, histories, person)
            first_sum, second_sum = _NONE, _NONE
            for k in range(dates):
                first_sum += history[k, 0]
                second_sum += history[k, 1]
                if mask >> np.uint64(k) & _ONE:
                    state = _mix_number(
                        _mix_number(entity, identities.person[person]), np.int64(people.ages[k, person])
                    )
                    tally[k, 0] += _mix_number(state, first_sum)
                    tally[k, 1] += _mix_number(_mix_number(state, np.uint64(7)), second_sum)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_events(history: NDArray[np.uint64], histories: Histories, person: int) -> None:
    """Add a person's events where they begin to be visible, and take them back where they end."""
    for e in range(histories.start[person], histories.start[person + 1]):
        first, last = histories.first[e], histories.last[e]
        if first >= last:
            continue
        state = histories.state[e]
        other = _mix_number(state, np.uint64(7))
        history[first, 0] += state
        history[first, 1] += other
        history[last, 0] -= state
        history[last, 1] -= other


@njit(cache=True, nogil=True, error_model="numpy")
def _add_watched(history: NDArray[np.uint64], mask: Any, watched: NDArray[np.uint64], seen: NDArray[np.uint64]) -> None:
    """Add the services and windows that saw a person to the dates at which they did."""
    for w in range(seen.shape[0]):
        bits = watched[w] & mask
        if bits == _NONE:
            continue
        before = _NONE
        state, other = _mix_number(seen[w], np.uint64(1)), _mix_number(seen[w], np.uint64(2))
        for k in range(history.shape[0] - 1):
            now = bits >> np.uint64(k) & _ONE
            if now != before:
                history[k, 0] += state if now else _NONE - state
                history[k, 1] += other if now else _NONE - other
                before = now
