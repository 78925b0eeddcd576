"""How often the question whether needs are recorded alike would find a large gap: told before anything is trained.

Its figure is needs recorded for each independent sign of need, an average that no list changes. What it can tell
follows from in how many households of a group there is a sign. V is what one of them adds to the relative variance of
everybody's figure: of 300 with a standard error of a tenth of the figure V is 3. A group with 60 of them has a variance
of 3/60 and everyone else 3/240. Where half of a group's households lose their records, those that have none add to what
differs: a second moment of 3 + 1 becomes 8, and the variance 7/60.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.invocation import Invocation
from charter.rules.certainty.failing import Z
from charter.rules.certainty.fair_chances import Null
from charter.rules.certainty.power import OFTEN, find_worse
from charter.rules.certainty.visible_gap import POWER
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.means import average_everyone
from fairness_reports.audit.measuring.tally import UNKNOWN
from fairness_reports.audit.population.audited_people import Scores, gather_people, group_people
from fairness_reports.audit.population.independent import read_independent_outcome
from fairness_reports.audit.population.protected import read_characteristics

__all__ = ["GROWTH", "RECORDED", "SignsOfNeed", "list_recorded_nulls", "plan_recorded", "read_signs"]

Floats = NDArray[np.float64]

RECORDED = "recorded_per_independent"
"""The measure that this is about."""

FEWEST_HOUSEHOLDS = 10
"""Households with a sign, on each side, below which the figure has no interval (measuring/means.py)."""


GROWTH = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0)
"""Times the data there is, at which a plan looks for enough."""

_POINTS = 400
_LARGEST = 500.0
"""Powers of e that a float still holds."""


class Signs(NamedTuple):
    """In how many households of a group, and of everyone else, there was an independent sign of need."""

    households: int
    rest: int


@dataclass(frozen=True)
class SignsOfNeed:
    """What the question rests on: households with a sign, by characteristic and group, and what one of them is worth.

    `variance` is what one household with a sign adds to the relative variance of everybody's figure; `why_not` says why
    nothing is known; `times` the data there is.
    """

    groups: Mapping[str, Mapping[str, Signs]]
    variance: float
    why_not: str = ""
    times: float = 1.0

    def grown(self, factor: float) -> SignsOfNeed:
        """Return the same of so many times the data."""
        return replace(self, times=self.times * factor)

    def error(self, characteristic: str, group: str, gap: float) -> float:
        """Return the standard error of the logarithm of a group's ratio to everyone else, were it `gap`."""
        here, rest = self.groups[characteristic][group]
        if min(here, rest) == 0:
            return math.inf
        less = min(gap, 1.0)
        return math.sqrt((((self.variance + 1) / less - 1) / here + self.variance / rest) / self.times)


def plan_recorded(
    gate: Gate, signs: SignsOfNeed, years: float, not_recorded: str, rarity: Callable[[float], float]
) -> list[dict[str, Any]]:
    """Return each group's row of the plan: how often a large gap would be found, and a fair figure pass.

    The figure's logarithm follows the normal curve. `years` are those that the signs were counted in; `rarity` says for
    so many times the data how rare a figure must be to fail in the whole gate. The best test is not worked out of an
    average: `best` says the same as `found`.
    """
    return [_plan_group(gate, signs, name, years, rarity) for name in _list_groups(gate, signs, not_recorded)]


def list_recorded_nulls(gate: Gate, signs: SignsOfNeed, not_recorded: str) -> list[Null]:
    """Return what chance could make of each group that the question may fail."""
    return [
        null
        for name in _list_groups(gate, signs, not_recorded)
        if _is_enough(gate, signs, name) and (null := _find_null(gate, signs, name)) is not None
    ]


def _list_groups(gate: Gate, signs: SignsOfNeed, not_recorded: str) -> list[str]:
    return [name for name in signs.groups[gate.characteristic] if gate.ask_not_recorded or name != not_recorded]


def _is_enough(gate: Gate, signs: SignsOfNeed, name: str) -> bool:
    fewest = min(signs.groups[gate.characteristic][name]) * signs.times
    return fewest >= max(gate.minimum_positives, FEWEST_HOUSEHOLDS)


def _find_null(gate: Gate, signs: SignsOfNeed, name: str) -> Null | None:
    error = signs.error(gate.characteristic, name, 1.0)
    households = round(min(signs.groups[gate.characteristic][name]) * signs.times)
    return Null.of_average(gate, error, households) if math.isfinite(error) else None


