"""What stands below a table's figures, so that nobody reads much out of a list that says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from charter.errors import DataError
from fairness_reports.audit.tables.scored_table import audit_table
from fairness_reports.audit.tables.table_question import Selection, TableQuestion


def write_table(folder: Path) -> Path:
    """Four hundred pupils, of whom those with low marks fail more often."""
    generator = np.random.default_rng(3)
    marks = generator.integers(0, 20, 400)
    failed = generator.random(400) < 1 / (2 + marks)
    sex = generator.choice(["F", "M"], 400)
    rows = "".join(f"{m},{'Low' if f else 'High'},{s}\n" for m, f, s in zip(marks, failed, sex, strict=True))
    path = folder / "pupils.csv"
    path.write_text(f"mark,outcome,sex\n{rows}", encoding="utf-8")
    return path


def notes_of(path: Path, label: str = "outcome=Low", score: str = "mark", **of_selection: float) -> str:
    selection = Selection(**of_selection)  # type: ignore[arg-type]  # a threshold or a capacity
    return " ".join(audit_table(TableQuestion(path, ("sex",), (selection,), score=score, label=label))["notes"])


def test_scores_the_wrong_way_round_are_said(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    assert "an AUROC below 0.5" in notes_of(path, capacity=40)
    assert "an AUROC below 0.5" not in notes_of(path, label="outcome=High", capacity=40)


def test_a_list_of_nobody_or_of_everybody_is_said(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    assert "By threshold 50 nobody is chosen: there is nothing to compare." in notes_of(path, threshold=50)
    assert "By threshold -1 everybody is chosen: there is nothing to compare." in notes_of(path, threshold=-1)
    assert "is chosen: there" not in notes_of(path, threshold=10)


def test_a_value_in_other_letters_is_said_to_be_there(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    with pytest.raises(DataError, match="no row of 'outcome' is 'low'") as refused:
        notes_of(path, label="outcome=low", capacity=40)
    assert refused.value.next_step.endswith("It stands there in other letters, large or small.")
    with pytest.raises(DataError, match="no row of 'outcome' is 'failed'") as refused:
        notes_of(path, label="outcome=failed", capacity=40)
    assert refused.value.next_step == "Write the value as it stands in the column."
