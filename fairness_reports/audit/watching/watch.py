"""The series that are watched for drift: each piece of data, the score, whom services see, and who is newly listed.

The reference is the newest tested date: its households for data, score and sight, its lists for selection. At each
list another part of the households is looked at, by pseudonym, so that each is looked at once a year and no household
speaks twice. Who is listed is looked at when first listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix, MatrixDate
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.audited_people import People, measure_sight
from fairness_reports.audit.watching.drift import Series

__all__ = ["SMALL", "SMALL_SELECTION", "make_household_series", "make_selection_series"]

Floats = NDArray[np.float64]

_PARTS = 52
_MOST = 200
"""Households of one list that a series looks at: enough to see in weeks, few enough to reckon in moments."""

SMALL = 0.05
SMALL_SELECTION = 0.10
"""Changes of a mean, and of a group's share of the newly listed, too small to call for anybody."""

_HIGH = 0.8
"""The score's series asks whether a household is above this part of those tested."""


def make_household_series(
    tested: Matrix, margin: Floats, issued: Matrix, margins: Mapping[date, Floats], titles: Mapping[str, str]
) -> list[Series]:
    """Return the series of data, score and sight.

    `margin` (households,) is of the newest date of `tested`; `margins` by date of `issued`; all by the live model.
    """
    before = tested.at(tested.dates[-1])
    days = [(day, issued.at(day)) for day in issued.dates]
    parts = {day: _choose_part(np.asarray(rows.entity), day) for day, rows in days}
    cut = float(np.quantile(margin, _HIGH))
    series = [
        Series(
            "Score among the highest fifth of those tested",
            "score",
            float((margin > cut).mean()),
            SMALL,
            [(day, (margins[day][parts[day]] > cut).astype(np.float64)) for day, _ in days],
        )
    ]
    for number, name in enumerate(tested.features):
        if name not in issued.features:
            continue
        values = np.asarray(before.features)[:, number]
        if np.isnan(values).all():
            continue
        middle = float(np.nanmedian(values))
        column = issued.features.index(name)
        series.append(
            Series(
                f"{titles.get(name, name)}: above {middle:g}",
                "input",
                float((values[~np.isnan(values)] > middle).mean()),
                SMALL,
                [(day, _mark_above(rows, column, middle, parts[day])) for day, rows in days],
            )
        )
    for service, share in measure_sight(tested, before).items():
        sight = [(day, np.clip(measure_sight(issued, rows).get(service, np.zeros(0)), 0, 1)) for day, rows in days]
        chosen = [(day, shares[parts[day]] if len(shares) else shares) for day, shares in sight]
        series.append(Series(f"Share seen by {service}", "coverage", float(np.clip(share, 0, 1).mean()), SMALL, chosen))
    return series


def make_selection_series(
    tested: People, before: Mapping[str, Grouping], issued: People, groups: Mapping[str, Grouping], fewest: int
) -> list[Series]:
    """Return by group its share of the people of newly listed households; groups of fewer than `fewest` tested none."""
    series = []
    for name, grouping in before.items():
        for code, group in enumerate(grouping.names):
            share = _share_inside(tested, grouping.code == code)
            values = [value for day in share for value in share[day].tolist()]
            if len(values) < fewest or group not in groups[name].names:
                continue
            now = _share_inside(issued, groups[name].code == groups[name].names.index(group))
            series.append(
                Series(
                    f"{group} ({name}) among the newly listed",
                    "selection",
                    float(np.mean(values)),
                    SMALL_SELECTION,
                    [(day, now[day]) for day in sorted(now)],
                )
            )
    return series


def _choose_part(entity: NDArray[np.bytes_], day: date) -> NDArray[np.int64]:
    """Return the rows of the households whose week it is: by the end of their pseudonym, which is a hash."""
    ends = np.array([int(name[-6:], 16) for name in entity.tolist()], dtype=np.int64)
    mine = np.flatnonzero(ends % _PARTS == (day.toordinal() // 7) % _PARTS)
    return np.asarray(mine[np.argsort(ends[mine], kind="stable")][:_MOST], dtype=np.int64)


def _mark_above(rows: MatrixDate, column: int, middle: float, part: NDArray[np.int64]) -> Floats:
    values = np.asarray(rows.features)[part, column]
    return np.asarray(values[~np.isnan(values)] > middle, dtype=np.float64)


def _share_inside(people: People, inside: NDArray[np.bool_]) -> dict[date, Floats]:
    """Return by date the share of each newly listed household's audited people who are inside."""
    earlier: set[int] = set()
    by_date: dict[date, Floats] = {}
    for day in people.dates:
        rows = np.flatnonzero((people.as_of == np.datetime64(day, "D")) & people.selected)
        homes, number = np.unique(people.cluster[rows], return_inverse=True)
        new = np.array([home not in earlier for home in homes.tolist()], dtype=np.bool_)
        share = np.bincount(number, inside[rows], len(homes)) / np.maximum(np.bincount(number, minlength=len(homes)), 1)
        by_date[day] = np.asarray(share[new] if len(homes) else share, dtype=np.float64)
        earlier.update(homes.tolist())
    return by_date
