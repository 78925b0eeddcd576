"""Who was just below the line is kept where the council says so, by pseudonym, and goes with whoever is forgotten."""

from __future__ import annotations

import csv
from pathlib import Path

from charter.contracts import read_table_contract
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation
from fairness_reports.forget import forget_lines
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from tests.unit.serving.conftest import AS_OF, SERVICES, World
from tests.unit.serving.test_tail_lots import begin_trial, issued


def keep_below(world: World, kept: int) -> Invocation:
    path = world.invocation.council.folder / "early_help" / "worklist.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("kept = 0", f"kept = {kept}"), encoding="utf-8")
    return world.invocation.reread()


def read_line(folder: Path) -> list[dict[str, str]]:
    with (folder / "line.csv").open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        assert tuple(reader.fieldnames or ()) == read_table_contract("line").names
        return list(reader)


def test_nothing_is_kept_unless_the_council_says_so(world: World) -> None:
    result = rank_households(world.invocation, world.matrix, AS_OF)
    assert not (result.folder / "line.csv").exists()


def test_the_line_is_halfway_and_the_list_is_above_it(world: World, tmp_path: Path) -> None:
    other = Invocation(world.invocation.council, "early_help", Workspace(tmp_path / "other", "early_help"), quiet=True)
    make_bundle(other, world.release, SERVICES)
    plain = issued(rank_households(other, world.matrix, AS_OF))
    result = rank_households(keep_below(world, 3), world.matrix, AS_OF)
    assert issued(result) == plain, "the list itself is as ever"
    rows = read_line(result.folder)
    kept = {row["list"] for row in rows}
    assert len(kept) > 1
    listed = {(row["list"], row["entity"]) for row in plain if row["list"] in kept}
    assert {(row["list"], row["entity"]) for row in rows if float(row["distance"]) >= 0} == listed
    for name in kept:
        distances = [float(row["distance"]) for row in rows if row["list"] == name]
        places = sum(distance >= 0 for distance in distances)
        assert distances == sorted(distances, reverse=True)
        assert abs(distances[places - 1] + distances[places]) < 1e-9
        assert places < len(distances) <= 4 * places
    assert all(row["people"] for row in rows)
    # Whose line runs between two equals, or who has nobody below it, has none.
    for name in {row["list"] for row in plain} - kept:
        assert name not in (result.folder / "line.csv").read_text(encoding="utf-8")
    again = rank_households(world.invocation.reread(), world.matrix, AS_OF)
    assert read_line(again.folder) == rows, "ranking twice changes nothing"


def test_a_list_with_a_lot_keeps_no_line(world: World) -> None:
    begin_trial(world)
    result = rank_households(keep_below(world, 3), world.matrix, AS_OF)
    assert not (result.folder / "line.csv").exists()


def test_who_is_forgotten_is_in_no_line(world: World) -> None:
    result = rank_households(keep_below(world, 3), world.matrix, AS_OF)
    rows = read_line(result.folder)
    below = next(row for row in rows if float(row["distance"]) < 0)
    person = below["people"].split()[0]
    assert forget_lines(["nobody"], world.invocation.workspace) == 0
    assert forget_lines([person], world.invocation.workspace) == 1
    left = read_line(result.folder)
    assert [row for row in rows if row["entity"] != below["entity"]] == left
    assert person not in (result.folder / "line.csv").read_text(encoding="utf-8")
