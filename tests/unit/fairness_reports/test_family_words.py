"""What families said is published by team and group once its quarter is over, and no small number with it."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from pathlib import Path

import pytest

from charter.contracts import read_table_contract
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import DataError
from charter.invocation import Invocation, shipped_council
from fairness_reports.residents.family_words import publish_family_answers

OVER, OPEN = "2026-04-01", "2026-07-01"
SAID = [
    ("north", OVER, "yes", "yes", "White", 40), ("north", OVER, "yes", "a_little", "Black", 12),
    ("north", OVER, "no", "no", "Black", 3), ("south", OVER, "yes", "too_early", "", 22),
    ("south", OVER, "not_sure", "no", "Asian", 9), ("south", OVER, "no", "no", "White", 11),
    ("north", OPEN, "no", "no", "White", 17),
]  # fmt: skip


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    shutil.copytree(shipped_council(), tmp_path / "council")
    made = Invocation(Council.load(tmp_path / "council"), "early_help", Workspace(tmp_path / "workspace", "early_help"))
    object.__setattr__(made, "__dict__", made.__dict__ | {"today": date(2026, 10, 1)})
    made.workspace.worklist.mkdir(parents=True)
    names = read_table_contract("family_answers").names
    rows = [",".join(map(str, row)) for row in SAID]
    (made.workspace.worklist / "family_answers.csv").write_text("\n".join([",".join(names), *rows, ""]))
    return made


def read_rows(page: Path) -> dict[tuple[str, ...], str]:
    with page.with_suffix(".csv").open() as file:
        return {
            (row["quarter"], row["part"], row["question"], row["answer"]): row["number"] for row in csv.DictReader(file)
        }


def test_answers_are_published_by_team_and_group_without_small_numbers(invocation: Invocation) -> None:
    """Seen to fail with tables that don't go through the door."""
    page, quarters = publish_family_answers(invocation)
    assert quarters == 1
    rows = read_rows(page)
    assert {quarter for quarter, *_ in rows} == {OVER}, "a quarter that can still be answered is not published"
    assert rows[OVER, "all", "all_right", "all"] == "97"
    assert rows[OVER, "White", "all_right", "Yes"] in ("40", "c")
    assert rows[OVER, "Black", "all_right", "No"] == "c"
    assert rows[OVER, "North family help team", "all_right", "No"] == "c"
    shown = {number for number in rows.values() if number != "c"}
    assert not shown & {"1", "2", "3", "4", "5"}
    text = page.read_text()
    assert "they are no share of all families" in text
    assert "| Black |" in text
    assert "Quarter from 1 April 2026" in text


def test_publishing_again_says_the_same(invocation: Invocation) -> None:
    page, _ = publish_family_answers(invocation)
    before = page.read_bytes(), invocation.workspace.releases.read_bytes()
    publish_family_answers(invocation)
    assert (page.read_bytes(), invocation.workspace.releases.read_bytes()) == before


def test_without_a_quarter_that_is_over_nothing_leaves(invocation: Invocation) -> None:
    (invocation.workspace.worklist / "family_answers.csv").unlink()
    with pytest.raises(DataError, match="no quarter"):
        publish_family_answers(invocation)
    assert not invocation.workspace.releases.exists()
