"""Calibration by group: whether as many outcomes were observed as likelihoods promise, for each part of the borough.

Groups are what training may read: teams, areas, and how much of a household is seen. Protected characteristics are the
audit's alone (fairness_reports), which measures the same ratio for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Dataset
from training.data.lists import Period
from training.judging.bootstrap import Draws, find_interval
from training.judging.calibration import fit_slope_and_intercept

__all__ = ["FEWEST_POSITIVES", "SEEN", "divide_groups", "measure_groups"]

Float = NDArray[np.float64]
Rows = NDArray[np.bool_]

FEWEST_POSITIVES = 100
"""Below so many outcomes nothing is said of a group's calibration but "insufficient"."""

SEEN = (("all seen", 1.0), ("most seen", 0.75), ("half seen", 0.5), ("little seen", 0.0))
"""Groups by the share of features that have a value: each from that share up to the one before."""


def divide_groups(data: Dataset, period: Period) -> Iterator[tuple[str, str, Rows]]:
    """Yield (kind, name, rows) for each team, each area and each degree of being seen."""
    teams = np.array(period.group_team)
    team = np.where(period.group >= 0, teams[period.group] if len(teams) else "", "")
    area = np.concatenate([np.asarray(data.at(day).area) for day in period.days])
    share_seen = np.concatenate([1.0 - np.isnan(np.asarray(data.at(day).features)).mean(axis=1) for day in period.days])
    for kind, values in (("team", team), ("area", np.char.decode(area, "ascii"))):
        for name in np.unique(values):
            yield kind, str(name) or "none", values == name
    above = np.inf
    for name, share in SEEN:
        yield "seen", name, (share_seen >= share) & (share_seen < above)
        above = share


def measure_groups(data: Dataset, draws: Draws, score: Float, level: float) -> list[dict[str, Any]]:
    """Return outcomes observed for each one expected, and the calibration slope, of every group, with intervals.

    `answer` says what the interval of observed over expected says: "as expected" where it contains 1, "more need" or
    "less need" where it does not, and "insufficient" below FEWEST_POSITIVES.
    """
    period = draws.period
    documents = []
    for kind, name, rows in divide_groups(data, period):
        inside = rows & period.labelled
        positives = int((inside & period.positive).sum())
        document: dict[str, Any] = {"kind": kind, "group": name, "n": int(inside.sum()), "positives": positives}
        if not document["n"]:
            continue
        if positives < FEWEST_POSITIVES:
            documents.append(document | _ratio_document(None, {}) | {"answer": "insufficient"})
            continue
        observed = draws.total((inside & period.positive).astype(np.float64))
        ratio = observed / draws.total(np.where(inside, score, 0.0))
        bounds = (float(ratio[0]), *find_interval(ratio[1:], level))
        documents.append(
            document
            | _ratio_document(bounds, fit_slope_and_intercept(draws, score, level, inside))
            | {"answer": _answer_of(bounds)}
        )
    return documents


def _ratio_document(ratio: Sequence[float | None] | None, slope: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    names = ("estimate", "low", "high")
    bounds = slope.get("calibration_slope")
    return {
        "observed_over_expected": dict(zip(names, ratio or (None, None, None), strict=True)),
        "calibration_slope": dict(zip(names, bounds or (None, None, None), strict=True)),
    }


def _answer_of(bounds: Sequence[float | None]) -> str:
    _, low, high = bounds
    if low is None or high is None:
        return "insufficient"
    if low > 1:
        return "more need"
    return "less need" if high < 1 else "as expected"
