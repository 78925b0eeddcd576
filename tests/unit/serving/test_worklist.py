"""Worklists: within capacity, in the published order, once a week, and only where help is on offer."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from charter.errors import BlockedError, DataError
from charter.rules.tie_break import order_rows
from serving.identity import Identity
from serving.ranking.bundle import Bundle
from serving.ranking.worklist import rank_households
from serving.store.actions import export_actions
from serving.store.connection import migrate_database, open_engine
from serving.store.place import find_database_url
from serving.store.store import DecisionDraft, Store, write_moment
from tests.unit.serving.conftest import AS_OF, TEAMS, World, make_world, rows_of, write_matrix

WORKER = Identity("worker-1", "lead_practitioner", frozenset(TEAMS))


def store_of(world: World) -> Store:
    engine = open_engine(find_database_url(world.workspace))
    migrate_database(engine)
    return Store(engine)


def test_each_team_gets_its_capacity_in_the_published_order(world: World) -> None:
    result = rank_households(world.invocation, world.matrix, AS_OF)
    margins = Bundle.current(world.workspace).model.margins(world.arrays["features"])
    places = order_rows(world.arrays["entity"], AS_OF, margins)
    with (result.folder / "issued.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [one.referrals for one in result.lists] == [8, 8, 8, 8]
    for team in TEAMS:
        served = {area for area, one in world.invocation.council.teams_by_area(AS_OF).items() if one.id == team}
        mine = [n for n, area in enumerate(world.arrays["area"].tolist()) if area.decode() in served]
        expected = [world.arrays["entity"][n].decode() for n in sorted(mine, key=lambda n: places[n])[:8]]
        listed = [row for row in rows if row["team"] == team]
        assert [row["entity"] for row in listed] == expected
        assert [int(row["rank"]) for row in listed] == list(range(1, 9))
        assert {row["arm"] for row in listed} == {"ranked"}
        assert {row["list"] for row in listed} == {f"{team}-2026-09-28"}
    by_name = dict(zip(world.arrays["entity"].tolist(), margins.tolist(), strict=True))
    assert all(float(row["margin"]) == by_name[row["entity"].encode()] for row in rows)


def test_ranking_twice_changes_nothing(world: World) -> None:
    first = rank_households(world.invocation, world.matrix, AS_OF)
    before = (first.folder / "issued.csv").read_bytes()
    second = rank_households(world.invocation, world.matrix, AS_OF)
    assert [one.new for one in first.lists] == [True] * 4
    assert [one.new for one in second.lists] == [False] * 4
    assert (second.folder / "issued.csv").read_bytes() == before
    assert len(store_of(world).lists("early_help")) == 4


def test_a_list_is_fixed_for_the_week_whatever_the_clocks_do(world: World) -> None:
    """Clocks go back on 25 October 2026; the day that has 25 hours is still one local date."""
    day = date(2026, 10, 25)
    days = [day + timedelta(days=later) for later in (0, 1, 6, 7)]
    made = {one: world.matrix_at(one) for one in days}
    results = [rank_households(world.invocation, made[one], one) for one in (day, *days)]
    issued = [[one.list for one in result.lists] for result in results]
    assert issued[0] == issued[1] == issued[2] == issued[3] == [f"{team}-2026-10-25" for team in sorted(TEAMS)]
    assert issued[4] == [f"{team}-2026-11-01" for team in sorted(TEAMS)]


def test_a_team_with_no_offer_gets_no_list(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    world = make_world(tmp_path, edit=lambda text: text.replace("places = 8", "places = 0", 1))
    result = rank_households(world.invocation, world.matrix, AS_OF)
    assert [one.team for one in result.lists] == ["east", "south", "west"]
    assert "surveillance" in result.refused["north"]


def test_no_offer_anywhere_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    world = make_world(tmp_path, edit=lambda text: text.replace("places = 8", "places = 0"))
    with pytest.raises(DataError, match="offers any help"):
        rank_households(world.invocation, world.matrix, AS_OF)


def test_a_family_that_said_no_is_left_in_peace(world: World) -> None:
    first = rank_households(world.invocation, world.matrix, AS_OF)
    store = store_of(world)
    refused = store.referrals("early_help", "north-2026-09-28")[0]
    decided = datetime(2026, 9, 29, 9, tzinfo=UTC)
    store.decide(WORKER, refused.id, DecisionDraft("family_said_no", "declined_now", 1), at=decided)
    later = AS_OF + timedelta(days=14)
    second = rank_households(world.invocation, world.matrix_at(later), later)
    assert first.lists[1].left_out == 0
    north = next(one for one in second.lists if one.team == "north")
    assert north.left_out == 1
    entities = [referral.entity for referral in store.referrals("early_help", "north-2026-10-12")]
    assert refused.entity not in entities
    assert len(entities) == 8
    actions = export_actions(world.workspace, store).read_text(encoding="utf-8").splitlines()
    assert actions[1].startswith(f"{refused.entity},north-2026-09-28,family_said_no,2026-09-29T09:00")


def test_who_has_a_worker_already_is_on_no_list_where_the_council_says_so(world: World) -> None:
    """Broken by reading no feature, or the wrong one."""
    path = world.invocation.programme_folder / "worklist.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("with_worker = []", 'with_worker = ["early_help_open"]'), encoding="utf-8")
    result = rank_households(world.invocation, world.matrix, AS_OF)
    store = store_of(world)
    helped = world.arrays["entity"][world.arrays["features"][:, 5] > 0]
    assert len(helped)
    assert [one.referrals for one in result.lists] == [8, 8, 8, 8]
    assert sum(one.left_out for one in result.lists) == len(helped)
    listed = {row.entity for one in result.lists for row in store.referrals("early_help", one.list)}
    assert not listed & {name.decode() for name in helped.tolist()}
    assert set(store.lists("early_help")[0].excluded.values()) == {"has a worker already"}


def test_rows_that_no_team_serves_are_counted(world: World) -> None:
    world.arrays["area"][:3] = b"E09999999"
    folder = write_matrix(world.workspace.matrix / "matrix-2", world.arrays, snapshot="2")
    assert rank_households(world.invocation, folder, AS_OF).unserved == 3


def test_an_order_made_of_nothing_seen_is_no_list(world: World) -> None:
    before = world.arrays["features"].copy()
    world.arrays["features"][:] = np.nan
    folder = write_matrix(world.workspace.matrix / "matrix-2", world.arrays, snapshot="2")
    with pytest.raises(DataError, match=f"nothing that the model reads was seen of anybody at {AS_OF}"):
        rank_households(world.invocation, folder, AS_OF)
    # One value of one person is something.
    world.arrays["features"][0] = before[0]
    folder = write_matrix(world.workspace.matrix / "matrix-3", world.arrays, snapshot="2")
    rank_households(world.invocation, folder, AS_OF)


def test_a_matrix_of_another_purpose_or_definition_is_refused(world: World) -> None:
    folder = write_matrix(world.workspace.matrix / "train", rows_of(3, 50), purpose="train")
    with pytest.raises(DataError, match="built for train"):
        rank_households(world.invocation, folder, AS_OF)
    with pytest.raises(DataError, match="no rows at 2020-01-01"):
        rank_households(world.invocation, world.matrix, date(2020, 1, 1))


def test_nothing_is_ranked_while_suspended(world: World) -> None:
    world.workspace.suspensions.mkdir(parents=True)
    (world.workspace.suspensions / "1.json").write_text('{"what": "programme", "name": "early_help"}')
    with pytest.raises(BlockedError, match="suspended"):
        rank_households(world.invocation, world.matrix, AS_OF)
    (world.workspace.suspensions / "1.json").write_text('{"what": "programme", "name": "another"}')
    rank_households(world.invocation, world.matrix, AS_OF)
    (world.workspace.suspensions / "1.json").write_text("half a fi")
    with pytest.raises(BlockedError):
        rank_households(world.invocation, world.matrix, AS_OF)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_missed_night_is_caught_up_and_a_clock_change_moves_no_date(world: World, day: date) -> None:
    """Clocks change on both days. The night on which the list ended is missed; the next one catches up, once."""
    first, missed, late = day - timedelta(days=7), day, day + timedelta(days=1)
    made = {one: world.matrix_at(one) for one in (first, late, late + timedelta(days=1))}
    midnight = world.invocation.council.midnight
    issued = rank_households(world.invocation, made[first], first, now=midnight(first) + timedelta(hours=2))
    assert {one.expires_at for one in issued.lists} == {write_moment(midnight(missed))}
    caught = [
        rank_households(world.invocation, made[late], late, now=midnight(late) + timedelta(hours=h)) for h in (0, 2)
    ]
    assert [one.new for one in caught[0].lists] == [True] * 4
    assert [one.new for one in caught[1].lists] == [False] * 4
    assert {one.list for one in caught[1].lists} == {f"{team}-{late}" for team in TEAMS}
    assert {one.expires_at for one in caught[1].lists} == {write_moment(midnight(late + timedelta(days=7)))}
    after = rank_households(world.invocation, made[late + timedelta(days=1)], late + timedelta(days=1))
    assert [one.new for one in after.lists] == [False] * 4
    assert len(store_of(world).lists("early_help")) == 8


def test_a_fixed_list_loses_whoever_must_leave_at_once_and_nobody_else(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    store = store_of(world)
    gone, decided, *rest = store.referrals("early_help", "north-2026-09-28")
    store.decide(WORKER, decided.id, DecisionDraft("taken_up", "need_confirmed", 1))
    asked = []

    def departures(snapshot: str, as_of: date, listed: Mapping[str, Sequence[str]]) -> dict[str, str]:
        asked.append((snapshot, as_of, len(listed)))
        assert listed[gone.entity] == store.members(gone.id)
        return {gone.entity: "death"}

    later = AS_OF + timedelta(days=1)
    again = rank_households(world.invocation, world.matrix_at(later), later, departures=departures)
    assert asked == [("snapshot1", later, 31)]
    assert [one.new for one in again.lists] == [False] * 4
    after = store.referrals("early_help", "north-2026-09-28")
    assert [one.id for one in after if one.removed] == [gone.id]
    assert [one.id for one in after] == [gone.id, decided.id, *(one.id for one in rest)]
    (entry,) = [entry for entry in store.entries() if entry.action == "referral.removed"]
    assert (entry.subject, entry.detail) == (gone.id, {"why": "death", "changed": True})
