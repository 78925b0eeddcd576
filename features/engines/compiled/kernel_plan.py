"""What the kernel has to do, as arrays of whole numbers: slots to accumulate into, entries per signal, columns to make.

Following one feature through: `count(absence, last=months(6))` and `total(absence, last=months(6))` read the same
events over the same window, so they share one *cell* with a slot for each. The signal `absence` gets one *entry* that
points at the cell. After all events of a household, each *column* reads its slots and makes one float32.

A slot is a row of numbers, one per date. A sum's slot holds what begins and ends at each date. Maxima and bits can't be
taken back, so theirs is two rows: what holds at a date, and what holds from a date on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from features.engines.compiled.arrays import Program
from features.engines.question import Question
from features.grammar import Aggregate, Change, Composition, Expression, PerMember, Ratio, Signal, Window
from features.grammar.signal import scale_amount

__all__ = ["LARGEST", "MAKE", "SMALLEST", "Plan", "Watch"]

SMALLEST, LARGEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max

# What a cell keeps; a PLAIN one up to six things, each in a slot of its own; the smallest amount as the largest below
# nought.
PLAIN, LATEST, BITS, OPEN, CHANGED = 0, 1, 2, 3, 4
COUNT, TOTAL, CARRYING, LARGEST_AMOUNT, NEWEST, SMALLEST_AMOUNT = 0, 1, 2, 3, 4, 5
_KEPT = 6
_NEWEST_CHANGE = 2
"""The row of a CHANGED cell's slots that says when; the others whose detail was newest, and which."""
# The columns of an entry; the slots of a PLAIN cell, -1 where it has none, follow from SLOT on.
KIND, WINDOW, SEEN, LIMITED, AT_LEAST, BELOW, BY, WORDS, SLOT = range(9)
# What a bit of a BITS cell stands for.
BY_PAYLOAD, BY_PERSON, BY_DAY = 0, 1, 2
# How a row is carried along the dates: AHEAD is the second row of a MOST or UNION before it.
SUM, MOST, UNION, STAY, AHEAD = 0, 1, 2, 3, 4
# How a column is made.
MAKE = {
    "count": 0,
    "any_of": 1,
    "days_since": 2,
    "total": 3,
    "mean": 4,
    "maximum": 5,
    "latest": 6,
    "step": 7,
    "bits": 8,
    "change_count": 9,
    "change_total": 10,
    "composition": 11,
    "minimum": 12,
    "ratio": 13,
    "member_count": 14,
    "member_total": 15,
}

# The slots of a PLAIN cell that a word reads.
_SLOTS = {
    "count": (COUNT,),
    "any_of": (COUNT,),
    "days_since": (NEWEST,),
    "total": (TOTAL,),
    "mean": (TOTAL, CARRYING),
    "maximum": (LARGEST_AMOUNT,),
    "minimum": (SMALLEST_AMOUNT,),
}


class Watch(NamedTuple):
    """Whom a seen column is about: the members whom `service` saw over the whole `window`; of `age` alone, if given."""

    service: str
    window: Window
    age: tuple[int, int] | None = None


@dataclass
class _Cell:
    kind: int
    window: int
    by: int = BY_PAYLOAD
    words: int = 0
    uses: set[int] = field(default_factory=set)
    slots: list[int] = field(default_factory=lambda: [-1] * _KEPT)