def _plan_group(
    gate: Gate, signs: SignsOfNeed, name: str, years: float, rarity: Callable[[float], float]
) -> dict[str, Any]:
    enough = _is_enough(gate, signs, name)
    found = _find_power(gate, signs, name, rarity(1.0)) if enough else 0.0
    passes = _find_pass_chance(gate, signs, name) if enough else 0.0
    grown = (k for k in GROWTH if enough and _find_power(gate, signs.grown(k), name, rarity(k)) >= POWER)
    times = next(grown, None)
    return {
        "group": name,
        "households": signs.groups[gate.characteristic][name].households,
        "asked": enough and (gate.too_few == "refer" or found >= OFTEN),
        "found": found,
        "best": found,
        "best_alone": found,
        "passes": passes,
        "best_passes": passes,
        "years_to_find": None if times is None else round(times * years, 1),
    }


def _find_power(gate: Gate, signs: SignsOfNeed, name: str, rarity: float) -> float:
    """Return how often the rule fails a large gap: over what the figure may come out as, each with its own interval.

    An interval is wider the lower the figure, so the rule looks at the end that faces the limit (failing.py).
    """
    gap, null = find_worse(gate), _find_null(gate, signs, name)
    if null is None:
        return 0.0
    needed = ((gate.limit, Z), (gate.neutral, null.find_criterion(rarity)))
    error = signs.error(gate.characteristic, name, gap)
    z = np.linspace(-5, 5, _POINTS)
    chances = np.exp(-(z**2) / 2)
    sign = 1.0 if gate.at_least else -1.0
    failing = []
    for figure in (gap * np.exp(z * error)).tolist():
        width = Z * signs.error(gate.characteristic, name, figure)
        facing = abs(figure * math.expm1(min(sign * width, _LARGEST)))
        failing.append(all(sign * (against - figure) * Z >= criterion * facing for against, criterion in needed))
    return float(chances[failing].sum() / chances.sum())


def _find_pass_chance(gate: Gate, signs: SignsOfNeed, name: str) -> float:
    return NormalDist().cdf(abs(math.log(gate.limit)) / signs.error(gate.characteristic, name, 1.0) - Z)


def read_signs(matrix: Matrix, invocation: Invocation, days: Sequence[date]) -> SignsOfNeed:
    """Count the independent signs of need of the audited people at the given dates, whose outcomes are known."""
    policy, council = invocation.policy, invocation.council
    entities = {day: np.asarray(matrix.at(day).entity) for day in days}
    # Nobody is scored yet: who is listed plays no part in what is counted.
    unscored = Scores("none", {day: (names, *(np.zeros(len(names)),) * 2) for day, names in entities.items()})
    people = gather_people(matrix, unscored, council, invocation.settings, policy)
    tables = invocation.workspace.snapshot(matrix.manifest["snapshot"]) / "tables"
    independent = read_independent_outcome(people, matrix, tables, council, policy, invocation.register)
    if independent.label is None:
        return SignsOfNeed({}, math.inf, independent.why_not)
    known = (people.label != UNKNOWN) & (independent.label != UNKNOWN)
    above = np.where(known, people.label == 1, 0).astype(np.float64)
    below = np.where(known, independent.label == 1, 0).astype(np.float64)
    recorded = read_characteristics(tables, policy, datetime.fromisoformat(matrix.manifest["taken_at"]))
    groups = {}
    for name, values in recorded.items():
        grouping = group_people(values, people, policy.not_recorded)
        groups[name] = {
            group: Signs(*(_count_households(people.cluster, below, rows) for rows in (of_group, ~of_group)))
            for group, of_group in ((group, grouping.code == code) for code, group in enumerate(grouping.names))
        }
    every = _count_households(people.cluster, below, known)
    return SignsOfNeed(groups, every * _measure_variance(people.cluster, above, below))


def _count_households(cluster: NDArray[np.int64], below: Floats, rows: NDArray[np.bool_]) -> int:
    return len(np.unique(cluster[rows & (below > 0)]))


def _measure_variance(cluster: NDArray[np.int64], above: Floats, below: Floats) -> float:
    """Return the relative variance of everybody's figure; infinite where it has no interval."""
    side = average_everyone(cluster, above, below)
    if not side.estimate or side.interval is None:
        return math.inf
    return ((side.interval[1] - side.interval[0]) / (2 * Z) / side.estimate) ** 2
