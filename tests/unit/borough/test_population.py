"""People live somewhere, one unit to a place, while they live and belong."""

from __future__ import annotations

import numpy as np

from borough.days import NEVER
from borough.population import COMMUNAL, GROUPS, PROTECTED
from borough.town import Town


def test_a_place_is_lived_in_by_one_unit_at_a_time(town: Town):
    spells = town.population.unit_spells
    order = np.lexsort((spells.start, spells.place))
    place, start, end = spells.place[order], spells.start[order], spells.end[order]
    same = place[1:] == place[:-1]
    assert (start < end).all()
    assert (end[:-1][same] <= start[1:][same]).all()


def test_a_unit_lives_in_one_place_at_a_time(town: Town):
    spells = town.population.unit_spells
    same = spells.who[1:] == spells.who[:-1]
    assert same.sum() > 20
    assert (spells.end[:-1][same] <= spells.start[1:][same]).all()
    assert (spells.place[:-1][same] != spells.place[1:][same]).any()


def test_nobody_lives_anywhere_before_birth_or_after_death(town: Town):
    spells, people = town.population.residence, town.people
    assert (spells.start >= people.birth[spells.who]).all()
    assert (spells.end <= people.death[spells.who]).all()
    assert (people.death != NEVER).sum() > 0


def test_some_children_live_in_two_homes_at_once(town: Town):
    spells, people = town.population.residence, town.people
    same = (spells.who[1:] == spells.who[:-1]) & (people.role[spells.who[1:]] == 2)
    both = same & (spells.unit[1:] != spells.unit[:-1]) & (spells.start[1:] < spells.end[:-1])
    assert both.sum() > 0


def test_parents_who_part_leave_the_home_they_shared(town: Town):
    old, new, when = town.population.partings
    assert len(old) > 0
    spells, people = town.population.residence, town.people
    for left, joined, day in zip(old, new, when, strict=True):
        leaver = np.flatnonzero((people.unit == left) & (people.role == 1))
        assert (spells.end[(spells.who == leaver[0]) & (spells.unit == left)] <= day).all()
        assert (spells.start[(spells.who == leaver[0]) & (spells.unit == joined)] >= day).all()


def test_communal_addresses_hold_several_units_and_some_addresses_are_protected(town: Town):
    places = town.population.places
    communal = np.bincount(places.address[places.tenure == COMMUNAL])
    assert communal.max() > 1
    assert (places.tenure == PROTECTED).sum() >= 2
    assert set(town.protected_kind()) == {"home", "communal", "protected"}


def test_groups_are_alike_in_families_tenure_and_area(town: Town):
    group = town.population.unit_group
    share = [town.population.has_children[group == index].mean() for index in range(len(GROUPS))]
    assert max(share) - min(share) < 0.2


def test_the_stay_of_a_day_is_the_home_lived_in_then(town: Town):
    spells = town.population.residence
    row = town.stay(spells.who, spells.start)
    assert (spells.who[row] == spells.who).all()
    assert (spells.start[row] == spells.start).all()
    before = town.stay(spells.who, spells.start.min() - 1)
    assert (spells.who[before] == spells.who).all()


def test_everybody_in_a_household_lives_there_on_its_day(town: Town):
    months = town.home_months
    rows = np.arange(0, len(months.month), 997)
    day = town.days.edges[months.month[rows]]
    which, stay = town.household(months.unit[rows], day)
    spells = town.population.residence
    assert (spells.unit[stay] == months.unit[rows][which]).all()
    assert (spells.place[stay] == months.place[rows][which]).all()
    assert set(which) == set(range(len(rows)))
