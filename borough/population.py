"""People, the units they live in, and where: ten years of moves, births, deaths and parting.

A *unit* is the people who live together and move together; a *place* is a dwelling (several at a communal address share
its UPRN). Places are nearly always taken: when a unit leaves, another moves in. All arrays are indexed by unit, place
or person; days are day numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from borough.chance import Chance
from borough.days import NEVER, Days
from borough.rates import Rates

__all__ = ["COMMUNAL", "COUNCIL", "GROUPS", "OWNED", "PRIVATE", "PROTECTED", "People", "Places", "Population", "Spells"]

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


@dataclass(frozen=True)
class Population:
    """The whole borough's people and homes.

    `unit_at[month, place]` is the unit that lives in a place for all of a month, or -1. `unit_group[unit]` indexes
    GROUPS; `parted` are (old unit, new unit, day) of parents who parted and both stayed.
    """

    places: Places
    people: People
    unit_spells: Spells
    residence: Spells
    unit_at: Ints
    unit_group: NDArray[np.int8]
    unit_area: Ints
    parted: tuple[Ints, Ints, Ints]

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


def grow(rates: Rates, days: Days, chance: Chance, homes: int, areas: int, names: tuple[int, int, int]) -> Population:
    """Return a population of `homes` homes in `areas` areas; `names` are how many female, male and surnames exist.

    Everybody is in the first group, and nobody disabled, until `borough.groups` deals both out.
    """
    places = _places(rates, chance.stream("places"), homes, areas)
    spells, unit_at, kinds, couples, parted = _moves(rates, days, chance.stream("moves"), places)
    units = len(kinds)
    unit_group = np.zeros(units, dtype=np.int8)
    people, extra = _persons(rates, days, chance, kinds, couples, _entries(spells, units), parted, names)
    residence = _residence(people, extra, spells)
    people, residence = _only_residents(people, residence)
    unit_area = np.zeros(units, dtype=np.int32)
    unit_area[spells.who[::-1]] = places.area[spells.place[::-1]]  # the first spell is written last and stays
    return Population(places, people, spells, residence, unit_at, unit_group, unit_area, parted)


def _pick(rng: np.random.Generator, shares: list[float], size: int) -> NDArray[np.int8]:
    """Return `size` indices drawn with the given shares."""
    edges = np.cumsum(shares) / np.sum(shares)
    return np.searchsorted(edges[:-1], rng.random(size), side="right").astype(np.int8)


def _places(rates: Rates, rng: np.random.Generator, homes: int, areas: int) -> Places:
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
            _pick(rng, rates.shares("homes", "tenure"), homes),
            np.full(communal, COMMUNAL, dtype=np.int8),
            np.full(protected, PROTECTED, dtype=np.int8),
        ]
    )
    # Homes stand area by area, so that neighbours share one; the other addresses are anywhere.
    area_of_address = rng.integers(0, areas, int(address.max()) + 1, dtype=np.int32)
    area_of_address[:homes] = np.arange(homes) * areas // homes
    return Places(address, area_of_address[address], tenure)


def _moves(
    rates: Rates, days: Days, rng: np.random.Generator, places: Places
) -> tuple[Spells, Ints, NDArray[np.int8], NDArray[np.bool_], tuple[Ints, Ints, Ints]]:
    """Play the months: who leaves, who comes, who parts. Returns unit spells, the month grid, and units' kinds."""
    total = len(places.tenure)
    leave = np.array([*rates.shares("homes", "leave"), rates.shares("homes", "leave")[-1]])[places.tenure]
    capacity = total + int(days.months * leave.sum() * 1.5) + 1000
    family = rates.of("people", "family")
    kinds = _pick(rng, [family, 0.22, 1 - family - 0.22], capacity)
    # Families are commoner among those who come than among those who are here, where children have grown up.
    kinds[:total] = np.where((kinds[:total] == _FAMILY) & (rng.random(total) < 0.14), _SINGLE, kinds[:total])
    couples = (kinds == _COUPLE) | ((kinds == _FAMILY) & (rng.random(capacity) < rates.of("people", "couple")))
    together = couples.copy()
    lives = np.arange(total, dtype=np.int32)
    since = (days.first - rng.exponential(1.0 / leave) * 30.4).astype(np.int32)
    next_unit = total
    unit_at = np.empty((days.months, total), dtype=np.int32)
    ended: list[tuple[Ints, Ints, Ints, Ints]] = []
    partings: list[tuple[Ints, Ints, Ints]] = []
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
        partings.append((lives[part], fresh[: len(part)], gone[rest[: len(part)]]))
        together[lives[part]] = False
        lives[leaving] = incoming
        since[leaving] = start + rng.integers(1, 12, len(leaving), dtype=np.int32)
    ended.append((lives, np.arange(total, dtype=np.int32), since, np.full(total, NEVER)))
    unit, place, start, end = (np.concatenate([row[index] for row in ended]) for index in range(4))
    order = np.lexsort((start, unit))
    spells = Spells(unit[order], unit[order], place[order], start[order], end[order])
    old, new, when = (np.concatenate([row[index] for row in partings]).astype(np.int32) for index in range(3))
    return spells, unit_at, kinds[:next_unit], couples[:next_unit], (old, new, when)


