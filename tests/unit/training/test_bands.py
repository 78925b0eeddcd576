"""What a likelihood means: figures of lists, bands that are told apart, titles that follow the figure."""

from __future__ import annotations

import re
from math import exp, sqrt

import numpy as np
import pytest

from charter.council.training_settings import Band
from charter.rules.certainty.score_test import bisect
from tests.resuming import draw_resuming
from tests.unit.training.listed_rows import rows_of, rows_of_lists
from training.judging.bands import NOT_KNOWN, Wording, find_range, list_meanings, measure_bands, say_meaning
from training.judging.listed_rows import ListedRows

WORDING = Wording("households", "12 months")
BANDS = [
    Band(id="a", title="Very likely", from_score=0.65, stated=(0.65, 0.95)),
    Band(id="b", title="Likely", from_score=0.40, stated=(0.40, 0.65)),
    Band(id="c", title="More likely than most", from_score=0.18, stated=(0.18, 0.40)),
    Band(id="d", title="A little more likely than most", from_score=0.0, stated=(0.0, 0.18)),
]


def test_a_band_that_is_told_apart_carries_the_share_that_was_observed() -> None:
    shares = {0.8: 0.75, 0.3: 0.30, 0.1: 0.10}
    rows = rows_of(shares, each=120)
    bands = measure_bands(rows, rows.margin, BANDS, WORDING, 0.95)
    assert [(band["id"], band["observed"], band["n"]) for band in bands] == [
        ("a", 0.75, 120),
        ("c", pytest.approx(0.30), 120),
        ("d", pytest.approx(0.10), 120),
    ]
    assert bands[0]["meaning"].startswith("About 8 in 10 households like this on past weeks' lists (6 to 9 in 10) had")
    assert list_meanings(bands)[0] == f"Very likely: {bands[0]['meaning']}"


def test_the_title_is_that_of_the_figure_and_not_of_the_hope() -> None:
    """Broken by a title that stays when 30 in 100 were seen of what had been called very likely."""
    rows = rows_of({0.8: 0.30, 0.1: 0.05}, each=150)
    bands = measure_bands(rows, rows.margin, BANDS, WORDING, 0.95)
    assert [(band["title"], band["stated"]) for band in bands] == [
        ("More likely than most", [0.18, 0.40]),
        ("A little more likely than most", [0.0, 0.18]),
    ]
    assert bands[0]["joined"][0] == "Very likely"
    assert bands[0]["from_score"] < 0.8


def test_bands_that_cannot_be_told_apart_are_one() -> None:
    rows = rows_of({0.8: 0.48, 0.5: 0.50, 0.1: 0.05}, each=100)
    bands = measure_bands(rows, rows.margin, BANDS, WORDING, 0.95)
    assert [band["joined"] for band in bands] == [
        ["Very likely", "Likely"],
        ["More likely than most", "A little more likely than most"],
    ]
    assert bands[0]["observed"] == pytest.approx(0.49)
    assert bands[0]["n"] == 200


def test_two_bands_that_would_have_one_title_are_one() -> None:
    rows = rows_of({0.5: 0.38, 0.2: 0.20}, each=600)
    (band,) = measure_bands(rows, rows.margin, BANDS, WORDING, 0.95)
    assert (band["title"], band["observed"]) == ("More likely than most", pytest.approx(0.29))


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_where_too_little_is_known_there_is_no_figure(share: float) -> None:
    """Three households that all had the need are not "about 10 in 10". Broken by a percentile interval of no width."""
    rows = rows_of({0.8: share}, each=4)
    (band,) = measure_bands(rows, rows.margin, BANDS, WORDING, 0.95)
    assert (band["title"], band["observed"], band["low"], band["stated"]) == (NOT_KNOWN, None, None, None)
    assert not set(re.findall(r"\d+", band["meaning"])) - {"12"}


def test_a_band_of_which_too_little_is_known_joins_the_one_below() -> None:
    rows = rows_of({0.8: 1.0, 0.3: 0.25}, each=200)
    few = (rows.margin < 0.5) | (np.arange(len(rows.margin)) < 3)
    rows.enough[~few] = False
    bands = measure_bands(rows, rows.margin, BANDS, WORDING, 0.95)
    assert bands[0]["n"] == 203
    assert bands[0]["title"] == "More likely than most"


def test_a_row_of_which_not_enough_is_visible_is_in_no_band() -> None:
    rows = rows_of({0.8: 0.75}, each=200)
    rows.enough[100:] = False
    assert sum(band["n"] for band in measure_bands(rows, rows.margin, BANDS, WORDING, 0.95)) == 100


