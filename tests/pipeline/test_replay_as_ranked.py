"""The replay's lists are those that `rank` issues week by week, with the same decisions drawn by the same lots."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from charter.contracts.files import read_json, write_json
from charter.contracts.matrix import Matrix, MatrixDate
from serving.ranking.bundle import Bundle
from serving.ranking.worklist import rank_households
from serving.store.store import DecisionDraft
from tests.unit.serving.conftest import AS_OF, TEAMS, World, make_world, rows_of, write_matrix
from tests.unit.serving.test_worklist import WORKER, store_of
from tests.unit.training.slow_replay import decision_of, lot_of
from training.data.dataset import Dataset
from training.data.list_rules import ListRules
from training.data.weeks import ListWeeks, gather_weeks
from training.judging.replay import list_as_ranked, name_keys

SEED = 20260928


def borough_over(world: World, days: list[date], seed: int) -> Path:
    """Leave one matrix of every day: households come and go, move between areas, and their records change."""
    folder = write_matrix(world.workspace.matrix / f"weeks-{seed}", rows_of(seed, 10))
    numbers, manifest = np.random.default_rng(seed), read_json(folder / "manifest.json")
    arrays = rows_of(seed, 240)
    del manifest["as_of"][AS_OF.isoformat()]
    for day in days:
        here = numbers.random(240) < 0.9
        moved = numbers.random(240) < 0.02
        arrays["area"][moved] = numbers.permutation(arrays["area"])[moved]
        arrays["features"][:, 0] = np.maximum(0, arrays["features"][:, 0] + numbers.integers(-1, 2, 240))
        arrays["features"][:, 2] = numbers.integers(0, 4, 240)
        arrays["features"][:, 5] = numbers.random(240) < 0.1
        members = np.flatnonzero(here[arrays["person_row"]])
        there = {name: value[here] for name, value in arrays.items() if not name.startswith("person")}
        row = (np.cumsum(here) - 1)[arrays["person_row"][members]].astype(np.int32)
        people = {name: arrays[name][members] for name in ("person", "person_age")}
        MatrixDate(day, person_row=row, **there, **people).write(folder / f"as_of={day}")
        stated = {"rows": int(here.sum()), "cannot_tell": 0, "sha256": "0" * 64}
        manifest["as_of"][day.isoformat()] = stated
    write_json(folder / "manifest.json", manifest | {"taken_at": f"{days[-1]}T06:00:00+00:00"})
    return folder


def margins_at(at: MatrixDate) -> np.ndarray:
    """Return whole margins, so that many are equal and the published lottery decides."""
    return np.nan_to_num(at.features[:, 0]).astype(np.float64) + at.features[:, 2]


def ranked_week_by_week(world: World, folder: Path, weeks: ListWeeks, rules: ListRules) -> list[set[tuple[str, str]]]:
    """Issue each week's lists and decide on them as their lots say; return (team, household) of each week."""
    store = store_of(world)
    settings = world.invocation.settings.worklist
    keys = dict(zip(weeks.names.tolist(), name_keys(weeks.names).tolist(), strict=True))
    issued = []
    for week, day in enumerate(weeks.days):
        midnight = world.invocation.council.midnight(day)
        result = rank_households(
            world.invocation, folder, day, now=midnight + timedelta(hours=4), score=lambda _, __, at: margins_at(at)
        )
        assert all(one.new for one in result.lists)
        with (result.folder / "issued.csv").open(encoding="utf-8") as handle:
            issued.append({(row["team"], row["entity"]) for row in csv.DictReader(handle)})
        for one in result.lists:
            for referral in store.referrals("early_help", one.list):
                decision = decision_of(rules, lot_of(SEED, keys[referral.entity.encode()], 0, week))
                choice = settings.choice(decision) if decision else None
                if choice:
                    at = midnight + timedelta(days=rules.decided_after, hours=12)
                    store.decide(WORKER, referral.id, DecisionDraft(choice.id, choice.reasons[0][0], 1), at=at)
    return issued


def replayed(weeks: ListWeeks, folder: Path, rules: ListRules) -> list[set[tuple[str, str]]]:
    margins = np.concatenate([margins_at(Matrix.open(folder).at(day)) for day in weeks.days])
    rows = np.flatnonzero(list_as_ranked(weeks, margins, rules, SEED))
    lists: list[set[tuple[str, str]]] = [set() for _ in weeks.days]
    for row, week in zip(rows.tolist(), weeks.week[rows].tolist(), strict=True):
        lists[week].add((weeks.list_team[weeks.list_of[row]], weeks.names[weeks.household[row]].decode()))
    return lists


def compare(world: World, number: int, seed: int, apart: int = 7) -> list[set[tuple[str, str]]]:
    """Issue and replay so many weeks, hold them together, and return them."""
    path = world.invocation.programme_folder / "worklist.toml"
    text = path.read_text(encoding="utf-8").replace("with_worker = []", 'with_worker = ["early_help_open"]')
    # Most rests are short, so that households come back within the weeks.
    text = text.replace("taken_up = 26", "taken_up = 3").replace("set_aside = 8", "set_aside = 2")
    path.write_text(text.replace("days = 7", f"days = {apart}"), encoding="utf-8")
    world = replace(world, invocation=world.invocation.reread())
    programme = world.invocation.settings
    rules = ListRules.of(programme.worklist)
    assert rules.apart == apart
    # Clocks change within the weeks, on 29 March and 25 October 2026.
    days = [date(2026, 2, 2) + timedelta(days=apart * week) for week in range(number)]
    folder = borough_over(world, days, seed)
    council = world.invocation.council
    data = Dataset.open(Matrix.open(folder), council)
    weeks = gather_weeks(data, lambda day: programme.capacity(council, day), rules.with_worker)
    issued = ranked_week_by_week(world, folder, weeks, rules)
    assert replayed(weeks, folder, rules) == issued
    return issued


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world with two places a week in each team, and a team that goes in May."""
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    return make_world(tmp_path, edit=lambda text: text.replace("places = 8", "places = 2"))


def test_nine_weeks_of_lists_are_those_that_rank_issues(small: World) -> None:
    """Broken by a rest that is one list too long, by listing who has a worker, by another lottery for equal margins."""
    issued = compare(small, 9, seed=3)
    assert [len(lists) for lists in issued] == [2 * len(TEAMS)] * 9
    assert len({household for lists in issued for _, household in lists}) > 40
    assert Bundle.current(small.workspace)


@pytest.mark.deep
@pytest.mark.parametrize(("seed", "apart"), [(3, 7), (11, 7), (5, 10)])
def test_fifty_weeks_of_lists_are_those_that_rank_issues(small: World, seed: int, apart: int) -> None:
    team = small.invocation.council.teams[0]
    gone = team.model_copy(update={"end": date(2026, 5, 4)})
    council = small.invocation.council.model_copy(update={"teams": (gone, *small.invocation.council.teams[1:])})
    issued = compare(replace(small, invocation=replace(small.invocation, council=council)), 50, seed, apart)
    assert len(issued[0]) == 2 * len(TEAMS)
    assert len(issued[-1]) == 2 * (len(TEAMS) - 1)