def _entries(spells: Spells, units: int) -> Ints:
    """Return the first day of each unit in the borough."""
    entry = np.zeros(units, dtype=np.int32)
    entry[spells.who[::-1]] = spells.start[::-1]
    return entry


def _persons(
    rates: Rates,
    days: Days,
    chance: Chance,
    kinds: NDArray[np.int8],
    couples: NDArray[np.bool_],
    entry: Ints,
    parted: tuple[Ints, Ints, Ints],
    names: tuple[int, int, int],
) -> tuple[People, tuple[Ints, Ints, Ints]]:
    """Return everybody who ever belonged to a unit, and the extra belongings of parted parents and their children."""
    rng = chance.stream("people")
    units = len(kinds)
    # A unit is made up as of the day it came, or of the first day of records if it was here before.
    made_on = np.maximum(entry, days.first)
    own = np.flatnonzero(kinds != _PARTED).astype(np.int32)
    is_family = kinds == _FAMILY
    youngest = rng.random(units) * 17.0
    count = np.where(is_family, 1 + _pick(rng, [0.40, 0.38, 0.15, 0.07], units), 0)
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
    with_second = own[couples[own]]
    adults = np.concatenate([own, with_second])
    adult_role = np.repeat(np.array([0, 1], dtype=np.int8), [len(own), len(with_second)])
    adult_age = np.concatenate([age[own], np.clip(age[with_second] + rng.normal(0, 3.5, len(with_second)), 18, 95)])
    same = rng.random(len(with_second)) < 0.04
    adult_female = np.concatenate([first_female[own], first_female[with_second] == same])
    adult_birth = (made_on[adults] - adult_age * 365.25).astype(np.int32)
    child_unit, child_birth = _children(rng, made_on, youngest, gaps, count, is_family)
    mothers = np.flatnonzero(adult_female)
    born_unit, born = _births(rng, days, adults[mothers], adult_birth[mothers], kinds, entry)
    unit = np.concatenate([adults, child_unit, born_unit]).astype(np.int32)
    role = np.concatenate([adult_role, np.full(len(child_unit) + len(born_unit), 2, dtype=np.int8)])
    birth = np.concatenate([adult_birth, child_birth, born]).astype(np.int32)
    total = len(unit)
    female = np.concatenate([adult_female, rng.random(total - len(adults)) < 0.488])
    death = _deaths(rng, birth, np.maximum(birth, days.first), days.last)
    leaves = np.where(role == 2, birth + ((18.2 + rng.gamma(1.6, 2.6, total)) * 365.25).astype(np.int32), NEVER)
    group = np.zeros(total, dtype=np.int8)
    nobody = np.zeros(total, dtype=bool)
    independent = rng.random(total) < rates.of("people", "independent_school")
    forename, surname, second = _named(rng, units, unit, role, female, names, rates.of("people", "other_surname"))
    old, _, when = parted
    gone = leaves.copy()
    second_adult = np.full(units, -1, dtype=np.int32)
    second_adult[unit[role == 1]] = np.flatnonzero(role == 1)
    leaver = second_adult[old]
    gone[leaver] = when
    extra = _second_homes(rng, rates, unit, role, birth, leaves, leaver, parted, units)
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


