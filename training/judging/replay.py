"""The replay: every past week's lists made again as lists are used, for one model and for many draws of the households.

    week 0        week 1        week 2 ...     lists by the published order, cut at each team's places
    a b | c d     c d | a b     ...            who was listed rests as its decision says; the next ones move up

Each listing opens a spell of one horizon: the need followed within it, or it did not. Until the first rests have
ended, nobody has come back to a list, so those weeks are made and not counted (burn-in).

    expected   lots and decisions are drawn many times over the households there are; the estimate is their mean
    drawn      households are drawn again, one drawn c times as c households, and every list is made again

The spread between draws holds the lots' own chance, which the estimate no longer has; it is taken out (`bound`).
Models are held fixed throughout. The loop is replay_kernel.py; tests hold it to a slow one, and to `rank`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter.rules.tie_break import order_rows
from training.data.list_rules import ListRules
from training.data.weeks import ListWeeks
from training.judging.bootstrap import Spread
from training.judging.replay_kernel import (
    BEFORE,
    DAYS,
    FAMILIES,
    FRESH,
    LABELLED,
    LISTINGS,
    NEED,
    NEEDED,
    NEW,
    NEW_NEEDED,
    QUANTITIES,
    SPELLS,
    UNUSED,
    Answers,
    Calendar,
    Lists,
    Order,
    Outcomes,
    replay_draws,
)

__all__ = [
    "Exposure",
    "HouseholdDraws",
    "Listings",
    "Replay",
    "list_as_ranked",
    "measure_replay",
    "replay_model",
]

Float = NDArray[np.float64]

_PARTS = 3
"""Counted at most so many parts of the weeks apart: two marks each in the eight bits of a copy."""

_CHUNK = 20_000_000
"""Cells of one chunk of work: bounds memory whatever the number of households."""


@dataclass(frozen=True)
class HouseholdDraws:
    """The households drawn again: how often each was, (draws, households); and how many lotteries over all of them.

    `keys` (households,) name the households to the lots, `seeds` the lotteries and then the draws.
    """

    times: NDArray[np.uint8]
    lotteries: int
    keys: NDArray[np.uint64]
    seeds: NDArray[np.uint64]

    @classmethod
    def of(cls, names: NDArray[np.bytes_], draws: int, lotteries: int, seed: int) -> HouseholdDraws:
        """Draw as many households as there are, with replacement, `draws` times."""
        generator, size = np.random.default_rng(seed), len(names)
        times = np.empty((draws, size), dtype=np.uint8)
        for draw in range(draws):
            number = np.bincount(generator.integers(0, size, size), minlength=size)
            times[draw] = np.minimum(number, np.iinfo(np.uint8).max)
        seeds = [hashlib.sha256(f"{seed}/{number}".encode()).digest() for number in range(lotteries + draws)]
        return cls(times, lotteries, name_keys(names), np.array([_first_bits(digest) for digest in seeds], np.uint64))

    def first(self, draws: int) -> HouseholdDraws:
        """Return all lotteries and the first draws, for figures that cost more."""
        return replace(self, times=self.times[:draws], seeds=self.seeds[: self.lotteries + draws])

    def totals(self, value: Float) -> Float:
        """Return the total of a value over the households (households,), in each draw. Shape (draws,)."""
        some = np.flatnonzero(value)
        step = max(1, _CHUNK // max(1, len(some)))
        parts = [
            self.times[start : start + step][:, some].astype(np.float32) @ value[some].astype(np.float32)
            for start in range(0, len(self.times), step)
        ]
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def name_keys(names: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Return 64 bits of the sha256 of each pseudonym: what a household's lots and decisions are made of."""
    return np.array([_first_bits(hashlib.sha256(name).digest()) for name in names.tolist()], dtype=np.uint64)


def _first_bits(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "little")


