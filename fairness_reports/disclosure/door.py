"""`release_tables`: counts of people go in, what may be shown of them comes out, or a refusal.

    small counts are hidden                        (the mode says which)
    what would give them away is hidden with them  (`shifts`; over linked tables and earlier releases `attack`)
    all that is shown is attacked                  (`attack`: what can still be worked out is a fault, and refused)
    the ledger remembers what is out               (`ledger`)

Counts of the council's own acts (letters sent, lists signed) are of nobody and don't go through here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # it ships no types

from charter.errors import CharterError, UsageError
from fairness_reports.disclosure.attack import Knowledge, bound_cells, cheapest_hiding, find_certified
from fairness_reports.disclosure.linking import find_unshown, link_tables
from fairness_reports.disclosure.rules import HIDDEN, Mode, find_mode, read_rules
from fairness_reports.disclosure.shifts import Shift, hide_by_shifts
from fairness_reports.disclosure.tables import Cell, CountTable

__all__ = ["PublicTable", "Release", "build_knowledge", "hide_counts", "hide_small", "list_recovered", "release_tables"]

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_MOST_PROGRAMMES = 500
"""Rounds of hiding by linear programmes before a release is refused."""


@dataclass(frozen=True)
class PublicTable:
    """A table as it leaves: `values` and `hidden` flat, one a cell; a hidden cell's value is -1."""

    table: CountTable
    mode: Mode
    values: Ints
    hidden: Bools

    def count(self, *cell: str) -> int | None:
        """Return a count as it may be shown, or none where it is hidden. Raises KeyError for a cell there isn't."""
        place = self.table.find_cell(cell)
        return None if self.hidden[place] else int(self.values[place])

    def say(self, *cell: str) -> str:
        """Return a count as text, or the mark."""
        value = self.count(*cell)
        return HIDDEN if value is None else f"{value:,}"

    def rate(self, part: Cell, whole: Cell, per: float = 100.0) -> float | None:
        """Return how many of `part` there are for each `per` of `whole`, to 0.1, from what is shown; or none.

        None where either is hidden or `whole` is of too few.
        """
        top, bottom = self.count(*part), self.count(*whole)
        if top is None or bottom is None or bottom < read_rules().fewest_of_rate:
            return None
        return round(per * top / bottom, 1)


@dataclass(frozen=True)
class Release:
    """What leaves together, in one mode."""

    mode: Mode
    tables: tuple[PublicTable, ...]

    @property
    def note(self) -> str:
        """One sentence for beside the tables."""
        return self.mode.say_hidden()


@dataclass
class _State:
    """Tables on their way out: what is hidden of each, which cells must be protected, and what protects them."""

    tables: Sequence[CountTable]
    mode: Mode
    hidden: list[Bools]
    targets: list[Bools]
    locked: list[Bools]
    shifts: list[list[Shift]] = field(default_factory=list)


def release_tables(
    tables: Sequence[CountTable], mode: str, earlier: Sequence[PublicTable] = (), secondary: bool = True
) -> Release:
    """Return what may be shown of tables that leave together, given what left earlier.

    `mode` is dfe, ten or round5; all tables of a release have the same. `earlier` is what the ledger says is out of the
    same people at the same time. Raises CharterError where it can't be made safe, UsageError for an unknown mode or
    tables without a cell. `secondary` is false only to show what happens without.
    """
    rule = find_mode(mode)
    if not tables:
        raise UsageError("nothing was asked to be released.", "Give one table or more.")
    state = _begin(tables, rule, earlier)
    if secondary:
        _hide_by_shifts(state)
        _hide_by_programmes(state, earlier)
    return Release(rule, tuple(_close(table, rule, mask) for table, mask in zip(tables, state.hidden, strict=True)))


def hide_counts(counts: Mapping[str, int], mode: str = "dfe") -> dict[str, str]:
    """Return a few counts beside which no total is ever shown, each as text or the mark: only small ones are hidden."""
    rule = find_mode(mode)
    values = np.array(list(counts.values()), dtype=np.int64)
    small, rounded = rule.is_small(values), rule.round_counts(values)
    return {name: HIDDEN if hidden else str(value) for name, value, hidden in zip(counts, rounded, small, strict=True)}


def hide_small(table: CountTable, mode: Mode) -> Bools:
    """Return which cells are hidden for what they are: small, or all of a whole."""
    small = mode.is_small(table.add_up(table.counts))
    if table.whole is not None:
        values, whole = table.add_up(table.counts), table.add_up(table.whole)
        small |= (values == whole) & (values > 0)
    return small


