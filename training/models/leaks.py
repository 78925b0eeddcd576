"""The leak check: a feature that knows the outcome too well, found before anything is trained.

What was recorded, or corrected, after the outcome has two marks, and a feature is suspected for both together:

    too sure      among rows with a label one part of its values goes with the outcome, or with its absence, as nothing
                  that was known at the time does, against how often the outcome comes at all
    thins out     that part is as rare at dates whose horizon is not over as if nobody's outcome were known: an honest
                  value is as common today as it was, a leak has not been written yet

    a closure code, of 100 rows        outcome  no outcome     at dates whose horizon is over     today
    recorded afterwards                 30        0.5                   2.4                        0.5     leak
    known at the time                   30        0.5                   2.4                        2.3     honest

The same holds for both signs: certain yes, and certain no, such as a field that is filled once a case is closed without
need. Silence that is as common today as it was is no leak, however surely it goes with no outcome. Where no newer dates
can be looked at, only what is near certain of yes is suspected: 98 of 100, or an order right in 97 of 100 pairs.

What is "as common" is judged by how much the dates whose horizon is over differ among themselves (seasons, drift):
today must lie well beyond them. The simulation behind the limits is tests/unit/training/test_leak_simulation.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

from training.models.contenders import Parted, Sample

__all__ = ["Contrast", "Leak", "find_suspects"]

Values = NDArray[np.float32]

ORDER = 0.97
CERTAIN = 0.98
HOUSEHOLDS = 30
"""Near certain of yes: suspected unless today's frequency clears it."""

SURE_ODDS = 8.0
SURE_RATE = 0.3
"""Too sure of yes: the odds, as a multiple of all rows' odds, and the rate, each at the lower end of 99 %."""

SURE_NO = 0.1
SURE_NO_EXPECTED = 3.0
"""Too sure of no: of the outcomes that were to be expected, at most this share; and how many were to be expected."""

BEYOND = 3.5
"""How many standard errors today's frequency must lie below what it was."""

_TAILS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
_CODES = 25
"""Up to so many different values each is looked at for itself."""


@dataclass(frozen=True)
class Leak:
    """A suspected feature and what it did, in words that end a sentence; `reason` why the council accepts it."""

    feature: str
    sign: str
    reason: str = ""


