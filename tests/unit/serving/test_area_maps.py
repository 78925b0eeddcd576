"""Partners see maps of areas until these are too old, as files too, and reach nothing else of the workspace."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from borough.ground import draw_ground, write_ground
from charter.contracts.files import read_json, write_json
from fairness_reports.maps.whole_map import draw_maps
from serving.desk import Desk
from tests.unit.serving.test_page_table import client_in_role


def test_a_partner_opens_the_map_takes_its_files_and_nothing_when_it_is_too_old(desk: Desk) -> None:
    """Broken by a map that is shown from its last day on, and by a file's name that leads out of its folder."""
    root = desk.invocation.workspace.root
    write_ground(draw_ground(40, 1), root / "map" / "food", 1)
    folder = draw_maps(desk.invocation, "food", desk.invocation.today)
    # The made-up quarter may be over for long; what is tried here is the day itself.
    _expire(folder / "partners", desk.invocation.today + timedelta(days=1))
    client, _ = client_in_role(desk, "partner")
    listed = client.get("/maps").text
    assert "Open the map of food" in listed
    shown = client.get("/maps/food")
    assert shown.status_code == 200
    assert "For voluntary partners" in shown.text
    assert "script-src" not in shown.headers["content-security-policy"]
    table = client.get("/maps/food/map.csv")
    assert table.text.startswith("code,name,msoa")
    assert 'filename="food-map.csv"' in table.headers["content-disposition"]
    for path in ("/maps/food/map.html", "/maps/food/counts.csv", "/maps/food/..%2f..%2fcasework.db", "/maps/other"):
        assert client.get(path).status_code == 404, path
    assert [one.action for one in desk.store.entries()].count("map.viewed") == 2
    _expire(folder / "partners", desk.invocation.today)
    assert "is shown no more" in client.get("/maps").text
    assert client.get("/maps/food").status_code == client.get("/maps/food/map.csv").status_code == 404


def _expire(folder: Path, day: object) -> None:
    document = read_json(folder / "map.geojson")
    write_json(folder / "map.geojson", {**document, "expires_on": str(day)})
