"""A column known only after the outcome: named before training, and if training is forced, named by the audit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from charter.contracts.files import find_current, read_json
from charter.contracts.matrix import NONE, Matrix
from charter.contracts.workspace import Workspace
from tests.conftest import ROOT, run_sooner

pytestmark = pytest.mark.deep

COLUMN = 7


def plant(workspace: Path) -> str:
    """Write the outcome itself into a column of every as-of date, as a closure code would be; return its name."""
    folder = find_current(Workspace(workspace, "early_help").matrix)
    assert folder is not None
    matrix = Matrix.open(folder)
    for day in matrix.dates:
        path = folder / f"as_of={day}" / "features.npy"
        values = np.array(np.load(path))
        values[:, COLUMN] = (np.asarray(matrix.at(day).outcome_at) != NONE).any(axis=1) * 3
        np.save(path, values, allow_pickle=False)
    return matrix.features[COLUMN]


def test_a_planted_leak_is_caught_before_training_and_if_forced_flagged_by_the_audit(
    own_workspace: Path, tmp_path: Path
) -> None:
    name = plant(own_workspace)
    council = tmp_path / "council"
    shutil.copytree(ROOT / "council", council)
    words = ("--programme", "early_help", "--council", str(council), "--workspace", str(own_workspace))
    refused = run_sooner("train", *words)
    assert refused.code == 11, (refused.out, refused.err)
    assert f"the feature {name} knows the outcome too well" in refused.err
    training = council / "early_help" / "training.toml"
    accepted = f'[[leaks.accepted]]\nfeature = "{name}"\nreason = "A notice that the post dates."\n'
    training.write_text(f"{training.read_text()}\n{accepted}")
    trained = run_sooner("train", *words)
    assert trained.code == 0, trained.err
    assert f"Accepted although they know the outcome too well: {name} (A notice that the post dates.)" in trained.out
    audited = run_sooner("audit", *words)
    assert audited.code == 0, audited.err
    folder = find_current(Workspace(own_workspace, "early_help").audit)
    assert folder is not None
    flagged = read_json(folder / "findings.json")["notes"][0]
    assert f"The feature {name} knows the outcome too well" in flagged
    assert 'because "A notice that the post dates"' in flagged
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "knows the outcome too well" in page[: page.index("Please answer by")]
