"""The documents themselves: the index of decisions, and what pages say of the code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAD = """# 7. A title

**Status.** Accepted, 1 May 2026. **Subject.** The list.

**Question.** What, and
why?

**Chosen.** This.
"""


def docs_module(name: str) -> ModuleType:
    """Load a module of docs/, which is a folder of pages and no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


decision_index = docs_module("decision_index")


def test_the_index_of_decisions_is_made_from_the_heads(tmp_path: Path) -> None:
    (tmp_path / "0007-a-title.md").write_text(HEAD, encoding="utf-8")
    index = decision_index.decision_index(tmp_path)
    assert "## The list" in index
    assert "| What, and why? | [7. A title](0007-a-title.md) | Accepted, 1 May 2026. |" in index


def test_what_changed_a_decision_stands_in_the_index(tmp_path: Path) -> None:
    amended = HEAD.replace("1 May 2026.", "1 May 2026. Its band is amended by 37.").replace(
        " **Subject.** The list.", ""
    )
    (tmp_path / "0007-a-title.md").write_text(amended, encoding="utf-8")
    index = decision_index.decision_index(tmp_path)
    assert "## The house" in index
    assert "Accepted, 1 May 2026. Its band is amended by 37. |" in index


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0007-a-title.md", HEAD.replace("**Status.** ", "")),
        ("0007-a-title.md", HEAD.replace(", 1 May 2026", "")),
        ("0007-a-title.md", HEAD.replace("**Question.** ", "")),
        ("0008-a-title.md", HEAD),
    ],
)
def test_a_record_without_its_head_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"docs/decisions/{name} does not begin as"):
        decision_index.decision_index(tmp_path)


def test_a_number_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "0007-a-title.md").write_text(HEAD, encoding="utf-8")
    (tmp_path / "0007-another.md").write_text(HEAD, encoding="utf-8")
    with pytest.raises(ValueError, match="number 7 twice"):
        decision_index.decision_index(tmp_path)
    (tmp_path / "0007-another.md").unlink()
    (tmp_path / "0043-a-title.md").write_text(HEAD.replace("# 7.", "# 43."), encoding="utf-8")
    with pytest.raises(ValueError, match="number 43 twice"):
        decision_index.decision_index(tmp_path)
