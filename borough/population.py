"""People, the units they live in, and where: ten years of moves, births, deaths and parting.

A *unit* is the people who live together and move together; a *place* is a dwelling (several at a communal address share
its UPRN). Places are nearly always taken: when a unit leaves, another moves in. All arrays are indexed by unit, place
or person; days are day numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from borough.chance import Chance
from borough.days import NEVER, Days
from borough.rates import Rates

__all__ = [
    "COMMUNAL",
    "COUNCIL",
    "GROUPS",
    "OWNED",
    "PRIVATE",
    "PROTECTED",
    "Partings",
    "People",
    "Places",
    "Population",
    "Spells",
]

GROUPS = ("Asian", "Black", "Mixed", "White", "Other")
OWNED, COUNCIL, PRIVATE, COMMUNAL, PROTECTED = range(5)
_PER_COMMUNAL_ADDRESS = 12
_FAMILY, _COUPLE, _SINGLE, _PARTED = range(4)

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Places:
    """Each place: index of its address, index of its area, and tenure (OWNED to PROTECTED)."""

    address: Ints
    area: Ints
    tenure: NDArray[np.int8]

    @property
    def addresses(self) -> int:
        """How many addresses there are."""
        return int(self.address.max()) + 1

    def address_area(self) -> Ints:
        """Return the area of each address."""
        areas = np.zeros(self.addresses, dtype=np.int32)
        areas[self.address] = self.area
        return areas

    def address_tenure(self) -> NDArray[np.int8]:
        """Return the tenure of each address."""
        tenure = np.zeros(self.addresses, dtype=np.int8)
        tenure[self.address] = self.tenure
        return tenure


@dataclass(frozen=True)
class Spells:
    """Who was where: `who` (a unit or a person) in `place` from `start` until `end` (NEVER while it lasts)."""

    who: Ints
    unit: Ints
    place: Ints
    start: Ints
    end: Ints


@dataclass(frozen=True)
class People:
    """Each person. `role` 0 first adult, 1 second adult, 2 child; `group` indexes GROUPS; names index the lists."""

    unit: Ints
    role: NDArray[np.int8]
    birth: Ints
    death: Ints
    leaves: Ints
    female: NDArray[np.bool_]
    group: NDArray[np.int8]
    disabled: NDArray[np.bool_]
    declines: NDArray[np.bool_]
    forename: Ints
    surname: Ints
    other_surname: Ints
    independent: NDArray[np.bool_]

    def __len__(self) -> int:
        """How many."""
        return len(self.unit)


class Partings(NamedTuple):
    """Parents who parted and both stayed: their unit, the new unit of the one who left, and the day."""

    old: Ints
    new: Ints
    day: Ints


class _Units(NamedTuple):
    """Each unit: its kind (_FAMILY to _PARTED) and whether it has two adults."""

    kinds: NDArray[np.int8]
    couples: NDArray[np.bool_]


class _Belongings(NamedTuple):
    """Who belongs to which unit from which day on."""

    person: Ints
    unit: Ints
    begin: Ints


@dataclass(frozen=True)
class Population:
    """The whole borough's people and homes.

    `unit_at[month, place]` is the unit that lives in a place for all of a month, or -1. `unit_group[unit]` indexes
    GROUPS.
    """

    places: Places
    people: People
    unit_spells: Spells
    residence: Spells
    unit_at: Ints
    unit_group: NDArray[np.int8]
    unit_area: Ints
    partings: Partings

    @cached_property
    def has_children(self) -> NDArray[np.bool_]:
        """Which units ever had a child under 18 living there."""
        result = np.zeros(self.units, dtype=bool)
        child = self.people.role[self.residence.who] == 2
        young = self.residence.start - self.people.birth[self.residence.who] < 18 * 365
        result[self.residence.unit[child & young]] = True
        return result

    @property
    def units(self) -> int:
        """How many units ever lived here."""
        return len(self.unit_group)


def grow_population(
    rates: Rates, days: Days, chance: Chance, homes: int, areas: int, names: tuple[int, int, int]
) -> Population:
    """Return a population of `homes` homes in `areas` areas; `names` are how many female, male and surnames exist.

    Everybody is in the first group, and nobody disabled, until `borough.groups` deals both out.
    """
    places = _lay_out_places(rates, chance.stream("places"), homes, areas)
    spells, unit_at, made_up, partings = _play_months(rates, days, chance.stream("moves"), places)
    units = len(made_up.kinds)
    unit_group = np.zeros(units, dtype=np.int8)
    people, extra = _make_persons(rates, days, chance, made_up, _find_entries(spells, units), partings, names)
    residence = _settle_residence(people, extra, spells)
    people, residence = _keep_residents(people, residence)
    unit_area = np.zeros(units, dtype=np.int32)
    unit_area[spells.who[::-1]] = places.area[spells.place[::-1]]  # the first spell is written last and stays
    return Population(places, people, spells, residence, unit_at, unit_group, unit_area, partings)


def _draw_indices(rng: np.random.Generator, shares: list[float], size: int) -> NDArray[np.int8]:
    """Return `size` indices drawn with the given shares."""
    edges = np.cumsum(shares) / np.sum(shares)
    return np.searchsorted(edges[:-1], rng.random(size), side="right").astype(np.int8)


def _lay_out_places(rates: Rates, rng: np.random.Generator, homes: int, areas: int) -> Places:
    communal = max(_PER_COMMUNAL_ADDRESS, round(homes * rates.of("homes", "communal")))
    protected = max(2, round(homes * rates.of("homes", "protected")))
    # Homes come first, one address each; then a dozen places to a communal address, four to a protected one.
    address = np.concatenate(
        [
            np.arange(homes),
            homes + np.arange(communal) // _PER_COMMUNAL_ADDRESS,
            homes + (communal - 1) // _PER_COMMUNAL_ADDRESS + 1 + np.arange(protected) // 4,
        ]
    ).astype(np.int32)
    tenure = np.concatenate(
        [
            _draw_indices(rng, rates.shares("homes", "tenure"), homes),
            np.full(communal, COMMUNAL, dtype=np.int8),
            np.full(protected, PROTECTED, dtype=np.int8),
        ]
    )
    # Homes stand area by area, so that neighbours share one; the other addresses are anywhere.
    area_of_address = rng.integers(0, areas, int(address.max()) + 1, dtype=np.int32)
    area_of_address[:homes] = np.arange(homes) * areas // homes
    return Places(address, area_of_address[address], tenure)


def _play_months(
    rates: Rates, days: Days, rng: np.random.Generator, places: Places
) -> tuple[Spells, Ints, _Units, Partings]:
    """Play the months: who leaves, who comes, who parts. Returns unit spells, the month grid, and the units.

    Places 0 to 3 hold units 0 to 3; in a month places 0 and 2 are left, by units 0 and 2. Unit 0 moves within the
    borough and unit 2 leaves it: `leaving` is places 0 and 2, `staying` the first of them, `free` both in some order.
    If the free home that comes first is place 2, unit 0 moves there; the other, place 0, is taken by a fresh unit 4.
    Had it been place 0 itself, unit 0 would have left too. If the parents of unit 1 part that month, the fresh unit 4
    is the one who leaves: Partings(1, 4, the day place 0 became free).
    """
    total = len(places.tenure)
    leave = np.array([*rates.shares("homes", "leave"), rates.shares("homes", "leave")[-1]])[places.tenure]
    capacity = total + int(days.months * leave.sum() * 1.5) + 1000
    family = rates.of("people", "family")
    kinds = _draw_indices(rng, [family, 0.22, 1 - family - 0.22], capacity)
    # Families are commoner among those who come than among those who are here, where children have grown up.
    kinds[:total] = np.where((kinds[:total] == _FAMILY) & (rng.random(total) < 0.14), _SINGLE, kinds[:total])
    couples = (kinds == _COUPLE) | ((kinds == _FAMILY) & (rng.random(capacity) < rates.of("people", "couple")))
    together = couples.copy()
    lives = np.arange(total, dtype=np.int32)
    since = (days.first - rng.exponential(1.0 / leave) * 30.4).astype(np.int32)
    next_unit = total
    unit_at = np.empty((days.months, total), dtype=np.int32)
    ended: list[tuple[Ints, Ints, Ints, Ints]] = []
    partings: list[Partings] = []
    for month in range(days.months):
        edge = days.edges[month]
        leaving = np.flatnonzero(rng.random(total) < leave).astype(np.int32)
        unit_at[month] = np.where(since <= edge, lives, -1)
        unit_at[month, leaving] = -1
        gone = edge + rng.integers(0, 28, len(leaving), dtype=np.int32)
        # A place taken this very month is not left before it was entered.
        gone = np.maximum(gone, since[leaving] + 1)
        units = lives[leaving]
        ended.append((units, leaving, since[leaving].copy(), gone))
        staying = np.flatnonzero(rng.random(len(leaving)) < rates.of("homes", "move_within")).astype(np.int32)
        free = rng.permutation(len(leaving)).astype(np.int32)
        part = np.flatnonzero(together[lives] & (rng.random(total) < rates.of("people", "separation")))
        part = part[np.isin(part, leaving, invert=True)][: max(0, len(leaving) - len(staying))]
        movers = units[staying]
        ready = gone[staying]
        # Movers prefer their own tenure: both sides are matched in order of tenure.
        chosen = np.sort(free[: len(staying)])
        chosen = chosen[np.argsort(places.tenure[leaving[chosen]], kind="stable")]
        order = np.argsort(places.tenure[leaving[staying]], kind="stable")
        # Nobody moves out of a home into the same one: that mover leaves the borough.
        elsewhere = chosen != staying[order]
        same = chosen[~elsewhere]
        chosen, order = chosen[elsewhere], order[elsewhere]
        incoming = np.empty(len(leaving), dtype=np.int32)
        start = gone.copy()
        incoming[chosen] = movers[order]
        start[chosen] = np.maximum(gone[chosen], ready[order])
        rest = np.concatenate([free[len(staying) :], same])
        fresh = np.arange(next_unit, next_unit + len(rest), dtype=np.int32)
        next_unit += len(rest)
        incoming[rest] = fresh
        kinds[fresh[: len(part)]] = _PARTED
        couples[fresh[: len(part)]] = together[fresh[: len(part)]] = False
        partings.append(Partings(lives[part], fresh[: len(part)], gone[rest[: len(part)]]))
        together[lives[part]] = False
        lives[leaving] = incoming
        since[leaving] = start + rng.integers(1, 12, len(leaving), dtype=np.int32)
    ended.append((lives, np.arange(total, dtype=np.int32), since, np.full(total, NEVER)))
    unit, place, start, end = (np.concatenate([row[index] for row in ended]) for index in range(4))
    order = np.lexsort((start, unit))
    spells = Spells(unit[order], unit[order], place[order], start[order], end[order])
    joined = Partings(*(np.concatenate(column).astype(np.int32) for column in zip(*partings, strict=True)))
    return spells, unit_at, _Units(kinds[:next_unit], couples[:next_unit]), joined


def _find_entries(spells: Spells, units: int) -> Ints:
    """Return the first day of each unit in the borough."""
    entry = np.zeros(units, dtype=np.int32)
    entry[spells.who[::-1]] = spells.start[::-1]
    return entry


def _make_persons(
    rates: Rates,
    days: Days,
    chance: Chance,
    made_up: _Units,
    entry: Ints,
    partings: Partings,
    names: tuple[int, int, int],
) -> tuple[People, _Belongings]:
    """Return everybody who ever belonged to a unit, and the extra belongings of parted parents and their children.

    A family of two adults that came in 2018, made up as of that day: its youngest is 4, it has two children, 3 years
    apart, so the eldest is 7 and the first adult 7 + 18 and some years more; the second adult is about as old. Then
    births: the mother may have another child in every two years from 90 days after they came.
    """
    rng = chance.stream("people")
    kinds, couples = made_up
    units = len(kinds)
    # A unit is made up as of the day it came, or of the first day of records if it was here before.
    made_on = np.maximum(entry, days.first)
    with_first = np.flatnonzero(kinds != _PARTED).astype(np.int32)
    is_family = kinds == _FAMILY
    youngest = rng.random(units) * 17.0
    count = np.where(is_family, 1 + _draw_indices(rng, [0.40, 0.38, 0.15, 0.07], units), 0)
    gaps = 1.0 + 3.2 * rng.random((units, 3))
    eldest = youngest + (gaps * (np.arange(1, 4) < count[:, None])).sum(axis=1)
    age = np.where(
        is_family,
        np.minimum(eldest + 18 + rng.gamma(2.6, 3.8, units), 62),
        np.where(
            rng.random(units) < (np.where(kinds == _COUPLE, 0.5, 0.45)),
            rng.uniform(20, 40, units),
            rng.uniform(40, 88, units),
        ),
    )
    first_female = rng.random(units) < np.where(is_family & ~couples, 0.86, 0.5)
    with_second = with_first[couples[with_first]]
    adults = np.concatenate([with_first, with_second])
    adult_role = np.repeat(np.array([0, 1], dtype=np.int8), [len(with_first), len(with_second)])
    adult_age = np.concatenate(
        [age[with_first], np.clip(age[with_second] + rng.normal(0, 3.5, len(with_second)), 18, 95)]
    )
    same = rng.random(len(with_second)) < 0.04
    adult_female = np.concatenate([first_female[with_first], first_female[with_second] == same])
    adult_birth = (made_on[adults] - adult_age * 365.25).astype(np.int32)
    child_unit, child_birth = _make_children(rng, made_on, youngest, gaps, count, is_family)
    mothers = np.flatnonzero(adult_female)
    born_unit, born = _draw_births(rng, days, adults[mothers], adult_birth[mothers], kinds, entry)
    unit = np.concatenate([adults, child_unit, born_unit]).astype(np.int32)
    role = np.concatenate([adult_role, np.full(len(child_unit) + len(born_unit), 2, dtype=np.int8)])
    birth = np.concatenate([adult_birth, child_birth, born]).astype(np.int32)
    total = len(unit)
    female = np.concatenate([adult_female, rng.random(total - len(adults)) < 0.488])
    death = _draw_deaths(rng, birth, np.maximum(birth, days.first), days.last)
    leaves = np.where(role == 2, birth + ((18.2 + rng.gamma(1.6, 2.6, total)) * 365.25).astype(np.int32), NEVER)
    group = np.zeros(total, dtype=np.int8)
    nobody = np.zeros(total, dtype=bool)
    independent = rng.random(total) < rates.of("people", "independent_school")
    forename, surname, second = _name_persons(
        rng, units, unit, role, female, names, rates.of("people", "other_surname")
    )
    gone = leaves.copy()
    second_adult = np.full(units, -1, dtype=np.int32)
    second_adult[unit[role == 1]] = np.flatnonzero(role == 1)
    leaver = second_adult[partings.old]
    gone[leaver] = partings.day
    both_homes = rng.random(units) < rates.of("people", "two_homes")
    in_two = (role == 2) & both_homes[unit]
    children = _Belongings(np.flatnonzero(in_two).astype(np.int32), unit[in_two], birth[in_two])
    extra = _list_second_homes(children, leaves, leaver, partings, units)
    people = People(
        unit,
        role,
        birth,
        death,
        gone.astype(np.int32),
        female,
        group,
        nobody,
        nobody,
        forename,
        surname,
        second,
        independent,
    )
    return people, extra


def _make_children(
    rng: np.random.Generator,
    made_on: Ints,
    youngest: NDArray[np.float64],
    gaps: NDArray[np.float64],
    count: NDArray[np.int64],
    is_family: NDArray[np.bool_],
) -> tuple[Ints, Ints]:
    """Return the unit and birthday of the children families have on the day they are made up; one in seventy a twin."""
    ages = np.concatenate([youngest[:, None], youngest[:, None] + np.cumsum(gaps, axis=1)], axis=1)
    twin = rng.random(len(count)) < 0.015
    ages[twin, 1] = ages[twin, 0]
    there = (np.arange(4) < count[:, None]) & is_family[:, None] & (ages < 24)
    unit, column = np.nonzero(there)
    birth = (made_on[unit] - ages[unit, column] * 365.25).astype(np.int32)
    return unit.astype(np.int32), birth


def _draw_births(
    rng: np.random.Generator, days: Days, unit: Ints, birth: Ints, kinds: NDArray[np.int8], entry: Ints
) -> tuple[Ints, Ints]:
    """Return the unit and birthday of children born in the ten years; at most one birth in two years."""
    chance = np.array([0.20, 0.30, 0.07, 0.05])[kinds[unit]]
    units, births = [], []
    for period in range(0, days.months, 24):
        day = days.edges[period] + rng.integers(0, 440, len(unit), dtype=np.int32)
        age = (day - birth) / 365.25
        fertile = np.interp(age, [17, 20, 26, 34, 39, 44], [0.0, 0.6, 1.0, 1.25, 0.6, 0.0])
        happens = (rng.random(len(unit)) < chance * fertile) & (day > entry[unit] + 90)
        twins = happens & (rng.random(len(unit)) < 0.015)
        for chosen in (happens, twins):
            units.append(unit[chosen])
            births.append(day[chosen])
    return np.concatenate(units).astype(np.int32), np.concatenate(births).astype(np.int32)


def _draw_deaths(rng: np.random.Generator, birth: Ints, alive_on: Ints, last: int) -> Ints:
    """Return the day each person dies, or NEVER within the ten years: Gompertz mortality from the age they have."""
    scale, slope = 2.2e-5, 0.096
    age = np.maximum((alive_on - birth) / 365.25, 0.0)
    until = np.log1p(-np.log1p(-rng.random(len(birth))) * slope / (scale * np.exp(slope * age))) / slope
    day = alive_on + until * 365.25
    return np.where(day < last, day, NEVER).astype(np.int32)


def _name_persons(
    rng: np.random.Generator,
    units: int,
    unit: Ints,
    role: NDArray[np.int8],
    female: NDArray[np.bool_],
    names: tuple[int, int, int],
    share: float,
) -> tuple[Ints, Ints, Ints]:
    """Return forename, surname and second surname (or the same); a unit shares its surname for the most part."""
    girls, boys, surnames = names

    def common(size: int, among: int, lean: float) -> NDArray[np.int64]:
        """Draw indices of which the first are the commonest."""
        return (among * rng.random(size) ** lean).astype(np.int64)

    total = len(unit)
    forename = np.where(female, common(total, girls, 1.6), girls + common(total, boys, 1.6))
    family = common(units, surnames, 1.5)
    birth_surname = common(total, surnames, 1.5)
    keeps = (role == 1) & (rng.random(total) < 0.45)
    surname = np.where(keeps, birth_surname, family[unit])
    second = np.where(rng.random(total) < share, common(total, surnames, 1.5), surname)
    return forename.astype(np.int32), surname.astype(np.int32), second.astype(np.int32)


def _list_second_homes(
    children: _Belongings, leaves: Ints, leaver: Ints, partings: Partings, units: int
) -> _Belongings:
    """Return extra belongings: the parents who left, and those of `children`, born there, who live in both homes.

    Unit 1 parted into 1 and 4 on a day in 2021, and its second adult is person 9; of its children, person 20 is 6 and
    person 21 is 17 that day, and neither has left: persons 9 and 20 belong to unit 4 too from that day on.
    """
    new_of = np.full(units, -1, dtype=np.int32)
    day_of = np.full(units, NEVER, dtype=np.int32)
    new_of[partings.old], day_of[partings.old] = partings.new, partings.day
    new, day = new_of[children.unit], day_of[children.unit]
    young = (new >= 0) & (children.begin < day) & (children.begin > day - 16 * 365)
    chosen = np.flatnonzero(young & (leaves[children.person] > day))
    person = np.concatenate([leaver, children.person[chosen]]).astype(np.int32)
    return _Belongings(person, np.concatenate([partings.new, new[chosen]]), np.concatenate([partings.day, day[chosen]]))


def _settle_residence(people: People, extra: _Belongings, spells: Spells) -> Spells:
    """Join belonging with units' spells: a person lives where the unit lives, while alive and belonging.

    Unit 1 was in place 7 from 2015 to 2019 and in place 3 from 2019 on; person 20 of it, born in 2016 and grown up in
    2035, has two rows: place 7 from 2016 to 2019 and place 3 from 2019 to 2035. If 20 belongs to unit 4 too from 2021,
    which lives in place 0, a third row joins them: place 0 from 2021 to 2035.
    """
    everyone = np.arange(len(people), dtype=np.int32)
    stop = np.minimum(people.leaves, people.death)
    child = people.role[extra.person] == 2
    person = np.concatenate([everyone, extra.person])
    unit = np.concatenate([people.unit, extra.unit])
    begin = np.concatenate([people.birth, extra.begin])
    # A parent who left belongs to the new unit for good; a child in two homes leaves both together.
    last = np.concatenate([stop, np.where(child, stop[extra.person], people.death[extra.person])])
    first = np.searchsorted(spells.who, unit, side="left")
    count = np.searchsorted(spells.who, unit, side="right") - first
    row = np.repeat(np.arange(len(person)), count)
    spell = np.repeat(first - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(count.sum())
    start = np.maximum(begin[row], spells.start[spell])
    end = np.minimum(last[row], spells.end[spell])
    keep = start < end
    row, spell, start, end = row[keep], spell[keep], start[keep], end[keep]
    order = np.lexsort((start, person[row]))
    row, spell = row[order], spell[order]
    return Spells(
        person[row].astype(np.int32),
        unit[row].astype(np.int32),
        spells.place[spell],
        start[order].astype(np.int32),
        end[order].astype(np.int32),
    )


def _keep_residents(people: People, residence: Spells) -> tuple[People, Spells]:
    """Drop people who never lived in the borough, and number the rest anew."""
    resident = np.zeros(len(people), dtype=bool)
    resident[residence.who] = True
    renumber = np.cumsum(resident, dtype=np.int32) - 1
    residents = People(**{name: getattr(people, name)[resident] for name in People.__dataclass_fields__})
    return residents, Spells(
        renumber[residence.who].astype(np.int32), residence.unit, residence.place, residence.start, residence.end
    )
