"""How right the links between records are, by group: of a fictional borough, whose truth is known.

`sooner link` leaves counts of pairs of records by person (contract `linkage`); whose group is whose is read here alone.
A group whose records are linked less well looks as if it had fewer needs: its people's histories are in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fairness_reports.audit.measuring.findings import About, compared, figure
from fairness_reports.audit.measuring.means import averages, overall
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.reading_tables import connect

__all__ = ["MEASURES", "linkage"]

MEASURES = ("linkage_precision", "linkage_recall", "linkage_f1")
"""Shares of pairs of records: of those linked, the right ones; of those there are, the linked ones; and their mean."""

AT = "all links"


def linkage(
    tables: Path, recorded: Mapping[str, Mapping[bytes, str]], not_recorded: str, model: str
) -> list[dict[str, Any]]:
    """Return the findings of MEASURES for everyone and for every group, or none where nobody knows the truth.

    `recorded` is each characteristic's value by person. Each person is a cluster, for links rise and fall by person.
    """
    path = tables / "linkage.parquet"
    if not path.exists():
        return []
    found = (
        connect()
        .execute(
            'SELECT person_id, wrong, "true", "right" FROM read_parquet($path) ORDER BY person_id',
            {"path": str(path)},
        )
        .fetchnumpy()
    )
    wrong, true, right = (np.asarray(found[name], dtype=np.float64) for name in ("wrong", "true", "right"))
    sums = {
        "linkage_precision": (right, right + wrong),
        "linkage_recall": (right, true),
        "linkage_f1": (2 * right, right + wrong + true),
    }
    person = np.arange(len(true), dtype=np.int64)
    rows = [
        figure(About(measure, None, model, AT), overall(person, *sums[measure]), labelled=False) for measure in MEASURES
    ]
    for name, values in recorded.items():
        groups = Grouping.of(np.array([values.get(one.encode(), not_recorded) for one in found["person_id"]]))
        for measure in MEASURES:
            rows += compared(About(measure, name, model, AT), averages(person, groups, *sums[measure]))
    return [_bounded(row) for row in rows]


def _bounded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a finding whose interval ends at 0 and 1, as shares do: a linearised one may reach beyond."""
    ends = row["interval"]
    return row | {"interval": None if ends is None else [max(ends[0], 0.0), min(ends[1], 1.0)]}
