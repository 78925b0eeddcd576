"""Counts for programs: every table that is out to everybody, and nothing else; none of its hidden cells can be had."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charter.contracts import check_document
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation, shipped_council
from fairness_reports.disclosure.door import list_recovered
from fairness_reports.disclosure.ledger import PARTNERS, PUBLIC, Ledger
from fairness_reports.disclosure.tables import CountTable, Dimension, Period
from fairness_reports.residents.open_data_page import copy_open_data, describe_open_data
from fairness_reports.residents.public_counts import publish_counts

HEAD = "list,as_of,entity,team,rank,margin,band,arm,inclusion"
LISTED = {"2026-07-06": {"north": 14, "east": 12}, "2026-08-03": {"north": 11, "south": 3}, "2026-10-05": {"west": 30}}


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    """Give lists of two quarters, the second not over; a household of north is listed twice, one is held out."""
    shutil.copytree(shipped_council(), tmp_path / "council")
    made = Invocation(Council.load(tmp_path / "council"), "early_help", Workspace(tmp_path / "workspace", "early_help"))
    object.__setattr__(made, "__dict__", made.__dict__ | {"today": date(2026, 11, 2)})
    for day, teams in LISTED.items():
        rows = [
            f"{team}-{day},{day},{team}{day if rank else ''}{rank},{team},{rank + 1},1.0,a,ranked,1"
            for team, number in teams.items()
            for rank in range(number)
        ]
        folder = made.workspace.worklist / day
        folder.mkdir(parents=True)
        held = f"north-{day},{day},held{day},north,99,1.0,,control,1"
        (folder / "issued.csv").write_text("\n".join([HEAD, *rows, held, ""]))
    return made


def read_table(folder: Path, counted: str) -> dict[str, Any]:
    index = json.loads((folder / "index.json").read_text())
    (row,) = [row for row in index["tables"] if row["counted"].startswith(counted)]
    document: dict[str, Any] = json.loads((folder / row["json"]).read_text())
    assert document["id"] == row["id"]
    return document


def test_households_are_counted_once_a_quarter_and_small_numbers_stay(invocation: Invocation) -> None:
    """Broken by counting places instead of households, and by writing true counts."""
    folder, tables = publish_counts(invocation)
    assert tables == 1, "a quarter that is not over is not out"
    document = read_table(folder, "households on a list of early_help")
    check_document("counts", document)
    assert (document["from"], document["until"], document["mode"]) == ("2026-07-01", "2026-10-01", "ten")
    counts = {cell["of"][0]: cell["count"] for cell in document["cells"]}
    # Of north 14 and 11 with one in both are 24; with east's 12 and south's 3 that is 39.
    assert counts["all"] in (39, None)
    assert counts["South family help team"] is None
    assert counts["West family help team"] is None, "nought is hidden, too"
    assert {count for count in counts.values() if count is not None} <= {24, 12, 39}
    assert any(count is not None for count in counts.values())
    assert list_recovered([entry.view for entry in Ledger(invocation.workspace.releases).read()]) == []
    with (folder / f"{document['id']}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["team"]: row["count"] for row in rows} == {
        team: "" if count is None else str(count) for team, count in counts.items()
    }


def test_what_is_out_stays_as_it_is_whatever_is_withdrawn_afterwards(invocation: Invocation) -> None:
    folder, _ = publish_counts(invocation)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 5
    path = invocation.workspace.worklist / "2026-07-06" / "issued.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-4]) + "\n")
    again, _ = publish_counts(invocation)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == before


def test_of_a_table_for_partners_everybody_reads_the_wider_areas_alone(invocation: Invocation) -> None:
    area = Dimension.with_total("area", ("E1", "E2", "E3", "E4"), {"M1": ("E1", "E2"), "M2": ("E3", "E4")})
    period, ledger = Period.of_quarter(date(2026, 5, 20)), Ledger(invocation.workspace.releases)
    table = CountTable("households in food need", period, (area,), np.array([30, 41, 52, 63]))
    ledger.release([table], "dfe", PARTNERS, date(2026, 8, 1))
    other = CountTable("members of the panel", period, (Dimension("ward", ("a", "b")),), np.array([20, 30]))
    ledger.release([other], "dfe", "the panel", date(2026, 8, 1))
    asked = CountTable("families who were asked", period, (Dimension("ward", ("a", "b")),), np.array([20, 30]))
    ledger.release([asked], "dfe", PUBLIC, date(2026, 8, 1))
    folder, tables = publish_counts(invocation)
    assert tables == 3
    document = read_table(folder, "households in food need")
    assert [cell["of"][0] for cell in document["cells"]] == ["M1", "M2", "all"]
    assert [cell["count"] for cell in document["cells"]] == [71, 115, 186]
    text = "".join(path.read_text() for path in folder.iterdir())
    assert "E1" not in text
    assert "members of the panel" not in text
    assert "families who were asked" in text


def test_the_site_has_the_files_and_says_what_is_counted(invocation: Invocation, tmp_path: Path) -> None:
    assert describe_open_data(invocation, ())["counts"] == []
    folder, _ = publish_counts(invocation)
    (row,) = describe_open_data(invocation, ())["counts"]
    assert row["counted"].startswith("Households on a list")
    assert (row["by"], row["span"]) == ("team", "1 July 2026 to 30 September 2026")
    site = tmp_path / "site"
    site.mkdir()
    copy_open_data(invocation, (), site)
    assert {path.name for path in (site / "data" / "counts").iterdir()} == {path.name for path in folder.iterdir()}
    assert (site / f"{row['file']}.csv").exists()
    assert (site / f"{row['file']}.json").stat().st_mode & 0o077 == 0


def test_a_portal_reads_one_catalogue_with_licence_dictionary_and_every_file(
    invocation: Invocation, tmp_path: Path
) -> None:
    """Broken by a file that is named and is not there, and by a column that the dictionary leaves out."""
    folder, tables = publish_counts(invocation)
    own = json.loads((folder / "data.json").read_text())
    check_document("catalogue", own)
    assert len(own["dataset"]) == tables == 1
    site = tmp_path / "site"
    site.mkdir()
    copy_open_data(invocation, [], site)
    whole = json.loads((site / "data" / "data.json").read_text())
    check_document("catalogue", whole)
    (dataset,) = whole["dataset"]
    assert "open-government-licence" in dataset["license"]
    for row in dataset["distribution"]:
        name = row["downloadURL"].removeprefix(f"{invocation.public.site}/")
        assert (site / name).is_file(), name
    with (folder / "dictionary.csv").open() as file:
        said = {row["column"] for row in csv.DictReader(file)}
    (table,) = [path for path in folder.glob("*.csv") if path.name != "dictionary.csv"]
    assert said == set(table.read_text().splitlines()[0].split(","))
    assert describe_open_data(invocation, [])["catalogue"]


def test_without_anybody_to_ask_there_are_counts_and_no_catalogue(invocation: Invocation) -> None:
    silent = replace(invocation, council=invocation.council.replace(contact=""))
    object.__setattr__(silent, "__dict__", silent.__dict__ | {"today": date(2026, 11, 2)})
    folder, tables = publish_counts(silent)
    assert tables == 1
    assert not (folder / "data.json").exists()
    assert not describe_open_data(silent, [])["catalogue"]
