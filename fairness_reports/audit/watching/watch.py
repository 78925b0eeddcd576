"""The series that are watched for drift: each piece of data, the score, whom services see, and who is newly listed.

The reference is the newest tested date: its households for data, score and sight, its lists for selection. At each
list another part of the households is looked at, by pseudonym, so that each is looked at once a year and no household
speaks twice. Who is listed is looked at when first listed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix, MatrixDate
from charter.rules.certainty.failing import Z
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.audited_people import People, measure_sight
from fairness_reports.audit.watching.drift import Series

__all__ = [
    "SMALL",
    "SMALL_SELECTION",
    "choose_part",
    "make_household_series",
    "make_selection_series",
    "measure_tolerance",
]

Floats = NDArray[np.float64]

_DAYS = 364
_MOST = 200
"""Households of one list that a series looks at: enough to see in weeks, few enough to reckon in moments."""

SMALL = 0.05
SMALL_SELECTION = 0.2
"""Changes too small to call for anybody: of a mean, in points; of a group's share of the newly listed, in standard
deviations (0.2 of them are 10 points of a group of half, 6 of one of a tenth)."""

_HIGH = 0.8
"""The score's series asks whether a household is above this part of those tested."""


def measure_tolerance(values: Floats, *, points: float = 0.0, spreads: float = 0.0) -> float:
    """Return how far a mean may be from that of the tested `values`: so many points or spreads, and its own 95 % error.

    Of 72 households listed in the test a fifth are of a group: the spread is 0.4, its share's own error 0.047, and
    with 0.2 spreads the tolerance 0.08 + 0.09. Of 2,000 it is 0.08 + 0.02.
    """
    spread = float(np.std(values))
    return points + spreads * spread + Z * spread / math.sqrt(len(values))


def make_household_series(
    tested: Matrix,
    margin: Floats,
    issued: Matrix,
    margins: Mapping[date, Floats],
    titles: Mapping[str, str],
    *,
    apart: int = 7,
) -> list[Series]:
    """Return the series of data, score and sight; lists are `apart` days apart.

    `margin` (households,) is of the newest date of `tested`; `margins` by date of `issued`; all by the live model.
    """
    before = tested.at(tested.dates[-1])
    days = [(day, issued.at(day)) for day in issued.dates]
    parts = {day: choose_part(np.asarray(rows.entity), day, apart) for day, rows in days}
    cut = float(np.quantile(margin, _HIGH))
    is_high = (margin > cut).astype(np.float64)
    series = [
        Series(
            "Score among the highest fifth of those tested",
            "score",
            float(is_high.mean()),
            measure_tolerance(is_high, points=SMALL),
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
        is_above = (values[~np.isnan(values)] > middle).astype(np.float64)
        series.append(
            Series(
                f"{titles.get(name, name)}: above {middle:g}",
                "input",
                float(is_above.mean()),
                measure_tolerance(is_above, points=SMALL),
                [(day, _mark_above(rows, column, middle, parts[day])) for day, rows in days],
            )
        )
    for service, share in measure_sight(tested, before).items():
        sight = [(day, np.clip(measure_sight(issued, rows).get(service, np.zeros(0)), 0, 1)) for day, rows in days]
        chosen = [(day, shares[parts[day]] if len(shares) else shares) for day, shares in sight]
        seen = np.clip(share, 0, 1)
        tolerance = measure_tolerance(seen, points=SMALL)
        series.append(Series(f"Share seen by {service}", "coverage", float(seen.mean()), tolerance, chosen))
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
                    measure_tolerance(np.array(values), spreads=SMALL_SELECTION),
                    [(day, now[day]) for day in sorted(now)],
                )
            )
    return series


def choose_part(entity: NDArray[np.bytes_], day: date, apart: int) -> NDArray[np.int64]:
    """Return the rows of the households whose list it is: by the end of their pseudonym, which is a hash."""
    ends = np.array([int(name[-6:], 16) for name in entity.tolist()], dtype=np.int64)
    lists = max(_DAYS // apart, 1)
    mine = np.flatnonzero(ends % lists == (day.toordinal() // apart) % lists)
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
