"""SAVVI's model beside ours: every name of ours in it exists, the page is the export, and nobody's record is read."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from charter.contracts import check_document
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import DataError
from charter.invocation import Invocation, shipped_council
from charter.rules.showing import LIVE
from fairness_reports.residents.data_uses import DataUse
from fairness_reports.residents.open_data_page import copy_open_data, describe_open_data
from fairness_reports.residents.savvi_model import describe_model, find_ours, publish_savvi, read_savvi
from sooner.command import list_verbs

BUNDLE: dict[str, Any] = {
    "release": "r1",
    "model": "points",
    "entity": "household",
    "cohort": "Households with a child",
    "outcome": {"title": "A family needs more than early help", "horizon": {"n": 12, "unit": "months"}},
    "synthetic": True,
    "features": [
        {"name": name, "unit": "GBP", "services": ["housing"], "signals": ["housing.arrears_stage"],
         "system_response": False, "reason": "{value}"}
        for name in ("arrears", "not_read")
    ],
}  # fmt: skip


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    shutil.copytree(shipped_council(), tmp_path / "council")
    made = Invocation(Council.load(tmp_path / "council"), "early_help", Workspace(tmp_path / "workspace", "early_help"))
    object.__setattr__(made, "__dict__", made.__dict__ | {"today": date(2026, 11, 2)})
    return made


def test_every_verb_that_a_stage_names_can_be_typed() -> None:
    typed = {verb.name: set(verb.verbs or ()) for verb in list_verbs()}
    named = [name for stage in read_savvi()["stages"] for name in stage["verbs"]]
    assert len(named) > 10
    for name in named:
        verb, _, under = name.partition(" ")
        assert verb in typed, name
        assert not under or under in typed[verb], name


def test_every_field_is_a_column_a_member_or_a_setting_and_says_what_that_says() -> None:
    """Broken by a column that was renamed: the model can't be read any more."""
    fields = [field for entity in read_savvi()["entities"] for field in entity["fields"]]
    assert len([field for field in fields if field["at"]]) > 50
    assert all(field["at"] or field["differs"] for field in fields)
    assert find_ours("table issued.rank")[0] == "integer"
    assert find_ours("setting register.source.basis")[1].startswith("The lawful basis")
    unknown = ["table issued.ranks", "table nobody.rank", "document bundle.nothing", "setting nobody.title"]
    for place in (*unknown, "setting council.team.nothing", "row issued.rank"):
        with pytest.raises(KeyError):
            find_ours(place)


def test_every_entity_hangs_together_with_another() -> None:
    model = read_savvi()
    ends = {row[end] for row in model["relations"] for end in ("from", "to")}
    alone = {row["name"] for row in model["entities"]} - ends
    assert alone == {"Contact Event", "Plan", "Action"}, "what stays in casework has no relation that crosses"


def test_the_files_are_the_document_and_the_dictionary_has_every_column(invocation: Invocation, tmp_path: Path) -> None:
    folder, entities = publish_savvi(invocation)
    document = json.loads((folder / "savvi.json").read_text())
    check_document("savvi", document)
    assert entities == len(document["model"]["entities"]) == 24
    with (folder / "dictionary.csv").open() as file:
        said = [(row["file"], row["column"]) for row in csv.DictReader(file) if row["description"]]
    tables = sorted(path.name for path in folder.glob("*.csv") if path.name != "dictionary.csv")
    heads = [(name, head) for name in tables for head in (folder / name).read_text().splitlines()[0].split(",")]
    assert len(tables) == 4
    assert sorted(said) == sorted(heads)
    with (folder / "model.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["field"]]
    assert len(rows) == sum(len(entity["fields"]) for entity in document["model"]["entities"])
    with (folder / "signals.csv").open() as file:
        signals = {row["signal"]: row["basis"] for row in csv.DictReader(file)}
    assert signals["housing.notice"] == invocation.register.source("housing").basis

    site = tmp_path / "site"
    site.mkdir()
    copy_open_data(invocation, [], site)
    whole = json.loads((site / "data" / "data.json").read_text())
    check_document("catalogue", whole)
    (dataset,) = whole["dataset"]
    for row in dataset["distribution"]:
        assert (site / row["downloadURL"].removeprefix(f"{invocation.public.site}/")).is_file()
    named = {path.name for path in (site / "data" / "savvi").iterdir()} - {"data.json"}
    assert named == {row["downloadURL"].rpartition("/")[2] for row in dataset["distribution"]}
    shown = describe_open_data(invocation, [])
    assert [row["title"] for row in shown["sets"]] == [dataset["title"]]
    assert shown["maps"] == []


def test_of_a_programme_what_is_released_is_said_and_of_a_planned_one_its_name(invocation: Invocation) -> None:
    """Broken by reading the definition of a folder, which nobody signed."""
    planned = DataUse(invocation, "not used", {}, {}, {}, {})
    released = replace(planned, state=LIVE, bundle=BUNDLE, findings={"reads": ["arrears"]})
    document = describe_model(invocation, [planned, released])
    check_document("savvi", document)
    first, second = document["initiatives"]
    assert (first["factors"], first["cohort"], first["outcome"], first["release"]) == ([], "", "", "")
    assert [row["name"] for row in second["factors"]] == ["arrears"]
    assert second["outcome"] == "A family needs more than early help"
    assert document["made_up"]


def test_nobody_on_a_list_is_in_any_file(invocation: Invocation) -> None:
    listed = invocation.workspace.worklist / "2026-07-06"
    listed.mkdir(parents=True)
    (listed / "issued.csv").write_text("list,as_of,entity\nnorth-2026,2026-07-06,h5f3a9c1d7\n")
    folder, _ = publish_savvi(invocation)
    for path in folder.iterdir():
        assert "h5f3a9c1d7" not in path.read_text()


def test_without_anybody_to_ask_nothing_is_published(invocation: Invocation) -> None:
    silent = replace(invocation, council=invocation.council.replace(contact=""))
    with pytest.raises(DataError, match="whom readers could ask"):
        publish_savvi(silent)
    assert not (invocation.workspace.root / "published" / "savvi").exists()


def test_the_page_has_the_tables_of_the_export() -> None:
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "savvi.md").read_text(encoding="utf-8")
    model = read_savvi()
    for entity in model["entities"]:
        places = ", ".join(f"`{name}`" for name in dict.fromkeys(row["at"] for row in entity["fields"]) if name)
        row = f"| {entity['name']} | {entity['stage']} | {entity['ours']} | {entity['differs']} | {places} |"
        assert row in page
    for stage in model["stages"]:
        assert f"| {stage['name']} | {stage['says']} | {stage['ours']} |" in page
    for word in model["words"]:
        assert f"| {word['savvi']} | {word['ours']} | {word['differs']} |" in page
