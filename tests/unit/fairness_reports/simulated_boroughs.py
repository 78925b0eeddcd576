"""Boroughs drawn household by household, and what the first gate's questions find in each: without playing a demo.

Households with children, their groups, needs, listings, days and signs of need are drawn at the sizes that played
boroughs have; places are those that a council of the size has (decision 136). Findings are made of them by the audit
itself, with closed forms for every interval. Everybody is treated alike but for what `Unfair` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.invocation import shipped_council
from charter.rules.certainty.compared_groups import ask_once, bound_by_overall, list_rows, weigh_chances
from charter.rules.certainty.fair_chances import Chances
from charter.rules.certainty.group_answers import decide_group
from charter.rules.measures import AS_USED, CELLS, USED
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.disparities import measure_disparities
from fairness_reports.audit.measuring.findings import About, list_findings, write_finding
from fairness_reports.audit.measuring.means import average_groups
from fairness_reports.audit.measuring.tally import Grouping, Tally

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

SHIPPED = Policy.load(shipped_council() / "charter.toml")
GATES = [gate for gate in SHIPPED.asked("test") if not gate.of_pair]

YEARS = 2.0
WITH_CHILDREN = 0.457
"""Of homes those with children of the audited ages, as in the borough of 3,000 homes."""
CHILDREN = (0.58, 0.26, 0.12, 0.04)
IN_NEED = 0.135
"""Of those households the share that comes to be in need within two years."""
TOWARDS_NEED = 13.0
"""How much likelier a household that comes to be in need is listed: so that of 100 listed some 25 have a need."""
WITH_SIGN = 0.24
GROUPS = {
    "ethnicity": {"White": 0.38, "Asian": 0.18, "Black": 0.16, "Mixed": 0.105, "Other": 0.1, "not recorded": 0.075},
    "sex": {"female": 0.48, "male": 0.52},
    "disability": {"no": 0.79, "yes": 0.13, "not recorded": 0.08},
}
LISTS = {3_000: (26, 2), 10_000: (26, 7), 30_000: (26, 20), 110_000: (104, 20)}
"""How many lists in two years, and places on each (decision 136)."""


@dataclass(frozen=True)
class Unfair:
    """One group treated otherwise: those in need listed before it so many times as often as others, and so on.

    A household is treated as a whole: otherwise where a child of the group lives in it.
    """

    characteristic: str
    group: str
    listed_before_need: float = 1.0
    unneeded: float = 1.0
    days: float = 1.0
    recorded: float = 1.0


@dataclass(frozen=True)
class Drawn:
    """One borough: `kids` by characteristic (households, groups); the others (households,)."""

    kids: dict[str, Whole]
    in_need: NDArray[np.bool_]
    needed: Floats
    unneeded: Floats
    days: Floats
    signs: Floats
    recorded: Floats
    lists: int


def draw_borough(homes: int, seed: int, unfair: Unfair | None = None) -> Drawn:
    """Draw one borough."""
    rng = np.random.default_rng([homes, seed])
    children, kids = draw_homes(rng, homes)
    households = len(children)
    otherwise = mark_otherwise(kids, unfair)

    def of(times: float) -> Floats:
        return np.where(otherwise, times, 1.0)

    treated = unfair or Unfair("", "")
    in_need = rng.random(households) < IN_NEED * (0.8 + 0.12 * children)
    when = rng.uniform(0, 730, households)
    lists, places = LISTS[homes]
    listed, day = _draw_listings(rng, np.where(in_need, TOWARDS_NEED, 1.0), lists, places)
    helped = in_need[listed] & (when[listed] > day) & (when[listed] < day + 365)
    # Treated otherwise: some in need are on no list before it, and others listed without one.
    unlisted = rng.random(households) >= of(treated.listed_before_need)
    more = (~helped) & (rng.random(len(listed)) < of(treated.unneeded)[listed] - 1)
    kept = ~(helped & unlisted[listed])
    alike = np.flatnonzero(otherwise & ~in_need)
    others = rng.choice(alike, int(more.sum())) if more.any() else listed[:0]
    listed, day = np.r_[listed[kept], others], np.r_[day[kept], day[more]]
    helped = np.r_[helped[kept], np.zeros(len(others), dtype=np.bool_)]
    needed = np.bincount(listed[helped], minlength=households).astype(np.float64)
    unneeded = np.bincount(listed[~helped], minlength=households).astype(np.float64)
    first = np.full(households, np.inf)
    np.minimum.at(first, listed[helped], day[helped])
    days = np.where(needed > 0, (when - first), 0.0) * of(treated.days)
    days = np.where(needed > 0, days * rng.exponential(0.5, households), 0.0)
    signed = rng.random(households) < WITH_SIGN
    signs = np.where(signed, rng.integers(1, 9, households), 0).astype(np.float64)
    shown = rng.random(households) < np.where(signed, 0.3, 0.08) * of(treated.recorded)
    recorded = np.where(shown, rng.integers(1, 9, households), 0).astype(np.float64)
    return Drawn(kids, in_need, needed, unneeded, days, signs, recorded, lists)


def draw_homes(rng: np.random.Generator, homes: int) -> tuple[Whole, dict[str, Whole]]:
    """Return how many children each household has, and how many of each group, (households,) and by characteristic."""
    children = 1 + rng.choice(len(CHILDREN), round(WITH_CHILDREN * homes), p=CHILDREN)
    return children, {name: _draw_groups(rng, name, children) for name in GROUPS}


def mark_otherwise(kids: dict[str, Whole], unfair: Unfair | None) -> NDArray[np.bool_]:
    """Return in which households a child lives of the group that is treated otherwise."""
    if unfair is None:
        return np.zeros(len(next(iter(kids.values()))), dtype=np.bool_)
    names = list(GROUPS[unfair.characteristic])
    return kids[unfair.characteristic][:, names.index(unfair.group)] > 0


def _draw_groups(rng: np.random.Generator, name: str, children: Whole) -> Whole:
    """Return how many children of each group a household has: of one ethnic group in nine households of ten."""
    shares = np.array(list(GROUPS[name].values()))
    shares = shares / shares.sum()
    households, groups = len(children), len(shares)
    drawn = rng.random((households, len(CHILDREN)), dtype=np.float32)
    of_child = np.zeros(drawn.shape, dtype=np.int64)
    for edge in np.cumsum(shares)[:-1].tolist():
        of_child += drawn > edge
    if name == "ethnicity":
        alike = rng.random(households) < 0.9
        of_child[alike] = of_child[alike, :1]
    there = np.arange(len(CHILDREN)) < children[:, None]
    place = (np.arange(households)[:, None] * groups + of_child)[there]
    return np.bincount(place, minlength=households * groups).reshape(households, groups)


def _draw_listings(rng: np.random.Generator, weight: Floats, lists: int, places: int) -> tuple[Whole, Floats]:
    """Draw who is on which list, four half years one after the other: nobody twice within one."""
    periods = 4
    sizes = np.diff(np.round(np.linspace(0, lists * places, periods + 1)).astype(int))
    chosen, days = [], []
    score = np.log(weight) + 1.2 * rng.normal(size=len(weight))
    for number, size in enumerate(sizes.tolist()):
        drawn = score + rng.gumbel(size=len(weight))
        chosen.append(np.argpartition(-drawn, size)[:size])
        days.append(rng.uniform(number * 182.5, (number + 1) * 182.5, size))
    return np.concatenate(chosen), np.concatenate(days)


def measure_borough(drawn: Drawn) -> list[dict[str, Any]]:
    """Return the findings that the first gate's questions ask for, without those of pairs."""
    rows: list[dict[str, Any]] = []
    for name, kids in drawn.kids.items():
        about = About("", name, "m", AS_USED)
        before = (drawn.needed > 0).astype(np.float64)
        need, weeks = np.zeros((2, len(before), CELLS))
        need[:, 3], need[:, 2] = before, 1 - before
        weeks[:, 1], weeks[:, 3] = drawn.unneeded, drawn.needed
        weeks[:, 0] = np.maximum(drawn.lists - drawn.unneeded - drawn.needed, 0)
        everybody = np.ones(len(before), dtype=np.bool_)
        for chosen, cells, measure in (
            (drawn.in_need, need, "listed_before_need"),
            (everybody, weeks, "unneeded_listings"),
        ):
            tally = tally_alike(tuple(GROUPS[name]), kids[chosen], cells[chosen])
            gaps = measure_disparities(tally, USED[measure], tally.draws(0, 0))
            rows += [write_finding(about.of_measure(measure), gap, labelled=False) for gap in gaps]
        ever = (drawn.needed + drawn.unneeded > 0).astype(np.float64)
        rows += _list_overall(about.of_measure("listed_at_all"), name, kids, ever, np.ones(len(ever)))
        listings, lists = drawn.needed + drawn.unneeded, np.full(len(ever), float(drawn.lists))
        rows += _list_overall(about.of_measure("listings"), name, kids, listings, lists)
        rows += average_homes(about.of_measure("days_before"), name, kids, drawn.days * before, before)
        if name == "ethnicity":
            at = About("recorded_per_independent", name, "m", "capacity")
            rows += average_homes(at, name, kids, drawn.recorded, drawn.signs)
    return rows


