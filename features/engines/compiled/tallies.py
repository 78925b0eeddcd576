"""The compiled tally of what each date can see: two independent 64-bit sums, whatever the order of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["add"]

_ONE = np.uint64(1)
_NONE = np.uint64(0)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _mixed(state: Any, number: Any) -> Any:
    """Return `state` with `number` mixed in: the finalizer of splitmix64, a bijection for each state."""
    mixed = (state ^ np.uint64(number)) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@njit(cache=True, nogil=True, error_model="numpy")
def add(
    member_start: Any, member: Any, member_mask: Any, row_mask: Any, unknown: Any,
    entity_id: Any, person_id: Any, area_id: Any, ages: Any, seen_mask: Any, seen_id: Any,
    event_start: Any, signal: Any, detail: Any, valid: Any, known: Any, amount: Any, ended: Any, ident: Any,
    first: Any, last: Any, signal_id: Any, detail_id: Any, begin: Any, end: Any, tally: Any,
) -> None:  # fmt: skip
    """Add to `tally[k]` what the entities `begin <= h < end` that are candidates at date k are made of.

    That is their members and those members' visible events.
    """
    dates = tally.shape[0]
    history = np.empty((dates + 1, 2), np.uint64)
    for household in range(begin, end):
        rows = row_mask[household]
        if rows == _NONE:
            continue
        for k in range(dates):
            if rows >> np.uint64(k) & _ONE:
                state = _mixed(entity_id[household], area_id[household, k])
                state = _mixed(state, unknown[household] >> np.uint64(k) & _ONE)
                tally[k, 0] += state
                tally[k, 1] += _mixed(state, np.uint64(7))
        for m in range(member_start[household], member_start[household + 1]):
            person, mask = member[m], member_mask[m] & rows
            if mask == _NONE:
                continue
            history[:, :] = _NONE
            _watch(history, mask, seen_mask[person], seen_id, dates)
            _events(
                history, event_start[person], event_start[person + 1], signal, detail, valid, known, amount, ended,
                ident, first, last, signal_id, detail_id,
            )  # fmt: skip
            one, other = _NONE, _NONE
            for k in range(dates):
                one += history[k, 0]
                other += history[k, 1]
                if mask >> np.uint64(k) & _ONE:
                    state = _mixed(_mixed(entity_id[household], person_id[person]), np.int64(ages[k, person]))
                    tally[k, 0] += _mixed(state, one)
                    tally[k, 1] += _mixed(_mixed(state, np.uint64(7)), other)


@njit(cache=True, nogil=True, error_model="numpy")
def _events(
    history: Any, begin: Any, end: Any, signal: Any, detail: Any, valid: Any, known: Any, amount: Any, ended: Any,
    ident: Any, first: Any, last: Any, signal_id: Any, detail_id: Any,
) -> None:  # fmt: skip
    """Add a person's events where they begin to be visible, and take them back where they end."""
    for e in range(begin, end):
        if first[e] >= last[e]:
            continue
        state = _mixed(signal_id[signal[e]], detail_id[detail[e]])
        state = _mixed(_mixed(state, valid[e]), amount[e])
        if ident.shape[0]:
            state = _mixed(_mixed(state, known[e]), ident[e])
        if ended.shape[0]:
            state = _mixed(state, ended[e])
        other = _mixed(state, np.uint64(7))
        history[first[e], 0] += state
        history[first[e], 1] += other
        history[last[e], 0] -= state
        history[last[e], 1] -= other


@njit(cache=True, nogil=True, error_model="numpy")
def _watch(history: Any, mask: Any, watched: Any, seen_id: Any, dates: Any) -> None:
    """Add the services and windows that saw a person to the dates at which they did."""
    for w in range(seen_id.shape[0]):
        bits = watched[w] & mask
        if bits == _NONE:
            continue
        before = _NONE
        state, other = _mixed(seen_id[w], np.uint64(1)), _mixed(seen_id[w], np.uint64(2))
        for k in range(dates):
            now = bits >> np.uint64(k) & _ONE
            if now != before:
                history[k, 0] += state if now else _NONE - state
                history[k, 1] += other if now else _NONE - other
                before = now
