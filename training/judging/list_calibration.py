"""Calibration where lists are made: whether as many needs followed as likelihoods promised, for each group.

Groups are what training may read: teams, areas, and how much of a household is seen. Protected characteristics are the
audit's alone (fairness_reports).

    observed over expected    1.31 (1.10 to 1.55)    more need
    calibration slope         0.82 (0.68 to 0.95)    too sure: what is called likely is less so, and the reverse

Each of the two has an answer of its own, on the places of replayed lists. "As expected" is said where the whole
interval lies within WITHIN; where it holds 1 and more than that, or there are too few outcomes, it cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.judging.bootstrap import bound
from training.judging.calibration import measure_slope

if TYPE_CHECKING:
    from training.judging.listed_rows import ListedRows

__all__ = [
    "FEWEST_OUTCOMES",
    "OPEN",
    "SEEN",
    "WITHIN",
    "divide_rows",
    "measure_groups",
    "say_bounds",
    "say_calibration",
]

Float = NDArray[np.float64]
Rows = NDArray[np.bool_]

WITHIN = (0.8, 1.25)
"""Four for each five expected, or five for each four: what is said in tenths is then at most one tenth off."""

FEWEST_OUTCOMES = 30
"""Of fewer, expected and observed alike, an interval by drawing households again is not to be trusted."""

SEEN = (("all seen", 1.0), ("most seen", 0.75), ("half seen", 0.5), ("little seen", 0.0))
"""Groups by the share of features that have a value: each from that share up to the one before."""

OPEN, EXPECTED = "cannot be told", "as expected"


def divide_rows(rows: ListedRows) -> Iterator[tuple[str, str, Rows]]:
    """Yield (kind, name, rows) for all places, each team, each area and each degree of being seen."""
    yield "all", "all", np.ones(len(rows.margin), dtype=np.bool_)
    for kind, values in (("team", rows.team), ("area", np.char.decode(rows.area, "ascii"))):
        for name in np.unique(values):
            yield kind, str(name) or "none", values == name
    above = np.inf
    for name, share in SEEN:
        yield "seen", name, (rows.share_seen >= share) & (rows.share_seen < above)
        above = share


def measure_groups(rows: ListedRows, likelihood: Float, level: float) -> list[dict[str, Any]]:
    """Return needs observed for each one expected, and the calibration slope, of every group, with answers.

    `likelihood` (reached,) is by a scaling not fitted on those households. `n` and `positives` are expected numbers of
    listings, and of those the need followed. A group that no list came to is left out.
    """
    documents = []
    for kind, name, inside in divide_rows(rows):
        weight = np.where(inside, rows.weight, 0.0)
        if not weight.any():
            continue
        positives, expected = float(weight @ rows.needed), float(weight @ likelihood)
        ratio: Sequence[float | None] = (None, None, None)
        slope: Mapping[str, Sequence[float]] = {}
        if max(positives, expected) >= FEWEST_OUTCOMES:
            outcomes = (inside & rows.needed).astype(np.float64)
            ratio = bound(rows.share(outcomes, np.where(inside, likelihood, 0.0)), level)
            used = weight > 0
            slope = measure_slope(likelihood[used], rows.needed[used], rows.household[used], weight[used], level)
        bounds = slope.get("calibration_slope", (None, None, None))
        documents.append(
            {
                "kind": kind,
                "group": name,
                "n": round(float(weight.sum())),
                "positives": round(positives),
                "observed_over_expected": _bounds_document(ratio),
                "calibration_slope": _bounds_document(bounds),
                "answer": _answer(ratio, "more need", "less need"),
                "slope_answer": _answer(bounds, "not sure enough", "too sure"),
            }
        )
    return documents


def say_calibration(groups: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence whether likelihoods hold where lists are made; empty where no list was made again."""
    every = next((row for row in groups if row["kind"] == "all"), None)
    if every is None:
        return ""
    ratio, slope = (say_bounds(every[name]) for name in ("observed_over_expected", "calibration_slope"))
    return (
        f"Where lists are made, needs that followed for each one expected: {ratio}, {every['answer']}; slope of the"
        f" likelihood: {slope}, {every['slope_answer']}."
    )


def say_bounds(bounds: Mapping[str, float | None]) -> str:
    """Return an estimate with its interval, or that it cannot be told."""
    if bounds["estimate"] is None:
        return OPEN
    if bounds["low"] is None:
        return f"{bounds['estimate']:.2f}"
    return f"{bounds['estimate']:.2f} ({bounds['low']:.2f} to {bounds['high']:.2f})"


def _bounds_document(bounds: Sequence[float | None]) -> dict[str, float | None]:
    return dict(zip(("estimate", "low", "high"), bounds, strict=True))


def _answer(bounds: Sequence[float | None], more: str, less: str) -> str:
    _, low, high = bounds
    if low is None or high is None:
        return OPEN
    if low > 1:
        return more
    if high < 1:
        return less
    return EXPECTED if low >= WITHIN[0] and high <= WITHIN[1] else OPEN
