"""A published table of percentages with group sizes: whole people again, and a verdict under a charter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from charter.errors import BlockedError, DataError, UsageError
from fairness_reports.audit.measuring.intervals import bound_share
from fairness_reports.audit.tables.published_rates import RatesQuestion, audit_rates
from tests.unit.fairness_reports.outsiders import find, missed, run, write_charter

pytestmark = pytest.mark.filterwarnings("error")

PUBLISHED = 'group,people,reached\nWhite,"1,240",31.2 %\nBlack,180,24.4%\nAsian,95,c\nMixed,60,20.0 %\n'


def ask(path: Path, text: str, measure: str = "recall") -> RatesQuestion:
    path.write_text(text, encoding="utf-8")
    return RatesQuestion(path, "group", "people", "reached", measure)


def test_percentages_are_whole_people_again(tmp_path: Path) -> None:
    """31.2 % of 1,240 are 387, 24.4 % of 180 are 44, 20 % of 60 are 12: of 1,480 443."""
    document = audit_rates(ask(tmp_path / "p.csv", PUBLISHED))
    assert find(document, "recall", None)["estimate"] == pytest.approx(443 / 1480)
    mixed = find(document, "recall", "Mixed")
    assert mixed["rest"]["estimate"] == pytest.approx(431 / 1420)
    low, high = bound_share(np.array([0.2]), np.array([60.0]))
    assert mixed["interval"] == pytest.approx([low[0], high[0]])
    assert "Nothing was published of Asian" in " ".join(document["notes"])


def test_the_students_published_rates_pass_by_hand(tmp_path: Path) -> None:
    """Le Quy and others 2022 on the students' Portuguese: 105 of 109 girls and 57 of 60 boys, a ratio of 1.01."""
    table = tmp_path / "p.csv"
    table.write_text("sex,people,tpr\nF,109,0.963303\nM,60,0.95\n", encoding="utf-8")
    charter = write_charter(tmp_path / "charter.toml", missed("sex", 0.8))
    words = ("--group", "sex", "--size", "people", "--share", "tpr", "--measure", "recall", "--charter", str(charter))
    code, said = run("rates", str(table), *words, "--into", str(tmp_path / "out"))
    assert code == 0, said
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert find(findings, "recall", "F")["estimate"] == 105 / 109


def test_a_published_gap_that_is_no_chance_blocks(tmp_path: Path) -> None:
    charter = write_charter(tmp_path / "charter.toml", missed("group", 0.8))
    (tmp_path / "p.csv").write_text(PUBLISHED.replace("24.4%", "10.0%"), encoding="utf-8")
    words = ("--group", "group", "--size", "people", "--share", "reached", "--measure", "recall")
    code, said = run("rates", str(tmp_path / "p.csv"), *words, "--charter", str(charter))
    assert (code, "Black (group)" in said) == (BlockedError.exit_code, True), said


@pytest.mark.parametrize("measure", ["selection_rate", "precision", "accuracy", "false_positive_rate"])
def test_any_share_can_be_published(tmp_path: Path, measure: str) -> None:
    document = audit_rates(ask(tmp_path / "p.csv", PUBLISHED, measure))
    assert find(document, measure, "Black")["estimate"] == pytest.approx(44 / 180)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("24.4%", '"24,4"', "line 3: its rate is no number"),
        ("24.4%", "124 %", "above 100 %"),
        ("24.4%", "24.4", "above 1"),
        ("180,24.4%", "7,45 %", "no whole number of people"),
        (",180,", ",about 180,", "no whole number"),
        ("Black", "White", "a group twice"),
        ("Mixed,60,20.0 %", "All,1420,30.4 %", "it is their total"),
    ],
)
def test_what_cannot_be_whole_people_is_refused(tmp_path: Path, was: str, now: str, words: str) -> None:
    text = PUBLISHED.replace('"1,240"', "1240")
    assert was in text
    text = text.replace(was, now)
    with pytest.raises(DataError, match=words):
        audit_rates(ask(tmp_path / "p.csv", text))


def test_a_measure_that_is_no_share_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'auc' is no share"):
        ask(tmp_path / "p.csv", PUBLISHED, "auc")
