"""The tutorial's notebook does what it says, from top to bottom, on a real workspace."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import find_current, folder_digest
from charter.contracts.workspace import Workspace
from tests.waiting import PATIENCE

pytestmark = [
    # Jupyter's own: where it looks for its files, and the event loop it makes.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "two_features.ipynb"


def outputs(cell: Any) -> str:
    return "".join(str(part.get("data", {}).get("text/plain", part.get("text", ""))) for part in cell["outputs"])


@pytest.mark.deep
def test_the_notebook_runs_and_changes_nothing_of_early_help(own_workspace: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    early_help = Workspace(own_workspace, "early_help")
    before = folder_digest(early_help.scores), find_current(early_help.matrix)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    made = NotebookClient(
        notebook,
        timeout=int(PATIENCE),
        kernel_name="python3",
        resources={"metadata": {"path": str(own_workspace.parent)}},
    ).execute()
    said = "\n".join(outputs(cell) for cell in made["cells"] if cell["cell_type"] == "code")
    assert "recommended" in said
    assert "absences_6m" in said
    assert "lightgbm" in said
    assert "metrics.isolated.precision" in said
    assert (folder_digest(early_help.scores), find_current(early_help.matrix)) == before
    assert find_current(Workspace(own_workspace, "two_features").scores) is not None


MODELS = NOTEBOOK.with_name("three_models.ipynb")


@pytest.mark.deep
def test_three_models_of_ones_own_are_replayed_beside_the_points_list_and_drawn(own_workspace: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    early_help = Workspace(own_workspace, "early_help")
    before = folder_digest(early_help.scores), find_current(early_help.matrix)
    made = NotebookClient(
        nbformat.read(MODELS, as_version=4),
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(own_workspace.parent)}},
    ).execute()
    cells = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    table, differences = outputs(cells[2]), outputs(cells[3])
    for name in ("random", "points", "boosting", "forest", "regression"):
        assert name in table
    assert "needed_of_listed" in table
    assert "boosting" in differences
    pictures = [part for part in cells[4]["outputs"] if "image/png" in part.get("data", {})]
    assert len(pictures) == 1
    assert (folder_digest(early_help.scores), find_current(early_help.matrix)) == before


@pytest.mark.parametrize("notebook", [NOTEBOOK, MODELS], ids=lambda path: path.stem)
def test_the_notebook_takes_about_fifteen_lines_and_holds_no_results(notebook: Path) -> None:
    import nbformat

    cells = [cell for cell in nbformat.read(notebook, as_version=4)["cells"] if cell["cell_type"] == "code"]
    statements = [one for cell in cells for one in ast.parse(cell["source"]).body]
    assert len([one for one in statements if not isinstance(one, ast.Import | ast.ImportFrom)]) <= 15
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
