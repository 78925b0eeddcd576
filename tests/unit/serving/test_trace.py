"""Looking back: whom a fault touched, and whether the logs are whole."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from charter.errors import UsageError
from charter.invocation import shipped_council
from serving.casework.printing import print_worklist
from serving.commands import verbs
from serving.forget import forget
from serving.incident import write_incident
from serving.ranking.reproduction import find_origin
from serving.ranking.worklist import rank_households
from serving.trace import trace_fault
from tests.unit.serving.conftest import AS_OF, World, open_casework


def test_a_feature_is_traced_to_the_referrals_it_had_a_part_in(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    store = open_casework(world)
    expected = {}
    for referral in store.touched(programme="early_help"):
        record = json.loads(referral.sealed)
        if record["values"][0] is not None and record["contributions"][0]:
            expected[referral.id] = record["contributions"][0]
    found, _ = trace_fault(world.invocation, feature="absences_6m")
    assert {one.referral: one.contribution for one in found} == expected
    assert 0 < len(found) <= 32


def test_a_feed_is_traced_through_all_its_features(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    store = open_casework(world)
    for one in trace_fault(world.invocation, feed="housing")[0]:
        stored = store.referral(one.referral)
        assert stored is not None
        record = json.loads(stored.sealed)
        assert one.contribution is not None
        assert math.isclose(one.contribution, record["contributions"][2] + record["contributions"][3])


def test_a_bundle_or_snapshot_is_traced_to_all_it_made(world: World) -> None:
    result = rank_households(world.invocation, world.matrix, AS_OF)
    assert len(trace_fault(world.invocation, bundle=result.bundle)[0]) == 32
    assert len(trace_fault(world.invocation, snapshot="snapshot1")[0]) == 32
    for unknown in ({"snapshot": "another"}, {"bundle": "another"}):
        with pytest.raises(UsageError, match="another, and no referral was made by one"):
            trace_fault(world.invocation, **unknown)


def test_a_copy_on_paper_is_traced_to_who_holds_it(world: World) -> None:
    result = rank_households(world.invocation, world.matrix, AS_OF)
    assert trace_fault(world.invocation, bundle=result.bundle)[1] == []
    paper = print_worklist(world.invocation, "north", holder="worker-7")
    _, copies = trace_fault(world.invocation, bundle=result.bundle)
    assert [(copy.list, copy.holder) for copy in copies] == [("north-2026-09-28", "worker-7")]
    assert copies[0].number in paper


def test_something_no_model_reads_is_said(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    with pytest.raises(UsageError, match="reads weather"):
        trace_fault(world.invocation, feed="weather")


def test_something_that_nobody_declared_is_said_before_any_list(world: World) -> None:
    for file in ("register.toml", f"{world.invocation.programme}/definition.py"):
        copy = world.invocation.council.folder / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((shipped_council() / file).read_bytes())
    assert trace_fault(world.invocation, feed="housing") == ([], [])
    with pytest.raises(UsageError, match="reads weather"):
        trace_fault(world.invocation, feed="weather")
    with pytest.raises(UsageError, match="reads rainfall"):
        trace_fault(world.invocation, feature="rainfall")


def test_a_referral_of_another_programme_is_said_to_be(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    store = open_casework(world)
    (referral, *_) = store.touched(programme=world.invocation.programme)
    store.close()
    with pytest.raises(UsageError, match=f"is one of {world.invocation.programme}, not of homelessness"):
        find_origin(replace(world.invocation, programme="homelessness"), referral.id)


def test_forgetting_before_anything_was_issued_makes_no_database(world: World) -> None:
    assert forget(["nobody"], world.workspace) == 0
    assert not world.workspace.casework.exists()


def test_the_verbs_answer_a_script(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    (world.invocation.programme_folder / "definition.py").write_text("")
    where = ["--council", str(world.invocation.council.folder), "--workspace", str(world.workspace.root), "--json"]
    ran = CliRunner().invoke(verbs, ["verify-log", *where])
    assert json.loads(ran.stdout)["entries"] == 4, ran.exception
    ran = CliRunner().invoke(verbs, ["trace", "--feature", "absences_6m", *where])
    assert json.loads(ran.stdout)["count"] == len(json.loads(ran.stdout)["touched"]) > 0
    assert isinstance(CliRunner().invoke(verbs, ["trace", *where]).exception, UsageError)


def test_an_incident_s_pack_says_what_the_commissioner_asks_and_names_nobody(world: World, tmp_path: Path) -> None:
    result = rank_households(world.invocation, world.matrix, AS_OF)
    print_worklist(world.invocation, "north", holder="worker-7")
    aware = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
    place, incident = write_incident(world.invocation, tmp_path / "pack", aware, {"bundle": result.bundle, "feed": ""})
    words = (place / "incident.md").read_text(encoding="utf-8")
    assert "04 November 2026 09:00" in words, "72 hours later"
    assert (len(incident.touched), len(incident.copies)) == (32, 1)
    assert incident.people >= 32
    assert "worker-7" in words
    assert "| north-2026-09-28 | 8 |" in words
    assert "is whole" in words
    named = {each.decode() for name in ("entity", "person") for each in world.arrays[name]}
    assert not [name for name in named if name in words]
    assert place.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="nobody is aware"):
        write_incident(world.invocation, tmp_path / "other", datetime.now(UTC) + timedelta(hours=1), {})
