"""Shadow periods drawn household by household, and what the second gate's questions find in each: no demo is played.

Homes, groups, needs and places are those of `simulated_boroughs`; lists are issued for the charter's weeks, seen by
nobody, so that whoever is on one stays until its score changes. Reviewers who do not know the list judge so many of
each, drawn by lot, and some from below its line, as worklist.toml says. Findings are made by the audit itself, with
closed forms for every interval. Everybody is treated alike but for what `Hidden` says.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.invocation import shipped_council
from charter.rules.measures import SHARES
from fairness_reports.audit.measuring.disparities import measure_disparities
from fairness_reports.audit.measuring.findings import About, list_findings, write_finding
from fairness_reports.audit.measuring.means import average_groups
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.shadow_plan import AGAINST, STAYS
from tests.unit.fairness_reports.simulated_boroughs import (
    GROUPS,
    IN_NEED,
    LISTS,
    SHIPPED,
    TOWARDS_NEED,
    Unfair,
    decide_all,
    draw_homes,
    mark_otherwise,
    tally_alike,
)

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Bools = NDArray[np.bool_]

SHADOW_GATES = SHIPPED.asked("shadow")
TEAMS = {3_000: 1, 10_000: 1, 30_000: 4, 110_000: 4}
_SETTINGS = tomllib.loads((shipped_council() / "early_help" / "worklist.toml").read_text(encoding="utf-8"))
REVIEWED: tuple[int, int] = (_SETTINGS["blind_review"]["listed"], _SETTINGS["second_look"]["below"])
"""Of each team's list the cases that are judged blind, and those from below its line."""

SEEN, SEEN_SPREAD = 0.6, 0.25
"""What part of a household services see, on average, and how far households are from it."""
TWO_YEARS = 730


@dataclass(frozen=True)
class Hidden:
    """One group treated otherwise in shadow: so many times as often listed, seen, kept, turned down."""

    group: str
    listed: float = 1.0
    seen: float = 1.0
    kept: float = 1.0
    against: float = 1.0


@dataclass(frozen=True)
class Shadow:
    """One shadow period: `kids` by characteristic (households, groups); `seen` (households,).

    `listed` (lists, households); `judged` holds the list and household of each review of a listed case, and `against`
    whether it was against the list; `wanted` the households that a reviewer would help, and `on_list` whether listed.
    """

    kids: dict[str, Whole]
    seen: Floats
    listed: Bools
    judged: Whole
    against: Bools
    wanted: Whole
    on_list: Bools


def count_lists(homes: int) -> tuple[int, int, int]:
    """Return how many lists a shadow period holds, the days from one to the next, and the places on each."""
    lists, places = LISTS[homes]
    apart = round(TWO_YEARS / lists)
    return 7 * SHIPPED.live.shadow_weeks // apart + 1, apart, places


