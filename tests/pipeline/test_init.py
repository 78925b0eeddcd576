"""`sooner init`: from a folder of extracts to a council whose data is pulled; the demo in a council's own areas."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from charter.contracts.files import find_current
from charter.council.council import Council
from charter.errors import UsageError
from charter.invocation import Invocation, shipped_council
from features.grammar.definition import Definition
from sooner.demo import play_demo
from tests.conftest import ROOT, run_sooner
from tests.waiting import PATIENCE

DELIVERY = {
    "schema_version": 1,
    "covers_from": "2020-01-01T00:00:00Z",
    "covers_to": "2024-06-01T00:00:00Z",
    "received_at": "2024-06-02T00:00:00Z",
    "synthetic": False,
}
FILES = {
    "housing/tenants.csv": (
        "tenancy_ref,person_ref,forename,surname,dob,ethnicity,uprn,start,ended,recorded_on\n"
        "0001,71,Quentin,Zwick,30/01/1980,QX,900000000001,01/02/2020,,02/02/2020\n"
        "0002,72,Xerxes,Vogt,28/02/1975,QY,900000000002,03/04/2021,05/06/2022,04/04/2021\n"
    ),
    "housing/arrears.csv": (
        "arrears_id,person_ref,happened,balance,recorded\n"
        "A1,71,10/03/2021,120.50,11/03/2021\nA2,71,10/04/2021,90.00,11/04/2021\nA3,72,10/05/2021,3.25,11/05/2021\n"
    ),
    "schools/absences.csv": "absence_id,pupil_id,week\n1,0901,2023-01-09\n2,0901,2023-01-16\n3,0902,2023-01-16\n",
}


@pytest.fixture
def extracts(tmp_path: Path) -> Path:
    """Give made-up extracts of two services that are not marked synthetic, as real ones are not."""
    for name, text in FILES.items():
        path = tmp_path / "extracts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / "delivery.json").write_text(json.dumps({**DELIVERY, "service": path.parent.name}))
    return tmp_path / "extracts"


def test_extracts_become_a_council_whose_data_is_pulled_once_people_have_decided(extracts: Path) -> None:
    council, workspace = extracts.parent / "mine", extracts.parent / "workspace"
    ran = run_sooner("init", str(council), "--name", "Smallford", "--extracts", str(extracts), "--team", "Early help")
    assert ran.code == 0, ran.err
    assert f"sooner pull --council {council} --extracts {extracts}" in ran.out
    written = "".join(path.read_text() for path in council.rglob("*.*"))
    values = {cell for text in FILES.values() for line in text.splitlines()[1:] for cell in line.split(",")}
    long = {value for value in values if len(value) > 3}
    assert len(long) > 15
    assert [value for value in long if value in written + ran.out + ran.err] == []
    assert Definition.load(council / "early_help" / "definition.py").features

    pull = ("pull", "--council", str(council), "--workspace", str(workspace), "--extracts", str(extracts))
    refused = run_sooner(*pull)
    assert (refused.code, "example = true" in refused.err) == (12, True)
    for path in council.rglob("*.toml"):
        path.write_text(re.sub(r"(?m)^ *example = true\n", "", path.read_text()))
    pulled = run_sooner(*pull)
    assert pulled.code == 0, pulled.err
    assert "8 rows of 3 files, 0 set apart" in pulled.out
    snapshot = next((workspace / "store").glob("*/records"))
    events = duckdb.sql(
        f"select signal, count(*) from '{snapshot}/events.parquet' group by all order by all"
    ).fetchall()
    assert events == [("housing.arrears", 3), ("schools.absences", 3)]

    again = run_sooner("init", str(council), "--name", "Smallford")
    assert (again.code, again.err.splitlines()[0]) == (2, f"sooner: {council} is not empty.")


def test_at_a_terminal_what_is_left_out_is_asked_for(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "sooner", "init", str(tmp_path / "mine"), "--contact", "a@b.example"]
    process = subprocess.Popen(words, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=dict(os.environ))
    os.write(ours, b"Smallford\n\n\nHill team, Dale team\n")
    code = process.wait(timeout=PATIENCE)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert code == 0, shown
    assert "What is the council called?" in shown
    council = Council.load(tmp_path / "mine")
    assert (council.name, str(council.time_zone), council.contact) == ("Smallford", "Europe/London", "a@b.example")
    assert [team.id for team in council.teams] == ["hill_team", "dale_team"]


def test_without_a_terminal_the_name_is_wanted(tmp_path: Path) -> None:
    ran = run_sooner("init", str(tmp_path / "mine"))
    assert (ran.code, "a council needs a name" in ran.err, list(tmp_path.iterdir())) == (2, True, [])


TEAM = """
[[team]]
id = "{id}"
title = "{id} team"
start = 2020-01-01
wards = ["{ward}"]
  [[team.offer]]
  title = "A visit"
  by = "{id}"
  places = 4
  expected = "Measured."