def _list_overall(about: About, name: str, kids: Whole, above: Floats, below: Floats) -> list[dict[str, Any]]:
    """Return findings that only say what everybody's rate is, which bounds follow."""
    counted, among = kids.T @ above, kids.T @ below
    rows = []
    for group, here, people in zip(GROUPS[name], counted, among, strict=True):
        sides = [(here, people), (counted.sum() - here, among.sum() - people)]
        row, rest = ({"estimate": a / max(n, 1), "n": n} for a, n in sides)
        key = {"measure": about.measure, "characteristic": name, "group": group, "model": about.model}
        rows.append(row | key | {"at": about.at, "component": None, "rest": rest})
    return rows


def tally_alike(names: tuple[str, ...], kids: Whole, cells: Floats) -> Tally:
    """Return the tally of households alike in children and cells, each kind once."""
    kinds, of_cells = np.unique(cells @ (100.0 ** np.arange(CELLS)), return_inverse=True)
    of_kids = kids @ (5 ** np.arange(kids.shape[1]))
    _, first, weight = np.unique(of_kids * len(kinds) + of_cells, return_index=True, return_counts=True)
    patterns = kids[first][:, :, None] * cells[first][:, None, :]
    return Tally(names, patterns.astype(np.float64), weight.astype(np.int64))


