"""The published register says what the register says, names what it does not, and leaves blanks for people."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from charter.invocation import Invocation, shipped_council
from fairness_reports.residents.register_files import write_register


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    council = shutil.copytree(shipped_council(), tmp_path / "council")
    path = council / "register.toml"
    text = path.read_text(encoding="utf-8")
    head, rest = text.split('service = "housing"\n', 1)
    rest = rest.replace('contact = "housing-data@fernhill.example"', 'contact = "=Housing & rents"', 1)
    answers = 'review_by = 2027-03-31\nassessment = "DPIA 2026/14"\n'
    path.write_text(f'{head}service = "housing"\n{answers}{rest}', encoding="utf-8")
    return Invocation.open(council, "", tmp_path / "workspace", quiet=True)


def test_every_service_is_there_as_page_table_and_document(invocation: Invocation) -> None:
    """Broken by a service left out, a gap that is not told, a formula, and a mark that HTML would read."""
    folder, names = write_register(invocation)
    assert sorted(path.name for path in folder.iterdir()) == names
    people = [source for source in invocation.register.sources if source.bears_people]
    document = json.loads((folder / "register.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader((folder / "register.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["service"] for row in rows] == [source.service for source in people]
    assert document["register"] == invocation.register.sha256
    housing = next(row for row in rows if row["service"] == "housing")
    assert housing["not_said"] == ""
    assert (housing["assessment"], housing["review_by"]) == ("DPIA 2026/14", "2027-03-31")
    assert housing["contact"] == "'=Housing & rents"
    others = [row for row in rows if row["service"] != "housing"]
    assert others
    assert all("which impact assessment covers it" in row["not_said"] for row in others)
    page = (folder / "register.html").read_text(encoding="utf-8")
    assert "=Housing &amp; rents" in page
    assert all(f'id="source-{source.service}"' in page for source in people)
    assert page.count("Not said yet") == len(others)


def test_the_drafts_have_each_service_and_a_blank_for_what_only_people_know(invocation: Invocation) -> None:
    folder, _ = write_register(invocation)
    people = [source for source in invocation.register.sources if source.bears_people]
    records = list(csv.DictReader((folder / "article-30.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["service"] for row in records] == [source.title for source in people]
    assert all(row["e_transfers_abroad"].startswith("[") for row in records)
    assert "protected characteristics" in records[0]["c_people_and_data"]
    assert records[0]["f_erased_after"] == f"{people[0].retention_years} years after a record is over"
    notice = (folder / "privacy-notice.md").read_text(encoding="utf-8")
    assert all((f"## {source.title}\n" in notice) != source.disabled for source in people)
    assert "[name and address]" in notice
