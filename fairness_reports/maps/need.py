"""Need and reach by area as a map may show them: of counts that have left disclosure control, and of nothing else.

An area whose count is hidden, or that has few households, is pooled with the other such areas of its MSOA, whose
count is what is left of the MSOA's; where that is hidden too there is no figure. The estimates are made of what is
shown, so they say nothing that is not shown already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from fairness_reports.disclosure.door import PublicTable
from fairness_reports.disclosure.ledger import PARTNERS, Ledger
from fairness_reports.disclosure.tables import CountTable, Dimension, Period
from fairness_reports.maps.map_files import Ground, Hub, QuarterCounts, measure_km
from fairness_reports.maps.spatial import Estimates, estimate_shares

__all__ = [
    "FAR_KM",
    "FEWEST_HOUSEHOLDS",
    "MODE",
    "AreaFigures",
    "HubReach",
    "estimate_quarter",
    "expires_on",
    "find_near",
    "find_period",
    "measure_reach",
    "release_quarter",
]

FEWEST_HOUSEHOLDS = 100
FAR_KM = 1.6
"""A mile: how far in a straight line a hub reaches."""
MODE = "ten"
_STATES = ("reached", "not reached")
_IN_NEED, _EVERYWHERE = "in need", "the borough"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AreaFigures:
    """One quarter, one entry an area: the unit it is shown with (-1: none), and that unit's shares with intervals.

    Shares of households in need and, of those, reached; shape [area, 3]: estimate, low, high; NaN where none is shown.
    """

    quarter: str
    unit: NDArray[np.int64]
    need: Floats
    reach: Floats
    households: NDArray[np.int64]
    closeness: float

    def is_pooled(self, area: int) -> bool:
        """Whether an area is shown with others as one."""
        return bool(self.unit[area] >= 0 and (self.unit == self.unit[area]).sum() > 1)


@dataclass(frozen=True)
class HubReach:
    """How far it is from each area to the nearest hub in a straight line, and which areas lie too far from any."""

    nearest: tuple[str, ...]
    km: Floats

    @property
    def far(self) -> NDArray[np.bool_]:
        """Which areas no hub reaches."""
        beyond: NDArray[np.bool_] = self.km > FAR_KM
        return beyond


def find_period(quarter: str) -> Period:
    """Return the days of a quarter such as 2026-Q3. Raises DataError for another form."""
    try:
        year, number = quarter.split("-Q")
        month = {"1": 1, "2": 4, "3": 7, "4": 10}[number]
        start = date(int(year), month, 1)
    except (ValueError, KeyError) as error:
        raise DataError(
            f"{quarter} is no quarter.", "Write one like 2026-Q3: months would let people be told apart."
        ) from error
    end = date(start.year + (month == 10), (month + 2) % 12 + 1, 1)
    return Period(start, end)


def release_quarter(ledger: Ledger, topic: str, ground: Ground, counts: QuarterCounts, today: date) -> PublicTable:
    """Return a quarter's counts as partners may see them, and write them down as out."""
    groups = {
        msoa: [code for code, of in zip(ground.codes, ground.msoas, strict=True) if of == msoa] for msoa in ground.msoas
    }
    groups = {msoa: codes for msoa, codes in groups.items() if len(codes) < len(ground.codes)}
    area = Dimension.with_total("area", ground.codes, groups, _EVERYWHERE)
    state = Dimension.with_total("state", _STATES, total=_IN_NEED)
    values = np.column_stack([counts.reached, counts.in_need - counts.reached])
    table = CountTable(f"households in {topic} need", find_period(counts.quarter), (area, state), values)
    return ledger.release([table], MODE, PARTNERS, today).tables[0]


