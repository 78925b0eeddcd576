"""Whoever asked to be left alone stays off the lists, even where an older casework database comes back."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from charter.errors import CharterError
from charter.vault.rights_ledger import Request, append_request
from serving.forget import catch_up, forget, require_caught_up
from serving.ranking.worklist import rank_households
from tests.unit.serving.conftest import AS_OF, World, open_casework


def carried_out(
    world: World, person: str, *, action: str = "object", filed_at: datetime, answers: str = "", purpose: str = "*"
) -> Request:
    """File a request and leave its tombstone in a snapshot, as carrying it out does."""
    said = Request(action, filed_at.isoformat(), "housing", "ref", ("ref",), "*", purpose, answers=answers)
    append_request(world.workspace, said)
    snapshot = world.workspace.store / "snapshot1"
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "manifest.json").touch()
    with (snapshot / "tombstones.jsonl").open("a") as stones:
        stones.write(json.dumps({"request": said.id, "people": [person]}) + "\n")
    return said


@pytest.fixture
def person(world: World) -> str:
    """Somebody on a list."""
    rank_households(world.invocation, world.matrix, AS_OF)
    store = open_casework(world)
    return store.members(store.touched(programme="early_help")[0].id)[0]


def test_an_older_database_is_not_served_from_until_it_has_caught_up(world: World, person: str, tmp_path) -> None:
    shutil.copy(world.workspace.casework, tmp_path / "backup")
    carried_out(world, person, filed_at=datetime.now(UTC))
    assert forget([person], world.workspace) == 1
    require_caught_up(world.workspace)
    assert catch_up(world.workspace) == 0
    for beside in world.workspace.casework.parent.glob(world.workspace.casework.name + "-*"):
        beside.unlink()
    shutil.copy(tmp_path / "backup", world.workspace.casework)
    with pytest.raises(CharterError, match="may be a restored copy"):
        require_caught_up(world.workspace)
    assert catch_up(world.workspace) == 1
    require_caught_up(world.workspace)


def test_what_was_issued_after_a_request_or_is_overruled_stays(world: World, person: str) -> None:
    carried_out(world, person, filed_at=datetime.now(UTC) - timedelta(days=1))
    asked = carried_out(world, person, filed_at=datetime.now(UTC))
    carried_out(world, person, action="overrule", filed_at=datetime.now(UTC), answers=asked.id)
    require_caught_up(world.workspace)
    assert catch_up(world.workspace) == 0