def average_homes(about: About, name: str, kids: Whole, above: Floats, below: Floats) -> list[dict[str, Any]]:
    """Return the findings of a sum over a sum, (households,) each, every child with its household's."""
    there = (above > 0) | (below > 0)
    kids = kids[there]
    household, group = np.nonzero(kids)
    times = kids[household, group]
    grouping = Grouping(group, tuple(GROUPS[name]))
    above, below = above[there][household] * times, below[there][household] * times
    return list_findings(about, average_groups(household, grouping, above, below))


def decide_borough(homes: int, seed: int, unfair: Unfair | None = None) -> list[tuple[str, str, str]]:
    """Return of each comparison of the first gate the question, the group and the verdict."""
    return decide_all(GATES, measure_borough(draw_borough(homes, seed, unfair)))


def decide_all(gates: list[Gate], rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return of each comparison of one gate, on these findings, the question, the group and the verdict.

    Protection from chance only ever turns a fail into insufficient, and costs most of the work: it is worked out for
    boroughs in which something fails without it.
    """
    findings = {"findings": rows, "model": "m"}
    asked = [
        (bound_by_overall(gate, row, findings), row)
        for gate in gates
        for row in ask_once(gate, list_rows(gate, findings, SHIPPED.not_recorded)[0])
    ]
    unguarded = _decide_rows(asked, Chances([]))
    if all(verdict != "fail" for *_, verdict in unguarded):
        return unguarded
    return _decide_rows(asked, weigh_chances(gates, findings, SHIPPED.not_recorded))


def _decide_rows(asked: list[tuple[Gate, Any]], chances: Chances) -> list[tuple[str, str, str]]:
    return [(gate.id, row["group"], decide_group(gate, row, chances)[0]) for gate, row in asked]
