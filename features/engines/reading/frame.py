"""Up to 64 as-of dates that are answered together, as the moments and bits that masks are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.engines.compiled import kernel
from features.engines.compiled.kernel_plan import SMALLEST
from features.engines.question import EPOCH, Question, to_microseconds
from features.engines.reading.snapshot_reader import Codes, Store
from features.grammar import Window

__all__ = ["ALL", "CHUNK", "ONE", "Frame"]

CHUNK = 64
"""As-of dates answered together: the bits of a mask."""
ALL, ONE = np.uint64(2**64 - 1), np.uint64(1)


@dataclass(frozen=True)
class Frame:
    """Some of a question's dates, with the tables they are asked of; `first` is the first one's place among all.

    `signals` are those that features and cohort rules may read, ascending.
    """

    question: Question
    store: Store
    codes: Codes
    signals: tuple[str, ...]
    dates: tuple[date, ...]
    first: int

    @property
    def by_person(self) -> bool:
        """Whether rows are about persons."""
        return self.question.definition.entity == "person"

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """The moment of each date, in microseconds."""
        return np.array([to_microseconds(self.question.midnight(day)) for day in self.dates], dtype=np.int64)

    @cached_property
    def now(self) -> NDArray[np.int64]:
        """The one moment that is now."""
        return np.array([to_microseconds(self.question.now)], dtype=np.int64)

    @property
    def all_dates(self) -> np.uint64:
        """The mask of all dates."""
        return np.uint64(kernel.mask_span(0, len(self.dates)))

    @cached_property
    def services(self) -> list[str]:
        """Every service whose rows are read."""
        names = {name.split(".")[0] for name in (*self.signals, *self.question.definition.signals)}
        names |= {rule.service for rule in self.question.definition.cohort.known_to}
        if self.question.each:
            names.add(self.question.each.signal.split(".")[0])
        if self.question.definition.outcome.ends_with:
            names.add(self.question.definition.outcome.ends_with.service)
        return sorted(names)

    def window_start(self, window: Window, k: int) -> int:
        """Return when a window that looks back from date k starts; SMALLEST where it has no length of its own."""
        start = self.question.start(window, self.dates[k])
        return SMALLEST if start is None else to_microseconds(start)

    def day(self, moment: int) -> date:
        """Return the calendar day of a moment in the council's time zone."""
        return self.question.day_of(EPOCH + timedelta(microseconds=moment))

    def since(self, first: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the masks of all dates from the `first`-th on."""
        count = len(self.dates)
        return np.array([kernel.mask_span(k, count) for k in range(count + 1)], dtype=np.uint64)[first]
