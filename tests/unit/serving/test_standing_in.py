"""Where the model in use cannot be read, the signed points list makes the lists, and each page says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from charter.contracts.files import file_digest, read_json, write_json
from charter.errors import BlockedError, DataError
from charter.signing.suspensions import start_suspension
from fairness_reports.audit.population.issued_lists import read_issued_lists
from serving.alarms import list_alarms
from serving.casework.printing import print_worklist
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.bundle import Bundle, make_bundle
from serving.ranking.model_in_use import find_stand_in, make_stand_in, open_in_use
from serving.ranking.reproduction import reproduce_record
from serving.ranking.worklist import rank_households
from serving.web.bundle_in_use import Live
from serving.web.scores import score_features
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, SERVICES, World, train

SIGNED = {"model": "points", "decision": "refer", "sentence": "Referred to the board.", "waivers": []}
FAULTS = {
    "its model is edited": lambda folder: (folder / "model.lgb").write_bytes(
        (folder / "model.lgb").read_bytes() + b" "
    ),
    "its model is cut short": lambda folder: (folder / "model.lgb").write_bytes(b"tree"),
    "its model is gone": lambda folder: (folder / "model.lgb").unlink(),
    "its manifest is no JSON": lambda folder: (folder / "manifest.json").write_text("{", encoding="utf-8"),
    "its manifest is edited": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text(encoding="utf-8").replace("release1", "release2"), encoding="utf-8"
    ),
    "it scores otherwise": lambda folder: _change_margins(folder),
    "all of it is gone": lambda folder: [path.unlink() for path in folder.iterdir()],
}


def _change_margins(folder: Path) -> None:
    with np.load(folder / "check.npz") as kept:
        rows, margins = kept["rows"], kept["margins"]
    np.savez(folder / "check.npz", rows=rows, margins=margins + 1e-9)


def sign_stand_in(world: World, signed: dict[str, object] | None = SIGNED) -> Path | None:
    """Release a second model as the points list that the board signed, and promote both."""
    folder = world.release
    (folder / "baseline.lgb").write_text(train(5).model_to_string(), encoding="utf-8")
    manifest = read_json(folder / "manifest.json")
    calibration = {"method": "platt", "slope": 1.0, "intercept": 0.0}
    sha256 = file_digest(folder / "baseline.lgb")
    manifest["baseline"] = {"model": "points", "model_sha256": sha256, "calibration": calibration, "rules": []}
    if signed:
        manifest["stand_in"] = signed
    rows = Bundle.current(world.workspace).folder / "check.npz"
    with np.load(rows) as kept:
        checked = kept["rows"]
    margins = train(5).predict(checked, raw_score=True)
    np.savez(folder / "check.npz", rows=checked, margins=world.booster.predict(checked, raw_score=True),
             baseline_margins=margins)  # fmt: skip
    write_json(folder / "manifest.json", manifest)
    made = make_bundle(world.invocation, folder, SERVICES)
    return make_stand_in(world.invocation, folder, SERVICES, made.name)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_whatever_cannot_be_read_what_was_signed_stands_in(world: World, fault: str) -> None:
    """Broken by opening the current bundle alone."""
    folder = sign_stand_in(world)
    current = Bundle.current(world.workspace)
    assert open_in_use(world.workspace).id == current.id
    FAULTS[fault](current.folder)
    assert open_in_use(world.workspace).folder == folder


@pytest.mark.parametrize("fault", ["its model is edited", "its manifest is no JSON"])
def test_a_list_is_made_by_what_was_signed_and_page_paper_record_and_alarm_say_so(world: World, fault: str) -> None:
    """Broken by opening the current bundle alone: then there is no list at all."""
    folder = sign_stand_in(world)
    assert folder is not None
    current = Bundle.current(world.workspace)
    FAULTS[fault](current.folder)
    result = rank_households(world.invocation, world.matrix, AS_OF)
    assert result.bundle == folder.name != current.id
    assert "points list that was signed to stand in made this list" in result.sentence()
    desk = Desk.open(world.invocation, demo=True)
    listed = desk.store.referrals("early_help", f"north-{AS_OF}")
    margins = train(5).predict(np.asarray(world.arrays["features"], dtype=np.float32), raw_score=True)
    assert max(referral.margin for referral in listed) in margins
    for referral in listed:
        record = json.loads(referral.sealed)
        assert (record["bundle"], record["stands_in_for"], record["band"]) == (folder.name, current.id, "")
        assert reproduce_record(world.invocation, referral.id, world.matrix) == referral.sealed
    client = Client(guarded(desk))
    client.sign_in("demo-north-lead_practitioner")
    page = client.get("/worklists/north").text
    assert "The model could not be read" in page
    assert "Not enough is visible" not in page
    case = client.get(f"/cases/{listed[0].id}").text
    assert "A points list stood in for the model on that day" in case
    alarms = [alarm for alarm in list_alarms(desk, datetime(2026, 9, 29, 12, tzinfo=UTC)) if "model" in alarm.kind]
    assert [alarm.sentence for alarm in alarms] == [
        "The model in use cannot be read. The points list that was signed with it stands in."
    ]
    assert "The model could not be read" in print_worklist(world.invocation, "north", holder="demo-north", role="")
    # What a points list did says nothing of the model: the second gate leaves it out.
    with pytest.raises(DataError, match="issued no list"):
        read_issued_lists(world.workspace, "release1")


def test_a_list_of_the_model_says_nothing_of_the_kind(world: World) -> None:
    assert sign_stand_in(world)
    result = rank_households(world.invocation, world.matrix, AS_OF)
    assert "stand in" not in result.sentence()
    desk = Desk.open(world.invocation, demo=True)
    listed = desk.store.referrals("early_help", f"north-{AS_OF}")
    assert all("stands_in_for" not in json.loads(referral.sealed) for referral in listed)
    client = Client(guarded(desk))
    client.sign_in("demo-north-lead_practitioner")
    assert "could not be read" not in client.get("/worklists/north").text


def test_nothing_stands_in_that_was_not_signed_or_was_signed_with_another_model(world: World) -> None:
    """Broken by a pointer that outlives the release that it was signed with."""
    assert sign_stand_in(world) is not None
    current = Bundle.current(world.workspace)
    (current.folder / "model.lgb").write_bytes(b"tree")
    assert find_stand_in(world.workspace) is not None
    newer = make_bundle(
        world.invocation, world.release, {name: {**one, "contact": "x"} for name, one in SERVICES.items()}
    )
    assert find_stand_in(world.workspace) is None
    (newer / "model.lgb").write_bytes(b"tree")
    with pytest.raises(DataError, match="not the one that was promoted"):
        rank_households(world.invocation, world.matrix, AS_OF)
    assert make_stand_in(world.invocation, world.release, SERVICES, newer.name)
    assert open_in_use(world.workspace).manifest["stands_in_for"] == newer.name
    manifest = read_json(world.release / "manifest.json")
    del manifest["stand_in"]
    write_json(world.release / "manifest.json", manifest)
    assert make_stand_in(world.invocation, world.release, SERVICES, newer.name) is None
    assert find_stand_in(world.workspace) is None


def test_nothing_stands_in_for_a_model_that_a_role_stopped(world: World) -> None:
    """Broken by asking for suspensions of the other bundle's own id alone."""
    assert sign_stand_in(world)
    current = Bundle.current(world.workspace)
    policy, role = world.invocation.charter, next(one.id for one in world.invocation.policy.roles if one.may_suspend)
    start_suspension(world.workspace, policy, what="model", name=current.id, role=role, reason="it is unfair")
    (current.folder / "model.lgb").write_bytes(b"tree")
    with pytest.raises(BlockedError, match="is suspended"):
        rank_households(world.invocation, world.matrix, AS_OF)


def test_a_service_that_starts_on_a_broken_model_answers_by_what_stands_in_and_goes_back(world: World) -> None:
    assert sign_stand_in(world)
    current = Bundle.current(world.workspace)
    whole = (current.folder / "model.lgb").read_bytes()
    (current.folder / "model.lgb").write_bytes(b"tree")
    live = Live(world.workspace)
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    answer = score_features(desk, Identity("u", "analyst", frozenset()), live.bundle, [{}])
    assert answer["stands_in_for"] == current.id
    assert "A points list stood in" in answer["scores"][0]["meaning"]
    (current.folder / "model.lgb").write_bytes(whole)
    live._looked = 0.0
    assert live.bundle.id == current.id
