"""What a likelihood means, in words that were measured: bands of the places of replayed lists.

    agreed            listings   need followed        joined             shown
    Very likely            3     cannot be told
    Likely                41     38 of 100            36 (24 to 50)      More likely than most: about 4 in 10 (2 to 5)
    More than most       160     19 of 100            19 (13 to 26)      A little more likely: about 2 in 10 (1 to 3)

The council agrees where bands begin and what they are called; what they mean is observed. Bands side by side that
cannot be told apart become one, and so does a band of which too little is known, with the one below. A title follows
the figure: it is that of the agreed band whose share the figure lies in. Where not even all together can be told, there
is no figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter.contracts.entity_words import EntityWords
from charter.council.training_settings import Band
from training.judging.bootstrap import Spread, bound

if TYPE_CHECKING:
    from training.judging.listed_rows import ListedRows

__all__ = ["NOT_KNOWN", "Wording", "find_range", "leave_unsaid", "list_meanings", "measure_bands", "say_meaning"]

Float = NDArray[np.float64]

NOT_KNOWN = "How likely is not known yet"
"""The title of a band that has no figure."""

_WIDEST = 0.4
"""A range of more than four in ten tells a worker nothing that a guess would not: then there is no figure."""


class Wording(NamedTuple):
    """What a programme's sentences need: what several rows are called, and its horizon, like "12 months"."""

    people: str
    horizon: str

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Wording:
        """Return the words of a definition (contract `definition`)."""
        horizon = definition["outcome"]["horizon"]
        unit = str(horizon["unit"]) if horizon["n"] != 1 else str(horizon["unit"]).removesuffix("s")
        return cls(EntityWords.of(definition).many, f"{horizon['n']} {unit}")


class Measured(NamedTuple):
    """One band's places: from which likelihood, expected listings, and the share the need followed, with its range."""

    from_score: float
    listings: float
    observed: float | None
    low: float | None
    high: float | None

    @property
    def known(self) -> bool:
        """Whether the range is narrow enough to say something."""
        return self.low is not None and self.high is not None and self.high - self.low <= _WIDEST


@dataclass(frozen=True)
class Places:
    """The places of lists by agreed band: which of the rows lie `inside` each, highest first."""

    rows: ListedRows
    bands: Sequence[Band]
    inside: Sequence[NDArray[np.bool_]]
    level: float

    @classmethod
    def of(cls, rows: ListedRows, likelihood: Float, bands: Sequence[Band], level: float) -> Places:
        """Divide the rows of which enough is visible by the bands' lower edges."""
        edges = [band.from_score for band in bands]
        return cls(
            rows,
            bands,
            [
                rows.enough & (likelihood >= low) & (likelihood < high)
                for low, high in zip(edges, [np.inf, *edges[:-1]], strict=True)
            ],
            level,
        )

    def join(self, part: Sequence[int]) -> NDArray[np.bool_]:
        """Return which rows lie in any of some bands."""
        return np.asarray(np.logical_or.reduce([self.inside[number] for number in part]))

    def share(self, part: Sequence[int]) -> Spread:
        """Return the share of some bands' listings that the need followed."""
        inside = self.join(part)
        return self.rows.share((inside & self.rows.needed).astype(np.float64), inside.astype(np.float64))

    def measure(self, part: Sequence[int]) -> Measured:
        """Return what is known of some bands together."""
        weight = np.where(self.join(part), self.rows.weight, 0.0)
        listings, from_score = float(weight.sum()), self.bands[part[-1]].from_score
        spread = self.share(part)
        estimate, _, _ = bound(spread, self.level)
        if estimate is None or not listings:
            return Measured(from_score, listings, None, None, None)
        draws, expected = spread.drawn[np.isfinite(spread.drawn)], spread.expected
        variance = max(0.0, float(draws.var(ddof=1) - expected.var(ddof=1))) if len(draws) > 1 else 0.0
        households = float(len(np.unique(self.rows.household[weight > 0])))
        low, high = find_range(estimate, variance, min(listings, households), self.level)
        return Measured(from_score, listings, estimate, low, high)

    def find_weakest(self, parts: Sequence[Sequence[int]]) -> int | None:
        """Return the first of the two bands to be joined next; None where each is known and surely above the next.

        It is one of which too little is known, with the one below; else the two that least can tell apart.
        """
        known = [self.measure(part).known for part in parts]
        if not all(known):
            return min(known.index(False), len(parts) - 2)
        shares = [self.share(part) for part in parts]
        lows = [bound(upper.less(lower), self.level)[1] for upper, lower in pairwise(shares)]
        apart = [-np.inf if low is None else low for low in lows]
        return None if min(apart) > 0 else int(np.argmin(apart))

    def find_title(self, part: Sequence[int]) -> Band:
        """Return the agreed band whose share a figure lies in, or the nearest; the last where there is no figure."""
        share = self.measure(part).observed
        if share is None:
            return self.bands[-1]
        return min(self.bands, key=lambda band: max(band.stated[0] - share, share - band.stated[1], 0.0))


