"""What a map is drawn of: boundaries, hubs and counts by area, as a council or `sooner synth-ground` lays them down.

map/food/areas.geojson    WGS 84; `code`, `name`, `msoa` (or ONS's LSOA21CD, LSOA21NM, MSOA21CD) of each small area
map/food/counts.csv       area, quarter, households, in_need, reached: households and never people's rows
map/food/hubs.csv         hub, longitude, latitude, hours, state (open or planned); counted_by may be there too
map/food/partners.csv     hub, week (its Monday) or quarter, parcels, turned_away: what hubs count of their own work
                          (may be missing); weeks are added up, because a week's few could be told apart
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import read_json
from charter.contracts.hub_counts import HubCount, read_hub_counts, read_rows, read_whole_number
from charter.errors import DataError

__all__ = [
    "Ground",
    "Hub",
    "HubCount",
    "QuarterCounts",
    "Ring",
    "measure_km",
    "read_counts",
    "read_ground",
    "read_hubs",
    "read_partners",
]

_NAMES = {"code": ("code", "LSOA21CD"), "name": ("name", "LSOA21NM"), "msoa": ("msoa", "MSOA21CD")}
_EARTH_KM = 6371.0088
Floats = NDArray[np.float64]
Ring = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Ground:
    """Small areas in the order of their codes; `outlines` has every ring of each, longitude before latitude."""

    codes: tuple[str, ...]
    names: tuple[str, ...]
    msoas: tuple[str, ...]
    outlines: tuple[tuple[Ring, ...], ...]

    @cached_property
    def beside(self) -> NDArray[np.bool_]:
        """Who shares a corner, to some 10 m (queen contiguity). An island is beside whatever middle is nearest."""
        corners: dict[tuple[float, float], set[int]] = defaultdict(set)
        for number, rings in enumerate(self.outlines):
            for ring in rings:
                for point in ring:
                    corners[round(point[0], 4), round(point[1], 4)].add(number)
        shared = np.zeros((len(self.codes), len(self.codes)), dtype=np.int64)
        for numbers in corners.values():
            for first, second in combinations(sorted(numbers), 2):
                shared[first, second] += 1
                shared[second, first] += 1
        beside: NDArray[np.bool_] = shared >= 1
        for lone in np.flatnonzero(~beside.any(axis=1)) if len(self.codes) > 1 else ():
            away = measure_km(self.middles[lone], self.middles)
            away[lone] = np.inf
            beside[lone, away.argmin()] = beside[away.argmin(), lone] = True
        return beside

    @cached_property
    def middles(self) -> Floats:
        """The middle of each area, of its outlines' middles (the shoelace formula), shape [area, 2], degrees."""
        return np.array([np.mean([_find_middle(ring) for ring in rings], axis=0) for rings in self.outlines])


@dataclass(frozen=True)
class Hub:
    """A food bank or hub: where it is, when it is open, and whether it is there yet."""

    name: str
    place: tuple[float, float]
    hours: str
    planned: bool


@dataclass(frozen=True)
class QuarterCounts:
    """One quarter's households by area, in the order of the ground: all, in need, and of those reached."""

    quarter: str
    households: NDArray[np.int64]
    in_need: NDArray[np.int64]
    reached: NDArray[np.int64]


def measure_km(place: Floats | tuple[float, float], places: Floats) -> Floats:
    """Return the straight line from a place to each of `places` in km, over a round earth (haversine)."""
    first, others = np.radians(np.asarray(place)), np.radians(places)
    half = (others - first) / 2
    inside = np.sin(half[:, 1]) ** 2 + np.cos(first[1]) * np.cos(others[:, 1]) * np.sin(half[:, 0]) ** 2
    distance: Floats = 2 * _EARTH_KM * np.arcsin(np.sqrt(inside))
    return distance


