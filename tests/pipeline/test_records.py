"""Records are made whole, pass their lint on the demo, fail it on each planted fault, and say what files say."""

from __future__ import annotations

import copy
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import find_current, read_json
from charter.council.records_file import RECORDS, RecordsFile
from charter.invocation import Invocation
from fairness_reports.records.record_files import DRAFTS, make_records, write_record_texts, write_records
from fairness_reports.records.record_lint import Published, check_records, lint_record
from fairness_reports.residents.site import list_pages
from tests.conftest import ROOT, run_sooner

Row = dict[str, Any]


@pytest.fixture(scope="module")
def invocation(demo_workspace: Path) -> Invocation:
    return Invocation.open(ROOT / "council", "early_help", demo_workspace, quiet=True)


@pytest.fixture(scope="module")
def records(invocation: Invocation) -> Mapping[str, Row]:
    (programme,) = (made := make_records(invocation))
    assert programme == "early_help"
    assert set(made[programme]) == set(RECORDS) == set(DRAFTS)
    return made[programme]


def published(fresh: Row) -> Published:
    today = date.fromisoformat(fresh["made_on"])
    return Published(copy.deepcopy(fresh), dict(write_record_texts(fresh)), today, today)


def with_document(change: Callable[[Row], None]) -> Callable[[Published, Row], Published]:
    """Return a fault that edits the document, with its files written out from it again."""

    def plant(good: Published, _: Row) -> Published:
        document: Row = copy.deepcopy(dict(good.document or {}))
        change(document)
        return replace(good, document=document, texts=dict(write_record_texts(document)))

    return plant


def of_council(document: Row) -> Row:
    """Return a field that the council answers, or the first there is."""
    fields: list[Row] = document["fields"]
    return next((row for row in fields if row["source"] == "council"), fields[0])


def edit_figure(document: Row) -> None:
    """Raise the first number that a field of the record says by one."""
    row = next(row for row in document["fields"] if re.search(r"\d", row["text"]) or row is document["fields"][-1])
    row["text"] = re.sub(r"\d+", lambda found: str(int(found[0]) + 1), row["text"], count=1) + " "


def spoil_text(good: Published, fresh: Row) -> Published:
    return replace(good, texts={**good.texts, f"{fresh['kind']}.md": "# Something else"})


def let_review_pass(good: Published, fresh: Row) -> Published:
    return replace(good, today=date.fromisoformat(fresh["review_by"]) + timedelta(days=1))


