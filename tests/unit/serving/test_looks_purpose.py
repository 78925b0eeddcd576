"""Looks below the line: who objects to them is in none and keeps their place; whoever looks is shown no names."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from charter.vault.vault import NamedPerson, Vault
from serving.desk import Desk
from serving.forget import forget_looks, require_caught_up
from serving.ranking.reproduction import reproduce_record
from serving.ranking.worklist import rank_households
from serving.store.issued import NO_LOOK
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, World
from tests.unit.serving.test_exploration import turn_on
from tests.unit.serving.test_forget import carried_out

LIST = "north-2026-09-28"
LEAD = "demo-north-lead_practitioner"


def people_of(world: World, *entities: str) -> frozenset[str]:
    """Everybody who lives in these households, by the matrix."""
    names, rows = world.arrays["entity"].tolist(), world.arrays["person_row"]
    chosen = [person for person, row in zip(world.arrays["person"].tolist(), rows, strict=True)
              if names[row].decode() in entities]  # fmt: skip
    return frozenset(person.decode() for person in chosen)


def issued(world: World, day: date) -> dict[str, tuple[str, str]]:
    """Arm and chance of everybody on north's list of a day."""
    with (world.workspace.worklist / day.isoformat() / "issued.csv").open(encoding="utf-8") as handle:
        return {
            row["entity"]: (row["arm"], row["inclusion"]) for row in csv.DictReader(handle) if row["team"] == "north"
        }


def test_who_objects_to_looks_is_in_none_and_keeps_a_place_by_rank(world: World) -> None:
    """Two of north's pool of eight object, one of them drawn before: the others' chance is 2 in 6; the first stays."""
    turn_on(world.invocation.council.folder, "0.25", "0.25")
    rank_households(world.invocation, world.matrix, AS_OF)
    store = Desk.open(world.invocation, demo=True).store
    before = issued(world, AS_OF)
    first = store.referrals("early_help", LIST)[0].entity
    drawn = next(entity for entity, (arm, _) in before.items() if arm == "random")
    second = store.below("early_help", LIST)[0].entity
    objecting = people_of(world, first, drawn, second)
    later = AS_OF + timedelta(days=7)
    matrix = world.matrix_at(later)
    asked = []

    def no_looks(snapshot: str, as_of: date) -> frozenset[str]:
        asked.append((snapshot, as_of))
        return objecting

    rank_households(world.invocation, matrix, later, no_looks=no_looks)
    after, name = issued(world, later), f"north-{later.isoformat()}"
    assert [day for _, day in asked] == [later]
    assert after[first] == ("ranked", "1.0")
    assert {arm for arm, _ in after.values()} == {"ranked", "random"}
    assert drawn not in after
    assert second not in after
    assert {chance for arm, chance in after.values() if arm == "random"} == {repr(2 / 6)}
    assert not {one.entity for one in store.below("early_help", name)} & {drawn, second}
    header = store.issued_list("early_help", name)
    assert header is not None
    assert {header.excluded[entity] for entity in (first, drawn, second)} == {NO_LOOK}
    assert not {first, drawn, second} & header.left_out.keys()
    for referral in store.referrals("early_help", name):
        assert reproduce_record(world.invocation, referral.id, matrix) == referral.sealed


def test_an_objection_to_looks_takes_off_a_look_that_waits_and_nothing_else(world: World) -> None:
    turn_on(world.invocation.council.folder, "0.25", "0.25")
    rank_households(world.invocation, world.matrix, AS_OF)
    store = Desk.open(world.invocation, demo=True).store
    listed, below = store.referrals("early_help", LIST), store.below("early_help", LIST)[0]
    ranked, drawn = listed[0], next(one for one in listed if one.arm == "random")
    people = people_of(world, ranked.entity, drawn.entity, below.entity)
    assert forget_looks(people, world.workspace) == 1
    standing = {one.entity for one in store.referrals("early_help", LIST) if not one.removed}
    assert ranked.entity in standing
    assert drawn.entity not in standing
    assert below.entity not in {one.entity for one in store.below("early_help", LIST)}


def test_a_restored_database_is_not_served_from_while_a_look_stands_that_was_objected_to(world: World) -> None:
    turn_on(world.invocation.council.folder, "0.25", "0.25")
    rank_households(world.invocation, world.matrix, AS_OF)
    store = Desk.open(world.invocation, demo=True).store
    listed = store.referrals("early_help", LIST)
    ranked = min(people_of(world, listed[0].entity))
    carried_out(world, ranked, filed_at=datetime.now(UTC), purpose="look")
    require_caught_up(world.workspace)
    drawn = min(people_of(world, next(one.entity for one in listed if one.arm == "random")))
    carried_out(world, drawn, filed_at=datetime.now(UTC), purpose="look")
    with pytest.raises(Exception, match="may be a restored copy"):
        require_caught_up(world.workspace)
    forget_looks([ranked, drawn], world.workspace)
    require_caught_up(world.workspace)


def test_whoever_looks_sees_no_names_until_they_see_a_need(world: World) -> None:
    turn_on(world.invocation.council.folder, "0.25", "0.25")
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    Vault.open(world.workspace.vault, desk.key).replace(
        {
            person.decode(): NamedPerson(f"Kim Quillfeather{row}", date(2019, 1, 1), f"{row} Elm Lane", "")
            for person, row in zip(world.arrays["person"], world.arrays["person_row"], strict=True)
        }
    )
    desk = replace(desk, settings=desk.settings.replace(own_view=desk.settings.own_view.replace(one_in=0)))
    listed = desk.store.referrals("early_help", LIST)
    ranked, drawn = listed[0], next(one for one in listed if one.arm == "random")
    client = Client(guarded(desk))
    client.sign_in(LEAD)
    assert "Quillfeather" in client.get(f"/cases/{ranked.id}").text
    path = f"/cases/{drawn.id}"
    for page in (path, f"{path}/sheet", f"{path}/help", f"{path}/decide/taken_up"):
        told = client.get(page).text
        assert not re.search(r"Quillfeather|Elm Lane", told), page
    assert "Name not shown" in client.get(path).text
    # On the list six of eight are named.
    assert len(set(re.findall(r"Quillfeather\d+", client.get("/worklists/north").text))) == 6
    hidden = client.form_of(path, f"{path}/own-view")
    assert client.post(f"{path}/own-view", {**hidden, "view": "need"}).headers["location"] == f"{path}?done=need"
    page = client.get(f"{path}?done=need").text
    assert "Quillfeather" in page
    assert "show who this is" not in page
    assert [entry.subject for entry in desk.store.done("need.seen")] == [drawn.id]
    other = next(one for one in listed if one.arm == "random" and one.id != drawn.id)
    assert "Quillfeather" not in client.get(f"/cases/{other.id}").text
