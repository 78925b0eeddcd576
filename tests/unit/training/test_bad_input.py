"""What cannot be trained on, through the real command: one clear sentence, what to do next, and the exit code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charter.contracts.matrix import NONE, MatrixDate
from charter.invocation import Invocation
from tests.conftest import run_sooner


def one_class(rows: MatrixDate) -> MatrixDate:
    return replace(rows, outcome_at=np.full_like(rows.outcome_at, NONE))


def no_positive_since_2024(rows: MatrixDate) -> MatrixDate:
    return one_class(rows) if rows.as_of.year >= 2024 else rows


def constant(rows: MatrixDate) -> MatrixDate:
    return replace(rows, features=np.full_like(rows.features, 3.0))


def never_seen(rows: MatrixDate) -> MatrixDate:
    return replace(rows, features=np.full_like(rows.features, np.nan))


def unspoiled(rows: MatrixDate) -> MatrixDate:
    return rows


@pytest.mark.parametrize(
    ("edit", "places", "says", "next_step"),
    [
        (one_class, 8, "labelled rows, all negative", "[as_of] of training.toml"),
        (no_positive_since_2024, 8, "fold 2024-03 tests on", "a more common outcome"),
        (constant, 8, "has the same value in every row", "remove it from definition.py"),
        (never_seen, 8, "is never seen", "the charter's allow-list"),
        (unspoiled, 5000, "has 5000 places on", "Lower the places"),
    ],
)
def test_what_cannot_be_trained_on_is_one_sentence_with_its_exit_code(
    make: Callable[[Any], Invocation],
    how: Any,
    tmp_path: Path,
    edit: Callable[[MatrixDate], MatrixDate],
    places: int,
    says: str,
    next_step: str,
) -> None:
    invocation = make(how(households=200, edit=edit))
    council = tmp_path / "council"
    shutil.copytree(invocation.council.folder, council)
    teams = council / "council.toml"
    text = teams.read_text(encoding="utf-8")
    assert "places = 5\n" in text
    teams.write_text(text.replace("places = 5\n", f"places = {places}\n"), encoding="utf-8")
    words = ("--programme", "early_help", "--council", str(council), "--workspace", str(invocation.workspace.root))
    ran = run_sooner("train", *words)
    assert ran.code == 11
    assert ran.out == ""
    sentence, step = ran.err.strip().splitlines()
    assert sentence.startswith("sooner: ")
    assert says in sentence
    assert next_step in step
    assert not (invocation.workspace.scores / "current").exists()
