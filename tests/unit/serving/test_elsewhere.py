"""Two programmes, one household: one list, one visit, and the other lead named by role."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from serving.casework.view import CaseFile, view_row
from serving.desk import Desk
from serving.ranking.bundle import make_bundle
from serving.ranking.elsewhere import LISTED
from serving.ranking.standing_lists import RankResult
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, ROOT, SERVICES, TEAMS, World

OTHER = "homelessness"


@pytest.fixture
def other(world: World) -> Invocation:
    """Return a second programme of the same council and workspace, with the same model: it would list the same."""
    shutil.copytree(ROOT / "council" / OTHER, world.invocation.council.folder / OTHER)
    council = Council.load(world.invocation.council.folder).serving(OTHER)
    made = Invocation(council, OTHER, Workspace(world.workspace.root, OTHER), quiet=True)
    release = made.workspace.release / world.release.name
    shutil.copytree(world.release, release)
    manifest = read_json(release / "manifest.json")
    write_json(release / "manifest.json", manifest | {"programme": OTHER})
    make_bundle(made, release, SERVICES)
    return made


def issued(result: RankResult) -> list[str]:
    with (result.folder / "issued.csv").open(encoding="utf-8") as handle:
        return [one["entity"] for one in csv.DictReader(handle)]


def test_the_list_made_first_keeps_the_household_and_the_next_one_moves_up(world: World, other: Invocation) -> None:
    first = issued(rank_households(world.invocation, world.matrix, AS_OF))
    alone = rank_households(other, world.matrix, AS_OF)
    second = issued(alone)
    assert len(first) == 32
    assert len(second) == alone.lists[0].capacity == 12
    assert not set(first) & set(second)


def test_without_another_list_nobody_gives_way(world: World, other: Invocation) -> None:
    alone = issued(rank_households(other, world.matrix, AS_OF))
    both = issued(rank_households(world.invocation, world.matrix, AS_OF))
    assert len(alone) == 12
    assert not set(alone) & set(both)


def test_the_page_of_the_list_that_keeps_it_names_the_other_lead(world: World, other: Invocation) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    rank_households(other, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    theirs = Desk.open(other, demo=True)
    seeking = desk.seeking_teams()
    (header,) = theirs.store.lists(OTHER)
    assert {entity for entity, why in header.excluded.items() if why == LISTED} == set(seeking)
    assert {one.lead for found in seeking.values() for one in found} == {"Senior housing options officer"}
    referral = next(
        one
        for team in world.invocation.council.teams
        for one in desk.store.referrals("early_help", f"{team.id}-{AS_OF}")
        if one.entity in seeking
    )
    line = view_row(
        CaseFile(referral, desk.record(referral), desk.manifest(referral.bundle), {}, seeking), desk.settings
    )
    assert [one.title for one in line.also] == ["Housing options team"]
    client = Client(guarded(desk))
    client.sign_in(f"demo-{referral.team}-lead_practitioner")
    text = client.get(f"/worklists/{referral.team}").text
    assert "Lead: Senior housing options officer" in text
    assert referral.entity not in text
    assert theirs.seeking_teams() == {}


def test_a_household_unlike_those_learned_from_has_a_place_and_no_band(world: World) -> None:
    manifest = read_json(world.release / "manifest.json")
    features = world.arrays["features"]
    lowest, highest = np.nanmin(features, axis=0).tolist(), np.nanquantile(features, 0.97, axis=0).tolist()
    rule = {"not_seen": 0.5, "outside": 0, "lowest": lowest, "highest": highest}
    write_json(world.release / "manifest.json", manifest | {"abstention": rule})
    make_bundle(world.invocation, world.release, SERVICES)
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    referrals = [one for team in TEAMS for one in desk.store.referrals("early_help", f"{team}-{AS_OF}")]
    inside = {
        one.id: all(
            value is None or value <= most
            for value, most in zip(json.loads(one.sealed)["values"], highest, strict=True)
        )
        for one in referrals
    }
    assert 0 < sum(inside.values()) < len(inside) == 32
    assert all(bool(one.band) == inside[one.id] for one in referrals)
    without = next(one for one in referrals if not one.band)
    client = Client(guarded(desk))
    client.sign_in(f"demo-{without.team}-lead_practitioner")
    page = client.get(f"/cases/{without.id}").text
    assert "Not enough is visible to say" in page
    meanings = [band["meaning"] for band in desk.manifest(without.bundle)["bands"]]
    assert meanings
    assert not any(meaning in page for meaning in meanings)
    assert "Not enough is visible to say" in client.get(f"/worklists/{without.team}").text
