"""How right the links between records are, by group: of a fictional borough, whose truth is known.

`sooner link` leaves counts of pairs of records by person (contract `linkage`); whose group is whose is read here alone.
A group whose records are linked less well looks as if it had fewer needs: its people's histories are in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fairness_reports.audit.measuring.findings import About, list_findings, write_figure
from fairness_reports.audit.measuring.means import average_everyone, average_groups
from fairness_reports.audit.population.protected import group_persons
from fairness_reports.audit.population.reading_tables import open_connection

__all__ = ["LINKAGE_MEASURES", "measure_linkage"]

LINKAGE_MEASURES = ("linkage_precision", "linkage_recall", "linkage_f1")
"""Shares of pairs of records: of those linked, the right ones; of those there are, the linked ones; and their mean."""

AT = "all links"


def measure_linkage(
    tables: Path, recorded: Mapping[str, Mapping[bytes, str]], not_recorded: str, model: str
) -> list[dict[str, Any]]:
    """Return the findings of MEASURES for everyone and for every group, or none where nobody knows the truth.

    `recorded` is each characteristic's value by person. Each person is a cluster, for links rise and fall by person.
    """
    path = tables / "linkage.parquet"
    if not path.exists():
        return []
    counts = (
        open_connection()
        .execute(
            'SELECT person_id, wrong, "true", "right" FROM read_parquet($path) ORDER BY person_id',
            {"path": str(path)},
        )
        .fetchnumpy()
    )
    wrong, true, right = (np.asarray(counts[name], dtype=np.float64) for name in ("wrong", "true", "right"))
    sums = {
        "linkage_precision": (right, right + wrong),
        "linkage_recall": (right, true),
        "linkage_f1": (2 * right, right + wrong + true),
    }
    person = np.arange(len(true), dtype=np.int64)
    persons = np.char.encode(counts["person_id"].astype(str), "utf-8") if len(true) else np.zeros(0, dtype="S1")
    rows = [
        write_figure(About(measure, None, model, AT), average_everyone(person, *sums[measure]), labelled=False)
        for measure in LINKAGE_MEASURES
    ]
    for name, values in recorded.items():
        groups = group_persons(values, persons, not_recorded)
        for measure in LINKAGE_MEASURES:
            rows += list_findings(About(measure, name, model, AT), average_groups(person, groups, *sums[measure]))
    return [_clip_interval(row) for row in rows]


def _clip_interval(row: dict[str, Any]) -> dict[str, Any]:
    """Return a finding whose interval ends at 0 and 1, as shares do: a linearised one may reach beyond."""
    ends = row["interval"]
    return row | {"interval": None if ends is None else [max(ends[0], 0.0), min(ends[1], 1.0)]}
