"""Teams and programmes: each programme has its own teams."""

from __future__ import annotations

from datetime import date

import pytest

from charter.council.council import Council
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
