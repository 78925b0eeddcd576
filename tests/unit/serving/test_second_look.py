"""The second look: agreed, overridden and below the line, judged blind; figures of a team once all are judged."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from charter.council.worklist_settings import WorklistFile
from charter.errors import DefinitionError
from serving.casework.second_look import draw_looks
from serving.casework.view import make_reference
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.store.store import ConflictError, DecisionDraft
from serving.store.tables import BELOW
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, ROOT, TEAMS, World

MANAGER = "demo-north-team_manager"
LEAD = Identity("worker-1", "lead_practitioner", frozenset(TEAMS))
LIST = "north-2026-09-28"


@pytest.fixture
def desk(world: World) -> Desk:
    rank_households(world.invocation, world.matrix, AS_OF)
    opened = Desk.open(world.invocation, demo=True)
    decided = ["taken_up", "taken_up", "set_aside", "already_supported", "wrong_data", "family_said_no"]
    for referral, disposition in zip(opened.store.referrals("early_help", LIST), decided, strict=False):
        opened.store.decide(LEAD, referral.id, DecisionDraft(disposition, "x", 1))
    return opened


def test_households_below_the_line_are_kept_and_are_on_no_list_anywhere(world: World, desk: Desk) -> None:
    below = desk.store.below("early_help", LIST)
    assert len(below) == 2
    assert all(8 < one.rank <= 16 for one in below)
    listed = {one.entity for one in desk.store.referrals("early_help", LIST)}
    assert not listed & {one.entity for one in below}
    with (world.workspace.worklist / AS_OF.isoformat() / "issued.csv").open(encoding="utf-8") as handle:
        assert not {row["entity"] for row in csv.DictReader(handle)} & {one.entity for one in below}
    assert BELOW not in desk.store.counts("early_help")["north"]
    client = Client(guarded(desk))
    client.sign_in("demo-north-lead_practitioner")
    assert client.get("/worklists/north").text.count('class="sooner-card"') == 8
    token = client.token("demo-north-lead_practitioner")
    for one in below:
        assert desk.store.referral(one.id) is None
        assert client.get(f"/cases/{one.id}").status_code == 404
        assert client.get(f"/v1/referrals/{one.id}", headers=token).status_code == 404
        with pytest.raises(ConflictError):
            desk.store.decide(LEAD, one.id, DecisionDraft("taken_up", "x", 1))


def test_who_objects_leaves_the_second_look_too(desk: Desk) -> None:
    gone = desk.store.below("early_help", LIST)[0]
    assert desk.store.remove(desk.store.members(gone.id)[:1], "objection", actor="sooner") == 0
    assert gone.id not in {one.id for one in desk.store.below("early_help", LIST)}
    assert desk.store.members(gone.id) == ()
    kept = draw_looks(desk.store, "early_help", "north", desk.settings.second_look)
    assert gone.id not in {look.referral.id for look in kept}


def test_the_sample_holds_each_kind_and_the_same_cases_each_time(desk: Desk) -> None:
    sample = draw_looks(desk.store, "early_help", "north", desk.settings.second_look)
    assert Counter(look.kind for look in sample) == {"agreed": 2, "overridden": 2, "below": 2}
    assert sample == draw_looks(desk.store, "early_help", "north", desk.settings.second_look)


def test_a_manager_judges_blind_and_sees_kinds_only_at_the_end(desk: Desk) -> None:
    client = Client(guarded(desk))
    client.sign_in(MANAGER)
    sample = draw_looks(desk.store, "early_help", "north", desk.settings.second_look)
    for number, look in enumerate(sample):
        assert "Just below the line" not in client.get("/manager").text
        path = f"/manager/second-look/{look.id}"
        page = client.get(path).text
        assert not re.search(
            r"Help offered|Set aside|Already supported|Wrong data|Family said no|households like", page
        )
        assert not re.search(r"\brisk", page, re.IGNORECASE)
        for known in (look.referral.entity, look.referral.id, make_reference(look.referral)):
            assert known not in page
        hidden = client.form_of(path, path)
        assert client.post(path, hidden).headers["location"] == path
        answer = client.post(path, {**hidden, "view": "offer" if look.kind == "below" else "wait"})
        assert answer.headers["location"].startswith("/manager/second-look/" if number < 5 else "/manager")
    page = re.sub(r"\s+", " ", client.get("/manager").text)
    assert re.search(r"Just below the line</dt>.*?to 2 of 2", page)
    assert re.search(r"Where it was not</dt>.*?to 0 of 2", page)
    assert MANAGER not in page


def test_only_the_teams_own_manager_and_only_cases_of_the_sample(desk: Desk) -> None:
    sample = draw_looks(desk.store, "early_help", "north", desk.settings.second_look)
    new = next(one for one in desk.store.referrals("early_help", LIST) if one.status == "new")
    for who, path, status in (
        ("demo-south-team_manager", f"/manager/second-look/{sample[0].id}", 404),
        ("demo-north-lead_practitioner", f"/manager/second-look/{sample[0].id}", 403),
        (MANAGER, f"/manager/second-look/{new.id}", 404),
    ):
        client = Client(guarded(desk))
        client.sign_in(who)
        assert client.get(path).status_code == status


def test_a_second_look_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "council" / "early_help" / "worklist.toml").read_text(encoding="utf-8")
    (tmp_path / "worklist.toml").write_text(text.replace("[second_look]", "[second_look]\nbest = 2"), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"\[second_look\] has an unknown key 'best'"):
        WorklistFile.load(tmp_path)
