"""The house rules that no linter of its own carries."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from charter.rules.roles import FORMER_IDS
from tests.own_roles import SHIPPED

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("charter", "features", "training", "fairness_reports", "serving", "borough", "sooner")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).exists()]


def test_no_room_imports_what_measures_it() -> None:
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            assert not re.search(r"^\s*(import|from) house\b", path.read_text(encoding="utf-8"), re.MULTILINE), path


@pytest.mark.parametrize("room", ROOMS)
def test_the_verbs_of_a_room_load_without_its_heavy_libraries(room: str) -> None:
    """`sooner --help` answers on a core-only installation, and quickly."""
    heavy = ["duckdb", "pyarrow", "pandas", "numba", "mlflow", "shap", "fairlearn", "sklearn", "splink", "matplotlib"]
    heavy += ["numpy", "lightgbm", "bentoml", "sqlalchemy", "pydantic", "jinja2", "rich", "charter.invocation"]
    code = f"import {room}.commands, sys; print([name for name in {heavy!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    hosts = ("py" + "pi.org", "python" + "hosted.org", "registry." + "npmjs", "deb." + "debian.org")
    path_of_a_machine = re.compile(r"(^|[^A-Za-z0-9_.])/(work|root|home/[a-z]+)/")
    for path in tracked():
        if path.suffix in {".png", ".woff2", ".parquet", ".npy", ".xz"} or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        assert not any(host in text for host in hosts), path
        assert not path_of_a_machine.search(text), path


def test_constraints_hold_no_address() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text(encoding="utf-8")


def test_nothing_unpickles() -> None:
    """No pickle anywhere: neither the module, nor joblib, nor numpy's switch for it."""
    unpickling = re.compile(
        r"^\s*(import|from) (pickle|joblib|dill|cloudpickle)\b|allow_pickle\s*=\s*True", re.MULTILINE
    )
    for path in tracked("*.py"):
        assert not unpickling.search(path.read_text(encoding="utf-8")), path


def test_people_have_needs_and_likelihoods() -> None:
    """The word for people is never the one that insurers use; what people read lives in templates and council data."""
    banned = re.compile(r"\b" + "ri" + r"sk(s|y)?\b", re.IGNORECASE)
    for path in [*tracked("*.html", "*.jinja", "*.jinja2"), *tracked("council/*.toml", "council/**/*.py")]:
        if "vendor" in path.parts or "static" in path.parts:
            continue
        assert not banned.search(path.read_text(encoding="utf-8")), path


def test_each_decision_has_a_number_of_its_own_and_says_it() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = [page.name[:4] for page in pages]
    assert len(set(numbers)) == len(numbers), [n for n in numbers if numbers.count(n) > 1]
    for page, number in zip(pages, numbers, strict=True):
        assert re.match(rf"# 0*{int(number)}[.:] ", page.read_text(encoding="utf-8")), page


def test_the_page_of_the_house_names_each_shelf_and_no_module_that_is_not_there() -> None:
    page = (ROOT / "docs" / "explanation" / "house.md").read_text(encoding="utf-8")
    shelves = {
        path.parent.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("__init__.py")
    }
    assert {shelf for shelf in shelves if "/" in shelf and f"`{shelf}`" not in page} - {
        "serving/store/migrations/versions"
    } == set()
    modules = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", page)
    assert len(modules) > 10
    assert [name for name in modules if not (ROOT / name).exists()] == []


def test_no_role_of_the_shipped_council_is_written_in_code() -> None:
    """Roles are the council's: their ids stand in its files, and in the one table of what the shipped ones may do."""
    table = ROOT / "charter" / "rules" / "roles.py"
    assert all(f'"{role}"' in table.read_text(encoding="utf-8") for role in SHIPPED if role != "residents_panel")
    # The fictional borough plays the shipped council's services, so what they record names its roles.
    rooms = [room for room in ROOMS if room != "borough"]
    paths = [path for room in rooms for path in tracked(f"{room}/**.py", f"{room}/**.html", f"{room}/**.json")]
    assert len(paths) > 200
    word = re.compile("|".join(rf"\b{role}\b" for role in SHIPPED if "_" in role))
    plain = {role for role in SHIPPED if "_" not in role} | set(FORMER_IDS)
    for path in paths:
        if path == table:
            continue
        text = path.read_text(encoding="utf-8")
        assert not word.search(text), path
        if path.suffix == ".py":
            # A word such as board is part of addresses and headings too; as a whole text of its own it would be a role.
            texts = {str(node.value) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
            assert not plain & texts, path