@dataclass(frozen=True)
class Plan:
    """What the kernel has to do, before it is known which signals are read and when windows start; see the module.

    Entries are grouped by signal: those of signal s are `entry_start[s]:entry_start[s + 1]`. `payload[e, d]` says what
    the detail of code d means to entry e: -1 not allowed, 0 nothing more, above 0 a bit or a step (from 1).
    `windows` and `seen` are distinct; `column_seen` lists the seen columns whose members a column needs. `fresh` is
    what each row of the slots starts from, `carry` how it is carried.
    """

    signals: tuple[str, ...]
    services: tuple[str, ...]
    windows: tuple[Window, ...]
    seen: tuple[Watch, ...]
    compositions: tuple[Composition | PerMember, ...]
    fresh: NDArray[np.int64]
    entry_start: NDArray[np.int32]
    entry: NDArray[np.int64]
    payload: NDArray[np.int16]
    column: NDArray[np.int64]
    column_seen: NDArray[np.int32]
    columns: int
    carry: NDArray[np.int8]
    needs_tie: tuple[str, ...]

    def program(
        self,
        signals: Sequence[str],
        starts: NDArray[np.int64],
        column: NDArray[np.int64],
        composition: NDArray[np.float64],
    ) -> Program:
        """Return the program for the codes of `signals`, which makes the columns `column`.

        Entries of a signal are ordered by when their window starts (`starts`, by window), so that the kernel can leave
        off at the first window that an event is too old for; entries of one window and seen column are together.
        """
        places = [self.signals.index(name) for name in signals]
        ranges = [range(self.entry_start[place], self.entry_start[place + 1]) for place in places]
        order = [
            n
            for entries in ranges
            for n in sorted(entries, key=lambda n: (starts[self.entry[n, WINDOW]], *self.entry[n, [WINDOW, SEEN]]))
        ]
        ends = np.cumsum([0, *(len(entries) for entries in ranges)])
        return Program(
            begin=ends[:-1],
            end=ends[1:],
            entry=self.entry[order],
            payload=self.payload[order],
            fresh=self.fresh,
            carry=self.carry,
            column=column,
            column_seen=self.column_seen,
            composition=composition,
        )

    @classmethod
    def of(cls, question: Question, details: Sequence[str], most_members: int, days: int) -> Plan:
        """Compile the question's features, its cohort rules and what was before into a plan.

        `details` are the texts of the detail codes 1, 2, ...; `most_members` bounds a household; `days` bounds how
        many calendar days `since_start` can reach back.
        """
        return _Compiler(question, details, most_members, days).plan()