def read_ground(path: Path) -> Ground:
    """Read boundaries. Raises DataError where there are none, or one is no area of a name."""
    if not path.exists():
        raise DataError(
            f"there are no boundaries in {path.name}.",
            "Put the council's small areas there (GeoJSON, WGS 84), or make some with `sooner synth-ground`.",
        )
    document = read_json(path)
    rows = []
    for number, feature in enumerate(document.get("features", ()) if isinstance(document, dict) else (), start=1):
        try:
            rows.append(_read_feature(feature))
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise DataError(
                f"feature {number} of {path.name} is no small area.",
                "Each needs a polygon, and the properties code, name and msoa.",
            ) from error
    if len({row[0] for row in rows}) != len(rows) or len(rows) < 2:
        raise DataError(f"{path.name} has fewer than two areas, or one of them twice.", "Give each area once.")
    return Ground(*map(tuple, zip(*sorted(rows, key=lambda row: row[0]), strict=True)))


def read_counts(path: Path, ground: Ground) -> list[QuarterCounts]:
    """Read counts by area, oldest quarter first. Raises DataError for a row that is no count of an area of the map."""
    quarters: dict[str, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for number, row in enumerate(read_rows(path), start=2):
        homes, need, reach = (
            read_whole_number(row, name, f"line {number} of {path.name}")
            for name in ("households", "in_need", "reached")
        )
        if row.get("area") not in ground.codes or not 0 <= reach <= need <= homes or not row.get("quarter"):
            raise DataError(
                f"line {number} of {path.name} is of no area of the map, or counts more reached than in need, or more "
                "in need than there are.",
                "Count households by small area and quarter.",
            )
        quarters[row["quarter"]][row["area"]] = (homes, need, reach)
    table = []
    for quarter, by_area in sorted(quarters.items()):
        values = np.array([by_area.get(code, (0, 0, 0)) for code in ground.codes], dtype=np.int64)
        table.append(QuarterCounts(quarter, values[:, 0], values[:, 1], values[:, 2]))
    if not table:
        raise DataError(f"{path.name} has no counts.", "Give a line for each area and quarter.")
    return table


def read_hubs(path: Path) -> list[Hub]:
    """Read hubs. Raises DataError where none is open: need is not shown without help nearby."""
    hubs = []
    for number, row in enumerate(read_rows(path), start=2):
        try:
            place = float(row["longitude"]), float(row["latitude"])
            hubs.append(Hub(row["hub"], place, row["hours"], {"open": False, "planned": True}[row["state"]]))
        except (KeyError, ValueError) as error:
            raise DataError(
                f"line {number} of {path.name} is no hub.",
                "Give hub, longitude, latitude, hours, and the state open or planned.",
            ) from error
    if all(hub.planned for hub in hubs):
        raise DataError(
            f"{path.name} has no hub that is open: need is not shown without the help that there is.",
            "Give the food banks and hubs that families can go to.",
        )
    return hubs


def read_partners(path: Path, hubs: Sequence[Hub]) -> list[HubCount]:
    """Read what hubs count of their own work, added up by quarter (charter.contracts.hub_counts)."""
    return read_hub_counts(path, [hub.name for hub in hubs])


def _read_feature(feature: Mapping[str, Any]) -> tuple[str, str, str, tuple[Ring, ...]]:
    properties, shape = feature["properties"], feature["geometry"]
    code, name, msoa = (str(next(properties[key] for key in keys if key in properties)) for keys in _NAMES.values())
    parts = {"Polygon": [shape["coordinates"]], "MultiPolygon": shape["coordinates"]}[shape["type"]]
    rings = tuple(ring for part in parts for ring in part)
    if not rings or any(len(ring) < 4 or any(len(point) < 2 for point in ring) for ring in rings):
        raise ValueError(code)
    if any(not (-180 <= point[0] <= 180 and -90 <= point[1] <= 90) for ring in rings for point in ring):
        raise ValueError(code)
    return code, name, msoa, rings


def _find_middle(ring: Ring) -> tuple[float, float]:
    points = np.asarray(ring, dtype=np.float64)[:, :2]
    origin = points[0]
    first, second = points[:-1] - origin, points[1:] - origin
    cross = first[:, 0] * second[:, 1] - second[:, 0] * first[:, 1]
    total = cross.sum()
    if total == 0:
        return float(points[:, 0].mean()), float(points[:, 1].mean())
    middle = ((first + second) * cross[:, None]).sum(axis=0) / (3 * total) + origin
    return float(middle[0]), float(middle[1])
