"""Six councils of 10,000 homes that tell each other of their lists: each in turn borrows of the five others.

Homes with a child, their groups, needs, listings and days are drawn at the sizes of `simulated_boroughs`; findings are
made of them by the audit itself; what is told passes the door. How a group fares differs by council as is stated: 9 in
10 councils treat it at most `apart` times better or worse than councils in the middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.certainty.compared_groups import list_rows
from charter.rules.certainty.failing import count_households
from charter.rules.certainty.pooling import weigh_row
from charter.rules.measures import AS_USED, CELLS, USED
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.disparities import measure_disparities
from fairness_reports.audit.measuring.findings import About, write_finding
from fairness_reports.disclosure.ledger import Ledger
from fairness_reports.exchange.borrowing import borrow_strength
from fairness_reports.exchange.own_figures import list_exchanged, release_figures
from fairness_reports.exchange.peer_figures import weigh_told
from tests.unit.fairness_reports.simulated_boroughs import (
    GROUPS,
    IN_NEED,
    LISTS,
    SHIPPED,
    WITH_CHILDREN,
    WITH_SIGN,
    average_homes,
    tally_alike,
)

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

COUNCILS = 6
WITHIN = 1.2
"""What exchange.toml expects of councils."""
GROUPS_WITHIN = 1.5
"""What groups are drawn by, as the shipped charter expects."""
_NINE_IN_TEN = 1.6449
_OF_LISTED = 0.25
QUESTIONS = list_exchanged(SHIPPED)


@dataclass(frozen=True)
class Council:
    """One council: its findings, what it tells, and the true ratio of each group by question."""

    findings: dict[str, Any]
    told: dict[str, Any]
    truth: dict[tuple[str, str], float]


@dataclass(frozen=True)
class Compared:
    """One group of one question in one council: whether its own interval holds the truth, and the one with peers."""

    measure: str
    own_holds: bool
    holds: bool
    width: float
    own_weight: float
    unlike: bool


def draw_councils(
    rng: np.random.Generator, folder: Path, *, apart: float, mode: str, homes: int = 10_000, councils: int = COUNCILS
) -> list[Council]:
    """Return councils whose groups fare alike but for `apart`."""
    middles = {gate.id: rng.normal(size=len(GROUPS[gate.characteristic])) for gate in QUESTIONS}
    return [_draw_council(rng, folder / f"{number}.jsonl", middles, apart, mode, homes) for number in range(councils)]


def _draw_council(
    rng: np.random.Generator, ledger: Path, middles: dict[str, Floats], apart: float, mode: str, homes: int
) -> Council:
    rows: list[dict[str, Any]] = []
    truth = {}
    for gate in QUESTIONS:
        groups = GROUPS[gate.characteristic]
        kids = rng.multinomial(1, np.array(list(groups.values())) / sum(groups.values()), round(WITH_CHILDREN * homes))
        shares = kids.mean(axis=0)
        # Of a ratio to everyone else the spread is stated, and everyone else differs too.
        wider = math.sqrt(1 + float(np.mean([_square_others(shares, at) for at in range(len(shares))])))
        spread_of_groups, spread = (math.log(times) / _NINE_IN_TEN / wider for times in (GROUPS_WITHIN, apart))
        log_times = spread_of_groups * middles[gate.id] + spread * rng.normal(size=len(shares))
        times = np.exp(log_times)
        rows += _measure_question(rng, gate, kids, times[kids.argmax(axis=1)], homes)
        for at, group in enumerate(groups):
            others = np.delete(shares, at)
            truth[gate.id, group] = float(times[at] / (np.delete(times, at) @ others / others.sum()))
    days = {"first": "2024-01-01", "last": "2025-12-29", "days": 728}
    findings = {
        "programme": "early_help",
        "findings": rows,
        "model": "m",
        "period": days,
        "used_lists": days,
    }
    released = release_figures(findings, SHIPPED, Ledger(ledger), mode, "five councils", date(2026, 1, 31))
    return Council(findings, released | {"mode": mode, "measured_on": "2026-01-31"}, truth)


def _square_others(shares: Floats, at: int) -> float:
    others = np.delete(shares, at)
    return float(((others / others.sum()) ** 2).sum())


def _measure_question(
    rng: np.random.Generator, gate: Gate, kids: Whole, times: Floats, homes: int
) -> list[dict[str, Any]]:
    """Draw what a question is about, a home of a group so many times as often (or long), and measure it."""
    name, count = gate.characteristic, len(kids)
    lists, places = LISTS[homes]
    in_need = rng.random(count) < IN_NEED
    helped = _OF_LISTED * lists * places / (IN_NEED * count)
    about = About(gate.measure, name, "m", AS_USED)
    if gate.measure == "days_before":
        before = (in_need & (rng.random(count) < helped)).astype(np.float64)
        return average_homes(about, name, kids, before * times * rng.gamma(1.6, 110, count), before)
    if gate.measure == "recorded_per_independent":
        signs = np.where(rng.random(count) < WITH_SIGN, rng.integers(1, 9, count), 0).astype(np.float64)
        shown = rng.random(count) < np.minimum(np.where(signs > 0, 0.3, 0.08) * times, 1)
        recorded = np.where(shown, rng.integers(1, 9, count), 0).astype(np.float64)
        return average_homes(About(gate.measure, name, "m", "capacity"), name, kids, recorded, signs)
    cells = np.zeros((count, CELLS))
    if gate.measure == "listed_before_need":
        before = rng.random(count) < np.minimum(helped * times, 1)
        cells[:, 3], cells[:, 2] = before, ~before
        kids, cells = kids[in_need], cells[in_need]
    else:
        vain = rng.random(count) < np.minimum((1 - _OF_LISTED) * lists * places / count * times, 1)
        cells[:, 1], cells[:, 0] = vain, lists - vain
    tally = tally_alike(tuple(GROUPS[name]), kids, cells)
    gaps = measure_disparities(tally, USED[gate.measure], tally.draws(0, 0))
    return [write_finding(about, gap, labelled=False) for gap in gaps]


def compare_councils(councils: list[Council], within: float = WITHIN) -> list[Compared]:
    """Let each council in turn borrow of the others, in every comparison that the gate asks about."""
    compared = []
    for gate in QUESTIONS:
        groups = list(GROUPS[gate.characteristic])
        told = [weigh_told(council.told, gate.measure, gate.characteristic, groups) for council in councils]
        for at, council in enumerate(councils):
            rows = {row["group"]: row for row in list_rows(gate, council.findings, "nobody")[0]}
            own = [weigh_row(gate, rows[group]) if _is_enough(gate, rows[group]) else None for group in groups]
            strength = borrow_strength(own, told[:at] + told[at + 1 :], GROUPS_WITHIN, within)
            for group, borrowed in zip(groups, strength.groups, strict=True):
                low, high = rows[group]["ratio_interval"] or (None, None)
                if borrowed and borrowed.councils and None not in (low, high):
                    true, (least, most) = council.truth[gate.id, group], borrowed.interval
                    width = (most - least) / (high - low)
                    held = (low <= true <= high, least <= true <= most)
                    compared.append(Compared(gate.measure, *held, width, borrowed.own, borrowed.unlike))
    return compared


def _is_enough(gate: Gate, row: dict[str, Any]) -> bool:
    return min(count_households(row), count_households(row["rest"])) >= gate.minimum_positives