@dataclass(frozen=True)
class Exposure:
    """What the figures are of, by part: families in need and households, in the sample and in each draw.

    `in_need` and `households` are (1 + draws, parts), the sample first; `households` is the mean over the weeks,
    `years` (parts,) how long they are together.
    """

    in_need: Float
    households: Float
    years: Float

    @classmethod
    def of(cls, weeks: ListWeeks, part: NDArray[np.int8], draws: HouseholdDraws, apart: int) -> Exposure:
        """Count over the counted weeks of each part; every household of the cohort, whether or not a team serves it."""
        row_part = part[weeks.week]
        in_need, households, years = [], [], []
        for number in range(int(part.max(initial=-1)) + 1):
            rows, lists = row_part == number, int((part == number).sum())
            needed = np.zeros(len(weeks.names))
            needed[weeks.household[rows & weeks.needed]] = 1.0
            present = np.bincount(weeks.household[rows], minlength=len(weeks.names)) / max(lists, 1)
            in_need.append(np.r_[needed.sum(), draws.totals(needed)])
            households.append(np.r_[present.sum(), draws.totals(present)])
            years.append(lists * apart / 365.25)
        return cls(np.array(in_need).T, np.array(households).T, np.array(years))

    def first(self, draws: int) -> Exposure:
        """Return the sample and its first draws."""
        return replace(self, in_need=self.in_need[: 1 + draws], households=self.households[: 1 + draws])


class Listings(NamedTuple):
    """Whom one model's lists held, in each lottery and draw: (lotteries or draws, all lists' places).

    A listing is a number of `rows` (reached,), the rows of the weeks that a list can come to; one beyond the last is a
    place that stayed empty.
    """

    rows: NDArray[np.int64]
    expected: NDArray[np.int32]
    drawn: NDArray[np.int32]

    @property
    def chance(self) -> Float:
        """How often each of the rows is listed, over the lotteries; shape (reached,)."""
        times = np.bincount(self.expected.ravel(), minlength=len(self.rows) + 1)
        return np.asarray(times[:-1] / max(len(self.expected), 1))

    def of_lottery(self, lottery: int) -> NDArray[np.int64]:
        """Return the rows of the weeks, in their order, that one lottery over the households there are listed."""
        listed = self.expected[lottery]
        return np.sort(self.rows[listed[listed < len(self.rows)]])

    def total(self, value: Float) -> tuple[Float, Float]:
        """Return the total of values over the listings: (reached, k) becomes (lotteries, k) and (draws, k)."""
        from scipy.sparse import csr_array  # type: ignore[import-untyped]  # it ships no types

        def over(listed: NDArray[np.int32]) -> Float:
            ends = np.arange(len(listed) + 1) * listed.shape[1]
            times = csr_array((np.ones(listed.size), listed.ravel(), ends), shape=(len(listed), len(padded)))
            return np.asarray(times @ padded)

        padded = np.vstack([value, np.zeros((1, value.shape[1]))])
        return over(self.expected), over(self.drawn)


@dataclass(frozen=True)
class Replay:
    """One model's totals (replay_kernel.QUANTITIES), by lottery or draw, and part: (lotteries or draws, parts, 9).

    `listings` has no places where they were not kept.
    """

    expected: Float
    drawn: Float
    listings: Listings


def replay_model(
    weeks: ListWeeks,
    margins: Float,
    part: NDArray[np.int8],
    rules: ListRules,
    draws: HouseholdDraws,
    threads: int = 1,
    keep: bool = False,
) -> Replay:
    """Replay the lists that a model's margins (rows,) would have made.

    `part` (weeks,) says which part each week counts in, from 0; -1 for none, as in the burn-in. `keep` whom they hold.
    """
    if int(part.max(initial=-1)) >= _PARTS:
        raise ValueError(f"a replay counts {_PARTS} parts at most")
    depth = (weeks.room * (rules.mean_rest + 1) * 1.5 + 60).astype(np.int64)
    while True:
        rows, order = order_weeks(weeks, margins, depth)
        # Only households that a list can come to go into the loop, numbered by their first place: the cache holds them.
        near, first = np.unique(order.household, return_index=True)
        near = near[np.argsort(first, kind="stable")]
        local = np.zeros(len(weeks.names), dtype=np.int32)
        local[near] = np.arange(len(near), dtype=np.int32)
        order = order._replace(household=local[order.household])
        calendar = Calendar(weeks.list_week, weeks.room, part)
        lists = Lists(order, _outcomes(weeks, rows), calendar, compile_answers(rules), draws.keys[near], near)
        once = np.ones((draws.lotteries, len(weeks.names)), dtype=np.uint8)
        expected = _replay_all(lists, once, draws.seeds[: draws.lotteries], threads, keep)
        drawn = _replay_all(lists, draws.times, draws.seeds[draws.lotteries :], threads, keep)
        if not expected.short | drawn.short:
            return Replay(expected.totals, drawn.totals, Listings(rows, expected.kept, drawn.kept))
        depth = depth * 2


