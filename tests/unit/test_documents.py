"""The documents themselves: the index of decisions, and what pages say of the code."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from charter.council.register import RECORD_FIELDS
from charter.invocation import shipped_council
from charter.rules.policy import Policy
from features.intake.canonical import CANONICAL

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


ROOMS = ("charter", "features", "training", "fairness_reports", "serving", "borough")
FOLDERS = (*ROOMS, "council", "docs", "tests", "benchmarks", "examples", r"\.github", r"\.ci")
PATH_NAMED = re.compile(
    rf"(?<![\w./*-])(?:{'|'.join(FOLDERS)})/[\w./-]*\w\.(?:py|md|ipynb|toml|json|yml|html|css|csv|ya?ml)\b"
)
MODULE_NAMED = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})(?:\.(?!toml\b)[A-Za-z_]\w*)+")
DECISION_NAMED = re.compile(r"docs/decisions/(\d{4})\b")


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in names.stdout.decode().split("\0") if name and (ROOT / name).exists()]


def pages_to_check() -> list[Path]:
    """Return every page but those about earlier code: the changelog, and what the fixtures were made with."""
    return [path for path in tracked("*.md") if path.name != "CHANGELOG.md" and "fixtures" not in path.parts]


def stands_in_the_code(dotted: str) -> bool:
    """Whether `training.workbench.Workbench` is a module or folder, or a word in the module that it names."""
    path, parts = ROOT, dotted.split(".")
    while parts and (path / parts[0]).is_dir():
        path /= parts.pop(0)
    if not parts:
        return True
    module = path / f"{parts[0]}.py"
    if not module.exists():
        module = path / "__init__.py"
    elif len(parts) == 1:
        return True
    else:
        parts.pop(0)
    return re.search(rf"\b{parts[0]}\b", module.read_text(encoding="utf-8")) is not None


def test_every_file_that_a_page_names_exists() -> None:
    pages = pages_to_check()
    assert len(pages) > 70
    missing = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages
        for name in PATH_NAMED.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / name).exists() and not (page.parent / name).exists()
    ]
    assert missing == []


def test_every_module_that_a_page_names_is_in_the_code() -> None:
    names = {name for page in pages_to_check() for name in MODULE_NAMED.findall(page.read_text(encoding="utf-8"))}
    assert "training.workbench" in names
    assert {name for name in names if not stands_in_the_code(name)} == set()


def test_every_decision_that_the_code_names_exists() -> None:
    numbers = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
    named = {
        number
        for path in tracked("*.py", "*.toml", "*.md")
        for number in DECISION_NAMED.findall(path.read_text(encoding="utf-8"))
    }
    assert named
    assert named - numbers == set()


def test_a_page_has_one_first_heading() -> None:
    """A second one would stand in the site's navigation as a page of its own."""
    for page in pages_to_check():
        text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        headings = re.findall(r"^# .+$", text, re.MULTILINE)
        assert len(headings) == 1 or ".github" in page.parts, f"{page}: {headings}"


def test_the_page_of_forms_names_every_table_and_field() -> None:
    page = (ROOT / "docs/how-to/data-you-bring.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    assert len(RECORD_FIELDS) > 5
    for kind, (needed, others) in RECORD_FIELDS.items():
        named = set(re.findall("`([a-z_]+)`", rows[kind])) - {kind}
        assert named == {*needed, *others}, kind
    first_cells = {
        name
        for row in page.splitlines()
        for name in re.findall("`([a-z]+)`", row.split("|")[1:2][0] if "|" in row else "")
    }
    assert set(CANONICAL) <= first_cells
    assert all(f'"{key}"' in page for key in ("schema_version", "service", "covers_from", "covers_to", "received_at"))


def test_every_control_names_tests_that_there_are() -> None:
    """Seen to fail with one letter of a test's name changed, and with a control whose test's cell was emptied."""
    page = (ROOT / "docs/reference/security.md").read_text(encoding="utf-8")
    # The table of claims and commands is not one of controls.
    controls = [
        row.split("|")[1:-1]
        for table in re.findall(r"^\| control \|.*\n((?:\|.*\n)+)", page, re.MULTILINE)
        for row in table.splitlines()
        if row.startswith("| ")
    ]
    assert len(controls) > 45
    files = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        files.setdefault(path.name, set()).update(re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE))
    for control, items, named in controls:
        names = re.findall(r"`(test_\w+(?:\.py)?)`", named)
        there = set().union(*(files[name] for name in names if name.endswith(".py")))
        tests = {name for name in names if not name.endswith(".py")}
        assert tests, control
        assert tests <= there, (control, tests - there)
        assert re.fullmatch(r"\s*(none: .*|\d+\.\d+\.\d+(( to|,) \d+\.\d+\.\d+)*)\s*", items), (control, items)


def test_the_first_days_add_up_and_name_who_signs_what_as_the_shipped_charter_does() -> None:
    page = (ROOT / "docs/how-to/first-90-days.md").read_text(encoding="utf-8")
    sections = page.split("\n## ")
    for section in sections[1:3]:
        hours = [int(cell) for cell in re.findall(r"\| (\d+) \|$", section, re.M)]
        assert len(hours) > 4
        assert f"Together {sum(hours)} hours" in section, (section[:30], sum(hours))
    signing = next(section for section in sections if section.startswith("Who signs what"))
    cells = re.findall(r"\| ([^|]+) \| `(sooner [^|]+)` \|", signing)
    rows = [(what, set(re.findall(r"`(\w+)`", who))) for who, what in cells]
    roles = Policy.read(shipped_council() / "charter.toml").roles
    signers = {what: {role.id for role in roles if what in role.signs} for what in ("charter", "decision", "trial")}
    assert rows == [
        ("sooner sign --what charter", signers["charter"]),
        ("sooner advise", {role.id for role in roles if role.advises}),
        ("sooner sign --what decision", signers["decision"]),
        ("sooner sign --what trial", signers["trial"]),
        ("sooner sign --what decision --live", signers["decision"]),
    ]
