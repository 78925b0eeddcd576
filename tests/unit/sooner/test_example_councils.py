"""Councils of other shapes: what `sooner init --service` writes, and the two that `examples/` keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.csv
import pytest

from charter.contracts.files import find_current
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.council.register import Register
from charter.errors import UsageError
from charter.invocation import shipped_council
from charter.rules.policy import Policy
from charter.starting.shipped_sources import propose_shipped_sources
from sooner.check import check_council
from tests.conftest import ROOT, run_sooner

EXAMPLES = {"county": "families", "unitary": "tenancies"}
HOUSING = {"housing", "council_tax", "homelessness"}
TODAY = datetime.now(UTC).date()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_nothing_wrong_and_is_all_marked(name: str) -> None:
    folder = ROOT / "examples" / name
    assert check_council(folder, TODAY) == ()
    council, register = Council.load(folder), Register.load(folder / "register.toml")
    policy = Policy.load(folder / "charter.toml", TODAY)
    assert council.programmes == (EXAMPLES[name],)
    assert all(row.example for row in (*council.teams, *council.areas, *register.sources, *policy.roles, *policy.gates))
    assert not [path for path in folder.rglob("*.*") if "fernhill" in path.read_text(encoding="utf-8").lower()]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_row_that_both_councils_have_is_the_shipped_row_so_that_made_up_people_have_records(name: str) -> None:
    """Another contact and title may stand in it, and files may be left out; nothing is added and no column differs."""
    shipped = {row.service: row for row in Register.load(shipped_council() / "register.toml").sources}
    sources = Register.load(ROOT / "examples" / name / "register.toml").sources
    assert len(sources) > 5
    for source in sources:
        theirs = shipped[source.service]
        own = {"contact", "title", "files", "signals"}
        assert source.model_dump(exclude=own) == theirs.model_dump(exclude=own)
        assert source.files or not theirs.files
        assert set(source.signals) <= set(theirs.signals)
        kept = {file.name for file in source.files}
        assert source.files == tuple(file for file in theirs.files if file.name in kept)


def test_the_county_reads_nothing_of_housing_and_the_unitary_reads_its_own() -> None:
    services = {
        name: {row.service for row in Register.load(ROOT / f"examples/{name}/register.toml").sources}
        for name in EXAMPLES
    }
    assert services["county"] & HOUSING == set()
    assert "education" in services["county"]
    assert services["unitary"] >= HOUSING
    assert services["unitary"] & {"education", "social_care", "health_visiting"} == set()


def test_named_services_give_a_council_that_names_nothing_that_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    words = ("--name", "Smallford", "--service", "education", "--service", "hospital", "--team", "Help", "--json")
    ran = run_sooner("init", str(folder), *words)
    assert ran.code == 0, ran.err
    assert list(json.loads(ran.out)["sources"]) == ["education", "hospital", "choices", "addresses"]
    assert check_council(folder, TODAY) == ()
    policy, register = Policy.load(folder / "charter.toml", TODAY), Register.load(folder / "register.toml")
    assert policy.allows("education.suspension", "rank")
    assert policy.allows("hospital.emergency_admission", "evaluate")
    assert not policy.allows("hospital.emergency_admission", "rank")
    assert [source.contact for source in register.sources] == [""] * 4
    assert all(source.example for source in register.sources)
    assert "fernhill" not in "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.*")).lower()
    # Made-up people have somewhere to live in it, and its only team serves them.
    council = Council.load(folder)
    assert [council.team_of(area.code, TODAY) for area in council.areas] == [council.teams[0]]


def test_a_service_that_the_example_does_not_have_or_that_was_sent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no service 'libraries'") as refusal:
        propose_shipped_sources(["education", "libraries"])
    assert "housing" in refusal.value.next_step
    (tmp_path / "sent").mkdir()
    both = ("--service", "education", "--extracts", str(tmp_path / "sent"))
    ran = run_sooner("init", str(tmp_path / "mine"), "--name", "Smallford", *both)
    assert (ran.code, "Leave out one of both options" in ran.err, (tmp_path / "mine").exists()) == (2, True, False)


def test_a_county_is_sent_nothing_of_its_districts_and_pulls_all_that_it_is_sent(tmp_path: Path) -> None:
    where = ("--council", str(ROOT / "examples/county"), "--workspace", str(tmp_path))
    made = run_sooner("synth", "--households", "150", *where)
    assert made.code == 0, made.err
    sent = {path.parent.name for path in (tmp_path / "extracts").glob("*/delivery.json")}
    assert sent == {row.service for row in Register.load(ROOT / "examples/county/register.toml").sources}
    choices = pyarrow.csv.read_csv(tmp_path / "extracts/choices/choices.csv")
    assert choices.num_rows > 10
    named = {*choices["reference_of"].to_pylist(), *choices["service"].to_pylist()}
    assert named <= {*sent, "*"}
    pulled = run_sooner("pull", *where, "--json")
    assert pulled.code == 0, pulled.err
    assert json.loads(pulled.out)["synthetic"] is True


@pytest.mark.deep
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_goes_all_the_way_to_its_teams_lists(name: str, tmp_path: Path) -> None:
    folder = ROOT / "examples" / name
    where = ("--council", str(folder), "--workspace", str(tmp_path))
    ran = run_sooner("demo", *where, "--households", "3000", "--no-serve")
    assert ran.code == 0, ran.err
    listed = find_current(Workspace(tmp_path, EXAMPLES[name]).worklist)
    assert listed is not None
    (path,) = listed.glob("issued*.csv")
    teams = set(pyarrow.csv.read_csv(path)["team"].to_pylist())
    assert teams == {team.id for team in Council.load(folder).teams}