def list_recovered(public: Sequence[PublicTable], earlier: Sequence[PublicTable] = ()) -> list[tuple[str, Cell]]:
    """Return the small counts that whoever sees all these tables can work out, to fewer values than is promised.

    Reads the true counts only to know which are small; the attack itself knows what is shown.
    """
    knowledge, truth = build_knowledge(public, earlier)
    recovered: list[tuple[str, Cell]] = []
    first = 0
    for view in public:
        small = np.flatnonzero(_find_targets(view.mode, hide_small(view.table, view.mode)))
        bounds = bound_cells(knowledge, first + small, view.mode.width, truth)
        tight = small[bounds[:, 1] - bounds[:, 0] < view.mode.width - 1e-6]
        names = [dimension.nodes for dimension in view.table.dimensions]
        for place in tight:
            index = np.unravel_index(int(place), view.table.shape)
            recovered.append((view.table.counted, tuple(nodes[at] for nodes, at in zip(names, index, strict=True))))
        first += len(view.values)
    first += sum(len(view.values) for view in earlier)
    parts = first + _find_small_parts(knowledge, truth, first, public[0].mode)
    bounds = bound_cells(knowledge, parts, public[0].mode.width, truth)
    tight = parts[bounds[:, 1] - bounds[:, 0] < public[0].mode.width - 1e-6]
    return recovered + [("parts in no cell", (str(place - first),)) for place in tight]


def build_knowledge(public: Sequence[PublicTable], earlier: Sequence[PublicTable] = ()) -> tuple[Knowledge, Floats]:
    """Return what whoever sees these tables knows, and the true unknowns (of `earlier` taken from the new tables)."""
    views = (*public, *earlier)
    unshown = find_unshown([view.table for view in views])
    cells = sparse.vstack(
        [
            sparse.block_diag([view.table.membership for view in views], format="csr"),
            sparse.block_diag(unshown, format="csr"),
        ],
        format="csr",
    )
    lower, upper = map(list, zip(*(_bound_view(view) for view in views), strict=True))
    rest = cells.shape[0] - sum(len(part) for part in lower)
    lower.append(np.zeros(rest))
    upper.append(np.full(rest, np.inf))
    truth = np.concatenate([view.table.counts.ravel() for view in views]).astype(np.float64)
    return Knowledge(
        sparse.csr_array(cells),
        np.concatenate(lower),
        np.concatenate(upper),
        link_tables([view.table for view in views]),
    ), truth


def _begin(tables: Sequence[CountTable], mode: Mode, earlier: Sequence[PublicTable]) -> _State:
    hidden = [hide_small(table, mode) for table in tables]
    targets = [_find_targets(mode, mask) for table, mask in zip(tables, hidden, strict=True)]
    locked = [np.zeros(len(mask), dtype=bool) for mask in hidden]
    keys = [_key_cells(table) for table in tables] if earlier else []
    for view in earlier:
        places = _key_cells(view.table)
        for number, table_keys in enumerate(keys):
            for key in table_keys.keys() & places.keys():
                # What is out stays out, and what was hidden stays hidden.
                hidden[number][table_keys[key]] |= view.hidden[places[key]]
                locked[number][table_keys[key]] |= not view.hidden[places[key]]
    return _State(tables, mode, hidden, targets, locked, [[] for _ in tables])


def _find_targets(mode: Mode, small: Bools) -> Bools:
    """Return the cells that must be safe: the small ones; where all are rounded, every one."""
    return small if mode.base == 1 else np.ones(len(small), dtype=bool)


def _key_cells(table: CountTable) -> dict[tuple[object, ...], int]:
    """Return the place of each cell by what it counts: the leaves of each dimension, left out where it is all."""
    parts: list[list[tuple[str, frozenset[str]] | None]] = []
    for dimension in table.dimensions:
        everything = frozenset(dimension.leaves)
        leaves = {**({leaf: (leaf,) for leaf in dimension.leaves} if dimension.leaves_shown else {})}
        nodes = [frozenset(of) for of in (*leaves.values(), *dimension.groups.values())]
        parts.append([None if node == everything else (dimension.name, node) for node in nodes])
    keys: dict[tuple[object, ...], int] = {}
    for place, index in enumerate(np.ndindex(*table.shape)):
        named = frozenset(part for nodes, at in zip(parts, index, strict=True) if (part := nodes[at]) is not None)
        keys.setdefault((table.counted, table.period, named), place)
    return keys


