"""A borough of four teams whose weekly lists are worked off, as `rank` would keep their lines; help acts at the line.

Margins move from week to week; whoever is listed rests half a year, so the line sinks and rises as lines do. Half of
those listed take help, which takes `effect` off their chance of a need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fairness_reports.impact.line_estimates import LineRows

TEAMS, HOUSEHOLDS, WEEKS, PLACES, KEPT, REST = 4, 1200, 52, 10, 3, 26
TAKE_UP = 0.5
ALIKE, MOVING, WEEKLY = 0.7, 0.4, 0.95
"""Spread of what stays of a household's margin, of what moves, and how much of that is left after a week."""


@dataclass(frozen=True)
class SimulatedLine:
    """Households at their first line, what was true of them before, and the effect of help there."""

    rows: LineRows
    before: dict[tuple[str, str], NDArray[np.float64]]
    truth: float


def simulate_line(number: int, effect: float, *, swapped: float = 0.0) -> SimulatedLine:
    """Return one borough's year. With `swapped` so large a share of those just below changes to just above the line."""
    entity, distance, margin = _keep_lines(number)
    rng = np.random.default_rng([number, 22])
    if swapped:
        near = (distance < 0) & (distance > -0.1) & (rng.random(len(distance)) < swapped)
        distance = np.where(near, -distance, distance)
    _, first = np.unique(entity, return_index=True)
    distance, margin = distance[first], margin[first]
    chance = 1 / (1 + np.exp(-margin))
    helped = (distance >= 0) & (rng.random(len(distance)) < TAKE_UP)
    need = rng.random(len(distance)) < np.clip(chance - effect * helped, 0, 1)
    before = {
        ("need", "as long before"): (rng.random(len(distance)) < chance).astype(np.float64),
        ("household", "how many people"): 2 + rng.poisson(1.5, len(distance)).astype(np.float64),
        ("sex", "Female"): (rng.random(len(distance)) < 0.6).astype(np.float64),
        ("ethnicity", "Black"): (rng.random(len(distance)) < 0.2).astype(np.float64),
    }
    return SimulatedLine(LineRows(distance, need.astype(np.float64)), before, -effect * TAKE_UP)


@lru_cache(maxsize=1)
def _keep_lines(number: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return who was near a line, how far and with which margin, in the order of weeks."""
    rng = np.random.default_rng([number, 21])
    count = TEAMS * HOUSEHOLDS
    stays = rng.normal(-1.5, ALIKE, count)
    moves = rng.normal(0, MOVING, count)
    rests_until = np.zeros(count, dtype=np.int64)
    columns: list[list[NDArray[np.float64]]] = [[], [], []]
    for week in range(WEEKS):
        moves = WEEKLY * moves + rng.normal(0, MOVING * np.sqrt(1 - WEEKLY**2), count)
        margin = np.where(rests_until > week, -np.inf, stays + moves)
        for team in range(TEAMS):
            names = np.arange(team * HOUSEHOLDS, (team + 1) * HOUSEHOLDS)
            best = np.argpartition(-margin[names], PLACES * (1 + KEPT))[: PLACES * (1 + KEPT)]
            near = names[best[np.argsort(-margin[names[best]])]]
            line = (margin[near[PLACES - 1]] + margin[near[PLACES]]) / 2
            rests_until[near[:PLACES]] = week + REST
            for column, values in zip(columns, (near, margin[near] - line, margin[near]), strict=True):
                column.append(values.astype(np.float64))
    entity, distance, of_row = (np.concatenate(column) for column in columns)
    return entity.astype(np.int64), distance, of_row