class _Made(NamedTuple):
    """What the loop made of some draws: totals, places listed, and whether a list ran out of rows that there are."""

    totals: Float
    kept: NDArray[np.int32]
    short: bool


def _outcomes(weeks: ListWeeks, rows: NDArray[np.int64]) -> Outcomes:
    bits = LABELLED * weeks.labelled[rows] + NEED * weeks.needed[rows] + FRESH * weeks.new[rows]
    return Outcomes(bits.astype(np.uint8), np.nan_to_num(weeks.days_until[rows]))


def compile_answers(rules: ListRules) -> Answers:
    """Return the decisions as the compiled loop reads them; the last one is "undecided", which has no rest."""
    shares = np.cumsum(list(rules.answers.values()), dtype=np.float64)
    return Answers(np.append(shares, np.inf), np.array([*rules.lists_left_out.values(), 1], dtype=np.int32))


def _replay_all(
    lists: Lists, times: NDArray[np.uint8], seeds: NDArray[np.uint64], threads: int, keep: bool = False
) -> _Made:
    """Replay each draw, on some threads; `keep` whom each list holds."""
    totals = np.zeros((len(times), max(int(lists.calendar.part.max(initial=-1)) + 1, 1), QUANTITIES))
    places = int(lists.calendar.room.sum()) if keep else 0
    kept = np.full((len(times), places), len(lists.order.household), dtype=np.int32)
    edges = np.linspace(0, len(times), threads + 1).astype(int)

    def replay(begin: int, end: int) -> bool:
        return bool(replay_draws(lists, times[begin:end], seeds[begin:end], totals[begin:end], kept[begin:end]))

    with ThreadPoolExecutor(max_workers=threads) as pool:
        short = any(list(pool.map(replay, edges[:-1], edges[1:])))
    return _Made(totals, kept, short)


def order_weeks(
    weeks: ListWeeks, margins: Float, depth: NDArray[np.int64], published: bool = False
) -> tuple[NDArray[np.int64], Order]:
    """Return each list's rows by falling margin, as far down as its depth and the end of the level there.

    `published` puts equal margins in the order of the published lottery, each a level of its own.
    """
    rows: list[NDArray[np.int64]] = []
    level_end: list[NDArray[np.int64]] = []
    start, cut = [0], []
    for number, week in enumerate(weeks.list_week.tolist()):
        begin, end = weeks.start[week], weeks.start[week + 1]
        every = begin + np.flatnonzero(weeks.list_of[begin:end] == number)
        near = _nearest(every, margins, int(depth[number]))
        if published:
            lottery = order_rows(weeks.names[weeks.household[near]], weeks.days[week], margins[near])
            near, ends = near[np.argsort(lottery)], np.arange(1, len(near) + 1)
        else:
            near = near[np.argsort(-margins[near], kind="stable")]
            last = np.flatnonzero(np.diff(margins[near], append=np.nan) != 0) + 1
            ends = last[np.searchsorted(last, np.arange(len(near)), side="right")]
        rows.append(near)
        level_end.append(ends + start[-1])
        start.append(start[-1] + len(near))
        cut.append(len(near) < len(every))
    every = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
    ends_of = np.concatenate([np.zeros(0, dtype=np.int64), *level_end]).astype(np.int32)
    return every, Order(weeks.household[every], ends_of, np.array(start), np.array(cut, dtype=np.bool_))


def _nearest(rows: NDArray[np.int64], margins: Float, depth: int) -> NDArray[np.int64]:
    """Return the rows with the `depth` largest margins, and all that equal the last of them."""
    if len(rows) <= depth:
        return rows
    falling = -margins[rows]
    return np.asarray(rows[falling <= np.partition(falling, depth - 1)[depth - 1]])


