"""What a service could have seen: the stretches its deliveries cover, and whom it covered over a whole window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.engines.compiled import kernel
from features.engines.compiled.arrays import CoverageRows
from features.engines.compiled.kernel_plan import LARGEST, SMALLEST, Watch
from features.engines.question import to_microseconds
from features.engines.reading.frame import Frame
from features.grammar import Window

__all__ = ["Feeds"]

Spans = list[tuple[int, int]]


class Feeds:
    """The deliveries and the coverage of a snapshot, asked at a frame's dates."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.rows = frame.store.feeds()

    def at(self, service: str, k: int) -> Spans:
        """Return the spans of a service's feed that count at date k, as few as can be."""
        rows = self.rows.get(service)
        if rows is None:
            begin = self._first_events[service][k]
            return [(begin, int(self.frame.now[0]))] if begin < LARGEST else []
        first = min(received for _, _, received in rows)
        return _merge_spans([(a, b) for a, b, received in rows if received == first or received < self.frame.times[k]])

    @cached_property
    def _first_events(self) -> dict[str, list[int]]:
        times = [int(time) for time in self.frame.times]
        return {s: self.frame.store.first_events(s, times) for s in self.frame.services if s not in self.rows}

    def stretch(self, service: str, window: Window, k: int) -> int | None:
        """Return when the stretch begins that a window asks a person's coverage for; None where no feed covers it."""
        spans = self.at(service, k)
        if not spans:
            return None
        lag = self.frame.question.permission.lag.get(service, 0)
        tail = to_microseconds(self.frame.question.midnight(self.frame.dates[k] - timedelta(days=lag)))
        start = self.frame.window_start(window, k)
        begin = int(self.frame.times[k]) if window.now else spans[0][0] if start == SMALLEST else start
        needed = spans[0][0] if window.last is None and not window.now else min(begin, tail)
        return begin if any(a <= needed and a <= tail <= b for a, b in spans) else None

    def seen(self, wanted: Sequence[Watch], allowed: NDArray[np.uint64], ages: NDArray[np.int16]) -> NDArray[np.uint64]:
        """Return, by person and what is wanted, the dates at which a service saw them over the whole window.

        Of ages alone those at which they were of them; `ages` (dates, people) are in whole years, -1 not known.
        """
        masks = np.zeros((len(self.frame.codes.people), len(wanted)), np.uint64)
        for service in sorted({watch.service for watch in wanted}):
            places = [w for w, watch in enumerate(wanted) if watch.service == service]
            covered = self._cover_service(service, [wanted[w].window for w in places])
            masks[:, places] = covered & allowed[:, [self.frame.services.index(service)]]
        for w, watch in enumerate(wanted):
            if watch.age is not None:
                masks[:, w] &= _mask_ages(ages, watch.age)
        return masks

    def _cover_service(self, service: str, windows: Sequence[Window]) -> NDArray[np.uint64]:
        frame = self.frame
        begins = [[self.stretch(service, window, k) for k in range(len(frame.dates))] for window in windows]
        fed = np.array(
            [sum(1 << k for k, begin in enumerate(row) if begin is not None) for row in begins], dtype=np.uint64
        )
        masks = np.zeros((len(frame.codes.people), len(windows)), np.uint64)
        rows = frame.store.coverage(service)
        first = np.searchsorted(frame.times, rows["known"], side="right")
        last = np.searchsorted(frame.times, rows["until"], side="right")
        known_from = int(first.min(initial=len(frame.times)))
        about_people = rows["person"] >= 0
        persons, starts = np.unique(rows["person"][about_people], return_index=True)
        coverage = CoverageRows(
            start=np.append(starts, about_people.sum()),
            person=persons,
            begin=rows["start"][about_people],
            end=rows["ended"][about_people],
            first=first[about_people],
            last=last[about_people],
        )
        needs = np.array([[SMALLEST if b is None else b for b in row] for row in begins], dtype=np.int64)
        kernel.cover_windows(coverage, needs, frame.times, masks)
        # Before anything was known of whom the service could see, it could have seen everybody.
        everybody = kernel.mask_span(0, known_from)
        return np.asarray((masks | everybody) & fed[None, :])

    def fed_until(self) -> NDArray[np.int64]:
        """Return until when the service's feed goes on from each date, by date and outcome component; SMALLEST: not."""
        frame = self.frame
        components = frame.question.definition.outcome.components
        until = np.full((len(frame.dates), len(components)), SMALLEST, dtype=np.int64)
        for c, component in enumerate(components):
            spans = self._whole_feed(component.signal.service)
            for k, begin in enumerate(frame.times.tolist()):
                until[k, c] = max((b for a, b in spans if a <= begin <= b), default=SMALLEST)
        return until

    def _whole_feed(self, service: str) -> Spans:
        rows = self.rows.get(service)
        if rows is not None:
            return _merge_spans([(a, b) for a, b, _ in rows])
        begin = self.frame.store.first_events(service, [LARGEST])[0]
        return [(begin, int(self.frame.now[0]))] if begin < LARGEST else []


def _mask_ages(ages: NDArray[np.int16], limits: tuple[int, int]) -> NDArray[np.uint64]:
    """Return, by person, the dates at which they are of the ages, both inclusive."""
    inside = (ages >= limits[0]) & (ages <= limits[1])
    bits = inside.astype(np.uint64) << np.arange(len(ages), dtype=np.uint64)[:, None]
    return np.asarray(np.bitwise_or.reduce(bits, axis=0))


def _merge_spans(spans: Sequence[tuple[int, int]]) -> Spans:
    result: Spans = []
    for begin, end in sorted(spans):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((begin, end))
    return result
