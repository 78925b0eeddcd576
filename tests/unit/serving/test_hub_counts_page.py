"""Whoever counts for a hub enters its weeks: its own alone, by the file's own rules, until the quarter's map is out."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from charter.contracts.hub_counts import (
    HubWeek,
    find_newest_out,
    keep_hub_week,
    list_hub_weeks,
    list_own_hubs,
    read_hub_counts,
)
from charter.errors import DataError
from serving.desk import Desk
from tests.unit.serving.client import Client
from tests.unit.serving.test_page_table import client_in_role

TODAY = date(2026, 10, 14)
NAMES = ("Hill hub", "Quay hub", "Park hub")


def lay_hubs(folder: Path, *, counted_by: bool = True) -> Path:
    """Write three hubs, of which one is planned; the first is counted by the partner of `client_in_role`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        "Hill hub,1.9,53.6,Monday,open,other-id somebody-partner",
        "Quay hub,1.9,53.6,Friday,open,other-id",
        "Park hub,1.9,53.6,,planned,somebody-partner",
    ]
    head = "hub,longitude,latitude,hours,state"
    if not counted_by:
        rows = [row.rpartition(",")[0] for row in rows]
    (folder / "hubs.csv").write_text("\n".join([f"{head},counted_by" if counted_by else head, *rows, ""]))
    return folder


def week(monday: str, parcels: str = "20", turned_away: str = "2", hub: str = "Hill hub") -> HubWeek:
    return HubWeek(hub, monday, parcels, turned_away)


@pytest.fixture
def folder(desk: Desk) -> Path:
    return lay_hubs(desk.invocation.workspace.maps / "food")


def send(client: Client, token: str, **fields: str) -> int:
    sent = {"form_token": token, "topic": "food", "hub": "Hill hub", "parcels": "20", "turned_away": "2", **fields}
    status: int = client.post("/hub-counts", sent).status_code
    return status


def test_a_week_is_kept_put_right_and_read_by_the_map(tmp_path: Path) -> None:
    """Broken by a row that is added beside the earlier one, and by one that the map would refuse."""
    folder = lay_hubs(tmp_path / "food")
    (folder / "partners.csv").write_text("hub,quarter,parcels,turned_away\nQuay hub,2026-Q3,90,9\n")
    keep_hub_week(folder, week("2026-10-05"), TODAY)
    keep_hub_week(folder, week("2026-10-12", "7"), TODAY)
    keep_hub_week(folder, week("2026-10-05", "21"), TODAY)
    assert [(row.week, row.parcels) for row in list_hub_weeks(folder, "Hill hub")] == [
        ("2026-10-12", "7"), ("2026-10-05", "21"),
    ]  # fmt: skip
    counts = {count.hub: count for count in read_hub_counts(folder / "partners.csv", NAMES)}
    assert (counts["Hill hub"].parcels, counts["Hill hub"].weeks, counts["Hill hub"].quarter) == (28, 2, "2026-Q4")
    assert (counts["Quay hub"].parcels, counts["Quay hub"].weeks) == (90, 0)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (week("2026-10-06"), "what was sent has no Monday in week"),
        (week("autumn"), "what was sent has no Monday in week"),
        (week("2026-10-05", parcels="-1"), "no whole number in parcels"),
        (week("2026-10-05", turned_away=""), "no whole number in turned_away"),
        (week("2026-10-05", hub="Nowhere"), "of no hub of hubs.csv"),
        (week("2026-10-05", hub="Quay hub"), "counts again what an earlier line counts"),
        (week("2026-W41-1"), "counts again what an earlier line counts"),
        (week("2026-10-19"), "a week that has not begun"),
        (week("2026-09-28"), "a quarter whose map is out"),
    ],
)
def test_a_form_is_refused_for_what_the_file_is_refused_for(tmp_path: Path, typed: HubWeek, says: str) -> None:
    folder = lay_hubs(tmp_path / "food")
    (folder / "public").mkdir()
    (folder / "public" / "map.csv").write_text("code,need_2026_q2,pooled_2026_q2,need_2026_q3,pooled_2026_q3\n")
    assert find_newest_out(folder) == "2026-Q3"
    before = "hub,week,parcels,turned_away,quarter\nQuay hub,,90,9,2026-Q4\nHill hub,2026-10-05,3,1,\n"
    (folder / "partners.csv").write_text(before)
    with pytest.raises(DataError, match=says):
        keep_hub_week(folder, typed, TODAY)
    assert (folder / "partners.csv").read_text() == before, "what is refused changes nothing"
    if "not begun" not in says and "is out" not in says:
        row = f"{typed.hub},{typed.week},{typed.parcels},{typed.turned_away},\n"
        (folder / "partners.csv").write_text(before + row)
        with pytest.raises(DataError, match=says.replace("what was sent", "line 4 of partners.csv")):
            read_hub_counts(folder / "partners.csv", NAMES)


def test_a_partner_enters_the_counts_of_their_own_hub_and_it_is_logged(desk: Desk, folder: Path) -> None:
    """Broken by taking the hub from the form, whoever sends it."""
    client, token = client_in_role(desk, "partner")
    monday = desk.today() - timedelta(days=(desk.today().weekday() + 1) % 7 + 6)
    page = client.get("/hub-counts").text
    assert "Hill hub" in page
    assert "Quay hub" not in page
    assert "Park hub" not in page, "a hub that is planned counts nothing"
    assert re.search(rf'value="{monday}" selected', page)
    assert 'href="/hub-counts"' in client.get("/maps").text
    assert send(client, token, week=str(monday)) == 303
    for hub in ("Quay hub", "Park hub", "Nowhere"):
        assert send(client, token, week=str(monday), hub=hub) == 404
    assert send(client, token, week=str(monday), topic="../food") == 404
    with (folder / "partners.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["hub"], row["week"], row["parcels"], row["turned_away"]) == ("Hill hub", str(monday), "20", "2")
    (entry,) = [entry for entry in desk.store.entries() if entry.action == "map.hub_counted"]
    assert (entry.role, entry.purpose, entry.detail["hub"]) == ("partner", "area_statistics", "Hill hub")
    wrong = client.post("/hub-counts", {"form_token": token, "topic": "food", "hub": "Hill hub", "week": str(monday),
                                        "parcels": "many", "turned_away": "2"})  # fmt: skip
    assert wrong.status_code == 400
    assert "What was sent has no whole number in parcels. Counts are whole numbers." in wrong.text
    assert 'value="many"' in wrong.text
    assert "20" in client.get("/hub-counts?kept=1").text


def test_without_a_hub_of_ones_own_there_is_no_page(desk: Desk) -> None:
    """A council whose hubs.csv has no such column, and every other role, go on as before."""
    client, token = client_in_role(desk, "partner")
    assert client.get("/hub-counts").status_code == 404
    folder = lay_hubs(desk.invocation.workspace.maps / "food", counted_by=False)
    assert list_own_hubs(folder, "somebody-partner") == []
    assert client.get("/hub-counts").status_code == send(client, token, week="2026-07-06") == 404
    assert "/hub-counts" not in client.get("/maps").text
    manager, _ = client_in_role(desk, "team_manager")
    assert manager.get("/hub-counts").status_code == 403
    assert "/hub-counts" not in manager.get("/manager").text
    assert not (folder / "partners.csv").exists()