@dataclass(frozen=True)
class Contrast:
    """Features, (rows, features) a date: of dates whose horizon is over, ascending, and of dates whose is not.

    `entities` are those of the rows `over`: what stays with the same households is worth one date, not many.
    """

    over: Sequence[Values]
    today: Sequence[Values]
    entities: Sequence[NDArray[Any]] = ()

    def thins_out(self, column: int, part: Part, without: float) -> Thinning | None:
        """Return whether a part of a column is today as rare as `without`; None where that cannot be told.

        `without` is its share among rows whose outcome says nothing: those without it for a part that is sure of yes.
        """
        over = [part.holds(np.asarray(rows[:, column])) for rows in self.over]
        newer = [part.holds(np.asarray(rows[:, column])) for rows in self.today]
        counts, rows = (np.array([size(inside) for inside in over]) for size in (np.count_nonzero, len))
        recent = len(counts) // 2
        was, was_rows = int(counts[recent:].sum()), int(rows[recent:].sum())
        now, now_rows = (int(sum(size(inside) for inside in newer)) for size in (np.count_nonzero, len))
        if not now_rows or not 0 < was < was_rows:
            return None
        share, today, stays = was / was_rows, now / now_rows, self._stays_in(over)
        worth = now_rows / (1 + (len(newer) - 1) * stays**0.5), was_rows / (1 + (len(counts) - recent - 1) * stays)
        expected = rows * counts.sum() / rows.sum()
        spread = ((counts - expected) ** 2 / np.maximum(expected * (1 - share), 1e-9)).sum() / max(len(counts) - 1, 1)
        error = np.sqrt(max(1.0, float(spread)) * share * (1 - share) * (1 / worth[0] + 1 / worth[1]))
        cut = (share + without) / 2
        rarer = today < cut and share > without
        gone = rarer and today < self._lowest_block(counts, rows) and share - today > BEYOND * error
        return Thinning(share, today, rarer, bool(gone), bool(today - BEYOND / 2 * error > cut))

    def _stays_in(self, over: Sequence[NDArray[np.bool_]]) -> float:
        """Return the share of a part that is the same entities at the next date; 1 where that is not known."""
        if not self.entities:
            return 1.0
        inside = [names[held] for names, held in zip(self.entities, over, strict=True)]
        again = sum(int(np.isin(first, second).sum()) for first, second in pairwise(inside))
        return again / max(sum(len(first) for first in inside[:-1]), 1)

    def _lowest_block(self, counts: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
        """Return the lowest share over as many dates in a row as are newer: one alone may lack a rare part."""
        length = min(len(self.today), len(counts))
        blocks = [slice(start, start + length) for start in range(0, len(counts) - length + 1, length)]
        return float(min(counts[block].sum() / rows[block].sum() for block in blocks))


@dataclass(frozen=True)
class Thinning:
    """A part's share at dates whose horizon is over and today.

    `rarer`: today it is nearer to what it would be if nobody's outcome were known; `gone`: surely; `stays`: surely not.
    """

    share: float
    now: float
    rarer: bool
    gone: bool
    stays: bool


@dataclass(frozen=True)
class Part:
    """Values of one feature: not seen (no ends), or from `low` up to `high`, both included; `words` name it."""

    low: float | None
    high: float | None
    words: str

    def holds(self, values: Values) -> NDArray[np.bool_]:
        """Whether each value belongs to it; shape (rows,)."""
        if self.low is None or self.high is None:
            return np.isnan(values)
        return np.asarray((values >= self.low) & (values <= self.high))

    def count(self, ascending: Values) -> int:
        """Return how many of ascending values, none of them NaN, belong to it."""
        if self.low is None or self.high is None:
            return 0
        return int(np.searchsorted(ascending, self.high, side="right") - np.searchsorted(ascending, self.low))


@dataclass(frozen=True)
class Counted:
    """A part with its labelled rows and how many of them had the outcome, beside those of all rows."""

    part: Part
    rows: int
    hits: int
    all_rows: int
    all_hits: int

    @property
    def without_of_yes(self) -> float:
        """The part's share of rows without the outcome."""
        return (self.rows - self.hits) / max(self.all_rows - self.all_hits, 1)

    @property
    def without_of_no(self) -> float:
        """The part's share of rows with the outcome."""
        return self.hits / max(self.all_hits, 1)

    @property
    def near_certain(self) -> bool:
        """Whether nearly every row of it had the outcome."""
        return self.rows >= HOUSEHOLDS and self.hits / self.rows >= CERTAIN

    @property
    def too_sure_of_yes(self) -> bool:
        """Whether the outcome is far more frequent in it than in all rows."""
        if self.hits < HOUSEHOLDS:
            return False
        rate = float(stats.beta.ppf(0.01, self.hits, self.rows - self.hits + 1))
        base = self.all_hits / self.all_rows
        return rate >= SURE_RATE and _odds(rate) >= SURE_ODDS * _odds(base)

    @property
    def too_sure_of_no(self) -> bool:
        """Whether the outcome is all but absent where many were to be expected."""
        expected = self.rows * self.all_hits / self.all_rows
        return expected >= SURE_NO_EXPECTED and self.hits <= SURE_NO * expected

    def say_rows(self) -> str:
        """Return the rows that gave it away."""
        base = 1000 * self.all_hits / self.all_rows
        return (
            f"{self.part.words} {self.hits:,} of {self.rows:,} rows had the outcome, where {base:.0f} of 1,000 have it"
        )


def find_suspects(sample: Sample, names: Sequence[str], contrast: Contrast | None = None) -> list[Leak]:
    """Return the features that know the outcome too well on labelled rows, each with the rows that gave it away."""
    leaks = []
    for column, name in enumerate(names):
        sign = _suspect_column(sample, column, contrast)
        if sign:
            leaks.append(Leak(name, sign))
    return leaks


def _suspect_column(sample: Sample, column: int, contrast: Contrast | None) -> str:
    """Return what gives a column away, in words; empty where nothing does."""
    parted = Parted.of(sample, column)
    certain, cleared = [], False
    for counted in sorted(_count_parts(parted), key=lambda part: -part.rows):
        thinning = _look_at_today(contrast, column, counted)
        if thinning and thinning.gone:
            was, now = (f"{1000 * share:.1f} of 1,000" for share in (thinning.share, thinning.now))
            return f"{counted.say_rows()}; such rows are {was} at dates whose horizon is over, and {now} at newer ones"
        cleared |= bool(thinning and thinning.stays)
        if counted.near_certain and (thinning is None or thinning.rarer):
            certain.append(counted)
    if cleared:
        return ""
    area = max(parted.aurocs())
    if area > ORDER:
        return f"alone orders {100 * area:.1f} of 100 pairs rightly"
    return certain[0].say_rows() if certain else ""


def _look_at_today(contrast: Contrast | None, column: int, counted: Counted) -> Thinning | None:
    """Return how a part that is too sure has thinned out; None for any other, and where it cannot be told."""
    if contrast is None:
        return None
    if counted.too_sure_of_yes or counted.near_certain:
        return contrast.thins_out(column, counted.part, counted.without_of_yes)
    return contrast.thins_out(column, counted.part, counted.without_of_no) if counted.too_sure_of_no else None


def _count_parts(parted: Parted) -> Iterator[Counted]:
    """Yield each part of a column that is looked at: not seen, both tails in steps, each value if there are few."""
    positive, negative = parted.positive, parted.negative
    all_rows = len(positive) + len(negative) + sum(parted.unseen)
    all_hits = len(positive) + parted.unseen[0]
    if not 0 < all_hits < all_rows:
        return
    if sum(parted.unseen):
        yield Counted(
            Part(None, None, "where it is not seen,"), sum(parted.unseen), parted.unseen[0], all_rows, all_hits
        )
    values = np.sort(np.concatenate([positive, negative]))
    for part in _propose_parts(values, all_rows):
        hits, others = (part.count(side) for side in (positive, negative))
        if hits + others:
            yield Counted(part, hits + others, hits, all_rows, all_hits)


def _propose_parts(values: Values, all_rows: int) -> Iterator[Part]:
    """Yield parts of ascending values. Their words say how many rows they hold, and never a value of a row."""
    if not len(values) or values[0] == values[-1]:
        return
    lowest, highest = float(values[0]), float(values[-1])
    seen = set()
    for share in _TAILS:
        number = min(max(round(share * all_rows), 1), len(values))
        for ends, words in (
            ((float(values[-number]), highest), "among its highest values"),
            ((lowest, float(values[number - 1])), "among its lowest values"),
        ):
            if ends not in seen and ends != (lowest, highest):
                seen.add(ends)
                yield Part(*ends, words)
    if highest > 0 and lowest == 0:
        above = float(values[np.searchsorted(values, 0, side="right")])
        yield from (Part(0.0, 0.0, "where it is nothing,"), Part(above, highest, "where it is anything at all,"))
    different = np.unique(values)
    if len(different) <= _CODES:
        for value in different.tolist():
            if (value, value) not in seen:
                yield Part(value, value, "at one of its values")


def _odds(rate: float) -> float:
    return rate / max(1 - rate, 1e-9)
