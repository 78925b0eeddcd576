"""Where two programmes have releases, each one's replay gives way to the other's lists as `rank` does, week by week."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.contracts.files import read_json, set_current, write_json
from charter.contracts.matrix import Matrix, MatrixDate
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from serving.store.store import DecisionDraft
from tests.pipeline.test_replay_as_ranked import SEED, borough_over, margins_at
from tests.unit.serving.conftest import ROOT, SERVICES, TEAMS, World, make_world
from tests.unit.serving.test_worklist import WORKER, store_of
from tests.unit.training.slow_replay import decision_of, lot_of
from training.data.dataset import Dataset
from training.data.list_rules import ListRules
from training.data.other_lists import WORKED, read_other_lists
from training.data.other_runs import WORKED_FILE, digest_other_lists
from training.data.weeks import ListWeeks, gather_weeks
from training.judging.replay import list_as_ranked, name_keys

OTHER = "homelessness"
Issued = list[set[tuple[str, str]]]


@dataclass(frozen=True)
class Side:
    """One of the two programmes: how it ranks, how its decisions are drawn, and in which weeks it has lists."""

    invocation: Invocation
    seed: int
    weight: float
    every: int = 1

    @property
    def rules(self) -> ListRules:
        return ListRules.of(self.invocation.settings.worklist)

    def margins(self, at: MatrixDate) -> np.ndarray:
        return margins_at(at) * self.weight + np.nan_to_num(at.features[:, 2])


def shorten_rests(path: Path, days: int) -> None:
    text = path.read_text(encoding="utf-8").replace("taken_up = 26", "taken_up = 4").replace("= 52", "= 6")
    path.write_text(text.replace("set_aside = 8", "set_aside = 2").replace("days = 7", f"days = {days}"), "utf-8")


def second_programme(world: World, days: int) -> Invocation:
    """Return homelessness with a release of its own in the same workspace; its lists hold for so many days."""
    folder = world.invocation.council.folder
    shutil.copytree(ROOT / "council" / OTHER, folder / OTHER)
    shutil.copy(ROOT / "council" / "early_help" / "definition.py", folder / "early_help")
    shutil.copy(folder / "early_help" / "worklist.toml", folder / OTHER / "worklist.toml")
    shorten_rests(folder / "early_help" / "worklist.toml", 7)
    shorten_rests(folder / OTHER / "worklist.toml", days)
    workspace = Workspace(world.workspace.root, OTHER)
    made = Invocation(Council.load(folder).serving(OTHER), OTHER, workspace, quiet=True)
    shutil.copytree(world.release, workspace.release / world.release.name)
    manifest = read_json(world.release / "manifest.json")
    write_json(workspace.release / world.release.name / "manifest.json", manifest | {"programme": OTHER})
    make_bundle(made, workspace.release / world.release.name, SERVICES)
    return made


def issue_both(world: World, sides: Mapping[str, Side], folder: Path, days: list[date]) -> dict[str, Issued]:
    """Issue every week's lists of both, the one whose name comes first before the other, and decide on them by lot.

    What was listed and decided is left where a released run leaves it.
    """
    store = store_of(world)
    issued: dict[str, Issued] = {name: [] for name in sides}
    worked: dict[str, list[dict[str, object]]] = {name: [] for name in sides}
    for week, day in enumerate(days):
        midnight = world.invocation.council.midnight(day)
        for hour, name in enumerate(sorted(sides)):
            side, rules = sides[name], sides[name].rules
            if week % side.every:
                continue
            moment = midnight + timedelta(hours=4 + hour)
            result = rank_households(
                side.invocation, folder, day, now=moment, score=lambda _, __, at, s=side: s.margins(at)
            )
            with (result.folder / "issued.csv").open(encoding="utf-8") as handle:
                issued[name].append({(row["team"], row["entity"]) for row in csv.DictReader(handle)})
            for referral in [row for one in result.lists for row in store.referrals(name, one.list)]:
                (key,) = name_keys(np.array([referral.entity.encode()])).tolist()
                decision = decision_of(rules, lot_of(side.seed, key, 0, week // side.every))
                decided_on = day + timedelta(days=rules.decided_after) if decision else None
                worked[name].append(
                    {"entity": referral.entity, "as_of": day, "until": day + timedelta(days=rules.apart)}
                    | {"decision": decision, "decided_on": decided_on}
                )
                if decision:
                    choice = side.invocation.settings.worklist.choice(decision)
                    at = midnight + timedelta(days=rules.decided_after, hours=12)
                    store.decide(WORKER, referral.id, DecisionDraft(choice.id, choice.reasons[0][0], 1), at=at)
    for name, rows in worked.items():
        leave_lists(sides[name].invocation.workspace, rows)
    return issued


def leave_lists(workspace: Workspace, rows: list[dict[str, object]]) -> None:
    (release,) = [path for path in workspace.release.iterdir() if path.is_dir() and not path.is_symlink()]
    set_current(workspace.release, release.name)
    run = workspace.scores / read_json(release / "manifest.json")["run"]
    run.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=WORKED), run / WORKED_FILE)


def replay(side: Side, folder: Path, days: list[date], give_way: bool = True) -> Issued:
    council = side.invocation.council
    data = Dataset.open(Matrix.open(folder), council)
    kept = [day for week, day in enumerate(days) if week % side.every == 0]
    data = replace(data, matrix=replace(data.matrix, manifest=dict(data.matrix.manifest) | {
        "as_of": {day: of for day, of in data.matrix.manifest["as_of"].items() if date.fromisoformat(day) in kept}
    }))  # fmt: skip
    others = read_other_lists(side.invocation) if give_way else None
    weeks: ListWeeks = gather_weeks(
        data, lambda day: side.invocation.settings.capacity(council, day), side.rules.with_worker, others
    )
    margins = np.concatenate([side.margins(data.at(day)) for day in weeks.days])
    rows = np.flatnonzero(list_as_ranked(weeks, margins, side.rules, side.seed))
    lists: Issued = [set() for _ in weeks.days]
    for row, week in zip(rows.tolist(), weeks.week[rows].tolist(), strict=True):
        lists[week].add((weeks.list_team[weeks.list_of[row]], weeks.names[weeks.household[row]].decode()))
    return lists


@pytest.mark.parametrize("every", [1, 2], ids=["both weekly", "the other every two weeks"])
def test_each_replay_gives_way_as_rank_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """Broken by giving way to none, by the same day's later list, by a list held too long, by no rest after it."""
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    world = make_world(tmp_path, edit=lambda text: text.replace("places = 8", "places = 2"))
    second = second_programme(world, 7 * every)
    world = replace(world, invocation=world.invocation.reread())
    sides = {
        "early_help": Side(world.invocation, SEED, 1.0),
        OTHER: Side(second, SEED + 1, 2.0, every),
    }
    days = [date(2026, 2, 2) + timedelta(weeks=week) for week in range(10)]
    folder = borough_over(world, days, seed=3)
    issued = issue_both(world, sides, folder, days)
    for name, side in sides.items():
        assert replay(side, folder, days) == issued[name], name
        assert replay(side, folder, days, give_way=False) != issued[name], name
    assert [len(lists) for lists in issued["early_help"]] == [2 * len(TEAMS)] * 10
    said = read_other_lists(world.invocation).say()
    assert said.startswith(f"Households on the past lists of {OTHER} ({sum(map(len, issued[OTHER]))} listings)")
    assert list(digest_other_lists(second)) == [f"{WORKED_FILE} of early_help"]