"""
AREA = '\n[[area]]\ncode = "W0100{number}"\nname = "Place {number}"\nward = "{ward}"\n'
WARDS = {1: "Upper", 2: "Upper", 3: "Lower", 4: "Lower", 5: "Lower"}


@pytest.fixture(scope="module")
def smallford(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a council with two teams and five areas of its own, and the shipped register, charter and programmes."""
    folder = tmp_path_factory.mktemp("councils") / "smallford"
    subprocess.run(["cp", "-a", str(shipped_council()), str(folder)], check=True)
    (folder / "council.toml").write_text(
        'name = "Smallford"\ntime_zone = "Europe/London"\n'
        + TEAM.format(id="hill", ward="Upper")
        + TEAM.format(id="dale", ward="Lower")
        + "".join(AREA.format(number=number, ward=ward) for number, ward in WARDS.items())
    )
    return folder


@pytest.fixture(scope="module")
def built(smallford: Path) -> Path:
    """Give the workspace of that council with 150 made-up homes, taken as far as the matrix."""
    workspace = smallford.parent / "workspace"
    for verb in (("synth", "--households", "150"), ("pull",), ("link",), ("build",)):
        ran = run_sooner(*verb, "--council", str(smallford), "--workspace", str(workspace))
        assert ran.code == 0, ran.err
    return workspace


@pytest.mark.deep
def test_made_up_people_live_in_the_councils_own_areas_and_its_teams_serve_them(smallford: Path, built: Path) -> None:
    snapshot = find_current(built / "store")
    assert snapshot is not None
    rows = duckdb.sql(
        f"select distinct area from '{snapshot}/tables-*/households.parquet' where kind = 'home' and area is not null"
    ).fetchall()
    areas = {str(area) for (area,) in rows}
    assert areas == {f"W0100{number}" for number in WARDS}
    council = Council.load(smallford)
    day = json.loads((snapshot / "manifest.json").read_text())["taken_at"][:10]
    teams = {area: council.team_of(area, date.fromisoformat(day)) for area in areas}
    assert {team.id for team in teams.values() if team is not None} == {"hill", "dale"}
    assert None not in teams.values()


@pytest.mark.deep
def test_the_boroughs_own_extracts_are_all_found(built: Path, tmp_path: Path) -> None:
    ran = run_sooner(
        "init", str(tmp_path / "mine"), "--name", "Smallford", "--extracts", str(built / "extracts"), "--json"
    )
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert (len(result["sources"]), result["left_out"]) == (12, ["truth"])
    assert sum(len(files) for files in result["sources"].values()) == 37
    services = {signal.split(".")[0] for signal in result["signals"]}
    assert services == set(result["sources"]) - {"addresses", "choices"}
    pulled = run_sooner(
        "pull",
        "--council",
        str(tmp_path / "mine"),
        "--workspace",
        str(tmp_path / "w"),
        "--extracts",
        str(built / "extracts"),
    )
    assert pulled.code == 0, pulled.err
    assert " 0 set apart" in pulled.out


def test_the_demo_says_at_once_what_a_council_asks_for_that_nobody_makes_up(
    smallford: Path, extracts: Path, tmp_path: Path
) -> None:
    council = tmp_path / "mine"
    assert run_sooner("init", str(council), "--name", "Mine", "--extracts", str(extracts)).code == 0
    workspace = tmp_path / "demo"
    ran = run_sooner("demo", "--council", str(council), "--workspace", str(workspace), "--no-serve")
    assert (ran.code, workspace.exists()) == (2, False)
    assert "Mine asks for the file housing/arrears.csv with other columns and" in ran.err
    assert "areas and teams are yours" in ran.err

    fewer = tmp_path / "fewer"
    subprocess.run(["cp", "-a", str(smallford), str(fewer)], check=True)
    text = (fewer / "register.toml").read_text()
    first, rest = text.split('[[source]]\nservice = "youth_justice"')
    (fewer / "register.toml").write_text(first + "[[source]]" + rest.split("[[source]]", 1)[1])
    invocation = Invocation.open(fewer, "early_help", tmp_path / "demo", False, True)
    with pytest.raises(
        UsageError, match=r"the signal youth_justice\.antisocial_behaviour and 1 more, which nobody makes up"
    ):
        play_demo(invocation, households=150, seed=1, unfair="", variant="standard")