def _children(
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


def _births(
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


def _deaths(rng: np.random.Generator, birth: Ints, alive_on: Ints, last: int) -> Ints:
    """Return the day each person dies, or NEVER within the ten years: Gompertz mortality from the age they have."""
    scale, slope = 2.2e-5, 0.096
    age = np.maximum((alive_on - birth) / 365.25, 0.0)
    until = np.log1p(-np.log1p(-rng.random(len(birth))) * slope / (scale * np.exp(slope * age))) / slope
    day = alive_on + until * 365.25
    return np.where(day < last, day, NEVER).astype(np.int32)


def _named(
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
    own = common(total, surnames, 1.5)
    keeps = (role == 1) & (rng.random(total) < 0.45)
    surname = np.where(keeps, own, family[unit])
    second = np.where(rng.random(total) < share, common(total, surnames, 1.5), surname)
    return forename.astype(np.int32), surname.astype(np.int32), second.astype(np.int32)


def _second_homes(
    rng: np.random.Generator,
    rates: Rates,
    unit: Ints,
    role: NDArray[np.int8],
    birth: Ints,
    leaves: Ints,
    leaver: Ints,
    parted: tuple[Ints, Ints, Ints],
    units: int,
) -> tuple[Ints, Ints, Ints]:
    """Return extra belongings (person, unit, from): the parent who left, and children who live in both homes."""
    old, new, when = parted
    new_of = np.full(units, -1, dtype=np.int32)
    day_of = np.full(units, NEVER, dtype=np.int32)
    both = rng.random(units) < rates.of("people", "two_homes")
    new_of[old], day_of[old] = new, when
    child = np.flatnonzero(
        (role == 2) & (new_of[unit] >= 0) & both[unit] & (birth < day_of[unit]) & (birth > day_of[unit] - 16 * 365)
    )
    child = child[leaves[child] > day_of[unit[child]]]
    person = np.concatenate([leaver, child]).astype(np.int32)
    return person, np.concatenate([new, new_of[unit[child]]]), np.concatenate([when, day_of[unit[child]]])


def _residence(people: People, extra: tuple[Ints, Ints, Ints], spells: Spells) -> Spells:
    """Join belonging with units' spells: a person lives where the unit lives, while alive and belonging."""
    everyone = np.arange(len(people), dtype=np.int32)
    stop = np.minimum(people.leaves, people.death)
    child = people.role[extra[0]] == 2
    person = np.concatenate([everyone, extra[0]])
    unit = np.concatenate([people.unit, extra[1]])
    begin = np.concatenate([people.birth, extra[2]])
    # A parent who left belongs to the new unit for good; a child in two homes leaves both together.
    last = np.concatenate([stop, np.where(child, stop[extra[0]], people.death[extra[0]])])
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


def _only_residents(people: People, residence: Spells) -> tuple[People, Spells]:
    """Drop people who never lived in the borough, and number the rest anew."""
    resident = np.zeros(len(people), dtype=bool)
    resident[residence.who] = True
    renumber = np.cumsum(resident, dtype=np.int32) - 1
    kept = People(**{name: getattr(people, name)[resident] for name in People.__dataclass_fields__})
    return kept, Spells(
        renumber[residence.who].astype(np.int32), residence.unit, residence.place, residence.start, residence.end
    )