def measure_bands(
    rows: ListedRows, likelihood: Float, bands: Sequence[Band], wording: Wording, level: float
) -> list[dict[str, Any]]:
    """Return the bands as people are shown them, highest first: contract `metrics`, key `bands`.

    `likelihood` (reached,) is by a scaling not fitted on those households.
    """
    places = Places.of(rows, likelihood, bands, level)
    parts = [[number] for number in range(len(bands))]
    while len(parts) > 1:
        weakest = places.find_weakest(parts)
        if weakest is None:
            break
        parts[weakest : weakest + 2] = [parts[weakest] + parts[weakest + 1]]
    titled: list[tuple[Band, list[int]]] = []
    for part in parts:
        agreed = places.find_title(part)
        # Two bands of one title would say two things by the same word.
        if titled and titled[-1][0] is agreed:
            titled[-1][1].extend(part)
        else:
            titled.append((agreed, list(part)))
    return [
        _describe_band(agreed, places.measure(part), [bands[n].title for n in part], wording) for agreed, part in titled
    ]


def find_range(share: float, variance: float, most: float, level: float) -> tuple[float, float]:
    """Return Wilson's interval of a share, of as many independent places as its variance between draws speaks for.

    They are share * (1 - share) / variance, `most` at the most: a percentile interval of few places, or of places that
    all went one way, would be far too narrow (Korn and Graubard 1998 reckon so for surveys).
    """
    places = min(most, share * (1 - share) / variance) if variance > 0 and 0 < share < 1 else most
    square = NormalDist().inv_cdf((1 + level) / 2) ** 2
    centre = (share + square / (2 * places)) / (1 + square / places)
    half = sqrt(square) / (1 + square / places) * sqrt(share * (1 - share) / places + square / (4 * places**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _describe_band(agreed: Band, measured: Measured, joined: Sequence[str], wording: Wording) -> dict[str, Any]:
    known = measured.known
    figure = (measured.observed, measured.low, measured.high) if known else (None, None, None)
    return {
        "id": agreed.id,
        "title": agreed.title if known else NOT_KNOWN,
        "meaning": say_meaning(figure, wording),
        "from_score": measured.from_score,
        "stated": list(agreed.stated) if known else None,
        "observed": figure[0],
        "low": figure[1],
        "high": figure[2],
        "n": round(measured.listings),
        "joined": list(joined),
    }


def leave_unsaid(bands: Sequence[Band], wording: Wording) -> list[dict[str, Any]]:
    """Return the one band there is where no list could be made again: it has no figure."""
    unknown = Measured(0.0, 0.0, None, None, None)
    return [_describe_band(bands[-1], unknown, [band.title for band in bands], wording)]


def say_meaning(figure: tuple[float | None, float | None, float | None], wording: Wording) -> str:
    """Return what a band means: the figure observed, rounded, and its range, rounded outwards."""
    share, low, high = figure
    if share is None or low is None or high is None:
        return (
            f"Too few {wording.people} like this were on past weeks' lists to say how many had such a need recorded"
            f" within {wording.horizon}."
        )
    of = 10 if share >= 0.095 else 100
    about = "Fewer than 1" if round(of * share) == 0 else f"About {of * share:.0f}"
    # What is rounded outwards is never narrower than what was measured.
    ends = f"{floor(of * low + 1e-9)} to {ceil(of * high - 1e-9)} in {of}"
    return (
        f"{about} in {of} {wording.people} like this on past weeks' lists ({ends}) had such a need recorded within"
        f" {wording.horizon}."
    )


def list_meanings(bands: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each band in a line, for a terminal."""
    return [f"{band['title']}: {band['meaning']}" for band in bands]
