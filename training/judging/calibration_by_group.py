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
from training.judging.bootstrap import Draws, interval
from training.judging.calibration import slope_and_intercept

__all__ = ["FEWEST_POSITIVES", "SEEN", "calibration_by_group", "groups_of"]

Float = NDArray[np.float64]
Rows = NDArray[np.bool_]

FEWEST_POSITIVES = 100
"""Below so many outcomes nothing is said of a group's calibration but "insufficient"."""

SEEN = (("all seen", 1.0), ("most seen", 0.75), ("half seen", 0.5), ("little seen", 0.0))
"""Groups by the share of features that have a value: each from that share up to the one before."""


def groups_of(data: Dataset, period: Period) -> Iterator[tuple[str, str, Rows]]:
    """Yield (kind, name, rows) for each team, each area and each degree of being seen."""
    teams = np.array(period.group_team)
    team = np.where(period.group >= 0, teams[period.group] if len(teams) else "", "")
    area = np.concatenate([np.asarray(data.at(day).area) for day in period.days])
    seen = np.concatenate([1.0 - np.isnan(np.asarray(data.at(day).features)).mean(axis=1) for day in period.days])
    for kind, values in (("team", team), ("area", np.char.decode(area, "ascii"))):
        for name in np.unique(values):
            yield kind, str(name) or "none", values == name
    above = np.inf
    for name, share in SEEN:
        yield "seen", name, (seen >= share) & (seen < above)
        above = share


def calibration_by_group(data: Dataset, draws: Draws, score: Float, level: float) -> list[dict[str, Any]]:
    """Return outcomes observed for each one expected, and the calibration slope, of every group, with intervals.

    `answer` says what the interval of observed over expected says: "as expected" where it contains 1, "more need" or
    "less need" where it does not, and "insufficient" below FEWEST_POSITIVES.
    """
    period = draws.period
    made = []
    for kind, name, rows in groups_of(data, period):
        inside = rows & period.labelled
        positives = int((inside & period.positive).sum())
        document: dict[str, Any] = {"kind": kind, "group": name, "n": int(inside.sum()), "positives": positives}
        if not document["n"]:
            continue
        if positives < FEWEST_POSITIVES:
            made.append(document | _of(None, {}) | {"answer": "insufficient"})
            continue
        observed = draws.total((inside & period.positive).astype(np.float64))
        ratio = observed / draws.total(np.where(inside, score, 0.0))
        bounds = (float(ratio[0]), *interval(ratio[1:], level))
        made.append(document | _of(bounds, slope_and_intercept(draws, score, level, inside)) | {"answer": _say(bounds)})
    return made


def _of(ratio: Sequence[float | None] | None, slope: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    names = ("estimate", "low", "high")
    found = slope.get("calibration_slope")
    return {
        "observed_over_expected": dict(zip(names, ratio or (None, None, None), strict=True)),
        "calibration_slope": dict(zip(names, found or (None, None, None), strict=True)),
    }


def _say(bounds: Sequence[float | None]) -> str:
    _, low, high = bounds
    if low is None or high is None:
        return "insufficient"
    if low > 1:
        return "more need"
    return "less need" if high < 1 else "as expected"
