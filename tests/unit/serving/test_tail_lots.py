"""A trial's lot at the line: only when signed and registered, in issued.csv, drawn again by anybody, and on no page."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from charter.contracts.matrix import Matrix, MatrixDate
from charter.contracts.workspace import Workspace
from charter.council.trial_design import TrialFile
from charter.errors import CharterError
from charter.invocation import Invocation
from charter.signing.trial_lots import check_lots, read_lots
from charter.signing.trials import read_registration, register_trial
from charter.vault.command_log import CommandLog
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.bundle import Bundle, make_bundle
from serving.ranking.places import score_rows
from serving.ranking.reproduction import reproduce_record
from serving.ranking.standing_lists import RankResult
from serving.ranking.worklist import rank_households
from serving.store.store import DecisionDraft
from tests.trial_files import sign_trial, write_trial
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, SERVICES, TEAMS, World, make_world, open_casework

NAME = "now_or_later_2027"


def begin_trial(world: World, *, register: bool = True, **changes: str) -> None:
    write_trial(world.invocation.council.folder, **{"FROM": "2026-09-01", **changes})
    sign_trial(world.invocation)
    if register:
        register_trial(world.invocation, TrialFile.load(world.invocation.council), {}, synthetic=True)


def issued(result: RankResult) -> list[dict[str, str]]:
    with (result.folder / "issued.csv").open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_an_unsigned_or_unregistered_trial_changes_no_byte(world: World, tmp_path: Path) -> None:
    plain = issued(rank_households(world.invocation, world.matrix, AS_OF))
    other = Invocation(world.invocation.council, "early_help", Workspace(tmp_path / "other", "early_help"), quiet=True)
    make_bundle(other, world.release, SERVICES)
    begin_trial(world, register=False)
    result = rank_households(other, world.matrix, AS_OF)
    assert issued(result) == plain
    assert "Nobody is held out" in result.sentence()
    assert not (other.workspace.trials).exists()


def test_as_many_are_listed_as_there_are_places_and_the_lot_takes_both_sides_of_the_line(world: World) -> None:
    plain = {row["entity"]: int(row["rank"]) for row in issued(rank_households(world.invocation, world.matrix, AS_OF))}
    begin_trial(world)
    later = AS_OF + timedelta(days=7)
    result = rank_households(world.invocation, world.matrix_at(later), later)
    rows = issued(result)
    assert [one.referrals for one in result.lists] == [8, 8, 8, 8]
    assert Counter(row["arm"] for row in rows) == {"ranked": 32, "control": 16}
    by_rank = [row for row in rows if row["inclusion"] == "1.0"]
    by_lot = [row for row in rows if row["inclusion"] == "0.5"]
    assert (len(by_rank), len(by_lot)) == (16, 32)
    assert {row["arm"] for row in by_rank} == {"ranked"}
    assert {row["entity"] for row in by_rank} == {name for name, rank in plain.items() if rank <= 4}
    north = sorted(int(row["rank"]) for row in rows if row["team"] == "north" and row["arm"] == "ranked")
    assert north == list(range(1, 9))
    held = {row["entity"] for row in rows if row["arm"] == "control"}
    assert held & set(plain), "some of those above the line wait"
    assert held - set(plain), "and some of those below it would have waited anyway"
    assert "drew the last places of 4 of them by lot" in result.sentence()
    again = rank_households(world.invocation, world.matrix_at(later + timedelta(days=1)), later + timedelta(days=1))
    assert issued(again) == rows


def test_anybody_draws_it_again_from_the_seed_that_was_logged_first(world: World) -> None:
    begin_trial(world)
    rank_households(world.invocation, world.matrix, AS_OF)
    registration = read_registration(world.workspace, NAME)
    assert registration is not None
    lots = read_lots(world.workspace, NAME)
    assert len(lots) == len(TEAMS)
    assert list(check_lots(lots, registration.seed)) == []
    entries = CommandLog.open(world.invocation.council, world.workspace).file.entries()
    actions = [entry.action for entry in entries]
    assert actions.index("register trial") < actions.index("draw trial lots")
    assert set(entries[actions.index("draw trial lots")].detail["lots"]) == {f"{team}-{AS_OF}" for team in TEAMS}


def test_no_record_page_or_database_says_who_was_held_out(world: World) -> None:
    begin_trial(world)
    rows = issued(rank_households(world.invocation, world.matrix, AS_OF))
    held = {row["entity"] for row in rows if row["arm"] == "control"}
    desk = Desk.open(world.invocation, demo=True)
    client = Client(guarded(desk))
    client.sign_in("demo-north-lead_practitioner")
    listed = [one for team in TEAMS for one in desk.store.referrals("early_help", f"{team}-{AS_OF}")]
    assert len(listed) == 32
    for referral in listed:
        record = json.loads(referral.sealed)
        assert (record["arm"], referral.arm) == ("ranked", "ranked")
        assert "inclusion" not in record
        assert referral.entity not in held
        assert reproduce_record(world.invocation, referral.id, world.matrix) == referral.sealed
    page = client.get("/worklists/north").text
    words = set(re.findall(r"\w+", re.sub(r"<[^>]*>", " ", page).lower()))
    assert "places" in words
    assert not words & {"control", "trial", "lot", "lots", "drawn", "tail"}
    assert not any(name in page for name in held)


def test_a_lot_stands_so_that_nobody_is_drawn_twice(world: World) -> None:
    begin_trial(world)
    first = issued(rank_households(world.invocation, world.matrix, AS_OF))
    drawn = {row["entity"]: row["arm"] for row in first if row["inclusion"] == "0.5"}
    later = AS_OF + timedelta(days=7)
    second = issued(rank_households(world.invocation, world.matrix_at(later), later))
    assert drawn
    listed = {row["entity"] for row in second if row["arm"] == "ranked"}
    assert {name for name, arm in drawn.items() if arm == "ranked"} <= listed
    assert not {name for name, arm in drawn.items() if arm == "control"} & listed
    assert not [row for row in second if row["inclusion"] != "1.0"], "everybody in the tail has had a lot"


def test_who_lost_is_passed_over_by_the_whole_list_until_it_rises(world: World) -> None:
    """After every listed household was decided on, the losers would be at the head of the next list."""
    begin_trial(world)
    first = issued(rank_households(world.invocation, world.matrix, AS_OF))
    losers = {row["entity"] for row in first if row["arm"] == "control"}
    store = open_casework(world)
    worker = Identity("worker-1", "lead_practitioner", frozenset(TEAMS))
    for team in TEAMS:
        for referral in store.referrals("early_help", f"{team}-{AS_OF}"):
            store.decide(worker, referral.id, DecisionDraft("taken_up", "need_confirmed", 1))
    later = AS_OF + timedelta(days=7)
    matrix = world.matrix_at(later)
    second = issued(rank_households(world.invocation, matrix, later))
    assert Counter(row["arm"] for row in second) == {"ranked": 32, "control": 16}
    assert not losers & {row["entity"] for row in second}
    again = AS_OF + timedelta(days=14)
    riser = sorted(losers)[0]

    def lift(bundle: Bundle, matrix: Matrix, at: MatrixDate) -> np.ndarray:
        margins = score_rows(bundle, matrix, at)
        margins[at.entity.tolist().index(riser.encode())] = margins.max() + 1
        return margins

    third = issued(rank_households(world.invocation, world.matrix_at(again), again, score=lift))
    (row,) = [row for row in third if row["entity"] == riser]
    assert (row["arm"], row["rank"], row["inclusion"]) == ("ranked", "1", "1.0")
    assert not (losers - {riser}) & {row["entity"] for row in third}


def test_a_place_that_would_stay_empty_goes_to_who_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    small = make_world(tmp_path, rows=44)
    begin_trial(small)
    first = issued(rank_households(small.invocation, small.matrix, AS_OF))
    later = AS_OF + timedelta(days=7)
    second = issued(rank_households(small.invocation, small.matrix_at(later), later))
    losers = {row["entity"] for row in first if row["arm"] == "control"}
    assert losers
    in_need_of_rows = Counter(row["team"] for row in second if row["arm"] == "ranked")
    everybody = Counter(row["team"] for row in first)
    assert all(in_need_of_rows[team] == min(8, everybody[team]) for team in everybody)


def test_whom_another_list_holds_takes_no_part(world: World) -> None:
    from serving.ranking import worklist

    begin_trial(world)
    plain = issued(rank_households(world.invocation, world.matrix, AS_OF))
    lot = {row["entity"] for row in plain if row["inclusion"] == "0.5"}
    loser = next(row["entity"] for row in plain if row["arm"] == "control")
    later = AS_OF + timedelta(weeks=30)
    patched = pytest.MonkeyPatch()
    patched.setattr(worklist, "find_listed_elsewhere", lambda *_: frozenset({loser}))
    rows = issued(rank_households(world.invocation, world.matrix_at(later), later))
    patched.undo()
    assert lot & {row["entity"] for row in rows if row["inclusion"] == "0.5"}
    assert loser not in {row["entity"] for row in rows}


def test_two_lots_about_the_same_places_are_refused(world: World) -> None:
    begin_trial(world)
    folder = world.invocation.council.folder
    path = folder / "early_help" / "worklist.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("share = 0.0", "share = 0.25"), encoding="utf-8")
    with (folder / "charter.toml").open("a", encoding="utf-8") as handle:
        handle.write("\n[exploration]\nlargest_share = 0.25\n")
    with pytest.raises(CharterError):
        rank_households(world.invocation, world.matrix, AS_OF)


def test_after_its_last_day_lists_are_as_ever(world: World) -> None:
    begin_trial(world)
    last = date(2028, 1, 3)
    rows = issued(rank_households(world.invocation, world.matrix_at(last), last))
    assert Counter(row["arm"] for row in rows) == {"ranked": 32}
