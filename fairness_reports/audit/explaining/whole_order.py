"""The whole order as a second opinion: how it treats each group beyond the line, with less chance in it than there.

    auc        of two people of a group, one with a later need and one without: how often the first stands higher
    recall     of those with a later need, the share within the places, and within two and four times as many

Few people in need stand at the line, so that what is found there is mostly chance; four times as many places hold more
of them. Standard errors are linearised with households as clusters (`means.py`), of an area Obuchowski's
(`ranking_quality.py`). It states and recommends: no verdict reads it.

Of 4 people in need, one to a household, 3 are within the places: a share of 0.75. Each of the 3 moves it by 0.0625,
the other by -0.1875; the root of the sum of squares, 0.217, is its standard error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.measuring.disparities import Disparity
from fairness_reports.audit.measuring.intervals import Z
from fairness_reports.audit.measuring.means import average_groups
from fairness_reports.audit.measuring.ranking_quality import compare_aucs
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.audited_people import People

__all__ = ["ORDER", "TIMES", "measure_whole_order"]

TIMES = (1.0, 2.0, 4.0)
"""Times the teams' places within which those in need are counted; 1 is the line."""

ORDER = "all thresholds"

_FEWEST = 10
"""Households in need within the places, and beyond them, on either side, below which no standard error is given: of
nobody within it would be 0."""


def measure_whole_order(
    people: People, groups: Mapping[str, Grouping], areas: Mapping[str, Sequence[Disparity]] | None = None
) -> list[dict[str, Any]]:
    """Return the second opinion's figures (findings' `whole_order`): each group beside everyone else, a row each.

    `areas` are those under the curve by characteristic, where they are at hand.
    """
    in_need = people.label == 1
    within = [(times, people.listing.select(times=times)[people.listed_as] & in_need) for times in TIMES]
    rows: list[dict[str, Any]] = []
    for name, grouping in groups.items():
        auc = areas[name] if areas else compare_aucs(people.cluster, grouping, people.label, people.margin)
        rows += _write_rows(name, "auc", ORDER, auc, [True] * len(auc))
        for times, inside in within:
            shares = average_groups(people.cluster, grouping, inside.astype(np.float64), in_need.astype(np.float64))
            enough = _have_enough(people.cluster, grouping, inside, in_need & ~inside)
            rows += _write_rows(name, "recall", f"{times:g} times the places", shares, enough)
    return rows


def _have_enough(
    cluster: NDArray[np.int64], grouping: Grouping, inside: NDArray[np.bool_], beyond: NDArray[np.bool_]
) -> list[bool]:
    """Return of each group whether it, and everyone else, have enough households within the places and beyond them."""
    return [
        all(
            len(np.unique(cluster[side & counted])) >= _FEWEST
            for side in (grouping.code == code, grouping.code != code)
            for counted in (inside, beyond)
        )
        for code in range(len(grouping.names))
    ]


def _write_rows(
    characteristic: str, measure: str, at: str, gaps: Iterable[Disparity], enough: Iterable[bool]
) -> list[dict[str, Any]]:
    return [
        {
            "characteristic": characteristic,
            "group": gap.group,
            "measure": measure,
            "at": at,
            "estimate": gap.side.estimate,
            "rest": gap.rest.estimate,
            "difference": gap.difference,
            "standard_error": _read_error(gap) if is_enough else None,
            "households": gap.side.clusters,
            "households_of_rest": gap.rest.clusters,
        }
        for gap, is_enough in zip(gaps, enough, strict=True)
    ]


def _read_error(gap: Disparity) -> float | None:
    """Return the difference's standard error: its interval is the difference with 1.96 of them to either side."""
    if gap.difference_interval is None:
        return None
    low, high = gap.difference_interval
    return (high - low) / (2 * Z)