def draw_shadow(homes: int, seed: int, hidden: Hidden | None = None) -> Shadow:
    """Draw one borough's shadow period."""
    rng = np.random.default_rng([homes, seed, 2])
    children, kids = draw_homes(rng, homes)
    households = len(children)
    treated = hidden or Hidden("")
    otherwise = mark_otherwise(kids, Unfair("ethnicity", treated.group) if hidden else None)

    def of(times: float) -> Floats:
        return np.where(otherwise, times, 1.0)

    in_need = rng.random(households) < IN_NEED * (0.8 + 0.12 * children)
    seen = np.clip(rng.normal(SEEN, SEEN_SPREAD, households), 0, 1) * of(treated.seen)
    lists, apart, places = count_lists(homes)
    stays = STAYS ** (apart / 7) * of(treated.kept)
    # Who is passed over is passed over on every list; whoever comes next takes the place.
    passed_over = rng.random(households) >= of(treated.listed)
    base = np.log(np.where(in_need, TOWARDS_NEED, 1.0)) + 1.2 * rng.normal(size=households)
    base[passed_over] = -np.inf
    noise = rng.gumbel(size=households)
    team = rng.integers(0, TEAMS[homes], households)
    listed = np.zeros((lists, households), dtype=np.bool_)
    judged, against, wanted, on_list = [], [], [], []
    for number in range(lists):
        if number:
            leaves = rng.random(households) >= stays
            noise = np.where(leaves, rng.gumbel(size=households), noise)
        for one in range(TEAMS[homes]):
            mine = np.flatnonzero(team == one)
            line = places // TEAMS[homes]
            order = mine[_find_first((base + noise)[mine], line)]
            listed[number, order] = True
            drawn = rng.permutation(order)[: REVIEWED[0]]
            # Just below the line stand those, too, whom the list passed over.
            would_be = mine[_find_first((np.where(passed_over, 0.0, base) + noise)[mine], 3 * line)]
            below = rng.permutation([home for home in would_be if not listed[number, home]])[: REVIEWED[1]]
            turned_down = rng.random(len(drawn)) < np.minimum(AGAINST * of(treated.against)[drawn], 1)
            judged.append(drawn)
            against.append(turned_down)
            helped_below = below[rng.random(len(below)) >= AGAINST].astype(np.int64)
            wanted += [drawn[~turned_down], helped_below]
            on_list += [np.ones(int((~turned_down).sum()), dtype=np.bool_), np.zeros(len(helped_below), dtype=np.bool_)]
    return Shadow(kids, seen, listed, *(np.concatenate(part) for part in (judged, against, wanted, on_list)))


def _find_first(score: Floats, number: int) -> Whole:
    """Return who has the highest scores, the highest first."""
    first = np.argpartition(-score, number)[:number]
    return first[np.argsort(-score[first])]


def measure_shadow(drawn: Shadow) -> list[dict[str, Any]]:
    """Return the findings that the second gate's questions ask for."""
    rows: list[dict[str, Any]] = []
    lists = len(drawn.listed)
    times = drawn.listed.sum(axis=0)
    cells = np.zeros((len(times), 6))
    cells[:, 5], cells[:, 4] = times, lists - times
    stayed, before = [], []
    for now, later in zip(drawn.listed, drawn.listed[1:], strict=False):
        homes = np.flatnonzero(now)
        before.append(homes)
        stayed.append(later[homes])
    everybody = np.arange(len(times))
    for name, kids in drawn.kids.items():
        about = About("", name, "m", "capacity")
        tally = tally_alike(tuple(GROUPS[name]), kids, cells)
        gaps = measure_disparities(tally, SHARES["selection_rate"], tally.draws(0, 0))
        rows += [write_finding(about.of_measure("selection_rate"), gap, labelled=False) for gap in gaps]
        if name != "ethnicity":
            continue
        for measure, home, value in (
            ("seen", everybody, drawn.seen),
            ("kept", np.concatenate(before), np.concatenate(stayed)),
            ("overridden", drawn.judged, drawn.against),
            ("listed_of_reviewed", drawn.wanted, drawn.on_list),
        ):
            rows += _average_people(about.of_measure(measure), name, kids, home, value.astype(np.float64))
    return rows


def _average_people(about: About, name: str, kids: Whole, home: Whole, value: Floats) -> list[dict[str, Any]]:
    """Return the findings of a mean over the children of so many homes, each home as often as it is named."""
    event, group = np.nonzero(kids[home])
    each = np.repeat(np.arange(len(event)), kids[home][event, group])
    event, group = event[each], group[each]
    grouping = Grouping(group, tuple(GROUPS[name]))
    return list_findings(about, average_groups(home[event], grouping, value[event], np.ones(len(event))))


def decide_shadow(homes: int, seed: int, hidden: Hidden | None = None) -> list[tuple[str, str, str]]:
    """Return of each comparison of the second gate the question, the group and the verdict."""
    return decide_all(list(SHADOW_GATES), measure_shadow(draw_shadow(homes, seed, hidden)))
