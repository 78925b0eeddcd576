"""Which of a trial's households have a member of which group: for the effect by group, read for monitoring alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from charter.rules.policy import Policy
from fairness_reports.audit.population.protected import read_characteristics
from fairness_reports.impact.later_need import OutcomePeriod

__all__ = ["find_groups"]


def find_groups(
    period: OutcomePeriod, policy: Policy, names: Sequence[str], households: Sequence[tuple[date, str]]
) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Return by characteristic and group which households (of a list's date) have a member in it, (households,).

    A household of two groups is in both; members without a recorded value are of the charter's group for them.
    """
    values = read_characteristics(period.tables, policy, period.taken_at)
    members = period.list_members({day for day, _ in households})
    chosen: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for name in names:
        recorded: Mapping[bytes, str] = values.get(name, {})
        groups = [
            {recorded.get(person.encode(), policy.audit.not_recorded) for person in members.get(household, ())}
            for household in households
        ]
        for group in sorted(set().union(*groups)):
            chosen[name, group] = np.array([group in inside for inside in groups])
    return chosen
