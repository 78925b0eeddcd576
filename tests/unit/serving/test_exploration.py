"""Exploration: off until the charter turns it on; then drawn by lot, with its probability, for a desk review."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from charter.errors import CharterError
from charter.rules.policy import Policy
from fairness_reports.residents.charter_status import say_looks
from fairness_reports.residents.data_uses import NOT_USED, DataUse
from fairness_reports.residents.use_words import say_below
from serving.desk import Desk
from serving.ranking.bundle import Bundle
from serving.ranking.places import draw_below, fill_places
from serving.ranking.reproduction import reproduce_record
from serving.ranking.worklist import rank_households
from serving.ranking.year_of_looks import allow_looks, count_in_a_year, find_share
from sooner.status import say_looks_of_the_year
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
    assert "Where you see a need, help may be offered" in client.get(f"/cases/{listed[-1].id}").text


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
        places = fill_places(world.invocation.council, world.at, margins, lists, {"north": 0.25})
        drawn.update(place.row for place in places if place.arm == "random")
        taken = {place.row for place in places}
        again = draw_below(world.invocation.council, world.at, margins, lists, 20, taken)
        assert not taken & {place.row for place in again}
    assert len(drawn) == 8
    assert sum(drawn.values()) == 400
    # Of 200 draws with probability 1/4, four standard deviations are 24.5.
    assert all(abs(number - 50) < 25 for number in drawn.values())


DAY = date(2026, 9, 28)


def test_no_more_are_drawn_than_are_left_of_the_year(world: World) -> None:
    """Four lists ask for two lots each: five are left, so each list keeps one and one of them two; then none is."""
    turn_on(world.invocation.council.folder, "0.25", "0.25\nmost_a_year = 5")
    result = rank_households(world.invocation, world.matrix, AS_OF)
    with (result.folder / "issued.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["arm"] == "random"]
    assert sorted(Counter(row["team"] for row in rows).values()) == [1, 1, 1, 2]
    assert sorted(Counter(row["inclusion"] for row in rows).values()) == [2, 3]
    said = "5 households were drawn from below the line, of 8 that worklist.toml asks for: with 0 before, of at most 5"
    assert said in result.sentence()
    desk = Desk.open(world.invocation, demo=True)
    for referral in desk.store.referrals("early_help", f"{rows[0]['team']}-2026-09-28"):
        assert reproduce_record(world.invocation, referral.id, world.matrix) == referral.sealed
    assert desk.store.days_of_looks("early_help") == ["2026-09-28"] * 5
    assert desk.store.days_of_looks("homelessness") == []
    # Who was taken off since was looked at all the same.
    drawn = next(one for one in desk.store.referrals("early_help", rows[0]["list"]) if one.arm == "random")
    desk.store.take_off({drawn.id: "died"}, actor="sooner")
    headers = {"north": replace(desk.store.issued_list("early_help", "north-2026-09-28"), id="north-later")}
    looks = allow_looks(world.invocation, desk.store, headers, 0.25)
    assert (looks.shares, looks.asked, looks.made) == ({"north": 0.0}, 2, 5)
    later = {"north": replace(headers["north"], as_of=(DAY + timedelta(days=366)).isoformat())}
    assert allow_looks(world.invocation, desk.store, later, 0.25).shares == {"north": 0.25}


@pytest.mark.parametrize(
    ("days_away", "looks"),
    [((), 0), ((0, 0), 2), ((-365,), 1), ((-366,), 0), ((365,), 1), ((366,), 0), ((-300, 100), 1), ((-300, 50), 2)],
)
def test_twelve_months_are_any_that_hold_the_day(days_away: tuple[int, ...], looks: int) -> None:
    """Lists may be made of an earlier day: those of later days count too, where one year holds both."""
    assert count_in_a_year([DAY + timedelta(days=away) for away in days_away], DAY) == looks


def test_a_share_that_was_cut_gives_exactly_its_lots() -> None:
    for places in range(1, 200):
        for lots in range(places):
            assert int(find_share(lots, places) * places) == lots


def test_without_a_most_nothing_is_said(world: World) -> None:
    turn_on(world.invocation.council.folder, "0.25", "0.25")
    assert rank_households(world.invocation, world.matrix, AS_OF).looks == ""


def test_residents_and_the_status_say_how_many_a_year(world: World) -> None:
    use = DataUse(world.invocation, NOT_USED, {}, {}, {}, {})
    assert "by lot" not in say_below(use)
    assert "without names" in say_below(use)
    turn_on(world.invocation.council.folder, "0.25", "0.25\nmost_a_year = 7")
    invocation = replace(world.invocation)  # the same council, its files read again
    assert say_looks_of_the_year(invocation) == ""
    rank_households(invocation, world.matrix, AS_OF)
    assert say_looks_of_the_year(invocation).endswith(
        "in the last twelve months: 7 (at most 7). The charter names no purpose for them: [exploration] purpose."
    )
    said = say_below(DataUse(invocation, NOT_USED, {}, {}, {}, {}))
    assert "A lot puts some" in said
    assert "(at most 7 in any twelve months)" in said
    assert "no person has looked at the" not in said
    assert say_looks(invocation.charter).endswith(
        "At most 7 such looks in any twelve months. It names no purpose of their own for them."
    )