def _hide_by_shifts(state: _State) -> None:
    """Hide within each table, and once more where a cell is another table's too, until nothing changes."""
    if state.mode.base > 1:
        return
    linked = len(state.tables) > 1
    keys = [_key_cells(table) for table in state.tables] if linked else []
    while True:
        before = sum(int(mask.sum()) for mask in state.hidden)
        for number, table in enumerate(state.tables):
            if len(table.dimensions) <= 2 and all(dimension.leaves_shown for dimension in table.dimensions):
                state.hidden[number], shifts = hide_by_shifts(
                    table, state.mode, state.hidden[number], state.targets[number], state.locked[number]
                )
                state.shifts[number] = shifts
        for first in range(len(keys)):
            for second in range(len(keys)):
                for key in keys[first].keys() & keys[second].keys() if first != second else ():
                    if state.hidden[first][keys[first][key]] and not state.locked[second][keys[second][key]]:
                        state.hidden[second][keys[second][key]] = True
                        state.targets[second][keys[second][key]] |= state.targets[first][keys[first][key]]
        if not linked or sum(int(mask.sum()) for mask in state.hidden) == before:
            return


def _hide_by_programmes(state: _State, earlier: Sequence[PublicTable]) -> None:
    """Attack what would be shown; hide what would give something away; refuse what can't be hidden.

    Raises CharterError where a small count can be worked out whatever is hidden of this release.
    """
    width = state.mode.width
    sizes = np.cumsum([0, *(len(mask) for mask in state.hidden)])
    unknowns = np.cumsum([0, *(table.counts.size for table in state.tables)])
    shifts = [
        Shift(tuple(int(unknowns[number]) + leaf for leaf in shift.leaves), shift.amounts)
        for number, shifts_of in enumerate(state.shifts)
        for shift in shifts_of
    ]
    cells = sum(len(mask) for mask in (*state.hidden, *(view.hidden for view in earlier)))
    targets = np.flatnonzero(np.concatenate(state.targets))
    for _ in range(_MOST_PROGRAMMES):
        views = [_close(table, state.mode, mask) for table, mask in zip(state.tables, state.hidden, strict=True)]
        knowledge, truth = build_knowledge(views, earlier)
        small = np.concatenate([targets, cells + _find_small_parts(knowledge, truth, cells, state.mode)])
        open_ones = small[~find_certified(knowledge, truth, shifts, width)[small]]
        if not len(open_ones):
            return
        bounds = bound_cells(knowledge, open_ones, width, truth)
        tight = np.flatnonzero(bounds[:, 1] - bounds[:, 0] < width - 1e-6)
        if not len(tight):
            return
        low, high = (float(end) for end in bounds[tight[0]])
        extra = _choose_hidden(state, knowledge, truth, int(open_ones[tight[0]]), (low + width, high - width))
        for place in extra:
            number = int(np.searchsorted(sizes, place, side="right")) - 1
            state.hidden[number][place - sizes[number]] = True
    raise _refusal()


def _find_small_parts(knowledge: Knowledge, truth: Floats, first: int, mode: Mode) -> NDArray[np.intp]:
    """Return which of the parts that stand in no cell are small: those that two geographies might give away."""
    values = np.rint(knowledge.cells[first:] @ truth).astype(np.int64)
    return np.flatnonzero((values > 0) & mode.is_small(values))


def _choose_hidden(
    state: _State, knowledge: Knowledge, truth: Floats, target: int, goals: tuple[float, float]
) -> NDArray[np.intp]:
    hidden, locked = np.concatenate(state.hidden), np.concatenate(state.locked)
    value = knowledge.cells @ truth
    cost = np.full(len(value), np.inf)
    can_hide = ~hidden & ~locked & (value[: len(hidden)] >= state.mode.hidden_from)
    cost[: len(hidden)][can_hide] = value[: len(hidden)][can_hide] + 1.0
    least = np.full(len(value), float(state.mode.hidden_from))
    for goal in goals:
        extra = cheapest_hiding(knowledge, truth, target, goal, cost, least) if goal >= 0 else None
        if extra is not None and len(extra):
            return extra
    raise _refusal()


def _refusal() -> CharterError:
    return CharterError(
        "a small count could be worked out from these tables, whatever else of them is hidden.",
        "Release larger areas or fewer columns, or wait for the next period; what is out can't be called back.",
    )


def _close(table: CountTable, mode: Mode, hidden: Bools) -> PublicTable:
    values = mode.round_counts(table.add_up(table.counts))
    return PublicTable(table, mode, np.where(hidden, -1, values), hidden.copy())


def _bound_view(view: PublicTable) -> tuple[Floats, Floats]:
    lower, upper = view.mode.bound_shown(view.values)
    return np.where(view.hidden, float(view.mode.hidden_from), lower), np.where(view.hidden, np.inf, upper)
