"""Cover: another team's people stand in between two dates, on pages and in the API, and on no other day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from charter.council.council import Council
from charter.errors import DataError
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded, signed_in
from tests.unit.serving.conftest import AS_OF, make_council, make_world

SOUTH, MANAGER = "demo-south-lead_practitioner", "demo-north-team_manager"


def covered(start: date, end: date, by: str = "south"):
    """Return the edit of council.toml that lets `by` cover the team north."""
    rows = f'\n  [[team.cover]]\n  by = "{by}"\n  start = {start}\n  end = {end}\n\n'

    def edit(text: str) -> str:
        head, offer, rest = text.partition("  [[team.offer]]")
        return head + rows + offer + rest

    return edit


def test_cover_holds_from_its_first_day_to_the_day_before_its_last(tmp_path: Path) -> None:
    council = make_council(tmp_path, covered(date(2026, 12, 21), date(2027, 1, 4)))
    south = frozenset({"south"})
    assert council.covering(south, date(2026, 12, 20)) == {"south"}
    assert council.covering(south, date(2026, 12, 21)) == {"south", "north"}
    assert council.covering(south, date(2027, 1, 3)) == {"south", "north"}
    assert council.covering(south, date(2027, 1, 4)) == {"south"}
    assert council.covering(frozenset({"east"}), date(2026, 12, 24)) == {"east"}
    assert council.covering(frozenset(), date(2026, 12, 24)) == frozenset()


@pytest.mark.parametrize(("days", "status"), [(0, 200), (30, 403)])
def test_the_covering_team_works_on_the_list_on_those_days_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, status: int
) -> None:
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    start = datetime.now(ZoneInfo("Europe/London")).date() + timedelta(days=days)
    world = make_world(tmp_path, edit=covered(start, start + timedelta(days=7)))
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    client = Client(guarded(desk))
    client.sign_in(SOUTH)
    token = client.token(SOUTH)
    assert client.get("/worklists/south").status_code == 200
    for path in ("/worklists/north", f"/cases/{case}"):
        assert client.get(path).status_code == status
    assert client.get("/v1/worklists/north", headers=token).status_code == status
    client.sign_in("demo-east-lead_practitioner")
    assert client.get("/worklists/north").status_code == 403


@pytest.mark.parametrize("by", ["north", "south"])
def test_a_cover_that_covers_nothing_is_refused(tmp_path: Path, by: str) -> None:
    day = date(2026, 12, 21)
    with pytest.raises(DataError, match=r"stand in for itself|ends before it begins"):
        make_council(tmp_path, covered(day, day if by == "south" else day + timedelta(days=1), by))
    assert isinstance(Council.load(Path("council")), Council)


def days_from(desk: Desk, first: int, last: int) -> dict[str, str]:
    """Return the days of a form of cover, counted from today."""
    return {
        name: (desk.today() + timedelta(days=days)).isoformat() for name, days in (("first", first), ("last", last))
    }


def test_what_a_manager_says_of_cover_holds_on_those_days_and_until_it_is_ended(desk: Desk) -> None:
    """Broken by cover not asked for where somebody is admitted, and by one that is ended and still holds."""
    manager = Identity(MANAGER, "team_manager", frozenset({"north"}))
    south = frozenset({"south"})
    today = desk.today()

    def teams_of_south() -> frozenset[str]:
        return desk.admit(SOUTH, "lead_practitioner", south).teams

    desk.store.set_cover(manager, "north", "south", today + timedelta(days=1), today + timedelta(days=8))
    assert teams_of_south() == south, "not before its first day"
    desk.store.set_cover(manager, "north", "south", today - timedelta(days=7), today)
    assert teams_of_south() == south, "not on the day after its last"
    desk.store.set_cover(manager, "north", "south", today, today + timedelta(days=1))
    assert teams_of_south() == {"south", "north"}
    assert desk.admit("somebody", "lead_practitioner", frozenset({"east"})).teams == {"east"}
    assert desk.admit("somebody", "partner", frozenset()).teams == frozenset()
    desk.store.set_cover(manager, "south", "east", today, today + timedelta(days=1))
    assert desk.admit("somebody", "lead_practitioner", frozenset({"east"})).teams == {"east", "south"}, "not handed on"
    (now, _) = desk.store.covers(["north"], today)
    desk.store.end_cover(manager, now)
    assert teams_of_south() == south


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"by": ""}, "Choose the team"), ({"by": "north"}, "Choose the team"), ({"by": "nowhere"}, "Choose the team"),
     ({"last": ""}, "Give the first and the last day"), ({"first": "2020-01-01"}, "today or later"),
     ({"last": "2020-01-01"}, "first or later"), ({"last": "2099-01-01"}, "within 12 weeks")],
)  # fmt: skip
def test_cover_that_can_t_be_is_said_beside_what_was_typed(desk: Desk, fields: dict[str, str], said: str) -> None:
    client = signed_in(desk, MANAGER)
    hidden = client.form_of("/manager", "/manager/cover")
    answer = client.post("/manager/cover", {**hidden, "by": "south", **days_from(desk, 0, 5), **fields})
    assert answer.status_code == 400
    assert "<title>Error: " in answer.text
    assert answer.text.count(said) == 2, "in the summary and beside the form"
    assert 'href="#by-north"' in answer.text
    kept = {"by": "south", **days_from(desk, 0, 5)} | fields
    assert f'name="last" type="date" value="{kept["last"]}"' in answer.text
    assert desk.store.covers(["north"], desk.today()) == []


def test_nobody_lets_somebody_into_a_team_that_is_not_theirs(desk: Desk) -> None:
    """Broken by the act asked for no team in particular."""
    days = days_from(desk, 0, 5)
    client = signed_in(desk, MANAGER)
    hidden = client.form_of("/manager", "/manager/cover")
    assert client.post("/manager/cover", {**hidden, "team": "south", "by": "north", **days}).status_code == 403
    assert client.post("/manager/cover", {**hidden, "team": "", "by": "north", **days}).status_code == 403
    lead = signed_in(desk, "demo-north-lead_practitioner")
    token = {"form_token": lead.form_of("/my-cases", "/sign-out")["form_token"]}
    assert lead.post("/manager/cover", {**token, "team": "north", "by": "south", **days}).status_code == 403
    assert client.post("/manager/cover/end", {**hidden, "team": "south", "cover": "x/1"}).status_code == 403
    assert desk.store.covers(["north", "south"], desk.today()) == []
    assert client.post("/manager/cover", {**hidden, "by": "south", **days}).status_code == 303
    page = client.get("/manager?done=cover").text
    assert "South family help team stands in from" in page
    assert "On those days the other team sees" in page
