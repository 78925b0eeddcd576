"""What `sooner audit plan` would state of a drawn borough: of its households, needs, places and lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.audit_plan import plan_gate
from fairness_reports.audit.planned_borough import Borough, Listings, weigh_homes
from fairness_reports.audit.shadow_plan import Reviewing, plan_shadow
from tests.unit.fairness_reports.simulated_boroughs import (
    GATES,
    GROUPS,
    LISTS,
    SHIPPED,
    YEARS,
    Drawn,
    draw_borough,
)
from tests.unit.fairness_reports.simulated_shadows import REVIEWED, SHADOW_GATES, TEAMS, count_lists

__all__ = ["describe_borough", "state_power", "state_shadow_power"]

_KEPT = ("homes", "found", "best", "best_alone", "passes", "best_passes")


def describe_borough(homes: int, drawn: Drawn) -> Borough:
    """Return what the plan knows of a drawn borough."""
    children = next(iter(drawn.kids.values())).sum(axis=1)
    lists, places = LISTS[homes]
    needed, unneeded = drawn.needed.sum(), drawn.unneeded.sum()
    return Borough(
        households={name: _count_homes(name, kids) for name, kids in drawn.kids.items()},
        in_need={name: _count_homes(name, kids[drawn.in_need]) for name, kids in drawn.kids.items()},
        everybody=len(children),
        everybody_in_need=int(drawn.in_need.sum()),
        years=YEARS,
        lists_a_year=lists / YEARS,
        places_a_year=lists * places / YEARS,
        listings=Listings(
            precise=float(needed / (needed + unneeded)),
            before=float(needed / (drawn.needed > 0).sum()),
            repeated=float((drawn.unneeded**2).sum() / unneeded),
            measured=True,
        ),
        worth=weigh_homes(np.repeat(np.arange(len(children)), children)),
    )


def _count_homes(name: str, kids: NDArray[np.int64]) -> dict[str, int]:
    return dict(zip(GROUPS[name], (kids > 0).sum(axis=0).tolist(), strict=True))


def state_power(homes: int, question: str, boroughs: int = 20) -> dict[str, dict[str, float]]:
    """Return what the plan states of each group of a question, as the mean over so many drawn boroughs."""
    stated: dict[str, dict[str, list[float]]] = {}
    for seed in range(boroughs):
        borough = describe_borough(homes, draw_borough(homes, seed))
        rows = plan_gate(GATES, borough, SHIPPED.not_recorded)
        for group in next(row for row in rows if row["gate"] == question)["groups"]:
            of = stated.setdefault(group["group"], {name: [] for name in _KEPT})
            for name in _KEPT:
                of[name].append(group["households" if name == "homes" else name])
    return {group: {name: float(np.mean(values)) for name, values in of.items()} for group, of in stated.items()}


def state_shadow_power(homes: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what the plan states of each question of the second gate and group, of one drawn borough."""
    _, apart, places = count_lists(homes)
    listed, below = (TEAMS[homes] * cases for cases in REVIEWED)
    shadow = Reviewing(SHIPPED.live.shadow_weeks, apart, places, min(listed, places), below)
    rows = plan_shadow(SHADOW_GATES, describe_borough(homes, draw_borough(homes, 0)), shadow, SHIPPED.not_recorded)
    return {(row["gate"], group["group"]): group for row in rows for group in row["groups"]}
