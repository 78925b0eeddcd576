"""Groups: who belongs to which, dealt out so that nothing that happens differs between them.

In the fair borough a group causes nothing, so it can be dealt last: households are put in order of the outcomes that
happened to them and of their need, and the groups take turns along that order in proportion to their shares. Each group
then has the same outcomes and the same need, not only the same in expectation. Disability, and telling nobody one's
group, are dealt likewise, person by person.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from borough.population import GROUPS
from borough.services import education, homelessness, social_care
from borough.town import Recording, Town

__all__ = ["deal_groups"]

_SINCE = 60
"""Outcomes and need are those from this month on: the years that models are judged by."""
_MANY = 8


def deal_groups(town: Town, unfair: str) -> Town:
    """Return the town with groups dealt out; `unfair` is empty, signals, labels or both."""
    rng = town.chance.stream("groups")
    unit_group = np.empty(town.population.units, dtype=np.int8)
    order = _order_units(town)
    unit_group[order] = _take_turns(rng, town.rates.shares("people", "ethnicity"), town.population.units)
    people = town.people
    of_unit, other = unit_group[people.unit], rng.permutation(unit_group)
    group = np.where(rng.random(len(people)) < 0.93, of_unit, other[rng.integers(0, len(other), len(people))])
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    # Units in order 5, 2, 9 have ranks 0, 1, 2; persons are put in order by their unit's.
    # Disability, and not telling, are persons' own: they take turns along the same order, children apart from adults.
    persons = np.lexsort((rank[people.unit], people.role == 2))
    own_traits = {}
    for trait, name in (("disabled", "disability"), ("declines", "declines")):
        share = town.rates.of("people", name)
        own_traits[trait] = np.empty(len(people), dtype=bool)
        own_traits[trait][persons] = _take_turns(rng, [1 - share, share], len(people)) == 1
    recording = Recording(
        unit_group == GROUPS.index(town.rates.unfair_group),
        town.rates.of("unfair", "signals_kept") if unfair in ("signals", "both") else 1.0,
        town.rates.of("unfair", "outcomes_kept") if unfair in ("labels", "both") else 1.0,
    )
    population = replace(
        town.population, unit_group=unit_group, people=replace(people, group=group.astype(np.int8), **own_traits)
    )
    return replace(town, population=population, recording=recording)


def _take_turns(rng: np.random.Generator, shares: list[float], size: int) -> NDArray[np.int8]:
    """Return a sequence of group indices in which each group comes at regular, slightly shaken intervals.

    Shares 0.5, 0.25, 0.25 of 8: four, two and two turns, at about 0.1, 0.4, 0.6, 0.9 of the way for the first 0.2 and
    0.7, and 0.3 and 0.8 for the others: in order of these places the sequence is, say, 0 1 2 0 0 1 2 0.
    """
    counts = np.diff(np.round(np.concatenate([[0.0], np.cumsum(shares)]) / np.sum(shares) * size)).astype(np.int64)
    group = np.repeat(np.arange(len(shares)), counts)
    place = np.concatenate([(np.arange(count) + rng.random(count)) / max(count, 1) for count in counts])
    return group[np.argsort(place, kind="stable")].astype(np.int8)


def _order_units(town: Town) -> NDArray[np.int64]:
    """Return the units in order of their outcomes, then of whether they have children, then of their need."""
    units = town.population.units
    outcomes = np.zeros(units, dtype=np.int64)
    for service in (homelessness, education, social_care):
        unit, month = service.list_outcomes(town)
        outcomes += np.bincount(unit[month >= _SINCE], minlength=units)
    need = np.zeros(units, dtype=np.float32)
    every = np.arange(units)
    for month in range(_SINCE, town.days.months, 6):
        for domain in ("money", "school", "family"):
            need += town.need.level(domain, 1.0, np.full(units, month), every)
    return np.lexsort((need, town.population.has_children, np.minimum(outcomes, _MANY)))