def estimate_quarter(public: PublicTable, ground: Ground, counts: QuarterCounts) -> AreaFigures:
    """Return a quarter's estimates by area of what is shown. `counts` gives the households alone."""
    unit, members = _form_units(public, ground, counts.households)
    size = len(members)
    belongs = np.zeros((size, len(ground.codes)))
    for place, areas in enumerate(members):
        belongs[place, areas] = 1
    beside = (belongs @ ground.beside @ belongs.T > 0) & ~np.eye(size, dtype=bool)
    number = (belongs @ counts.households).astype(np.int64)
    need_count = np.array([_count_unit(public, ground, areas, _IN_NEED) for areas in members], dtype=np.int64)
    reach_count = np.array([_count_unit(public, ground, areas, _STATES[0]) for areas in members], dtype=np.int64)
    need = estimate_shares(need_count, number, beside)
    # Where the reached are hidden there is nothing to learn from: number 0, and the neighbours alone say.
    seen = reach_count >= 0
    reach = estimate_shares(np.where(seen, reach_count, 0), np.where(seen, need_count, 0), beside)
    return AreaFigures(
        counts.quarter, unit, _spread(need, unit), _spread(reach, unit), counts.households, need.closeness
    )


def measure_reach(ground: Ground, hubs: Sequence[Hub], *, planned: bool) -> HubReach:
    """Return how near hubs are: those that are open, or with the planned ones too."""
    there = [hub for hub in hubs if planned or not hub.planned]
    places = np.array([hub.place for hub in there])
    away = np.array([measure_km(middle, places) for middle in ground.middles])
    nearest = away.argmin(axis=1)
    return HubReach(tuple(there[place].name for place in nearest), away.min(axis=1))


def find_near(ground: Ground, hub: Hub) -> NDArray[np.bool_]:
    """Return which areas' middles lie within FAR_KM of a hub in a straight line."""
    near: NDArray[np.bool_] = measure_km(hub.place, ground.middles) <= FAR_KM
    return near


def expires_on(quarter: str) -> date:
    """Return the day from which a map is too old: half a year after its quarter."""
    return find_period(quarter).end + timedelta(days=182)


def _form_units(
    public: PublicTable, ground: Ground, households: NDArray[np.int64]
) -> tuple[NDArray[np.int64], list[list[int]]]:
    unit = np.full(len(ground.codes), -1, dtype=np.int64)
    members: list[list[int]] = []
    for msoa in dict.fromkeys(ground.msoas):
        areas = [place for place, of in enumerate(ground.msoas) if of == msoa and households[place] > 0]
        alone = [
            place
            for place in areas
            if public.count(ground.codes[place], _IN_NEED) is not None and households[place] >= FEWEST_HOUSEHOLDS
        ]
        rest = [place for place in areas if place not in alone]
        hidden = [place for place in rest if public.count(ground.codes[place], _IN_NEED) is None]
        # What is left of an MSOA is known where its own count is shown; else there is no figure for its hidden areas.
        if hidden and (msoa not in public.table.dimensions[0].nodes or public.count(msoa, _IN_NEED) is None):
            rest = [place for place in rest if place not in hidden]
        for areas_of in (*([place] for place in alone), rest):
            if areas_of:
                unit[areas_of] = len(members)
                members.append(areas_of)
    if len(members) < 2:
        raise DataError(
            "after disclosure control fewer than two areas have a figure.", "Draw the map of a larger place or time."
        )
    return unit, members


def _count_unit(public: PublicTable, ground: Ground, areas: Sequence[int], state: str) -> int:
    """Return a unit's count of what is shown: its areas' sum, or what is left of the MSOA; -1 where neither is."""
    values = [public.count(ground.codes[place], state) for place in areas]
    if None not in values:
        return sum(value for value in values if value is not None)
    msoa = ground.msoas[areas[0]]
    whole = public.count(msoa, state) if msoa in public.table.dimensions[0].nodes else None
    others = [
        public.count(code, state)
        for place, (code, of) in enumerate(zip(ground.codes, ground.msoas, strict=True))
        if of == msoa and place not in areas
    ]
    if whole is None or None in others:
        return -1
    return whole - sum(value for value in others if value is not None)


def _spread(estimates: Estimates, unit: NDArray[np.int64]) -> Floats:
    """Return the units' estimates by area, shape [area, 3]."""
    rows = np.column_stack([estimates.share, estimates.low, estimates.high])
    spread: Floats = np.where((unit >= 0)[:, None], rows[unit], np.nan)
    return spread
