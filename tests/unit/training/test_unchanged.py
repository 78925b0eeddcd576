"""A run is made again where anything that goes into it changed, and where it is damaged; else it stands."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import write_json
from charter.council.council import Council
from charter.invocation import Invocation
from tests.unit.training.test_help_record import began, write_tables
from training.data import help_record
from training.data.help_record import read_help
from training.run import Run
from training.run_inputs import digest_help_sources, find_unchanged_run

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, and its type hints warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


@pytest.fixture
def own(trained: Invocation, tmp_path: Path) -> Invocation:
    """Give the trained workspace with a copy of its council that may be edited."""
    shutil.copytree(trained.council.folder, tmp_path / "council")
    return Invocation.open(tmp_path / "council", "early_help", trained.workspace.root, quiet=True)


def test_a_run_of_the_same_inputs_stands(own: Invocation) -> None:
    folder = find_unchanged_run(own)
    assert folder is not None
    assert folder.name == Run.open(own.workspace).id


@pytest.mark.parametrize(
    "file", ["council.toml", "charter.toml", "early_help/training.toml", "early_help/worklist.toml"]
)
def test_an_edited_file_makes_another_run(own: Invocation, file: str) -> None:
    path = own.council.folder / file
    path.write_text(path.read_text(encoding="utf-8") + "\n# Another word.\n", encoding="utf-8")
    edited = Invocation(Council.load(own.council.folder), own.programme, own.workspace, quiet=True)
    assert find_unchanged_run(edited) is None


def test_another_matrix_a_damaged_file_and_a_new_offer_make_another_run(own: Invocation) -> None:
    run = Run.open(own.workspace)
    model = run.folder / "model.lgb"
    text = model.read_text(encoding="utf-8")
    model.write_text("tree\n", encoding="utf-8")
    assert find_unchanged_run(own) is None
    model.write_text(text, encoding="utf-8")
    assert find_unchanged_run(own) is not None
    actions = own.workspace.worklist / "actions.csv"
    actions.parent.mkdir(parents=True, exist_ok=True)
    with actions.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        row = {"entity": "e" * 32, "offered_at": "2020-01-01T00:00:00+00:00", "known_at": "2020-01-02T00:00:00+00:00"}
        writer.writerows([list(row), list(row.values())])
    assert find_unchanged_run(own) is None
    actions.unlink()
    manifest = own.workspace.matrix / run.manifest["matrix"] / "manifest.json"
    document = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(document | {"reporting_lag_days": 99.0}), encoding="utf-8")
    assert find_unchanged_run(own) is None


def test_help_is_read_anew_only_where_what_it_is_read_from_changed(
    own: Invocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def read_and_note(*about: Any) -> help_record.HelpRecord:
        read.append(about)
        return read_help(*about)

    def stands(invocation: Invocation = own) -> tuple[bool, int]:
        read.clear()
        return find_unchanged_run(invocation) is not None, len(read)

    monkeypatch.setattr(help_record, "read_help", read_and_note)
    assert stands() == (True, 0)
    register = own.council.folder / "register.toml"
    register.write_text(register.read_text(encoding="utf-8") + "\n# Another word.\n", encoding="utf-8")
    edited = Invocation(Council.load(own.council.folder), own.programme, own.workspace, quiet=True)
    assert stands(edited) == (True, 1), "another register that allows the same"
    help_came = began("a" * 32, datetime(2022, 5, 1))
    write_tables(own, [help_came], [{"person_id": "a" * 32}])
    assert stands() == (True, 1), "another table, and whoever is in it objects"
    run = Run.open(own.workspace)
    sources = {"help_sources": digest_help_sources(own, str(run.manifest["snapshot"]))}
    write_json(run.folder / "manifest.json", {**run.manifest, **sources})
    assert stands() == (True, 0), "as if it had been trained on these"
    write_tables(own, [began("b" * 32, datetime(2022, 5, 1))], [{"person_id": "a" * 32}])
    assert stands() == (False, 1), "another event, the same choices"
    write_tables(own, [help_came])
    assert stands() == (False, 1), "the same event, nobody objects any more"
