"""Who is there to have something happen to them: home-months and child-months, as flat arrays.

An event of rate p is then one comparison: `np.flatnonzero(rng.random(n) < p)`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from borough.days import Days
from borough.population import Population

__all__ = ["ChildMonths", "HomeMonths", "list_child_months", "list_home_months"]

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class HomeMonths:
    """One row for each place and whole month a unit with an adult lives there; `adult` is the first adult's index."""

    month: Ints
    place: Ints
    unit: Ints
    adult: Ints


@dataclass(frozen=True)
class ChildMonths:
    """One row for each child under 18 and whole month in the home of its own unit; `age` in years at its start."""

    month: Ints
    child: Ints
    unit: Ints
    place: Ints
    age: NDArray[np.float32]


def list_home_months(population: Population, days: Days) -> HomeMonths:
    """Return the home-months; a unit whose adults have died or gone has none."""
    people = population.people
    adult = np.full(population.units, -1, dtype=np.int32)
    until = np.zeros(population.units, dtype=np.int64)
    # The first adult speaks for a unit; the parent who moved out speaks for the new one.
    old, new, _ = population.partings
    second = np.flatnonzero(people.role == 1)
    adult_of_old = np.full(population.units, -1, dtype=np.int32)
    adult_of_old[people.unit[second]] = second
    adult[new] = adult_of_old[old]
    until[new] = np.where(adult[new] >= 0, people.death[adult[new]], 0)
    first = np.flatnonzero(people.role == 0)
    adult[people.unit[first]] = first
    until[people.unit[first]] = people.death[first]
    month, place = np.nonzero(population.unit_at >= 0)
    unit = population.unit_at[month, place]
    keep = (adult[unit] >= 0) & (until[unit] >= days.edges[month + 1])
    month, place, unit = month[keep], place[keep], unit[keep]
    return HomeMonths(month.astype(np.int32), place.astype(np.int32), unit, adult[unit])


def list_child_months(population: Population, days: Days) -> ChildMonths:
    """Return the child-months, in order of month.

    A child at home from 10 January to 5 April, of months that begin on the 28th: whole months are those that begin on
    28 January and 28 February, and the third would end on 28 April. `start` is the first edge from 10 January on, `end`
    the last edge up to 5 April, `count` the two months between.
    """
    people = population.people
    spells = population.residence
    at_home = np.flatnonzero((people.role[spells.who] == 2) & (spells.unit == people.unit[spells.who]))
    who = spells.who[at_home]
    adult_from = people.birth[who] + int(18 * 365.25)
    start = np.searchsorted(days.edges, np.maximum(spells.start[at_home], days.first), side="left")
    # Whole months only: the last one ends by the day the child leaves or comes of age.
    end = (
        np.searchsorted(days.edges, np.minimum(np.minimum(spells.end[at_home], adult_from), days.last), side="right")
        - 1
    )
    count = np.maximum(end - start, 0)
    row = np.repeat(np.arange(len(at_home)), count)
    month = np.repeat(start - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(count.sum())
    order = np.lexsort((row, month))
    row, month = row[order], month[order]
    child = who[row]
    age = ((days.edges[month] - people.birth[child]) / 365.25).astype(np.float32)
    return ChildMonths(
        month.astype(np.int32),
        child.astype(np.int32),
        people.unit[child],
        spells.place[at_home[row]],
        age,
    )
