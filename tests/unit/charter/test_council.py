"""Teams and programmes: each programme has its own teams."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from charter.council.council import Council, Cover
from charter.council.programme import Programme
from charter.council.worklist_settings import Capacity, WorklistFile
from charter.errors import DataError
from charter.invocation import shipped_council

DAY = date(2026, 9, 28)


@pytest.fixture
def council() -> Council:
    return Council.load(shipped_council())


def test_a_programme_has_the_teams_that_name_it(council: Council) -> None:
    assert [team.id for team in council.serving("early_help").teams] == ["north", "east", "south", "west"]
    assert [team.id for team in council.serving("homelessness").teams] == ["housing_options"]


def test_a_team_that_names_no_programme_has_lists_of_all(council: Council) -> None:
    north = council.teams[0].replace(programmes=())
    both = council.replace(teams=(north, *council.teams[1:]))
    assert "north" in [team.id for team in both.serving("homelessness").teams]


def test_one_team_without_wards_serves_every_area_of_its_programme(council: Council) -> None:
    housing = council.serving("homelessness")
    assert {team.id for area in council.areas if (team := housing.team_of(area.code, DAY))} == {"housing_options"}


def test_a_programme_without_a_team_is_refused(council: Council) -> None:
    with pytest.raises(DataError, match="no team of Borough of Fernhill has lists of the programme debt"):
        council.serving("debt")


@pytest.fixture
def edit(tmp_path: Path) -> Callable[[str, str], Path]:
    """Give what copies the shipped council with one piece of council.toml replaced, and returns its folder."""

    def replace(old: str, new: str) -> Path:
        shutil.copytree(shipped_council(), tmp_path / "council", dirs_exist_ok=True)
        text = (shipped_council() / "council.toml").read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "council" / "council.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
        return tmp_path / "council"

    return replace


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("start = 2016-01-01", "start = 2016-01-01\nend = 2016-01-01", "'north' ends before it begins"),
        ("Europe/London", "Europe/Atlantis", 'is "Europe/Atlantis", which is no time zone'),
        ('"Europe/London"', "0", "is 0, which is no time zone"),
        (
            "  [[team.offer]]",
            '  [[team.cover]]\n  by = "north"\n  start = 2026-08-01\n  end = 2026-08-15\n\n  [[team.offer]]',
            "'north' is to stand in for itself",
        ),
        (
            "  [[team.offer]]",
            '  [[team.cover]]\n  by = "east"\n  start = 2026-08-15\n  end = 2026-08-15\n\n  [[team.offer]]',
            "ends before it begins",
        ),
    ],
)
def test_dates_and_places_that_make_no_sense_are_refused(
    edit: Callable[[str, str], Path], old: str, new: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        Council.load(edit(old, new))


def test_whoever_stands_in_has_the_other_teams_cases_on_those_days_and_no_third_teams(council: Council) -> None:
    north, east, south, west, housing = council.teams
    august = (date(2026, 8, 1), date(2026, 8, 15))
    covered = council.replace(
        teams=(
            north.replace(cover=(Cover(by="east", start=august[0], end=august[1]),)),
            east.replace(cover=(Cover(by="south", start=august[0], end=august[1]),)),
            south,
            west,
            housing,
        )
    )
    assert covered.covering(frozenset({"east"}), august[0]) == {"east", "north"}
    assert covered.covering(frozenset({"south"}), august[0]) == {"south", "east"}
    assert covered.covering(frozenset({"east"}), august[1]) == {"east"}
    assert covered.covering(frozenset(), august[0]) == frozenset()


def test_each_area_has_the_team_of_its_ward_while_that_team_serves(council: Council) -> None:
    early_help = council.serving("early_help")
    by_area = early_help.teams_by_area(DAY)
    assert set(by_area) == {area.code for area in council.areas}
    area = council.areas[0]
    team = by_area[area.code]
    assert area.ward in team.wards
    assert early_help.team_of(area.code, DAY) == team
    assert early_help.team_of("E00000000", DAY) is None
    closed = early_help.replace(teams=tuple(one.replace(end=DAY) for one in early_help.teams))
    assert closed.teams_by_area(DAY) == {}
    assert closed.team_of(area.code, date(2026, 9, 27)) is not None


def test_an_as_of_date_is_midnight_where_the_council_is(council: Council) -> None:
    assert council.midnight(date(2026, 9, 28)) == datetime(2026, 9, 27, 23, tzinfo=UTC)
    assert council.midnight(date(2026, 1, 5)) == datetime(2026, 1, 5, tzinfo=UTC)


def test_a_copy_of_the_folder_is_the_same_council_elsewhere(council: Council, tmp_path: Path) -> None:
    shutil.copytree(shipped_council(), tmp_path / "copy")
    copy = council.copied_to(tmp_path / "copy")
    assert (copy.folder, copy.sha256, copy.teams) == (tmp_path / "copy", council.sha256, council.teams)
    assert copy.programmes == ("early_help", "homelessness")
    assert council.folder == shipped_council()


def test_capacity_is_each_teams_places_over_the_weeks_of_a_list(council: Council) -> None:
    programme = Programme.load(shipped_council() / "early_help")
    early_help = council.serving("early_help")
    assert programme.name == "early_help"
    assert programme.capacity(early_help, DAY) == dict.fromkeys(("north", "east", "south", "west"), 5)
    fortnight = Programme("early_help", programme.training, programme.worklist.replace(capacity=Capacity(weeks=2)))
    assert fortnight.capacity(early_help, DAY)["north"] == 10
    north = early_help.teams[0].replace(offers=())
    without = early_help.replace(teams=(north, *early_help.teams[1:]))
    assert "north" not in programme.capacity(without, DAY)
    with pytest.raises(DataError, match="no team of Borough of Fernhill offers any help on 2015-12-31"):
        programme.capacity(early_help, date(2015, 12, 31))


def test_a_case_is_headed_by_the_first_need_that_one_of_its_signals_speaks_for(council: Council) -> None:
    words = WorklistFile.load(council.folder / "early_help")
    assert words.need(("housing.arrears_stage",)) == "Rent and home"
    assert words.need(("housing.arrears_stage", "education.suspension")) == "Attendance and school", "the file's order"
    assert words.need(("education.free_school_meals",)) == "Money and bills"
    assert words.need(("housingx.thing", "education.nothing_of_the_kind")) is None
