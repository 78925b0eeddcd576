"""Cover: another team's people stand in between two dates, on pages and in the API, and on no other day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from charter.council.council import Council
from charter.errors import DataError
from serving.desk import Desk
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, make_council, make_world

SOUTH = "demo-south-lead_practitioner"


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
