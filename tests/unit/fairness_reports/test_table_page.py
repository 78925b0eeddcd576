"""A verdict on anybody's list: the gate's own rule and exit codes on a scored table, with a charter of the reader's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from charter.errors import BlockedError, ReferredError, UsageError
from charter.invocation import shipped_council
from fairness_reports.commands import verbs

ROWS = 6000


def write_scored(path: Path, reached: float) -> None:
    """Write a table in which, by hand, half of those in need are chosen in the north, and `reached` in the south."""
    rng = np.random.default_rng(4)
    south, need = rng.random(ROWS) < 0.4, rng.random(ROWS) < 0.3
    taken = rng.random(ROWS) < np.where(need, np.where(south, reached, 0.5), 0.1)
    lines = [f"{'south' if s else 'north'},{int(n)},{int(t)}" for s, n, t in zip(south, need, taken, strict=True)]
    path.write_text("\n".join(["ethnicity,happened,taken", *lines]) + "\n")


@pytest.fixture
def charter(tmp_path: Path) -> Path:
    """Write the shipped charter with only its questions about recall by ethnicity, and those of lists week by week."""
    text = (shipped_council() / "charter.toml").read_text()
    parts = text.split("[[gate]]")
    kept = [part for part in parts[1:-1] if '"recall"' not in part or '"ethnicity"' in part]
    kept = [part for part in kept if not any(word in part for word in ('"false_positive_rate"', '"selection_rate"'))]
    path = tmp_path / "charter.toml"
    path.write_text("[[gate]]".join([parts[0], *kept, parts[-1]]))
    return path


def audit(table: Path, charter: Path | None, *more: str) -> tuple[str, BaseException | None]:
    words = ["audit", "table", str(table), "--label", "happened", "--selected", "taken", "--group", "ethnicity"]
    done = CliRunner().invoke(verbs, [*words, *(("--charter", str(charter)) if charter else ()), *more])
    return done.stdout, done.exception


@pytest.mark.parametrize(
    ("reached", "error", "code"), [(0.5, None, 0), (0.2, BlockedError, 13), (0.4, ReferredError, 15)]
)
def test_the_verdict_is_the_one_expected_by_hand_with_the_gates_exit_codes(
    tmp_path: Path, charter: Path, reached: float, error: type[BaseException] | None, code: int
) -> None:
    """A ratio of 1 under a limit of 0.8 passes, of 0.4 fails, of 0.8 cannot be told. Broken by a rule of its own."""
    write_scored(tmp_path / "scored.csv", reached)
    _, raised = audit(tmp_path / "scored.csv", charter)
    decision = json.loads((tmp_path / "scored-audit" / "decision.json").read_text())
    if error is None:
        assert raised is None
        assert decision["decision"] == "pass"
    else:
        assert isinstance(raised, error)
        assert raised.exit_code == code
    page = (tmp_path / "scored-audit" / "report.html").read_text()
    assert "Questions that no table can answer" in page
    assert "south" in page


def test_findings_and_a_page_are_left_without_a_charter_where_they_are_asked_for(tmp_path: Path) -> None:
    write_scored(tmp_path / "scored.csv", 0.5)
    audit(tmp_path / "scored.csv", None)
    assert not (tmp_path / "scored-audit").exists()
    audit(tmp_path / "scored.csv", None, "--into", str(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"findings.json", "report.html"}
    assert "no charter was given" in (tmp_path / "out" / "report.html").read_text()


def test_a_question_about_a_column_that_was_not_given_blocks(tmp_path: Path, charter: Path) -> None:
    write_scored(tmp_path / "scored.csv", 0.5)
    text = (tmp_path / "scored.csv").read_text().replace("ethnicity,", "part,", 1)
    (tmp_path / "scored.csv").write_text(text)
    words = [
        "audit",
        "table",
        str(tmp_path / "scored.csv"),
        "--label",
        "happened",
        "--selected",
        "taken",
        "--group",
        "part",
    ]
    done = CliRunner().invoke(verbs, [*words, "--charter", str(charter)])
    assert isinstance(done.exception, BlockedError)
    assert "Nothing was found out about recall by ethnicity" in str(done.exception)


def test_a_charter_that_asks_nothing_of_a_table_is_refused(tmp_path: Path, charter: Path) -> None:
    write_scored(tmp_path / "scored.csv", 0.5)
    charter.write_text(charter.read_text().replace('measure = "recall"', 'measure = "seen"'))
    _, raised = audit(tmp_path / "scored.csv", charter)
    assert isinstance(raised, UsageError)