def test_bands_of_replayed_lists_count_each_listing_as_often_as_it_is_made() -> None:
    rows = rows_of_lists()
    whole = [Band(id="all", title="All", from_score=0.0, stated=(0.0, 1.0))]
    (band,) = measure_bands(rows, np.full(len(rows.margin), 0.5), whole, WORDING, 0.95)
    listed = rows.listings.expected[0]
    listed = listed[listed < len(rows.margin)]
    listed = listed[rows.counted[listed]]
    assert band["n"] == len(listed)
    assert band["observed"] == pytest.approx(rows.needed[listed].mean(), abs=0.05)
    assert band["low"] < band["observed"] < band["high"]


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ((0.21, 0.15, 0.28), "About 2 in 10 households like this on past weeks' lists (1 to 3 in 10)"),
        ((0.06, 0.031, 0.09), "About 6 in 100 households like this on past weeks' lists (3 to 9 in 100)"),
        ((0.30, 0.20, 0.40), "About 3 in 10 households like this on past weeks' lists (2 to 4 in 10)"),
        ((0.004, 0.0, 0.02), "Fewer than 1 in 100 households like this on past weeks' lists (0 to 2 in 100)"),
        ((0.97, 0.93, 1.0), "About 10 in 10 households like this on past weeks' lists (9 to 10 in 10)"),
    ],
)
def test_a_figure_is_rounded_and_its_range_outwards(figure: tuple[float, float, float], words: str) -> None:
    assert say_meaning(figure, WORDING) == f"{words} had such a need recorded within 12 months."


def test_a_range_is_that_of_as_many_places_as_draws_speak_for() -> None:
    """Each place twice is no more than each once. Broken by counting listings for households."""
    share, places = 0.3, 100
    low, high = find_range(share, share * (1 - share) / places, 10_000, 0.95)
    assert (low, high) == pytest.approx((0.219, 0.396), abs=0.001)  # Wilson's of 30 of 100
    assert find_range(share, 0.0, 100, 0.95) == pytest.approx((low, high))
    assert find_range(1.0, 0.0, 4, 0.95)[0] == pytest.approx(0.51, abs=0.01)
    assert find_range(0.0, 0.0, 4, 0.95)[0] == 0.0


CALIBRATED = {400: (-0.764, 0.814), 800: (-1.008, 0.951), 2000: (-0.155, 0.459)}
"""By households: the likelihood of a score on lists, by logistic regressions over populations of their own."""


def find_likelihood(rows: ListedRows, households: int) -> np.ndarray:
    level, slope = CALIBRATED[households]
    return 1 / (1 + np.exp(-(level + slope * rows.margin)))


def count_places(rows: ListedRows, inside: np.ndarray) -> tuple[float, float]:
    """Return the share of some rows' listings that the need followed, and of how many independent places it is."""
    spread = rows.share((inside & rows.needed).astype(np.float64), inside.astype(np.float64))
    share, most = float(np.nanmean(spread.expected)), float(len(np.unique(rows.household[inside & (rows.weight > 0)])))
    low, high = find_range(share, max(0.0, float(np.nanvar(spread.drawn) - np.nanvar(spread.expected))), most, 0.95)

    def is_wider(size: float) -> bool:
        ends = find_range(share, 0.0, exp(size), 0.95)
        return ends[1] - ends[0] > high - low

    return share, exp(bisect(is_wider, 0.0, 20.0))


def predict(seed: int, households: int) -> list[list[float]]:
    """Return, of each band with a figure in one borough, that figure, another borough's, and how far they are apart.

    Apart is in standard errors of a share of both samples together: within 1.96 lies the 95 % prediction range. Of a
    band in which the other borough lists nobody nothing is said.
    """
    here, there = (
        rows_of_lists(number, draws=200, lotteries=30, households=households)
        for number in (2 * 10**6 + seed, 3 * 10**6 + seed)
    )
    scores = [find_likelihood(rows, households) for rows in (here, there)]
    bands = measure_bands(here, scores[0], BANDS, WORDING, 0.95)
    edges = [band["from_score"] for band in bands]
    result = []
    for low, high, band in zip(edges, [np.inf, *edges[:-1]], bands, strict=True):
        inside = [(likelihood >= low) & (likelihood < high) for likelihood in scores]
        if band["observed"] is None or not there.weight[inside[1]].any():
            continue
        (share, places), (other, others) = (
            count_places(rows, chosen) for rows, chosen in zip((here, there), inside, strict=True)
        )
        both = (share * places + other * others) / (places + others)
        error = sqrt(max(both * (1 - both), 1e-12) * (1 / places + 1 / others))
        result.append([share, other, (other - share) / error])
    return result


def test_a_band_of_one_borough_is_held_to_another() -> None:
    statements = predict(1, households=800)
    assert statements
    assert all(abs(distance) < 4 for _, _, distance in statements)


@pytest.mark.deep
@pytest.mark.parametrize("households", sorted(CALIBRATED))
def test_of_100_band_statements_93_to_97_hold_in_a_borough_not_used_before(households: int) -> None:
    """Two hundred pairs of boroughs of each size. Broken by ranges of as many places as there are listings."""
    pairs = draw_resuming(f"bands-{households}", range(200), lambda seed: predict(seed, households))
    apart = np.array([distance for statements in pairs.values() for _, _, distance in statements])
    assert len(apart) >= 200
    assert 0.93 <= (np.abs(apart) <= 1.96).mean() <= 0.97, (len(apart), (np.abs(apart) <= 1.96).mean())