def list_as_ranked(weeks: ListWeeks, margins: Float, rules: ListRules, seed: int) -> NDArray[np.bool_]:
    """Return which rows would have been on the lists that `rank` issues, (rows,): by the published lottery.

    Decisions are drawn by the lot of `seed`, as `draw_decision` draws them.
    """
    deepest = np.full(len(weeks.room), np.iinfo(np.int64).max)
    rows, order = order_weeks(weeks, margins, deepest, published=True)
    calendar = Calendar(weeks.list_week, weeks.room, np.full(len(weeks.days), -1, dtype=np.int8))
    lists = Lists(
        order,
        _outcomes(weeks, rows),
        calendar,
        compile_answers(rules),
        name_keys(weeks.names),
        np.arange(len(weeks.names), dtype=np.int32),
    )
    once, seeds = np.ones((1, len(weeks.names)), dtype=np.uint8), np.array([seed], dtype=np.uint64)
    kept = _replay_all(lists, once, seeds, threads=1, keep=True).kept[0]
    listed = np.zeros(len(weeks.household), dtype=np.bool_)
    listed[rows[kept[kept < len(rows)]]] = True
    return listed


def measure_replay(replay: Replay, exposure: Exposure, part: int) -> dict[str, Spread]:
    """Return the figures of one part of the weeks, by measure.

    needed_of_listed      of 100 listings, those of families whose need was recorded within a horizon: a share
    needed_of_families    the same of families, each counted once however often it was listed
    listed_of_need        of families in need, the share that was listed before
    days_before           days from the first such listing to the need
    unneeded_per_1000     listings that no need followed, for 1,000 households and a year
    new_of_listed         of listings, the share of families that no service was in touch with
    new_needed_of_listed  of listings, the share of such families whose need was recorded
    places_unused         the share of places that nobody was left for
    places_filled         listings, a year
    """
    both = (replay.expected, replay.drawn)
    # On how many families each figure rests: those listed, those listed before their need, and all in need.
    listed, before = (float(replay.expected[:, part, quantity].mean()) for quantity in (FAMILIES, BEFORE))

    def spread(top: int | tuple[int, int], bottom: int | tuple[int, ...], families: float = listed) -> Spread:
        expected, draws = (_ratio(_sum(totals, part, top), _sum(totals, part, bottom)) for totals in both)
        return Spread(expected, draws, families)

    def spread_over(tops: Sequence[Float], bottoms: Sequence[Float], families: float = listed) -> Spread:
        expected, draws = (_ratio(top, bottom) for top, bottom in zip(tops, bottoms, strict=True))
        return Spread(expected, draws, families)

    sample, draws = slice(0, 1), slice(1, None)
    per = [exposure.households[which, part] * exposure.years[part] / 1000 for which in (sample, draws)]
    needs = [exposure.in_need[which, part] for which in (sample, draws)]
    unneeded = [totals[:, part, SPELLS] - totals[:, part, NEEDED] for totals in both]
    yearly = [totals[:, part, LISTINGS] / exposure.years[part] for totals in both]
    return {
        "needed_of_listed": spread(NEEDED, SPELLS),
        "needed_of_families": spread(BEFORE, FAMILIES),
        "listed_of_need": spread_over([totals[:, part, BEFORE] for totals in both], needs, float(needs[0][0])),
        "days_before": spread(DAYS, BEFORE, before),
        "unneeded_per_1000": spread_over(unneeded, per),
        "new_of_listed": spread(NEW, SPELLS),
        "new_needed_of_listed": spread(NEW_NEEDED, SPELLS),
        "places_unused": spread(UNUSED, (UNUSED, LISTINGS)),
        "places_filled": Spread(yearly[0], yearly[1], listed),
    }


def _sum(totals: Float, part: int, quantities: int | tuple[int, ...]) -> Float:
    return np.asarray(
        totals[:, part, quantities] if isinstance(quantities, int) else totals[:, part, list(quantities)].sum(axis=1)
    )


def _ratio(top: Float, bottom: Float) -> Float:
    return np.asarray(
        np.divide(top, bottom, out=np.full(top.shape, np.nan), where=np.broadcast_to(bottom > 0, top.shape))
    )
