"""The verifier: what can be worked out of all that is shown, by linear programming.

Whoever attacks knows every cell that is shown, here and in earlier releases, the mark's own meaning, and that parts add
up. What they don't know are the leaf cells: unknowns of nought or more. For each small count they ask how small and how
large it could be; a count whose answers lie closer together than the mode promises is *recovered*.

    every shown cell:   lower <= sum of its leaves <= upper      (the same number twice, or a rounded one's range)
    every hidden cell:  its mark's least <= sum of its leaves
    tables of the same people:  sums over what they don't share are equal
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # it ships no types
from scipy.optimize import linprog  # type: ignore[import-untyped]  # it ships no types

from charter.errors import DataError
from fairness_reports.disclosure.shifts import Shift

__all__ = ["Knowledge", "bound_cells", "cheapest_hiding", "find_certified"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
_SLACK = 1e-6


@dataclass(frozen=True)
class Knowledge:
    """What is known by whoever reads: cells as sums of unknowns, their bounds, and sums that are nought.

    `cells` has shape [cell, unknown]; `lower` and `upper` one number a cell; `links` shape [link, unknown], each times
    the unknowns nought.
    """

    cells: sparse.csr_array
    lower: Floats
    upper: Floats
    links: sparse.csr_array

    def solve(self, objective: Floats, extra: tuple[sparse.csr_array, Floats] | None = None) -> Floats | None:
        """Return unknowns that agree with all that is known and make the objective least; none where it has no end.

        Raises DataError where nothing agrees with what is known: then what was shown contradicts itself.
        """
        exact = self.lower == self.upper
        equal = [self.cells[exact], self.links]
        right = [self.upper[exact], np.zeros(self.links.shape[0])]
        if extra is not None:
            equal.append(extra[0])
            right.append(extra[1])
        loose = self.cells[~exact]
        low, high = self.lower[~exact], self.upper[~exact]
        bounded, ceiling = low > 0, np.isfinite(high)
        less = sparse.vstack([-loose[bounded], loose[ceiling]], format="csr")
        most = np.concatenate([-low[bounded], high[ceiling]])
        answer = linprog(
            objective,
            A_ub=less if less.shape[0] else None,
            b_ub=most if less.shape[0] else None,
            A_eq=sparse.vstack(equal, format="csr"),
            b_eq=np.concatenate(right),
            bounds=(0, None),
            method="highs",
        )
        if answer.status == 2:
            raise DataError(
                "no counts agree with everything that is shown.",
                "Counts that were released earlier are not those of this table: say what is counted in other words.",
            )
        solution: Floats | None = answer.x
        return solution


def find_certified(knowledge: Knowledge, truth: Floats, shifts: Sequence[Shift], width: int) -> Bools:
    """Return which cells the shifts show to be safe: whose shifted value agrees with all that is known, `width` away.

    A proof without a linear programme: each shift's table is written down and looked at. `truth` is the unknowns.
    """
    safe = np.zeros(knowledge.cells.shape[0], dtype=bool)
    if not shifts:
        return safe
    length = [len(shift.leaves) for shift in shifts]
    column = np.repeat(np.arange(len(shifts)), length)
    change = sparse.csr_array(
        (
            np.concatenate([shift.amounts for shift in shifts]).astype(np.float64),
            (np.concatenate([shift.leaves for shift in shifts]), column),
        ),
        shape=(len(truth), len(shifts)),
    )
    moved = sparse.coo_array(knowledge.cells @ change)
    value = (knowledge.cells @ truth)[moved.row] + moved.data
    stays = (value >= knowledge.lower[moved.row] - _SLACK) & (value <= knowledge.upper[moved.row] + _SLACK)
    holds = np.ones(len(shifts), dtype=bool)
    holds[moved.col[~stays]] = False
    broken = sparse.coo_array(knowledge.links @ change)
    holds[broken.col[np.abs(broken.data) > _SLACK]] = False
    below = sparse.coo_array(change)
    holds[below.col[truth[below.row] + below.data < -_SLACK]] = False
    safe[moved.row[holds[moved.col] & (np.abs(moved.data) >= width - _SLACK)]] = True
    return safe


def bound_cells(knowledge: Knowledge, targets: NDArray[np.intp], width: float, truth: Floats | None) -> Floats:
    """Return the least and largest value that each target could have, shape [target, 2].

    Exact for every target whose ends are closer together than `width`; for others it stops once that is shown. Where
    `truth` (the unknowns) is there, it is one of the answers and nothing need be asked of it.
    """
    rows = knowledge.cells[targets]
    start = knowledge.solve(np.zeros(knowledge.cells.shape[1])) if truth is None else truth
    now = np.zeros(len(targets)) if start is None else rows @ start
    bounds = np.column_stack([now, now])

    def learn(objective: Floats) -> bool:
        solution = knowledge.solve(objective)
        if solution is None:
            return False
        value = rows @ solution
        bounds[:, 0] = np.minimum(bounds[:, 0], value)
        bounds[:, 1] = np.maximum(bounds[:, 1], value)
        return True

    def tight() -> NDArray[np.intp]:
        return np.flatnonzero(bounds[:, 1] - bounds[:, 0] < width - _SLACK)

    # Together first: one programme that moves many at once shows most of them to be safe.
    for _ in range(4):
        before = tight()
        if len(before) < 2:
            break
        together = np.asarray(rows[before].sum(axis=0)).ravel()
        learn(together)
        learn(_weigh_rows(rows[before]))
        if len(tight()) == len(before):
            break
    for place in tight():
        alone = rows[[place]].toarray().ravel()
        if bounds[place, 1] - bounds[place, 0] >= width - _SLACK:
            continue
        learn(alone)
        if not learn(-alone):
            bounds[place, 1] = np.inf
    return bounds


def _weigh_rows(rows: sparse.csr_array) -> Floats:
    """Return minus the rows' sum weighed by chance, the same each time, so that no target takes it all."""
    weight = np.random.default_rng(rows.shape[0]).uniform(0.5, 1.5, rows.shape[0])
    weighed: Floats = -(weight @ rows)
    return weighed


