"""`sooner map`: from counts by area to a map for partners and a coarser one for the public."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from charter.contracts.files import write_text
from charter.invocation import Invocation
from fairness_reports.disclosure.ledger import Ledger
from fairness_reports.maps.area_files import Row, write_csv, write_geojson, write_geopackage
from fairness_reports.maps.map_files import Ground, read_counts, read_ground, read_hubs, read_partners
from fairness_reports.maps.need import AreaFigures, estimate_quarter, expires_on, measure_reach, release_quarter
from fairness_reports.maps.open_data import write_catalogue
from fairness_reports.maps.page import MapPage, render_page

__all__ = ["draw_maps"]

_QUARTERS = 2
"""How many quarters stand side by side."""


def draw_maps(invocation: Invocation, topic: str, today: date) -> Path:
    """Write `map/TOPIC/partners/` and `map/TOPIC/public/` from the files beside them; return the topic's folder.

    Raises DataError for files that make no map, CharterError where disclosure control lets nothing out.
    """
    folder = invocation.workspace.maps / topic
    ground = read_ground(folder / "areas.geojson")
    quarters = read_counts(folder / "counts.csv", ground)[-_QUARTERS:]
    hubs = read_hubs(folder / "hubs.csv")
    partners = read_partners(folder / "partners.csv", hubs)
    ledger = Ledger(invocation.workspace.releases)
    public = [release_quarter(ledger, topic, ground, counts, today) for counts in quarters]
    figures = [estimate_quarter(view, ground, counts) for view, counts in zip(public, quarters, strict=True)]
    page = MapPage(
        invocation.council.name,
        topic,
        "voluntary partners",
        today,
        ground,
        figures,
        hubs,
        partners,
        measure_reach(ground, hubs, planned=False),
        measure_reach(ground, hubs, planned=True),
    )
    _write_files(folder / "partners", page)
    wider = _merge_msoas(ground)
    wide = [
        estimate_quarter(view, wider, replace(counts, households=_add_up(ground, wider, counts.households)))
        for view, counts in zip(public, quarters, strict=True)
    ]
    public_page = replace(
        page,
        audience="everybody",
        pledged=False,
        ground=wider,
        quarters=wide,
        now=measure_reach(wider, hubs, planned=False),
        then=measure_reach(wider, hubs, planned=True),
    )
    rows = _write_files(folder / "public", public_page)
    write_catalogue(folder / "public", invocation.council, topic, wide[-1].quarter, today, rows)
    return folder


def _write_files(folder: Path, page: MapPage) -> list[Row]:
    rows = _tabulate_areas(page.ground, page.quarters, page)
    write_text(folder / "map.html", render_page(page))
    write_csv(folder / "map.csv", rows)
    expires = expires_on(page.quarters[-1].quarter).isoformat()
    write_geojson(folder / "map.geojson", page.ground, rows, {"expires_on": expires})
    write_geopackage(folder / "map.gpkg", page.ground, rows)
    return rows


def _tabulate_areas(ground: Ground, quarters: Sequence[AreaFigures], page: MapPage) -> list[Row]:
    rows: list[Row] = []
    for number, code in enumerate(ground.codes):
        row: dict[str, str | float | int | None] = {
            "code": code,
            "name": ground.names[number],
            "msoa": ground.msoas[number],
        }
        for figures in quarters:
            name = figures.quarter.replace("-", "_").lower()
            for what, shares in (("need", figures.need), ("reach", figures.reach)):
                for part, value in zip(("", "_low", "_high"), shares[number], strict=True):
                    row[f"{what}_{name}{part}"] = None if np.isnan(value) else round(float(value), 4)
            row[f"pooled_{name}"] = int(figures.is_pooled(number))
        row["nearest_hub"], row["straight_line_km"] = page.now.nearest[number], round(float(page.now.km[number]), 2)
        if any(hub.planned for hub in page.hubs):
            row["straight_line_km_with_planned"] = round(float(page.then.km[number]), 2)
        row["expires_on"] = expires_on(quarters[-1].quarter).isoformat()
        rows.append(row)
    return rows


def _merge_msoas(ground: Ground) -> Ground:
    """Return the ground by MSOA: each with the outlines of its small areas."""
    names = sorted(set(ground.msoas))
    outlines = [
        tuple(ring for rings, of in zip(ground.outlines, ground.msoas, strict=True) if of == name for ring in rings)
        for name in names
    ]
    return Ground(tuple(names), tuple(names), ("",) * len(names), tuple(outlines))


def _add_up(ground: Ground, wider: Ground, values: np.ndarray) -> np.ndarray:
    return np.array([values[[of == code for of in ground.msoas]].sum() for code in wider.codes], dtype=np.int64)
