"""What each as-of date's rows depend on, as one key: the same key means the same bytes of rows and features.

The key covers the definition, the date, the engine's version and, by way of the folded masks, every row of the tables
that can be seen from the date: members, their ages and areas, whom each service saw, and each visible version of each
event about them. It is made of what the kernel is handed and not of the tables' rows, so a correction known later, a
stranger's withdrawal or another file order changes nothing, and whatever does change a value changes the key.
Outcomes are no part of it: they are what becomes known later, and are made again for every matrix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from features.engines.blocks import Maker
from features.engines.compiled import tallies

__all__ = ["Tally", "keys_of", "tally"]

Tally = NDArray[np.uint64]
"""By date, two independent 64-bit sums; tallies of disjoint households add up."""


def tally(maker: Maker) -> Tally:
    """Return what the rows of a frame's dates depend on, summed over its entities."""
    frame, events = maker.frame, maker.events
    ids = frame.codes.people if frame.by_person else frame.codes.households
    arguments = (
        maker.members.start, maker.members.person, maker.members.mask, maker.cohort.candidates, maker.cohort.unknown,
        _numbers(ids), _numbers(frame.codes.people), _numbers(maker.cohort.areas)[maker.cohort.area], maker.ages,
        maker.seen, _texts([f"{service} {window.document()}" for service, window in maker.plan.seen]),
        events.start, events.signal, events.detail, events.valid, events.known, events.amount, events.ended,
        events.ident, events.first, events.last, _texts(frame.signals), _texts(("", *events.details)),
    )  # fmt: skip
    count, threads = len(maker.members.start) - 1, frame.store.threads
    parts = np.zeros((threads, len(frame.dates), 2), np.uint64)
    with ThreadPoolExecutor(threads) as pool:
        work = [
            pool.submit(tallies.add, *arguments, count * n // threads, count * (n + 1) // threads, parts[n])
            for n in range(threads)
        ]
        for piece in work:
            piece.result()
    return np.asarray(parts.sum(axis=0, dtype=np.uint64))


def keys_of(maker: Maker, found: Tally, version: int) -> list[str]:
    """Return each date's key from the tally of all entities."""
    question, table = maker.frame.question, maker.timetable
    general = {
        "definition": question.definition.hash,
        "engine": version,
        "purpose": question.permission.purpose,
        "zone": str(question.zone),
        "signals": list(maker.frame.signals),
        "each": [question.each.signal, question.each.after.document()] if question.each else None,
    }
    result = []
    for k, day in enumerate(maker.frame.dates):
        said = [int(number) for part in (table.windows, table.since) for number in part[:, k]]
        own = {"day": day.isoformat(), "table": said, "tally": [int(number) for number in found[k]]}
        text = json.dumps(general | own, sort_keys=True)
        result.append(hashlib.sha256(text.encode()).hexdigest())
    return result


def _numbers(texts: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Return a 64-bit digest of each text."""
    whole = b"".join(hashlib.blake2b(bytes(text), digest_size=8).digest() for text in texts)
    return np.frombuffer(whole, np.uint64)


def _texts(texts: Sequence[str]) -> NDArray[np.uint64]:
    return _numbers(np.array([text.encode() for text in texts], dtype="S"))