def cheapest_hiding(
    knowledge: Knowledge, truth: Floats, target: int, goal: float, cost: Floats, least: Floats
) -> NDArray[np.intp] | None:
    """Return the cells to hide so that a target could be `goal` as well; none where nothing can be done.

    `cost` is what hiding each cell costs (infinite: may not be); `least` is what a cell must still hold once hidden.
    Unknowns here: each leaf's value, and how far each shown cell strays from what is shown of it.
    """
    size = len(truth)
    free = np.flatnonzero(np.isfinite(cost) & (np.isfinite(knowledge.upper)))
    strays = sparse.csr_array((np.ones(len(free)), (free, np.arange(len(free)))), shape=(len(cost), len(free)))
    lower = knowledge.lower.copy()
    # What is hidden may fall to its mark's least and no lower.
    floor = np.minimum(least, knowledge.cells @ truth)
    down = sparse.hstack([-knowledge.cells, -strays], format="csr")
    up = sparse.hstack([knowledge.cells, -strays], format="csr")[np.isfinite(knowledge.upper)]
    stay = sparse.hstack([-knowledge.cells[free], sparse.csr_array((len(free), len(free)))], format="csr")
    links = sparse.vstack([knowledge.links, knowledge.cells[[target]]], format="csr")
    answer = linprog(
        np.concatenate([np.zeros(size), cost[free]]),
        A_ub=sparse.vstack([down, up, stay], format="csr"),
        b_ub=np.concatenate([-lower, knowledge.upper[np.isfinite(knowledge.upper)], -floor[free]]),
        A_eq=sparse.hstack([links, sparse.csr_array((links.shape[0], len(free)))], format="csr"),
        b_eq=np.concatenate([np.zeros(knowledge.links.shape[0]), [goal]]),
        bounds=(0, None),
        method="highs",
    )
    if answer.status != 0:
        return None
    chosen: NDArray[np.intp] = free[answer.x[size:] > _SLACK]
    return chosen
