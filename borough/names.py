"""Names and how services write them down: typing slips, short forms, second surnames, dates of birth gone wrong.

Every spelling that can occur is laid out once in a pool, so that writing a million names is one lookup each. Errors are
drawn alike for everybody.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from borough.chance import Chance
from borough.days import NEVER
from borough.population import People
from borough.rates import Rates

__all__ = ["Names", "Recorded"]

_SLIPS = 5
"""Distinct typing slips kept for each name; the pool has the name, its short form, then its slips."""

Ints = NDArray[np.int32]


def _misspell_name(rng: np.random.Generator, name: str) -> list[str]:
    """Return `_SLIPS` misspellings: a letter lost, doubled, swapped with the next, or replaced by a neighbour."""
    slips = []
    for _ in range(_SLIPS):
        at = int(rng.integers(1, max(2, len(name) - 1)))
        kind = int(rng.integers(4))
        if kind == 0:
            slips.append(name[:at] + name[at + 1 :])
        elif kind == 1:
            slips.append(name[:at] + name[at] + name[at:] if at < len(name) else name + name[-1])
        elif kind == 2 and at + 1 < len(name):
            slips.append(name[:at] + name[at + 1] + name[at] + name[at + 2 :])
        else:
            slips.append(name[:at] + "aeiourntl"[int(rng.integers(9))] + name[at + 1 :])
    return slips


@dataclass(frozen=True)
class Recorded:
    """What one service wrote down: spellings as places in the pools, birth dates as days (NEVER: none)."""

    forename: Ints
    surname: Ints
    birth: Ints


@dataclass(frozen=True)
class Names:
    """The pools of spellings; a name's row begins at its index times `width`."""

    forenames: pa.Array
    surnames: pa.Array
    counts: tuple[int, int, int]
    streets: tuple[str, ...]

    width = 2 + _SLIPS

    @classmethod
    def load(cls, chance: Chance) -> Names:
        """Lay out the pools from `names.toml`."""
        lists = tomllib.loads((files("borough") / "names.toml").read_text(encoding="utf-8"))
        rng = chance.stream("names", "slips")
        first_names = [*lists["female"], *lists["male"]]
        families = [head + tail for tail in lists["surname"]["tails"] for head in lists["surname"]["heads"]]
        # The commonest are the first of the list, so the order is shuffled once.
        families = [families[index] for index in rng.permutation(len(families))]
        short: dict[str, str] = lists["short"]
        return cls(
            pa.array(
                [
                    spelling
                    for name in first_names
                    for spelling in (name, short.get(name, name), *_misspell_name(rng, name))
                ]
            ),
            pa.array([spelling for name in families for spelling in (name, name, *_misspell_name(rng, name))]),
            (len(lists["female"]), len(lists["male"]), len(families)),
            tuple(f"{head} {tail}" for tail in lists["street"]["tails"] for head in lists["street"]["heads"]),
        )

    def record(
        self,
        rng: np.random.Generator,
        rates: Rates,
        people: People,
        who: NDArray[np.integer],
        *,
        homely: float = 1.0,
        unknown_birth: float | None = None,
    ) -> Recorded:
        """Write down the people `who` once each, with errors; `homely` multiplies the use of short names."""
        size = len(who)
        typing = rates.of("errors", "typing")
        first, last = rng.random(size), rng.random(size)
        slip = 2 + rng.integers(0, _SLIPS, (2, size))
        short = rates.of("errors", "short_name") * homely
        variant = np.where(first < typing, slip[0], np.where(first < typing + short, 1, 0))
        surname = np.where(rng.random(size) < 0.5, people.surname[who], people.other_surname[who])
        missing = rates.of("errors", "missing_birth") if unknown_birth is None else unknown_birth
        birth = _misdate_births(rng, people.birth[who], rates.of("errors", "swapped_date"))
        return Recorded(
            (people.forename[who] * self.width + variant).astype(np.int32),
            (surname * self.width + np.where(last < typing, slip[1], 0)).astype(np.int32),
            np.where(rng.random(size) < missing, NEVER, birth).astype(np.int32),
        )


def _misdate_births(rng: np.random.Generator, birth: Ints, share: float) -> Ints:
    """Swap day and month in some dates whose day could be a month; else be a year or a day out.

    9 March 2014 is written 3 September 2014. 20 March, which cannot be swapped, and 3 March, which would stay the same,
    are written a day or a year later.
    """
    wrong = np.flatnonzero(rng.random(len(birth)) < share)
    if not len(wrong):
        return birth
    dates = birth[wrong].astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    day = (dates - month).astype(np.int64)
    number = month.astype(np.int64) % 12
    swapped = (month - number + day).astype("datetime64[D]") + number
    other = birth[wrong] + np.where(rng.random(len(wrong)) < 0.5, 1, 365).astype(np.int32)
    result = birth.copy()
    result[wrong] = np.where((day < 12) & (day != number), swapped.astype(np.int64), other)
    return result
