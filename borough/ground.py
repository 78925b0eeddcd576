"""The fictional borough's ground: small areas with boundaries, wards, MSOAs, hubs, and food need by area and quarter.

Drawn from streams of its own, so that the households, and all that is known of them, stay what they were. Areas are the
cells of a jittered grid (Voronoi), some six to an MSOA and twelve to a ward. Need is a share of an area's households:

    logit(need) = -3 + field           the field shared by neighbours (a conditional autoregression), or each its own

so a map that borrows from neighbours can be set beside what is true. It lies in the North Sea, where nobody lives.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Voronoi  # type: ignore[import-untyped]  # it ships no types

from borough.chance import Chance
from charter.contracts.files import write_json, write_text
from charter.errors import UsageError

__all__ = ["FEWEST_AREAS", "Ground", "draw_ground", "write_ground"]

FEWEST_AREAS = 24
_WEST, _SOUTH = 1.9, 53.6
_STEP = 550.0
"""Metres between the middles of two neighbouring areas."""
_METRES_NORTH = 111_320.0
_LEVEL, _SPREAD, _CLOSE = -3.0, 0.3, 0.97
"""Some 5 homes of 100, as parcels in a year (borough.toml); 0.3 is its area_spread, 0.25, by a strength of 1.2."""
_QUARTERS = ("2026-Q2", "2026-Q3")
_MONDAYS = tuple(date(2026, 4, 6) + timedelta(days=7 * week) for week in range(26))
"""The weeks of both quarters."""
_LAST_HUB = 2
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ground:
    """Areas in the order of their codes: corners in metres, where they belong, homes, and the true shares."""

    codes: tuple[str, ...]
    msoas: tuple[str, ...]
    wards: tuple[str, ...]
    corners: tuple[Floats, ...]
    middles: Floats
    households: NDArray[np.int64]
    need: Floats
    reach: Floats


def draw_ground(areas: int, seed: int, *, shared: bool = True) -> Ground:
    """Return the ground of a borough of about `areas` areas; `shared` says whether neighbours share their need.

    Raises UsageError for fewer than FEWEST_AREAS.
    """
    if areas < FEWEST_AREAS:
        raise UsageError(f"{areas} areas make no map.", f"Ask for {FEWEST_AREAS} or more.")
    chance = Chance(seed)
    wide = max(round(np.sqrt(areas * 1.3)), 4)
    high = -(-areas // wide)
    grid = np.array([(column, row) for row in range(high) for column in range(wide)], dtype=np.float64)
    jitter = chance.stream("ground", "middles").uniform(-0.32, 0.32, grid.shape)
    middles = (grid + 0.5 + jitter) * _STEP
    corners, neighbours = _cut_cells(middles, wide * _STEP, high * _STEP)
    order = np.lexsort((grid[:, 0] % 3, grid[:, 1] % 2, grid[:, 0] // 3, grid[:, 1] // 2))
    msoa = np.unique(grid[:, 1] // 2 * 1000 + grid[:, 0] // 3, return_inverse=True)[1]
    ward = np.unique(grid[:, 1] // 4 * 1000 + grid[:, 0] // 3, return_inverse=True)[1]
    field = _draw_field(chance, neighbours) if shared else chance.stream("ground", "field").normal(size=len(middles))
    need = _SPREAD * (field - field.mean()) / field.std()
    people = chance.stream("ground", "households").integers(450, 900, len(middles))
    far = chance.stream("ground", "reach").normal(0, 0.3, len(middles))
    return Ground(
        tuple(f"E019800{number:02d}" if number < 100 else f"E01980{number:03d}" for number in range(1, len(order) + 1)),
        tuple(f"E02980{msoa[place] + 1:03d}" for place in order),
        tuple(f"Ward {ward[place] + 1}" for place in order),
        tuple(corners[place] for place in order),
        middles[order],
        people[order].astype(np.int64),
        _share(_LEVEL + need)[order],
        _share(-0.4 - 0.5 * need + far)[order],
    )


def write_ground(ground: Ground, folder: Path, seed: int) -> dict[str, Any]:
    """Write areas.geojson, hubs.csv, partners.csv and counts.csv of a borough, and `truth/need.csv` beside them."""
    rng = Chance(seed).stream("ground", "counts")
    features = [
        {
            "type": "Feature",
            "properties": {"code": code, "name": f"{ward}, {code[-3:]}", "msoa": msoa, "ward": ward},
            "geometry": {"type": "Polygon", "coordinates": [_place_ring(ring)]},
        }
        for code, msoa, ward, ring in zip(ground.codes, ground.msoas, ground.wards, ground.corners, strict=True)
    ]
    write_json(folder / "areas.geojson", {"type": "FeatureCollection", "features": features})
    counts = []
    for quarter in _QUARTERS:
        in_need = rng.binomial(ground.households, ground.need)
        reached = rng.binomial(in_need, ground.reach)
        counts += [
            (code, quarter, int(homes), int(need), int(reach))
            for code, homes, need, reach in zip(ground.codes, ground.households, in_need, reached, strict=True)
        ]
    _write_rows(folder / "counts.csv", ("area", "quarter", "households", "in_need", "reached"), counts)
    _write_hubs(ground, folder, Chance(seed).stream("ground", "hubs"))
    truth = zip(ground.codes, ground.need, ground.reach, strict=True)
    _write_rows(
        folder / "truth" / "need.csv",
        ("area", "need", "reach"),
        [(code, f"{a:.6f}", f"{b:.6f}") for code, a, b in truth],
    )
    return {"areas": len(ground.codes), "quarters": list(_QUARTERS), "seed": seed}


def _write_hubs(ground: Ground, folder: Path, rng: np.random.Generator) -> None:
    """Put hubs in one half of the borough and a planned one in the other, where nothing is near.

    Each open one counts its parcels and whom it turned away week by week; the last was too busy to send some weeks.
    """
    west = ground.middles[:, 0] < np.median(ground.middles[:, 0])
    at = rng.choice(np.flatnonzero(west), 3, replace=False)
    planned = rng.choice(np.flatnonzero(~west))
    rows = []
    for number, place in enumerate((*at, planned), start=1):
        longitude, latitude = _place_ring(ground.middles[[place]])[0]
        opens = "planned" if place == planned else "open"
        rows.append((f"Food hub {number}", longitude, latitude, "Tuesday and Friday, 10 to 2", opens))
    _write_rows(folder / "hubs.csv", ("hub", "longitude", "latitude", "hours", "state"), rows)
    sent = [
        (row[0], monday.isoformat(), int(rng.integers(12, 33)), int(rng.integers(1, 5)))
        for number, row in enumerate(rows[:3])
        for monday in _MONDAYS[:: 1 if number < _LAST_HUB else 2]
    ]
    _write_rows(folder / "partners.csv", ("hub", "week", "parcels", "turned_away"), sent)


def _cut_cells(middles: Floats, wide: float, high: float) -> tuple[list[Floats], NDArray[np.bool_]]:
    """Return each middle's cell within a rectangle, and who shares a border: mirrored middles close the outer cells."""
    mirrored = [middles]
    for axis, ends in ((0, (0.0, wide)), (1, (0.0, high))):
        for end in ends:
            other = middles.copy()
            other[:, axis] = 2 * end - other[:, axis]
            mirrored.append(other)
    cells = Voronoi(np.concatenate(mirrored))
    size = len(middles)
    beside = np.zeros((size, size), dtype=bool)
    for first, second in cells.ridge_points:
        if first < size and second < size:
            beside[first, second] = beside[second, first] = True
    rings = []
    for place in range(size):
        ring = cells.vertices[cells.regions[cells.point_region[place]]]
        angle = np.arctan2(*(ring - middles[place]).T[::-1])
        rings.append(np.round(ring[np.argsort(angle)], 1))
    return rings, beside


def _draw_field(chance: Chance, beside: NDArray[np.bool_]) -> Floats:
    """Return a draw of Leroux's conditional autoregression (1999), nearly intrinsic: neighbours are alike."""
    structure = _CLOSE * (np.diag(beside.sum(axis=1)) - beside) + (1 - _CLOSE) * np.eye(len(beside))
    factor = np.linalg.cholesky(structure)
    draw: Floats = np.linalg.solve(factor.T, chance.stream("ground", "field").normal(size=len(beside)))
    return draw


def _share(values: Floats) -> Floats:
    share: Floats = 1 / (1 + np.exp(-values))
    return share


def _place_ring(ring: Floats) -> list[list[float]]:
    """Return points in metres as longitude and latitude, a ring closed as RFC 7946 has it."""
    per_east = _METRES_NORTH * np.cos(np.radians(_SOUTH))
    points = [[round(_WEST + x / per_east, 6), round(_SOUTH + y / _METRES_NORTH, 6)] for x, y in ring]
    return points if len(points) == 1 else [*points, points[0]]


def _write_rows(path: Path, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    write_text(path, text.getvalue())
