"""What an audit will be able to see, before anything is trained: the gaps that each gate could tell, group by group.

The households, their outcomes, their groups and the teams' places are real; only the order is made up, so that half of
each list later has the need (PRECISION) and no group is treated differently. A better model narrows intervals, a worse
one widens them. Nothing about any model is known here, and no row of the result is a finding.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from charter.contracts.files import find_current
from charter.contracts.matrix import Matrix
from charter.council.programme import Programme
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.rules.failing import find_criterion
from charter.rules.measures import SHARES
from charter.rules.visible_gap import find_visible_gap
from fairness_reports.audit.measuring.findings import About, measure_groups
from fairness_reports.audit.measuring.units import Units
from fairness_reports.audit.population.audited_people import (
    Scores,
    gather_people,
    group_people,
    list_mature_dates,
    read_outcomes,
)
from fairness_reports.audit.population.protected import read_characteristics
from fairness_reports.audit.run_findings import AT, RESAMPLES, SEED, pair_groups

__all__ = ["FEWEST", "PRECISION", "describe_plan", "plan_gaps"]

PRECISION = 0.5
"""The share of the made-up lists that later has the need."""

FEWEST = 10
"""Households below which not even their number is told."""


def plan_gaps(invocation: Invocation) -> list[dict[str, Any]]:
    """Return, by gate and group, the households there are and the smallest gap that would fail four times in five.

    Uses the newest matrix, and as many of its newest labelled dates as training.toml tests on. Raises UsageError
    where there is no matrix or no date whose outcomes are known. Gates that need an independent outcome or no label
    are left out: they do not depend on the order.
    """
    folder = find_current(invocation.workspace.matrix)
    if folder is None:
        raise UsageError(f"there is no matrix of {invocation.programme} to plan an audit on.", "Run `sooner build`.")
    matrix = Matrix.open(folder)
    policy = invocation.policy
    programme = invocation.settings
    scores = _make_up_scores(matrix, invocation, programme)
    people = gather_people(matrix, scores, invocation.council, programme, policy)
    tables = invocation.workspace.snapshot(matrix.manifest["snapshot"]) / "tables"
    recorded = read_characteristics(tables, policy, datetime.fromisoformat(matrix.manifest["taken_at"]))
    units = Units(people.cluster, people.selected, people.label)
    groups = {name: group_people(values, people, policy.not_recorded) for name, values in recorded.items()}
    groups |= pair_groups(groups)
    rows = []
    for gate in policy.asked("test"):
        if gate.measure not in SHARES:
            continue
        about = About("", gate.characteristic, "made up", AT)
        findings = measure_groups(
            units, groups[gate.characteristic], [SHARES[gate.measure]], about, resamples=RESAMPLES, seed=SEED
        )
        criterion = find_criterion(len(findings))
        for finding in findings:
            enough = min(finding["clusters"], finding["rest"]["clusters"]) >= gate.minimum_positives
            rows.append(
                {
                    "gate": gate.id,
                    "measure": gate.measure,
                    "characteristic": gate.characteristic,
                    "group": finding["group"],
                    "households": finding["clusters"],
                    "statistic": gate.statistic,
                    "limit": gate.limit,
                    "enough_households": enough,
                    "visible": find_visible_gap(gate, finding, criterion) if enough else None,
                }
            )
    return rows


def _make_up_scores(matrix: Matrix, invocation: Invocation, programme: Programme) -> Scores:
    """Return margins in a made-up order that owes nothing to any group: half of each list later has the need."""
    folds = programme.training.folds
    wanted = folds.count * folds.dates + folds.final
    days = list_mature_dates(matrix, invocation.council)[-wanted:]
    if not days:
        raise UsageError(
            "no date's outcomes are known yet, so nothing can be planned.", "Wait, or build earlier dates."
        )
    rng = np.random.default_rng(SEED)
    by_date = {}
    for day in days:
        rows = matrix.at(day)
        label = read_outcomes(matrix, rows, invocation.council)[0]
        places = sum(programme.capacity(invocation.council, day).values())
        chance = np.zeros(len(label))
        for value, part in ((1, PRECISION), (0, 1 - PRECISION)):
            inside = label == value
            chance[inside] = min(1.0, places * part / max(int(inside.sum()), 1))
        # Twice the places are lifted, half and half, so that every team's list is filled from them.
        lifted = rng.random(len(label)) < np.minimum(2 * chance, 1)
        margin = rng.random(len(label)) + lifted
        by_date[day] = (np.asarray(rows.entity), margin, np.zeros(len(label)))
    return Scores("made up", by_date)


def describe_plan(rows: list[dict[str, Any]]) -> str:
    """Return the plan as lines for a terminal."""
    lines = []
    for row in rows:
        where = f"{row['characteristic']}: {row['group']}"
        gap = "too few households to tell anything"
        if row["visible"] is not None:
            gap = f"a {row['statistic']} of {row['visible']:.2f} or worse would fail four times in five"
        elif row["enough_households"]:
            gap = "no gap, however large, would fail four times in five"
        households = str(row["households"]) if row["households"] >= FEWEST else f"under {FEWEST}"
        lines.append(f"{row['gate']:<28} {where:<28} {households:>8} households; {gap}")
    return "\n".join(lines)
