"""What is released: one version everywhere, and a wheel, built without a network, that holds what the demo needs."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import yaml

from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
ROOMS = ("charter", "features", "training", "fairness_reports", "serving", "borough")


def test_the_changelog_begins_with_what_comes_and_then_this_version() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(VERSION)}, \d{{1,2}} [A-Z][a-z]+ \d{{4}}", headings[1])


def test_the_changelog_is_sorted_by_what_a_user_notices() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        headings = re.findall(r"^### (.+)$", part, re.MULTILINE)
        assert set(headings) <= set(kinds), part.splitlines()[0]
        assert len(headings) == len(set(headings)), part.splitlines()[0]


def test_what_was_released_stays_what_was_said() -> None:
    """A merge that puts a new line into an old version's part goes unseen otherwise."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = text[text.index("## 0.1.0") :]
    assert hashlib.sha256(first.encode()).hexdigest() == (
        "02becfb1914d205b4f480213269bc5572671b1d7d424e2137234d13599b135ca"
    ), "Put the new line under Unreleased."


def test_a_wheel_is_built_offline_and_holds_every_room_and_the_fictional_council(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert built.returncode == 0, built.stdout + built.stderr
    wheel = tmp_path / f"sooner-{VERSION}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    for room in ROOMS:
        assert {f"{room}/__init__.py", f"{room}/py.typed", f"{room}/commands.py"} <= names
    assert {"borough/council/charter.toml", "features/linking/parameters.toml"} <= names
    kinds = {Path(name).suffix for name in names}
    for folder in ROOMS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in kinds and path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names, path
    assert not any(name.startswith(("tests/", "docs/", "benchmarks/")) for name in names)


def test_every_room_has_owners_and_every_owned_path_exists() -> None:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    owned = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    assert {f"/{room}/" for room in ROOMS} <= set(owned)
    assert [path for path in owned if path != "*" and not (ROOT / path.strip("/")).exists()] == []


def test_the_issue_forms_are_whole() -> None:
    forms = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]
    assert {path.stem for path in forms} == {"bug", "wrong-record-or-harm", "idea"}
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert {"name", "description", "body"} <= set(form)
        questions = [item for item in form["body"] if item["type"] != "markdown"]
        assert len({item["id"] for item in questions}) == len(questions) >= 3
        assert all(item["attributes"].get("label") for item in questions)
