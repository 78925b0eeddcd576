"""The town: everything a service needs to know to write its extract, and what it may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from borough.chance import Chance
from borough.days import Days
from borough.months import ChildMonths, HomeMonths, list_child_months, list_home_months
from borough.names import Names, Recorded
from borough.need import Need, draw_need
from borough.population import GROUPS, PRIVATE, PROTECTED, People, Population, grow_population
from borough.post import make_references
from borough.rates import Rates
from charter.council.council import Council

__all__ = ["Families", "Recording", "Town"]

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Recording:
    """Which events are recorded at all: in the fair borough every one; else fewer of one group's, at equal need."""

    unfair_unit: Bools
    signals_kept: float
    outcomes_kept: float

    def signal(self, rng: np.random.Generator, unit: NDArray[np.integer]) -> Bools:
        """Return which signal events of these units are recorded."""
        return self._kept(rng, unit, self.signals_kept)

    def outcome(self, rng: np.random.Generator, unit: NDArray[np.integer]) -> Bools:
        """Return which outcome events of these units are recorded."""
        return self._kept(rng, unit, self.outcomes_kept)

    def _kept(self, rng: np.random.Generator, unit: NDArray[np.integer], share: float) -> Bools:
        # The dice are thrown either way, so that the fair and the unfair borough have the same events underneath.
        thrown = rng.random(len(unit))
        recorded: Bools = ~self.unfair_unit[unit] | (thrown < share)
        return recorded


