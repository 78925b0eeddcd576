"""Exploration: off until the charter turns it on; then drawn by lot, with its probability, for a desk review."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from charter.errors import CharterError
from charter.rules.policy import Policy
from serving.desk import Desk
from serving.ranking.bundle import Bundle
from serving.ranking.places import draw_below, fill_places
from serving.ranking.reproduction import reproduce_record
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, ROOT, TEAMS, World


def turn_on(council: Path, share: str, allowed: str = "") -> None:
    """Let worklist.toml draw a share by lot, and the charter allow one."""
    path = council / "early_help" / "worklist.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("share = 0.0", f"share = {share}"), encoding="utf-8")
    shutil.copy(ROOT / "council" / "charter.toml", council / "charter.toml")
    if allowed:
        with (council / "charter.toml").open("a", encoding="utf-8") as handle:
            handle.write(f"\n[exploration]\nlargest_share = {allowed}\n")


def test_the_shipped_charter_has_it_off() -> None:
    assert Policy.load(ROOT / "council" / "charter.toml").largest_lot == 0.0


@pytest.mark.parametrize(("share", "allowed"), [("0.25", ""), ("0.25", "0.1"), ("0.25", "0.5")])
def test_no_more_than_the_charter_allows(world: World, share: str, allowed: str) -> None:
    turn_on(world.invocation.council.folder, share, allowed)
    with pytest.raises(CharterError):
        rank_households(world.invocation, world.matrix, AS_OF)


def test_two_of_eight_places_are_drawn_with_their_probability_and_made_again(world: World) -> None:
    turn_on(world.invocation.council.folder, "0.25", "0.25")
    result = rank_households(world.invocation, world.matrix, AS_OF)
    with (result.folder / "issued.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert Counter(row["arm"] for row in rows) == {"ranked": 24, "random": 8}
    assert {row["inclusion"] for row in rows if row["arm"] == "ranked"} == {"1.0"}
    assert {row["inclusion"] for row in rows if row["arm"] == "random"} == {"0.25"}
    assert sorted(int(row["rank"]) for row in rows if row["team"] == "north") == list(range(1, 9))
    desk = Desk.open(world.invocation, demo=True)
    listed = desk.store.referrals("early_help", "north-2026-09-28")
    below = desk.store.below("early_help", "north-2026-09-28")
    assert len(below) == 2
    assert not {one.entity for one in below} & {one.entity for one in listed}
    for referral in listed:
        assert reproduce_record(world.invocation, referral.id, world.matrix) == referral.sealed
    client = Client(guarded(desk))
    client.sign_in("demo-north-lead_practitioner")
    assert client.get("/worklists/north").text.count("Drawn by lot: a desk review") == 2
    assert "Contact it only if you would have without this list" in client.get(f"/cases/{listed[-1].id}").text


def test_the_lot_falls_as_often_as_it_says(world: World) -> None:
    """Over many lists of the same households, each of the eight below the line is drawn with probability 0.25."""
    rank_households(world.invocation, world.matrix, AS_OF)
    store = Desk.open(world.invocation, demo=True).store
    headers = {team: one for team in TEAMS if (one := store.current_list("early_help", team)) is not None}
    bundle = Bundle.current(world.workspace)
    margins = bundle.model.margins(np.asarray(world.arrays["features"], dtype=np.float32))
    drawn: Counter[int] = Counter()
    for number in range(200):
        lists = {"north": replace(headers["north"], id=f"north-{number}")}
        places = fill_places(world.invocation.council, world.at, margins, lists, 0.25)
        drawn.update(place.row for place in places if place.arm == "random")
        taken = {place.row for place in places}
        again = draw_below(world.invocation.council, world.at, margins, lists, 20, taken)
        assert not taken & {place.row for place in again}
    assert len(drawn) == 8
    assert sum(drawn.values()) == 400
    # Of 200 draws with probability 1/4, four standard deviations are 24.5.
    assert all(abs(number - 50) < 25 for number in drawn.values())
