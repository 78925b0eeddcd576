"""What each as-of date's rows depend on, as one key: the same key means the same bytes of rows and features.

The key covers the definition, the date, the engine's version and, by way of the folded masks, every row of the tables
that can be seen from the date: members, their ages and areas, whom each service saw, and each visible version of each
event about them. It is made of what the kernel is handed and not of the tables' rows, so a correction known later, a
stranger's withdrawal or another file order changes nothing, and whatever does change a value changes the key. So does
another field of what the kernel is handed (arrays.py): of events every field is hashed unless it is named below, and
the names of all fields are part of the key, so that rows made before a field was there are not taken for new ones.
Outcomes are no part of it: they are what becomes known later, and are made again for every matrix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from features.engines.blocks import Maker
from features.engines.compiled import tallies
from features.engines.compiled.arrays import EventRows, Histories, Identities
from features.engines.compiled.kernel_plan import Watch

__all__ = ["Tally", "make_keys", "tally_rows"]

Tally = NDArray[np.uint64]
"""By date, two independent 64-bit sums; tallies of disjoint households add up."""

_AT_ONCE = 65_536
"""Events mixed at once: few enough to stay in a near cache from column to column."""


def tally_rows(maker: Maker) -> Tally:
    """Return what the rows of a frame's dates depend on, summed over its entities."""
    frame, members = maker.frame, maker.members
    identities = Identities(
        entity=_digest_ids(frame.codes.people if frame.by_person else frame.codes.households),
        person=_digest_ids(frame.codes.people),
        area=_digest_ids(maker.cohort.areas),
        seen=_digest_texts([_name_watch(watch) for watch in maker.plan.seen]),
    )
    meanings = {"signal": _digest_texts(frame.signals), "detail": _digest_texts(("", *maker.details))}
    threads = frame.store.threads
    parts = np.zeros((threads, len(frame.dates), 2), np.uint64)
    with ThreadPoolExecutor(threads) as pool:
        histories = _mix_histories(maker.events, meanings, pool)
        for piece in [
            pool.submit(
                tallies.add_entities,
                maker.cohort.rows, members, maker.people, identities, histories,
                members.entities * n // threads, members.entities * (n + 1) // threads, parts[n],
            )
            for n in range(threads)
        ]:  # fmt: skip
            piece.result()
    return np.asarray(parts.sum(axis=0, dtype=np.uint64))


def _name_watch(watch: Watch) -> str:
    name = f"{watch.service} {watch.window.document()}"
    return name if watch.age is None else f"{name} {watch.age}"


_WHEN = frozenset({"start", "first", "last"})
"""The fields of events that say whose a version is and at which dates it counts: there its state is added."""
_RANKED = frozenset({"tie"})
"""Made of `known`, `ident` and other people's events: a stranger's withdrawal changes it, and no row."""


def _mix_histories(
    events: EventRows, meanings: Mapping[str, NDArray[np.uint64]], pool: ThreadPoolExecutor
) -> Histories:
    """Return events with all that each says as one number: every field of theirs, codes by what they mean.

    When a version was known decides nothing but which is the latest; so it is left out where nothing asks for that.
    """
    left_out = _WHEN | _RANKED | (frozenset() if len(events.ident) else {"known"})
    columns = {name: column for name, column in events._asdict().items() if name not in left_out and len(column)}
    state = np.zeros(len(events.first), np.uint64)

    def mix(first: int) -> None:
        rows = slice(first, first + _AT_ONCE)
        for name, column in columns.items():
            part = column[rows]
            number = meanings[name][part] if name in meanings else part.astype(np.int64).view(np.uint64)
            tallies.mix_column(state[rows], number)

    list(pool.map(mix, range(0, len(state), _AT_ONCE)))
    return Histories(events.start, state, events.first, events.last)


def describe_layout(maker: Maker) -> list[list[str]]:
    """Return the groups of arrays that rows are made of, each by its name, fields and types."""
    groups = (maker.members, maker.people, maker.cohort.rows, maker.events, maker.timetable, maker.program)
    return [
        [type(group).__name__, *(f"{name} {array.dtype.str}" for name, array in group._asdict().items())]
        for group in groups
    ]


def make_keys(maker: Maker, found: Tally, version: int) -> list[str]:
    """Return each date's key from the tally of all entities."""
    question, table = maker.frame.question, maker.timetable
    general = {
        "definition": question.definition.hash,
        "engine": version,
        "purpose": question.permission.purpose,
        "zone": str(question.zone),
        "signals": list(maker.frame.signals),
        "each": question.each.document() if question.each else None,
        "free": question.free.document(),
        "layout": describe_layout(maker),
    }
    result = []
    for k, day in enumerate(maker.frame.dates):
        numbers = [int(number) for part in (table.windows, table.since) for number in part[:, k]]
        date_facts = {"day": day.isoformat(), "table": numbers, "tally": [int(number) for number in found[k]]}
        text = json.dumps(general | date_facts, sort_keys=True)
        result.append(hashlib.sha256(text.encode()).hexdigest())
    return result


def _digest_ids(texts: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Return a 64-bit digest of each text."""
    whole = b"".join(hashlib.blake2b(bytes(text), digest_size=8).digest() for text in texts)
    return np.frombuffer(whole, np.uint64)


def _digest_texts(texts: Sequence[str]) -> NDArray[np.uint64]:
    return _digest_ids(np.array([text.encode() for text in texts], dtype="S"))