FAULTS: Mapping[str, tuple[Callable[[Published, Row], Published], str]] = {
    "missing": (lambda good, _: replace(good, document=None), "is not there"),
    "no record": (lambda good, _: replace(good, document={"kind": "poem"}), "is not a record"),
    "another release": (with_document(lambda one: one.update(release="0" * 16)), "another release"),
    "another charter": (with_document(lambda one: one["charter"].update(sha256="0" * 64)), "another charter"),
    "older than its model": (
        lambda good, fresh: replace(good, released_on=date.fromisoformat(fresh["made_on"]) + timedelta(days=1)),
        "older than its model",
    ),
    "review passed": (let_review_pass, "review was due"),
    "an answer empty": (with_document(lambda one: of_council(one).update(text="")), "is empty"),
    "a field gone": (with_document(lambda one: one["fields"].pop(0)), "is missing"),
    "a figure edited": (with_document(edit_figure), "is not what the files say"),
    "a private link": (
        with_document(lambda one: of_council(one).update(text="See http://10.0.0.4/plan.")),
        "cannot open",
    ),
    "a file edited": (spoil_text, "is not what its record says"),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_each_record_passes_and_fails_on_each_planted_fault(kind: str, records: Mapping[str, Row]) -> None:
    fresh = records[kind]
    assert lint_record(published(fresh), fresh) == []
    assert len(FAULTS) >= 10
    for name, (plant, words) in FAULTS.items():
        faults = lint_record(plant(published(fresh), fresh), fresh)
        assert any(words in fault.sentence for fault in faults), (kind, name, faults)


def test_an_empty_answer_names_the_line_to_fill(records: Mapping[str, Row]) -> None:
    fresh = records["data_protection"]
    answered = [row for row in fresh["fields"] if row["source"] == "council"]
    assert len(answered) >= 5
    for row in answered:
        document = copy.deepcopy(fresh)
        next(other for other in document["fields"] if other["id"] == row["id"])["text"] = " "
        faults = lint_record(replace(published(fresh), document=document), fresh)
        line = f'[[answer]] record = "data_protection", field = "{row["id"]}"'
        assert any(line in fault.next_step for fault in faults), row["id"]


def test_the_private_part_is_in_no_public_file(records: Mapping[str, Row]) -> None:
    fresh = records["data_protection"]
    (private,) = [row for row in fresh["fields"] if row["private"]]
    texts = write_record_texts(fresh)
    assert private["text"] in texts["data_protection.md"]
    assert private["text"] not in texts["data_protection_public.md"]


def test_figures_of_the_records_are_computed_again(records: Mapping[str, Row], invocation: Invocation) -> None:
    """Broken by a count of other verdicts, of another characteristic, or by nine rows that are eight."""
    audit = find_current(invocation.workspace.audit)
    assert audit
    decision = read_json(audit / "decision.json")

    def text(kind: str, name: str) -> str:
        return str(next(row["text"] for row in records[kind]["fields"] if row["id"] == name))

    race = Counter(row["verdict"] for row in decision["verdicts"] if row["characteristic"] == "ethnicity")
    said = re.findall(r"\d+", text("equality", "race_evidence"))
    assert said == [str(race[one]) for one in ("pass", "fail", "insufficient")]
    evidence = [row for row in records["equality"]["fields"] if row["id"].endswith("_evidence")]
    assert len(evidence) == 9
    assert sum(row["text"].startswith("No data") for row in evidence) == 9 - len(invocation.charter.characteristics)
    cases = decision["red_lines"]
    held = [one for one in cases if one["held"]]
    assert re.findall(r"\d+", text("data_protection", "3.2")) == [str(len(held)), str(len(cases))]
    assert records["transparency"]["tables"][0]["rows"]
    performance = text("transparency", "2.4.2.7")
    assert all(word in performance for word in ("precision", "recall", "Calibration"))
    assert "22A" in text("transparency", "2.3.5")


def test_the_verbs_write_them_the_check_holds_them_and_the_site_shows_them(own_workspace: Path, tmp_path: Path) -> None:
    council = tmp_path / "council"
    shutil.copytree(ROOT / "council", council)
    places = ("--council", str(council), "--workspace", str(own_workspace), "--programme", "early_help")
    before = run_sooner("publish", "check", *places)
    broken = list_pages(Invocation.open(council, "early_help", own_workspace, quiet=True))["promises.html"]
    assert broken.count(">Broken<") == 1  # assessments are promised, and none is published yet
    assert before.code == 11
    assert before.err.count("is not there") == len(RECORDS)
    invocation = Invocation.open(council, "early_help", own_workspace, quiet=True)
    write_records(invocation)
    assert check_records(invocation) == []
    pages = list_pages(invocation)
    assert sum(name.startswith("record-") for name in pages) == len(RECORDS)
    assert pages["promises.html"].count(">Broken<") == 0
    assert pages["promises.html"].count(">Kept<") == 3
    assert "in time" in pages["promises.html"]
    private = invocation.council.folder / "records.toml"
    secret = RecordsFile.read(private).find_answer("data_protection", "6.2", "early_help")
    assert secret
    assert not any(secret in page for page in pages.values())
    # A use of data that nobody maps to a principle, and an answer that was taken out afterwards.
    words = (council / "public.toml").read_text(encoding="utf-8")
    (council / "public.toml").write_text(re.sub(r'\[\[use\]\]\nid = "early_help".*?\n\n', "", words, flags=re.S))
    private.write_text(private.read_text(encoding="utf-8").replace("No advice has been set aside.", ""))
    faults = check_records(invocation.reread())
    said = [(fault.record, fault.sentence) for fault in faults]
    assert ("charter", "it is a use of data that is held to no principle.") in said
    assert any(record == "data_protection" and "is empty" in sentence for record, sentence in said)
