"""A made-up borough's council: teams, places and lists for as many homes as there are; somebody's own stays theirs."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from borough.commands import verbs
from borough.sized_council import size_council, write_sized_council
from charter.council.council import Council
from charter.council.programme import Programme
from charter.invocation import Invocation, shipped_council
from sooner.check import check_council

DAY = date(2026, 9, 28)
ENGLAND = 612_000 / 9 / 24_300_000 * 10_000
"""Families helped, for 10,000 homes a year: Supporting Families, April 2015 to March 2024, of 24.3 million homes."""


def sized(tmp_path: Path, homes: int) -> Path:
    folder = tmp_path / "council"
    write_sized_council(Council.load(shipped_council()), homes, folder)
    return folder


@pytest.mark.parametrize(
    ("homes", "teams", "places", "days"), [(3000, 1, 2, 28), (10_000, 1, 7, 28), (30_000, 4, 5, 28), (110_000, 4, 5, 7)]
)
def test_teams_places_and_lists_follow_the_homes(
    tmp_path: Path, homes: int, teams: int, places: int, days: int
) -> None:
    folder = sized(tmp_path, homes)
    assert check_council(folder, DAY) == ()
    council = Council.load(folder).serving("early_help")
    programme = Programme.load(folder / "early_help")
    assert len(council.teams) == teams
    assert set(programme.capacity(council, DAY).values()) == {places}
    assert (programme.worklist.list.days, programme.worklist.capacity.weeks) == (days, days // 7)


@pytest.mark.parametrize("homes", [3000, 10_000, 30_000, 110_000, 500_000])
def test_a_borough_helps_as_many_families_as_councils_do_and_three_or_four_times_as_many_at_most(
    tmp_path: Path, homes: int
) -> None:
    folder = sized(tmp_path, homes)
    programme = Programme.load(folder / "early_help")
    capacity = sum(programme.capacity(Council.load(folder).serving("early_help"), DAY).values())
    yearly = capacity * 365.25 / programme.worklist.list.days / homes * 10_000
    assert pytest.approx(28, abs=0.1) == ENGLAND
    assert ENGLAND < yearly < 4 * ENGLAND


def test_the_charter_and_the_definitions_are_the_shipped_ones_byte_for_byte(tmp_path: Path) -> None:
    folder = sized(tmp_path, 10_000)
    same = ["charter.toml", "register.toml", "scenarios.toml", "early_help/definition.py", "early_help/training.toml"]
    assert [name for name in same if (folder / name).read_bytes() != (shipped_council() / name).read_bytes()] == []


def test_synth_leaves_the_council_where_every_verb_finds_it(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    ran = CliRunner().invoke(verbs, ["synth", "--households", "150", "--workspace", str(workspace)])
    assert ran.exit_code == 0, ran.output
    assert Invocation.open(None, "", workspace).council.folder == workspace / "council"
    assert len(Invocation.open(None, "", workspace).council.teams) == 1
    assert len(Invocation.open(shipped_council(), "", workspace).council.teams) == 4


def test_a_council_of_ones_own_keeps_its_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = Invocation.open(shipped_council(), "early_help", tmp_path / "w", quiet=True)
    assert size_council(named, 3000) is named
    shutil.copytree(shipped_council(), tmp_path / "council")
    monkeypatch.chdir(tmp_path)
    mine = Invocation.open(None, "early_help", tmp_path / "w", quiet=True)
    assert mine.council.folder == Path("council")
    assert size_council(mine, 3000) is mine
    assert not mine.workspace.council.exists()
