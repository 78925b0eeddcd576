"""Maps of need: beside the truth of made-up ground, on real boundaries, and nothing on them that isn't released."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import struct
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from borough.ground import draw_ground, write_ground
from charter.contracts import check_document
from charter.errors import CharterError, DataError
from charter.invocation import Invocation, shipped_council
from fairness_reports.disclosure.door import list_recovered
from fairness_reports.disclosure.ledger import Ledger
from fairness_reports.maps.map_files import (
    Hub,
    QuarterCounts,
    measure_km,
    read_counts,
    read_ground,
    read_hubs,
    read_partners,
)
from fairness_reports.maps.need import estimate_quarter, find_period, release_quarter
from fairness_reports.maps.spatial import estimate_shares
from fairness_reports.maps.whole_map import draw_maps

TODAY = date(2026, 11, 28)
CAMDEN = Path(__file__).parents[4] / "shared" / "data" / "geo_london" / "camden_lsoa_2021_wgs84.geojson"


def _invoke(folder: Path) -> Invocation:
    return Invocation.open(shipped_council(), "early_help", folder)


@pytest.fixture(scope="module")
def drawn_map(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("map")
    write_ground(draw_ground(130, 1), workspace / "map" / "food", 1)
    return draw_maps(_invoke(workspace), "food", TODAY)


def _play(seed: int, folder: Path, *, shared: bool) -> tuple[float, float, float]:
    """Return a borough's coverage of 95 % intervals, mean error of its map, and mean error of raw rates.

    The whole way: counts, disclosure control, pooled areas. A pooled area's truth is that of its pool.
    """
    made = draw_ground(130, seed, shared=shared)
    write_ground(made, folder, seed)
    ground = read_ground(folder / "areas.geojson")
    (counts,) = read_counts(folder / "counts.csv", ground)[-1:]
    public = release_quarter(Ledger(folder / "releases.jsonl"), "food", ground, counts, TODAY)
    figures = estimate_quarter(public, ground, counts)
    homes, units = counts.households, np.unique(figures.unit[figures.unit >= 0])
    members = [np.flatnonzero(figures.unit == unit) for unit in units]
    truth = np.array([np.average(made.need[areas], weights=homes[areas]) for areas in members])
    raw = np.array([counts.in_need[areas].sum() / homes[areas].sum() for areas in members])
    share, low, high = figures.need[[areas[0] for areas in members]].T
    inside = float(np.mean((low <= truth) & (truth <= high)))
    return inside, float(np.abs(share - truth).mean()), float(np.abs(raw - truth).mean())


def test_a_map_is_nearer_the_truth_than_raw_rates_and_says_how_sure_it_is(tmp_path: Path) -> None:
    boroughs = [_play(seed, tmp_path / str(seed), shared=True) for seed in range(3)]
    inside, error, raw = np.mean(boroughs, axis=0)
    assert 0.88 <= inside <= 0.99
    assert error < 0.92 * raw


@pytest.mark.deep
@pytest.mark.parametrize("shared", [True, False])
def test_fifty_boroughs_maps_hold_the_truth(tmp_path: Path, shared: bool) -> None:
    boroughs = [_play(seed, tmp_path / str(seed), shared=shared) for seed in range(50)]
    inside, error, raw = np.mean(boroughs, axis=0)
    print(f"shared {shared}: intervals hold {inside:.3f}, error {error:.5f} beside raw {raw:.5f}: {error / raw:.3f}")
    assert 0.93 <= inside <= 0.97
    assert error <= (0.80 if shared else 1.0) * raw


def test_where_neighbours_are_alike_they_lend_more() -> None:
    alike, each_alone = (np.mean([_fit_close(seed, shared=shared) for seed in range(3)]) for shared in (True, False))
    assert alike > 0.5 > each_alone


def _fit_close(seed: int, *, shared: bool) -> float:
    made = draw_ground(130, seed, shared=shared)
    near = np.linalg.norm(made.middles[:, None] - made.middles, axis=2) < 850
    count = np.random.default_rng(seed).binomial(made.households, made.need)
    return estimate_shares(count, made.households, near & ~np.eye(len(near), dtype=bool)).closeness


def test_what_is_estimated_of_an_area_without_a_count_is_its_neighbours() -> None:
    line = np.abs(np.subtract.outer(np.arange(9), np.arange(9))) == 1
    number = np.full(9, 600)
    count = np.array([24, 25, 27, 26, 0, 95, 99, 97, 102])
    number[4] = 0
    estimates = estimate_shares(count, number, line)
    assert estimates.share[3] < estimates.share[4] < estimates.share[5]
    width = estimates.high - estimates.low
    assert width[4] == width.max()


def test_a_map_shows_no_count_under_ten_and_none_can_be_worked_out(drawn_map: Path) -> None:
    ground = read_ground(drawn_map / "areas.geojson")
    counts = read_counts(drawn_map / "counts.csv", ground)
    ledger = Ledger(drawn_map.parents[1] / "published" / "releases.jsonl")
    before = ledger.path.read_text()
    tables = [release_quarter(ledger, "food", ground, quarter, TODAY) for quarter in counts]
    assert ledger.path.read_text() == before
    assert all(table.hidden.sum() > 4 for table in tables)
    assert all((table.values[~table.hidden] >= 10).all() for table in tables)
    assert list_recovered(tables[-1:]) == []


def test_estimates_are_of_what_is_shown_and_of_nothing_else(drawn_map: Path) -> None:
    ground = read_ground(drawn_map / "areas.geojson")
    counts = read_counts(drawn_map / "counts.csv", ground)[-1]
    ledger = Ledger(drawn_map.parents[1] / "published" / "releases.jsonl")
    public = release_quarter(ledger, "food", ground, counts, TODAY)
    other = QuarterCounts(counts.quarter, counts.households, counts.in_need * 0, counts.reached * 0)
    first, second = (estimate_quarter(public, ground, table) for table in (counts, other))
    assert np.array_equal(first.need, second.need, equal_nan=True)
    assert np.array_equal(first.reach, second.reach, equal_nan=True)


def test_partners_get_small_areas_and_the_public_msoas_in_three_formats(drawn_map: Path) -> None:
    sizes = {}
    for audience in ("partners", "public"):
        with (drawn_map / audience / "map.csv").open(newline="") as handle:
            rows = list(csv.DictReader(handle))
        features = json.loads((drawn_map / audience / "map.geojson").read_text())
        assert len(features["features"]) == len(rows)
        assert features["expires_on"] == "2027-04-01" == rows[0]["expires_on"]
        with closing(sqlite3.connect(drawn_map / audience / "map.gpkg")) as database:
            assert database.execute("PRAGMA application_id").fetchone()[0] == 0x47504B47
            shapes = database.execute("SELECT geom, code FROM areas").fetchall()
            assert database.execute("SELECT geometry_type_name, srs_id FROM gpkg_geometry_columns").fetchall() == [
                ("MULTIPOLYGON", 4326)
            ]
        assert [code for _, code in shapes] == [row["code"] for row in rows]
        assert struct.unpack("<2sBBiBI", shapes[0][0][:13]) == (b"GP", 0, 1, 4326, 1, 6)
        sizes[audience] = len(rows)
    assert sizes == {"partners": 130, "public": 25}


def test_the_public_map_is_open_data_with_a_catalogue_and_a_dictionary(drawn_map: Path) -> None:
    folder = drawn_map / "public"
    catalogue = json.loads((folder / "data.json").read_text())
    (data_set,) = catalogue["dataset"]
    assert data_set["identifier"] == "food-need-by-area-2026-q3"
    assert "open-government-licence" in data_set["license"]
    assert all((folder / row["downloadURL"]).exists() for row in data_set["distribution"])
    assert not (drawn_map / "partners" / "data.json").exists()
    with (folder / "map.csv").open(newline="") as figures, (folder / "dictionary.csv").open(newline="") as words:
        columns = csv.DictReader(figures).fieldnames
        rows = list(csv.DictReader(words))
    assert [row["column"] for row in rows] == columns
    assert all(row["description"] for row in rows)
    with pytest.raises(DataError, match="license"):
        check_document("catalogue", {**catalogue, "dataset": [{**data_set, "license": "none"}]})


def test_a_page_asks_nothing_of_outside_and_says_what_it_must(drawn_map: Path) -> None:
    for audience in ("partners", "public"):
        text = (drawn_map / audience / "map.html").read_text(encoding="utf-8")
        assert not re.search(r"https?://|<script|@import|url\((?!#)", text)
        assert text.count("<svg viewBox") == 2
        assert "1 April 2027" in text
        assert "enforcement" in text
        assert "eligible" in text
        assert "straight line" in text


def test_a_hub_that_is_planned_brings_help_nearer(drawn_map: Path) -> None:
    text = (drawn_map / "partners" / "map.html").read_text(encoding="utf-8")
    cells = re.findall(r"<tr><th scope=\"row\">(?:Now|With what is planned)</th><td>(\d+)</td>", text)
    assert len(cells) == 2
    assert int(cells[1]) < int(cells[0])


def test_what_a_hub_reaches_is_told_and_what_an_area_lacks_is_not(drawn_map: Path) -> None:
    """Broken by areas counted at their nearest hub alone, and by a planned hub said to reach what it does not."""
    ground, hubs = read_ground(drawn_map / "areas.geojson"), read_hubs(drawn_map / "hubs.csv")
    text = (drawn_map / "partners" / "map.html").read_text(encoding="utf-8")
    rows = {row["code"]: row for row in csv.DictReader((drawn_map / "partners" / "map.csv").read_text().splitlines())}
    homes = {}
    for line in csv.DictReader((drawn_map / "counts.csv").read_text().splitlines()):
        if line["quarter"] == "2026-Q3":
            homes[line["area"]] = int(line["households"])
    away = {hub.name: dict(zip(ground.codes, measure_km(hub.place, ground.middles), strict=True)) for hub in hubs}
    for number, hub in enumerate(hubs, start=1):
        near = [code for code in ground.codes if away[hub.name][code] <= 1.6]
        need = sum(float(rows[code]["need_2026_q3"] or 0) * homes[code] for code in near)
        (cells,) = re.findall(rf"<tr><th scope=\"row\">{number}\. {hub.name}</th>(.*?)</tr>", text, re.DOTALL)
        shown = re.findall(r"<td>(.*?)</td>", cells)
        assert int(shown[4]) == len(near) > 0
        assert int(shown[5].replace(",", "")) == pytest.approx(need, abs=6)
    (planned,) = [hub for hub in hubs if hub.planned]
    helped = [
        code for code in ground.codes
        if away[planned.name][code] <= 1.6 and all(away[hub.name][code] > 1.6 for hub in hubs if hub is not planned)
    ]  # fmt: skip
    assert len(helped) == text.count(f"({planned.name}, planned, would)") > 0
    for code in helped:
        assert float(rows[code]["straight_line_km"]) > 1.6 >= float(rows[code]["straight_line_km_with_planned"])
    assert "nobody can tell from this how many parcels an area had or" in text


def test_one_degree_of_latitude_is_111_km() -> None:
    assert measure_km((0.0, 51.0), np.array([[0.0, 52.0]]))[0] == pytest.approx(111.2, abs=0.1)


@pytest.mark.skipif(not CAMDEN.exists(), reason="the real boundaries are not here")
def test_camdens_small_areas_border_each_other() -> None:
    ground = read_ground(CAMDEN)
    degree = ground.beside.sum(axis=1)
    assert len(ground.codes) == 130
    assert degree.min() >= 1
    assert 4 < degree.mean() < 7


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("counts.csv", "area,quarter,households,in_need,reached\nE01980001,2026-Q3,10,20,1\n", "line 2 of counts.csv"),
        ("counts.csv", "area,quarter,households,in_need,reached\nE01980001,2026-Q3,-1,2,1\n", "no whole number in"),
        ("hubs.csv", "hub,longitude,latitude,hours,state\nA,1.9,53.6,Monday,planned\n", "no hub that is open"),
        ("hubs.csv", "hub,longitude,latitude,hours,state\nA,east,53.6,Monday,open\n", "line 2 of hubs.csv is no hub"),
        ("partners.csv", "hub,quarter,parcels,turned_away\nZ,2026-Q3,1,1\n", "of no hub of hubs.csv"),
        ("areas.geojson", '{"features": [{"properties": {"code": "E1"}}]}', "feature 1 of areas.geojson is no small"),
    ],
)
def test_files_that_make_no_map_are_refused(tmp_path: Path, name: str, text: str, says: str) -> None:
    write_ground(draw_ground(30, 1), tmp_path / "map" / "food", 1)
    (tmp_path / "map" / "food" / name).write_text(text)
    with pytest.raises(DataError, match=says):
        draw_maps(_invoke(tmp_path), "food", TODAY)


def test_weeks_of_hubs_are_added_up_and_the_map_says_how_many_are_missing(tmp_path: Path) -> None:
    """Broken by taking every count for a whole quarter's."""
    folder = tmp_path / "map" / "food"
    write_ground(draw_ground(30, 1), folder, 1)
    with (folder / "partners.csv").open() as file:
        rows = list(csv.DictReader(file))
    counts = read_partners(folder / "partners.csv", read_hubs(folder / "hubs.csv"))
    assert len(counts) == 6
    for count in counts:
        sent = [
            int(row["parcels"])
            for row in rows
            if row["hub"] == count.hub and f"2026-Q{(int(row['week'][5:7]) + 2) // 3}" == count.quarter
        ]
        assert (count.parcels, count.weeks) == (sum(sent), len(sent))
    assert {count.weeks for count in counts if count.hub == "Food hub 1"} == {13}
    (last,) = [count for count in counts if (count.hub, count.quarter) == ("Food hub 3", "2026-Q3")]
    draw_maps(_invoke(tmp_path), "food", TODAY)
    page = (folder / "partners" / "map.html").read_text(encoding="utf-8")
    assert f"{last.parcels:,}, in {last.weeks} of 13 weeks" in page
    assert page.count(" of 13 weeks") == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("Food hub 1,2026-07-07,5,1,\n", "no Monday in week"),
        ("Food hub 1,summer,5,1,\n", "no Monday in week"),
        ("Food hub 1,2026-07-06,5,1,\nFood hub 1,2026-W28-1,4,1,\n", "line 3 of partners.csv counts again"),
        ("Food hub 1,2026-07-06,5,1,\nFood hub 1,2026-07-06,4,1,\n", "line 3 of partners.csv counts again"),
        ("Food hub 1,2026-07-06,5,1,\nFood hub 1,,60,9,2026-Q3\n", "line 3 of partners.csv counts again"),
        ("Food hub 1,,60,9,2026-Q3\nFood hub 1,2026-07-06,5,1,\n", "line 3 of partners.csv counts again"),
    ],
)
def test_a_week_that_is_none_or_counted_twice_is_refused(tmp_path: Path, rows: str, says: str) -> None:
    path = tmp_path / "partners.csv"
    path.write_text(f"hub,week,parcels,turned_away,quarter\n{rows}")
    with pytest.raises(DataError, match=says):
        read_partners(path, [Hub("Food hub 1", (1.9, 53.6), "Monday", planned=False)])


def test_months_and_counts_that_changed_are_refused(drawn_map: Path) -> None:
    with pytest.raises(DataError, match="2026-07 is no quarter"):
        find_period("2026-07")
    ground = read_ground(drawn_map / "areas.geojson")
    counts = read_counts(drawn_map / "counts.csv", ground)[-1]
    ledger = Ledger(drawn_map.parents[1] / "published" / "releases.jsonl")
    changed = replace(counts, in_need=counts.in_need + np.eye(130, dtype=np.int64)[5])
    with pytest.raises(CharterError, match="with other counts"):
        release_quarter(ledger, "food", ground, changed, TODAY)
    assert len(read_hubs(drawn_map / "hubs.csv")) == 4
