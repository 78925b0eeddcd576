"""A second programme on the same borough: nothing is written for one alone, and nobody is on two lists."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from charter.contracts.files import pointed
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation, shipped_council
from serving.database import connect, database_url
from serving.desk import Desk
from serving.elsewhere import LISTED
from serving.store import Store, now_text
from tests.conftest import run_sooner

pytestmark = pytest.mark.xdist_group("demo")

PROGRAMME = "homelessness"


@pytest.fixture
def council(tmp_path: Path) -> Path:
    """Return the shipped council with room for everybody: most households of the other list are wanted here too."""
    folder = tmp_path / "council"
    shutil.copytree(shipped_council(), folder)
    text = (folder / "council.toml").read_text(encoding="utf-8")
    (folder / "council.toml").write_text(text.replace("places = 12", "places = 400"), encoding="utf-8")
    training = (folder / PROGRAMME / "training.toml").read_text(encoding="utf-8")
    for was, now in (("resamples = 1000", "resamples = 200"), ("first = 2020-10-01", "first = 2022-07-01")):
        assert was in training
        training = training.replace(was, now)
    (folder / PROGRAMME / "training.toml").write_text(training, encoding="utf-8")
    return folder


def entities(workspace: Workspace) -> list[str]:
    folder = pointed(workspace.worklist)
    assert folder is not None
    with (folder / "issued.csv").open(newline="", encoding="utf-8") as handle:
        return [row["entity"] for row in csv.DictReader(handle)]


def test_homelessness_goes_from_pull_to_rank_and_nobody_is_on_two_lists(own_workspace: Path, council: Path) -> None:
    where = ("--programme", PROGRAMME, "--workspace", str(own_workspace), "--council", str(council))
    ran = run_sooner("run", *where)
    assert ran.code == 15, (ran.out, ran.err)  # referred: half a year of a small borough answers few of the questions
    for role in ("senior_responsible_owner", "chief_data_officer"):
        ran = run_sooner("sign", "--what", "decision", "--role", role, "--demo", *where)
        assert ran.code == 0, ran.err
    ran = run_sooner("promote", *where)
    assert ran.code == 0, ran.err
    ran = run_sooner("rank", *where, "--json")
    assert ran.code == 0, ran.err
    assert [one["team"] for one in json.loads(ran.out)["lists"]] == ["housing_options"]

    mine, theirs = Workspace(own_workspace, PROGRAMME), Workspace(own_workspace, "early_help")
    listed = entities(mine)
    assert len(listed) == 400
    assert not set(listed) & set(entities(theirs))

    store = Store(connect(database_url(mine)), chain="test")
    try:
        (header,) = store.running_elsewhere("early_help", now_text())
    finally:
        store.close()
    gave_way = {entity for entity, why in header.excluded.items() if why == LISTED}
    assert gave_way
    assert gave_way <= set(entities(theirs))
    desk = Desk.open(Invocation.open(council, "early_help", own_workspace, quiet=True), demo=True)
    try:
        sought = desk.sought()
    finally:
        desk.close()
    assert set(sought) == gave_way
    assert {other.lead for others in sought.values() for other in others} == {"Senior housing options officer"}