@dataclass(frozen=True)
class Families:
    """Family-months: one row for each unit with children in a month; its children are rows of the child-months."""

    month: Ints
    unit: Ints
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, months: ChildMonths, units: int) -> Families:
        """Group child-months by family."""
        key = months.month.astype(np.int64) * units + months.unit
        order = np.argsort(key, kind="stable")
        values, first, count = np.unique(key[order], return_index=True, return_counts=True)
        return cls((values // units).astype(np.int32), (values % units).astype(np.int32), first, count, order)

    def children(self, row: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (position in `row`, row of the child-months) for every child of these family-months.

        Family-months 0 and 1 have two children and one, whose rows of the child-months are 8, 3 and 5 (`order`), from
        places 0 and 2 (`first`). Asked for rows 1 and 0: positions 0, 1, 1 and rows 5, 8, 3.
        """
        count = self.count[row]
        which = np.repeat(np.arange(len(row)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return which, self.order[self.first[row][which] + within]


@dataclass(frozen=True)
class Town:
    """The fictional borough before anybody wrote anything down."""

    rates: Rates
    chance: Chance
    days: Days
    population: Population
    need: Need
    names: Names
    recording: Recording
    home_months: HomeMonths
    child_months: ChildMonths
    families: Families
    areas: tuple[str, ...]
    zone: ZoneInfo
    variant: str

    @classmethod
    def build(cls, council: Council, homes: int, seed: int, variant: str) -> Town:
        """Grow a population and its need; nobody is in a group yet, and everything is recorded."""
        rates, chance = Rates.load(), Chance(seed)
        days = Days.between(rates.first_day, rates.last_day)
        names = Names.load(chance)
        areas = tuple(area.code for area in council.areas)
        population = grow_population(rates, days, chance, homes, len(areas), names.counts)
        need = draw_need(rates, chance, population, days.months, len(areas), variant)
        children = list_child_months(population, days)
        return cls(
            rates,
            chance,
            days,
            population,
            need,
            names,
            Recording(np.zeros(population.units, dtype=bool), 1.0, 1.0),
            list_home_months(population, days),
            children,
            Families.of(children, population.units),
            areas,
            council.time_zone,
            variant,
        )

    @property
    def people(self) -> People:
        """Everybody."""
        return self.population.people

    @cached_property
    def uprns(self) -> pa.Array:
        """The UPRN of each address: twelve digits in a range that no real address uses."""
        numbers = self.chance.stream("uprns").permutation(self.population.places.addresses)
        return make_references("9900", numbers.astype(np.int64) + 10_000_001, 8)

    @cached_property
    def address_lines(self) -> pa.Array:
        """The first line of each address."""
        rng = self.chance.stream("addresses")
        size = self.population.places.addresses
        streets = pa.array(self.names.streets)
        # Numbers run along streets, so that neighbours share one.
        street = (np.arange(size) // 60 + rng.permutation(len(streets))[0]) % len(streets)
        house = np.arange(size) % 60 + 1 + 60 * (np.arange(size) // (60 * len(streets)))
        tenure = self.population.places.address_tenure()
        plain = pc.binary_join_element_wise(pa.array(house).cast(pa.string()), streets.take(pa.array(street)), " ")
        flat = pc.binary_join_element_wise(
            pa.scalar("Flat"), pa.array(rng.integers(1, 40, size)).cast(pa.string()), pa.scalar(""), " "
        )
        is_flat = pa.array((rng.random(size) < 0.45) & (tenure <= PRIVATE))
        house_names = pc.binary_join_element_wise(streets.take(pa.array(street)), pa.scalar("House"), " ")
        with_flat = pc.if_else(is_flat, pc.binary_join_element_wise(pc.utf8_rtrim(flat, " "), plain, ", "), plain)
        return pc.if_else(pa.array(tenure > PRIVATE), house_names, with_flat)

    @cached_property
    def postcodes(self) -> pa.Array:
        """A postcode for each address, one to about fifteen neighbours, in a postal area that does not exist."""
        size = self.population.places.addresses
        block = np.arange(size) // 15
        letters = "ABDEFGHJLNPQRSTUWXYZ"
        pool = [f"{digit}{a}{b}" for digit in range(10) for a in letters for b in letters]
        outward = make_references("FH", block // len(pool) + 1, 1)
        return pc.binary_join_element_wise(outward, pa.array(pool).take(pa.array(block % len(pool))), " ")

    def address(self, place: NDArray[np.integer], *, has_uprn: Bools | None = None) -> Mapping[str, pa.Array]:
        """Return the columns uprn, address and postcode of places; the UPRN empty where it is not `known`."""
        index = self.population.places.address[place]
        return {
            "uprn": self.uprns.take(pa.array(index, mask=None if has_uprn is None else ~has_uprn)),
            "address": self.address_lines.take(pa.array(index)),
            "postcode": self.postcodes.take(pa.array(index)),
        }

    def spelled(self, recorded: Recorded, prefix: str = "") -> Mapping[str, object]:
        """Return the columns forename, surname and date_of_birth of a record."""
        return {
            f"{prefix}forename": self.names.forenames.take(pa.array(recorded.forename)),
            f"{prefix}surname": self.names.surnames.take(pa.array(recorded.surname)),
            f"{prefix}date_of_birth": recorded.birth,
        }

    @cached_property
    def _stay_keys(self) -> NDArray[np.int64]:
        spells = self.population.residence
        return spells.who.astype(np.int64) * 100_000 + np.clip(spells.start + 40_000, 0, 99_999)

    def stay(self, person: NDArray[np.integer], day: NDArray[np.integer] | int) -> NDArray[np.int64]:
        """Return each person's row of residence on a day: the last that began by then, or else their first."""
        sought = np.asarray(person, dtype=np.int64) * 100_000 + np.clip(np.asarray(day) + 40_000, 0, 99_999)
        row = np.searchsorted(self._stay_keys, sought, side="right") - 1
        row = np.clip(row, 0, len(self._stay_keys) - 1)
        stay_row: NDArray[np.int64] = np.where(self.population.residence.who[row] < person, row + 1, row)
        return stay_row

    def place(self, person: NDArray[np.integer], day: NDArray[np.integer] | int) -> Ints:
        """Return where each person lives on a day."""
        return self.population.residence.place[self.stay(person, day)]

    @cached_property
    def presence(self) -> tuple[Ints, Ints]:
        """The first day of each person in the borough, and the first day after their last."""
        spells = self.population.residence
        first = np.full(len(self.people), 2**31 - 1, dtype=np.int32)
        last = np.full(len(self.people), -(2**31), dtype=np.int32)
        np.minimum.at(first, spells.who, spells.start)
        np.maximum.at(last, spells.who, spells.end)
        return first, last

    @cached_property
    def _by_unit(self) -> tuple[NDArray[np.int64], Ints]:
        order = np.argsort(self.population.residence.unit, kind="stable")
        return order, self.population.residence.unit[order]

    def household(
        self, unit: NDArray[np.integer], day: NDArray[np.integer]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (position in `unit`, row of residence) for everybody who lives in each unit on its day."""
        order, units = self._by_unit
        first = np.searchsorted(units, unit, side="left")
        count = np.searchsorted(units, unit, side="right") - first
        which = np.repeat(np.arange(len(unit)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        row = order[first[which] + within]
        spells = self.population.residence
        there = (spells.start[row] <= day[which]) & (spells.end[row] > day[which])
        return which[there], row[there]

    def coded(self, rng: np.random.Generator, person: NDArray[np.integer], codes: Mapping[str, list[str]]) -> pa.Array:
        """Return each person's ethnicity in a service's codes; `not recorded` for those who decline."""
        flat = [code for group in (*GROUPS, "not recorded") for code in codes[group]]
        sizes = np.array([len(codes[group]) for group in (*GROUPS, "not recorded")])
        starts = np.cumsum(sizes) - sizes
        group = np.where(self.people.declines[person], len(GROUPS), self.people.group[person])
        index = starts[group] + (rng.random(len(person)) * sizes[group]).astype(np.int64)
        return pa.array(flat, pa.string()).take(pa.array(index))

    def protected_kind(self) -> list[str]:
        """Return the kind of each address: home, communal or protected."""
        kinds = np.array(["home", "communal", "protected"])
        tenure = self.population.places.address_tenure().astype(np.int64)
        return [str(kind) for kind in kinds[np.clip(tenure - PRIVATE, 0, PROTECTED - PRIVATE)]]