class _Compiler:
    def __init__(self, question: Question, details: Sequence[str], most_members: int, days: int) -> None:
        self.question = question
        self.details = {detail: code for code, detail in enumerate(details, start=1)}
        self.most_members, self.days = max(1, most_members), max(1, days)
        self.expressions: list[Expression] = list(question.expressions)
        self.features = len(question.definition.features)
        names = {s.name for e in self.expressions for s in e.signals}
        self.signals = tuple(sorted(names))
        self.services = tuple(sorted({name.split(".")[0] for name in names}))
        # The matrix's own seen columns come first, in the manifest's order.
        self.seen = [Watch(*column) for column in question.seen]
        self.windows: list[Window] = []
        self.compositions: list[Composition | PerMember] = []
        self.cells: dict[Any, _Cell] = {}
        self.entries: dict[str, list[tuple[_Cell, Signal, Watch, Mapping[str, int], int]]] = {
            name: [] for name in self.signals
        }
        self.needs_tie: set[str] = set()

    def plan(self) -> Plan:
        columns = [self._plan_column(expression) for expression in self.expressions]
        rows = [row for cell in self.cells.values() for row in self._list_rows(cell)]
        self._place_slots(rows)
        entry_start, entry, payload = self._make_entries()
        width = max([len(places) for _, _, places in columns] + [1])
        return Plan(
            signals=self.signals,
            services=self.services,
            windows=tuple(self.windows),
            seen=tuple(self.seen),
            compositions=tuple(self.compositions),
            fresh=np.array([fresh for *_, fresh in rows], dtype=np.int64),
            entry_start=entry_start,
            entry=entry,
            payload=payload,
            column=np.array([[make, *numbers()] for make, numbers, _ in columns], dtype=np.int64).reshape(-1, 3),
            column_seen=np.array([places + [-1] * (width - len(places)) for _, _, places in columns], dtype=np.int32),
            columns=self.features,
            carry=np.array([how for *_, how, _ in rows], dtype=np.int8),
            needs_tie=tuple(sorted(self.needs_tie)),
        )

    @staticmethod
    def _list_rows(cell: _Cell) -> list[tuple[_Cell, int, int, int]]:
        """Return the rows of a cell's slots: the cell, which slot begins there or -1, how it is carried, from what."""
        most, ahead = [(MOST, SMALLEST), (AHEAD, SMALLEST)], [(UNION, 0), (AHEAD, 0)]
        if cell.kind == PLAIN:
            slots = [
                (use, most if use in (LARGEST_AMOUNT, NEWEST, SMALLEST_AMOUNT) else [(SUM, 0)])
                for use in sorted(cell.uses)
            ]
        elif cell.kind == LATEST:
            slots = [(0, [(STAY, SMALLEST)] * 3 + [(STAY, 0)])]
        elif cell.kind == CHANGED:
            slots = [(0, [(STAY, -1), (STAY, 0), (STAY, SMALLEST)])]
        else:
            slots = [(0, ahead * cell.words if cell.kind == BITS else [(SUM, 0)])]
        return [
            (cell, use if place == 0 else -1, how, fresh)
            for use, rows in slots
            for place, (how, fresh) in enumerate(rows)
        ]

    @staticmethod
    def _place_slots(rows: Sequence[tuple[_Cell, int, int, int]]) -> None:
        for row, (cell, use, _, _) in enumerate(rows):
            if use >= 0:
                cell.slots[use] = row

    def _index_of(self, found: list[Any], value: Any) -> int:
        if value not in found:
            found.append(value)
        return found.index(value)

    def _make_cell(self, rule: Aggregate, reach: Window, age: tuple[int, int] | None = None) -> _Cell:
        """Return the cell that a rule reads of members of `age`, made and entered under its signals if it is new."""
        kind, by, words = PLAIN, BY_PAYLOAD, 0
        sub: tuple[str, ...] = ()
        if rule.word in ("latest", "category"):
            kind, sub = LATEST, (rule.word, *rule.steps)
            self.needs_tie |= {s.name for s in rule.signals}
        elif rule.word == "days_since_change":
            kind = CHANGED
            self.needs_tie |= {s.name for s in rule.signals}
        elif rule.word == "open_at":
            kind = OPEN
        elif rule.word in ("distinct", "active_days"):
            kind = BITS
            by, bits = self._count_bits(rule)
            words, sub = -(-bits // 64), (rule.of or "day",)
        key = (kind, sub, rule.signals, rule.window, reach, age)
        if key not in self.cells:
            self.cells[key] = cell = _Cell(kind, self._index_of(self.windows, rule.window), by, words)
            for place, signal in enumerate(rule.signals, start=1):
                otherwise = self._map_others(rule, place)
                watch = Watch(signal.service, reach, age)
                self._index_of(self.seen, watch)
                self.entries[signal.name].append((cell, signal, watch, self._map_details(rule), otherwise))
        return self.cells[key]

    @staticmethod
    def _map_others(rule: Aggregate, place: int) -> int:
        """Return what a detail without a meaning of its own says: for steps nothing at all, so it is not allowed."""
        if rule.word == "category":
            return len(rule.steps) + 1
        return -1 if rule.steps else place if rule.of == "signal" else 0

    def _count_bits(self, rule: Aggregate) -> tuple[int, int]:
        if rule.of == "person":
            return BY_PERSON, self.most_members
        if rule.word == "distinct":
            return BY_PAYLOAD, max(len(self.details), len(rule.signals))
        if rule.window.last is None:
            return BY_DAY, self.days
        longest = max((day - rule.window.last.before(day)).days for day in self.question.dates)
        return BY_DAY, longest

    def _map_details(self, rule: Aggregate) -> Mapping[str, int]:
        """Return what each detail means beyond being allowed: its step, or its bit from 1."""
        if rule.steps:
            return {step: place for place, step in enumerate(rule.steps, start=1)}
        return self.details if rule.of == "detail" and rule.word in ("distinct", "days_since_change") else {}

    def _plan_column(self, expression: Expression) -> tuple[int, Callable[[], tuple[int, int]], list[int]]:
        """Return how a column is made, from which two numbers (slots are known once all cells are), and what it needs.

        What it needs are the seen columns of which each must have a member.
        """
        if isinstance(expression, Composition):
            place = self._index_of(self.compositions, expression)
            return MAKE["composition"], lambda: (place, 0), []
        seen_columns = [self._index_of(self.seen, Watch(service, expression.reach)) for service in expression.services]
        if isinstance(expression, Change):
            recent = self._make_cell(expression.of, expression.reach)
            whole = self._make_cell(expression.whole, expression.reach)
            slot = COUNT if expression.of.word == "count" else TOTAL
            recent.uses.add(slot)
            whole.uses.add(slot)
            return MAKE[f"change_{expression.of.word}"], lambda: (recent.slots[slot], whole.slots[slot]), seen_columns
        if isinstance(expression, Ratio):
            top, bottom = (self._make_cell(rule, rule.reach) for rule in (expression.of, expression.among))
            for part in (top, bottom):
                part.uses.add(COUNT)
            return MAKE["ratio"], lambda: (top.slots[COUNT], bottom.slots[COUNT]), seen_columns
        if isinstance(expression, PerMember):
            part = self._make_cell(expression.of, expression.reach, expression.age)
            slot, among = (
                COUNT if expression.of.word == "count" else TOTAL,
                self._index_of(self.compositions, expression),
            )
            part.uses.add(slot)
            return MAKE[f"member_{expression.of.word}"], lambda: (part.slots[slot], among), seen_columns
        cell = self._make_cell(expression, expression.reach)
        if cell.kind == BITS:
            return MAKE["bits"], lambda: (cell.slots[0], cell.words), seen_columns
        if cell.kind == LATEST:
            return MAKE["step" if expression.steps else "latest"], lambda: (cell.slots[0], 0), seen_columns
        if cell.kind == OPEN:
            return MAKE["count"], lambda: (cell.slots[0], 0), seen_columns
        window = self._index_of(self.windows, expression.window)
        if cell.kind == CHANGED:
            return MAKE["days_since"], lambda: (cell.slots[0] + _NEWEST_CHANGE, window), seen_columns
        used = _SLOTS[expression.word]
        cell.uses |= set(used)
        if expression.word == "days_since":
            return MAKE["days_since"], lambda: (cell.slots[used[0]], window), seen_columns
        return MAKE[expression.word], lambda: (cell.slots[used[0]], cell.slots[used[-1]]), seen_columns

    def _make_entries(self) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int16]]:
        starts, rows, payloads = [0], [], []
        for name in self.signals:
            for cell, signal, seen_column, meaning, otherwise in self.entries[name]:
                if len(self.details) >= np.iinfo(np.int16).max:
                    raise DataError(f"{name} has too many different details.", "Group them in the register's mapping.")
                rows.append(
                    [
                        cell.kind,
                        cell.window,
                        self.seen.index(seen_column),
                        signal.at_least is not None or signal.below is not None,
                        SMALLEST if signal.at_least is None else scale_amount(signal.at_least),
                        LARGEST if signal.below is None else scale_amount(signal.below),
                        cell.by,
                        cell.words,
                        *cell.slots,
                    ]
                )
                payloads.append(self._map_payload(signal, meaning, otherwise))
            starts.append(len(rows))
        return (
            np.array(starts, dtype=np.int32),
            np.array(rows, dtype=np.int64).reshape(-1, SLOT + _KEPT),
            np.array(payloads, dtype=np.int16).reshape(-1, len(self.details) + 1),
        )

    def _map_payload(self, signal: Signal, meaning: Mapping[str, int], otherwise: int) -> list[int]:
        row = [-1 if signal.details else otherwise]
        for detail in self.details:
            allowed = not signal.details or detail in signal.details
            row.append(meaning.get(detail, otherwise) if allowed else -1)
        return row
