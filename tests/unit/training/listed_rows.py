"""Rows of replayed lists, made without a matrix: a borough of frozen scores, its lists, and what followed them."""

from __future__ import annotations

import numpy as np

from tests.unit.training.test_replay_coverage import PART, RULES, population
from training.judging.listed_rows import ListedRows
from training.judging.replay import HouseholdDraws, Listings, replay_model

__all__ = ["rows_of", "rows_of_lists"]


def rows_of_lists(seed: int = 1, draws: int = 200, lotteries: int = 30, households: int = 2000) -> ListedRows:
    """Return the rows that the sharper score's lists come to."""
    weeks, margins, _ = population(seed, None, households)
    drawn = HouseholdDraws.of(weeks.names, draws, lotteries, seed)
    listings = replay_model(weeks, margins, PART, RULES, drawn, keep=True).listings
    rows, week = listings.rows, weeks.week[listings.rows]
    return ListedRows(
        listings,
        (PART[week] >= 0) & weeks.labelled[rows],
        weeks.needed[rows],
        weeks.household[rows],
        week,
        np.zeros(len(rows), dtype=np.int32),
        margins[rows],
        np.ones(len(rows), dtype=bool),
        np.ones(len(rows)),
        np.array(weeks.list_team)[weeks.list_of[rows]],
        np.full(len(rows), b"E01", dtype="S9"),
    )


def rows_of(shares: dict[float, float], each: int = 60, draws: int = 400, seed: int = 1) -> ListedRows:
    """Return rows that every list holds: of each margin `each` households, with the share whose need followed."""
    generator, count = np.random.default_rng(seed), each * len(shares)
    margins = np.repeat(list(shares), each)
    needed = np.concatenate([np.arange(each) < round(each * share) for share in shares.values()])
    everyone = np.arange(count, dtype=np.int32)
    again = generator.integers(0, count, (draws, count)).astype(np.int32)
    return ListedRows(
        Listings(np.arange(count), np.tile(everyone, (5, 1)), again),
        np.ones(count, dtype=bool),
        needed,
        everyone,
        np.zeros(count, dtype=np.int32),
        np.zeros(count, dtype=np.int32),
        margins,
        np.ones(count, dtype=bool),
        np.ones(count),
        np.array(["north"] * count),
        np.full(count, b"E01", dtype="S9"),
    )
