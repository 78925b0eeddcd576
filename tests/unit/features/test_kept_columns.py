"""A changed feature builds its columns alone, and the matrix is that of a whole build to the last byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.contracts.matrix import Matrix, MatrixDate
from charter.invocation import Invocation, shipped_council
from features.build import build_matrix
from features.engines.engine import Engine
from tests.unit.features.test_matrix import leave_snapshot, small_borough

DAYS = [date(2023, 3, 1), date(2024, 3, 1)]
CHANGES = {
    "another window": ("count(arrears, last=months(6))", "count(arrears, last=months(3))"),
    "another service's whole reach": ("count(arrears, last=months(6))", "count(arrears, last=months(5))"),
    "other words for people": ('because="Attendance often', 'because="Going to school often'),
}


@pytest.fixture
def open_council(tmp_path: Path) -> Callable[[], Invocation]:
    council = tmp_path / "council"
    shutil.copytree(shipped_council(), council)
    leave_snapshot(tmp_path / "workspace", small_borough())
    return lambda: Invocation.open(council, "early_help", tmp_path / "workspace", quiet=True)


@pytest.fixture
def asked_features(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many features each engine that was started had to make."""
    counts: list[int] = []
    whole = Engine.__init__

    def count(self: Engine, question: object, *rest: object, **named: object) -> None:
        counts.append(len(question.definition.features))
        whole(self, question, *rest, **named)

    monkeypatch.setattr(Engine, "__init__", count)
    return counts


def change(invocation: Invocation, file: str, before: str, after: str) -> Invocation:
    path = invocation.council.folder / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return invocation.reread()


def read_files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def without_keys(folder: Path) -> dict:
    manifest = dict(Matrix.open(folder).manifest)
    manifest["as_of"] = {
        day: {name: value for name, value in facts.items() if name != "key"} for day, facts in manifest["as_of"].items()
    }
    return manifest


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_feature_is_made_alone(
    name: str, open_council: Callable[[], Invocation], asked_features: list[int]
) -> None:
    first = build_matrix(open_council(), as_of=DAYS)
    invocation = change(open_council(), "early_help/definition.py", *CHANGES[name])
    asked_features.clear()
    made = build_matrix(invocation, as_of=DAYS)
    assert made != first
    assert asked_features == ([] if "words" in name else [1])
    alone, manifest = read_files(made), without_keys(made)
    shared = [p for p in MatrixDate.ARRAYS if (made / f"as_of={DAYS[0]}" / f"{p}.npy").stat().st_nlink > 1]
    assert set(MatrixDate.ARRAYS) - set(shared) <= {"features", "seen"}
    shutil.rmtree(invocation.workspace.matrix)
    asked_features.clear()
    whole = build_matrix(invocation, as_of=DAYS)
    assert whole == made
    assert len(asked_features) == 1
    assert asked_features[0] > 20
    assert manifest == without_keys(whole)
    other = read_files(whole)
    assert {p: b for p, b in alone.items() if p != "manifest.json"} == {
        p: b for p, b in other.items() if p != "manifest.json"
    }


def test_features_in_another_order_or_fewer_are_not_made_again(
    open_council: Callable[[], Invocation], asked_features: list[int]
) -> None:
    invocation = open_council()
    build_matrix(invocation, as_of=DAYS)
    path = invocation.council.folder / "early_help" / "definition.py"
    path.write_text(path.read_text() + "\nFEATURES = [*reversed(FEATURES[3:])]\n")
    asked_features.clear()
    made = read_files(build_matrix(invocation.reread(), as_of=DAYS))
    assert not asked_features
    shutil.rmtree(invocation.workspace.matrix)
    whole = read_files(build_matrix(invocation.reread(), as_of=DAYS))
    assert len(made) == len(whole) > 20
    for name in set(whole) - {"manifest.json"}:
        assert made[name] == whole[name], name


def test_fewer_dates_than_an_earlier_matrix_has_take_its_columns(
    open_council: Callable[[], Invocation], asked_features: list[int], tmp_path: Path
) -> None:
    borough = small_borough()
    first, *others = borough.people
    leave_snapshot(
        tmp_path / "workspace", replace(borough, people=(replace(first, death_date=date(2023, 9, 1)), *others))
    )
    tables = open_council().workspace.snapshot(None) / "tables"
    people = pq.read_table(tables / "people.parquet")["person_id"].to_pylist()
    links = {"person_id": people, "service": ["education"] * len(people)}
    flags = {"used": [True] * len(people), "certain": [False] * len(people)}
    pq.write_table(pa.table(links | flags), tables / "links.parquet")
    build_matrix(open_council(), as_of=DAYS)
    invocation = change(open_council(), "early_help/definition.py", *CHANGES["another window"])
    linked = set()
    for days in ([DAYS[0]], [DAYS[1]]):
        asked_features.clear()
        made = build_matrix(invocation, as_of=days)
        assert asked_features == [1]
        alone, manifest = read_files(made), without_keys(made)
        aside = made.parent.rename(made.parent.with_name("aside"))
        whole = build_matrix(invocation, as_of=days)
        assert manifest == without_keys(whole)
        other = read_files(whole)
        linked.add(len(alone["uncertain.csv"].splitlines()))
        assert alone.keys() == other.keys()
        assert [name for name in other if alone[name] != other[name]] == ["manifest.json"], "which has keys of dates"
        shutil.rmtree(whole.parent)
        aside.rename(made.parent)
    assert len(linked) == 2, "one of the people is a member at one date alone"
    assert min(linked) > 1


def test_another_charter_cohort_snapshot_or_date_makes_every_column_anew(
    open_council: Callable[[], Invocation], asked_features: list[int], tmp_path: Path
) -> None:
    feature = ("early_help/definition.py", *CHANGES["another window"])
    build_matrix(open_council(), as_of=DAYS)
    change(open_council(), *feature)

    def assert_made_anew(invocation: Invocation, days: list[date], snapshot: str | None = None) -> None:
        asked_features.clear()
        build_matrix(invocation, as_of=days, snapshot=snapshot)
        assert asked_features == [len(invocation_features)], "every feature was asked"

    invocation_features = Matrix.open(build_matrix(open_council(), as_of=[DAYS[0]])).features
    assert_made_anew(open_council(), [*DAYS, date(2024, 6, 1)])
    leave_snapshot(tmp_path / "workspace", small_borough(), "two")
    assert_made_anew(open_council(), DAYS, "two")
    charter = open_council().council.folder / "charter.toml"
    text = charter.read_text()
    charter.write_text(text + "\n# Another word.\n")
    assert_made_anew(open_council(), DAYS, "one")
    charter.write_text(text)
    assert_made_anew(
        change(open_council(), "early_help/definition.py", "resident=months(6)", "resident=months(5)"), DAYS
    )
