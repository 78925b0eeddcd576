"""Lists of a stepped trial: who waits is on none, turns are the same whatever the lot said, and are logged first."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.workspace import Workspace
from charter.council.trial_design import TrialFile
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.signing.trial_steps import check_turns, find_begins, read_turns
from charter.signing.trials import Registration, read_registration, register_trial
from charter.vault.command_log import CommandLog
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from tests.trial_files import sign_trial, write_trial
from tests.unit.serving.conftest import AS_OF, SERVICES, World, open_casework
from tests.unit.serving.test_tail_lots import NAME, issued

STEPPED = '\n[stepped]\nunit = "area"\nsteps = 4\nstep_weeks = 13\n'


def begin_steps(world: World) -> Registration:
    council = world.invocation.council
    path = write_trial(council.folder, design='"stepped"', FROM=AS_OF.isoformat(), until="2027-12-31")
    path.write_text(path.read_text(encoding="utf-8") + STEPPED, encoding="utf-8")
    sign_trial(world.invocation)
    units = sorted(area.code for area in council.areas)
    return register_trial(world.invocation, TrialFile.load(council), {"units": units}, synthetic=True)


def area_of(world: World) -> dict[str, str]:
    from charter.contracts.matrix import Matrix

    at = Matrix.open(world.matrix).at(AS_OF)
    return {name.decode(): area.decode() for name, area in zip(at.entity.tolist(), at.area.tolist(), strict=True)}


def test_who_waits_is_on_no_list_and_turns_are_as_if_all_had_begun(world: World, tmp_path: Path) -> None:
    later = AS_OF + timedelta(days=7)
    other = Invocation(world.invocation.council, "early_help", Workspace(tmp_path / "other", "early_help"), quiet=True)
    make_bundle(other, world.release, SERVICES)
    matrix = world.matrix_at(later)
    plain = issued(rank_households(other, matrix, later))
    registration = begin_steps(world)
    begins, areas = find_begins(registration), area_of(world)
    result = rank_households(world.invocation, matrix, later)
    rows = issued(result)
    assert rows
    assert all(begins[areas[row["entity"]]] <= later for row in rows)
    assert "has begun in" in result.sentence()
    assert "keep every ordinary way to help" in result.sentence()
    lists = read_turns(world.workspace, NAME)
    turns = {turn.entity: turn for list_ in lists for turn in list_.turns}
    assert set(turns) == {row["entity"] for row in plain}, "as if every area had begun"
    assert all(turn.begun == (begins[areas[name]] <= later) for name, turn in turns.items())
    assert {turn.begun for turn in turns.values()} == {True, False}
    assert {name for name, turn in turns.items() if turn.begun} <= {row["entity"] for row in rows}
    assert list(check_turns(lists, begins)) == []


def test_a_household_has_one_turn_and_after_the_last_step_lists_are_as_ever(world: World) -> None:
    begin_steps(world)
    for week in range(2):
        day = AS_OF + timedelta(days=7 * week)
        rank_households(world.invocation, world.matrix_at(day), day)
    counted = Counter(turn.entity for list_ in read_turns(world.workspace, NAME) for turn in list_.turns)
    assert len(read_turns(world.workspace, NAME)) == 8
    assert set(counted.values()) == {1}
    last = AS_OF + timedelta(weeks=39)
    rows = issued(rank_households(world.invocation, world.matrix_at(last), last))
    assert Counter(row["arm"] for row in rows) == {"ranked": 32}
    store = open_casework(world)
    headers: list[Any] = [header for header in store.lists("early_help") if header.as_of == last.isoformat()]
    assert headers
    assert not any("lists have not begun there" in header.excluded.values() for header in headers)


def test_the_seed_is_logged_before_the_turns_and_the_turns_before_any_list(world: World) -> None:
    registration = begin_steps(world)
    rank_households(world.invocation, world.matrix, AS_OF)
    entries = CommandLog.open(world.invocation.council, world.workspace).file.entries()
    actions = [entry.action for entry in entries]
    assert actions.index("register trial") < actions.index("take trial turns")
    registered = entries[actions.index("register trial")]
    assert registered.detail["seed_sha256"] == registration.seed_sha256
    assert set(entries[actions.index("take trial turns")].detail["turns"]) == {
        list_.list for list_ in read_turns(world.workspace, NAME)
    }
    again = read_registration(world.workspace, NAME)
    assert again is not None
    assert find_begins(again) == find_begins(registration)
    with pytest.raises(UsageError, match="registered already"):
        begin_steps(world)
    assert date.fromisoformat("2027-12-31") > AS_OF
