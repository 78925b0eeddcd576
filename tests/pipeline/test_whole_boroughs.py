"""What the simulations say, on whole boroughs: intervals, the choice of model, and what likelihoods are said to mean.

Forty boroughs of 3,000 homes and five of 30,000, each by the demo's own path (tests/played_boroughs.py): some hours on
two cores, an hour at a time with `make deep ONLY=whole_boroughs`, which goes on where it stopped.

    95 intervals in 100     hold the mean over all other boroughs, of a list whose rule is the same in all of them
    of 40 so many           may hold it by chance: the binomial range that each test states when it fails
"""

from __future__ import annotations

from itertools import pairwise
from math import exp, inf, isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from charter.rules.certainty.score_test import bisect
from tests.played_boroughs import Figure, PlayedBorough, play_boroughs
from training.judging.bands import find_range

BOROUGHS = {3_000: 40, 30_000: 5}
ORDER = ("points", "logistic", "lightgbm")
"""What can be released, simplest first."""


def play_fair(root: Path, homes: int) -> list[PlayedBorough]:
    played = play_boroughs(root, [f"{homes} fair {seed}" for seed in range(1, BOROUGHS[homes] + 1)])
    assert len(played) == BOROUGHS[homes]
    return list(played.values())


def holds_mean(figures: list[Figure], number: int) -> bool:
    """Whether one borough's interval holds the mean over all others, each end moved by that mean's own error too."""
    own = figures[number]
    others = np.array([figure["estimate"] for other, figure in enumerate(figures) if other != number])
    error = 1.96 * others.std(ddof=1) / sqrt(len(others))
    below, above = (sqrt((own["estimate"] - own[end]) ** 2 + error**2) for end in ("low", "high"))
    return bool(own["estimate"] - below <= others.mean() <= own["estimate"] + above)


def allowed(number: int) -> tuple[int, int]:
    """Return how many of so many intervals may hold the truth where 95 in 100 do, in 95 of 100 trials."""
    fewest, most = binom.interval(0.95, number, 0.95)
    return int(fewest), int(most)


def choose_by_the_rule(recommendation: dict[str, Any]) -> tuple[str, str]:
    """Return the model and the answer by the signed rule, from the ends of the differences alone."""
    model = answer = ""
    for simpler in ORDER:
        ups = [step for step in recommendation["steps"] if step["simpler"] == simpler]
        enough = [step["high"] is not None and step["high"] <= recommendation["margin"] for step in ups]
        better = [not ok and step["low"] is not None and step["low"] > 0 for ok, step in zip(enough, ups, strict=True)]
        if not any(better):
            model, answer = simpler, "chosen" if all(enough) else "cannot be told"
            break
    return model, answer


def find_places(band: dict[str, Any]) -> float:
    """Return of how many independent places a band's range is that of: what its width says, by Wilson."""

    def is_wider(size: float) -> bool:
        low, high = find_range(band["observed"], 0.0, exp(size), 0.95)
        return bool(high - low > band["high"] - band["low"])

    return exp(bisect(is_wider, 0.0, 20.0))


def compare_bands(one: PlayedBorough, other: PlayedBorough) -> list[float]:
    """Return of each band that both have, how far apart they are: 1.96 is the end of the 95 % prediction range."""
    edges = [
        {
            (band["from_score"], above): band
            for band, above in zip(bands, [inf, *(band["from_score"] for band in bands[:-1])], strict=True)
            if band["observed"] is not None
        }
        for bands in (one.figures["bands"], other.figures["bands"])
    ]
    apart = []
    for edge in edges[0].keys() & edges[1].keys():
        shares = [bands[edge]["observed"] for bands in edges]
        places = [find_places(bands[edge]) for bands in edges]
        both = np.average(shares, weights=places)
        apart.append(float((shares[1] - shares[0]) / sqrt(both * (1 - both) * (1 / places[0] + 1 / places[1]))))
    return apart


def test_an_interval_holds_the_mean_of_the_others_where_it_is_wide_enough() -> None:
    figures = [{"estimate": share, "low": share - 0.05, "high": share + 0.05} for share in (0.1, 0.12, 0.11, 0.3)]
    assert [holds_mean(figures, number) for number in range(4)] == [True, True, True, False]
    assert allowed(40) == (35, 40)
    assert allowed(5) == (4, 5)


@pytest.mark.parametrize(
    ("ends", "by_rule"),
    [
        (((0.0, 0.02), (0.0, 0.03), (0.0, 0.01)), ("points", "chosen")),
        (((0.0, 0.02), (-0.01, 0.04), (0.0, 0.01)), ("points", "cannot be told")),
        (((0.01, 0.05), (0.01, 0.05), (0.0, 0.01)), ("logistic", "chosen")),
        (((0.0, 0.02), (0.01, 0.05), (0.01, 0.05)), ("lightgbm", "chosen")),
    ],
)
def test_the_rule_is_that_of_the_ends(ends: tuple[tuple[float, float], ...], by_rule: tuple[str, str]) -> None:
    pairs = (("points", "logistic"), ("points", "lightgbm"), ("logistic", "lightgbm"))
    steps = [
        {"simpler": simpler, "other": other, "low": low, "high": high}
        for (simpler, other), (low, high) in zip(pairs, ends, strict=True)
    ]
    assert choose_by_the_rule({"margin": 0.03, "steps": steps}) == by_rule


@pytest.mark.deep
@pytest.mark.parametrize("homes", list(BOROUGHS))
@pytest.mark.parametrize("rule", ["agreed", "last_contact"])
def test_intervals_of_whole_boroughs_hold_the_mean_of_the_others(tmp_path: Path, homes: int, rule: str) -> None:
    """Of 100 listed by a frozen rule, those with a need. Broken by intervals that count listings for households."""
    played = play_fair(tmp_path, homes)
    figures: list[Figure] = [borough.figures[rule] for borough in played]
    assert not any(isnan(figure["estimate"]) for figure in figures), figures
    held = sum(holds_mean(figures, number) for number in range(len(figures)))
    fewest, most = allowed(len(figures))
    assert fewest <= held <= most, f"{held} of {len(figures)} held the mean; {fewest} to {most} may by chance"


@pytest.mark.deep
@pytest.mark.parametrize("homes", list(BOROUGHS))
def test_what_is_released_is_what_the_signed_rule_chooses(tmp_path: Path, homes: int) -> None:
    for borough in play_fair(tmp_path, homes):
        recommendation = borough.figures["recommendation"]
        model, answer = choose_by_the_rule(recommendation)
        assert recommendation["model"] == model, recommendation
        if recommendation["answer"] not in ("no better than lots", "beaten"):
            assert recommendation["answer"] == answer, recommendation
        assert borough.figures["released"] in (model, None)


@pytest.mark.deep
def test_band_statements_of_whole_boroughs_hold_in_the_next_one(tmp_path: Path) -> None:
    played = play_fair(tmp_path, 3_000)
    apart = [distance for one, other in pairwise(played) for distance in compare_bands(one, other)]
    assert len(apart) >= len(played) // 2
    held = int((np.abs(apart) <= 1.96).sum())
    fewest, most = allowed(len(apart))
    assert fewest <= held <= most, f"{held} of {len(apart)} band statements held; {fewest} to {most} may by chance"
