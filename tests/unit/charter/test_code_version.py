"""Which code made a result: a commit, `-dirty` where files differ from it, or a wheel; and a digest of all of it."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from charter.machine.code_version import DIRTY, describe_code, describe_installation, digest_code, is_edited

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("charter", "features", "training")


def git(folder: Path, *words: str) -> str:
    named = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t.example", *words]
    return subprocess.run(named, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository with a room, a shelf in it and a council's folder, all committed."""
    for path in ("charter/rules/gate.py", "training/run.py", "council/council.toml"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_checkout_is_named_by_its_commit(checkout: Path) -> None:
    code = describe_code(checkout)
    assert code == git(checkout, "rev-parse", "HEAD")
    assert len(code) == 40
    assert not is_edited(code)


def test_this_checkout_is_named_by_its_own_commit() -> None:
    assert describe_code().removesuffix(DIRTY) == git(ROOT, "rev-parse", "HEAD")


@pytest.mark.parametrize("path", ["charter/rules/gate.py", "training/shelf/new.py"])
def test_an_edited_or_a_new_file_of_a_room_is_said(checkout: Path, path: str) -> None:
    (checkout / path).parent.mkdir(exist_ok=True)
    (checkout / path).write_text("x = 2\n")
    code = describe_code(checkout)
    assert code == git(checkout, "rev-parse", "HEAD") + DIRTY
    assert is_edited(code)


def test_a_councils_own_folder_and_byte_code_are_no_code(checkout: Path) -> None:
    (checkout / "council" / "council.toml").write_text("name = 'Ours'\n")
    (checkout / "charter" / "__pycache__").mkdir()
    (checkout / "charter" / "__pycache__" / "gate.pyc").write_bytes(b"0")
    assert not is_edited(describe_code(checkout))


def test_a_repository_without_a_commit_tells_nothing_and_is_not_trusted(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert describe_code(tmp_path) == "unknown"
    assert is_edited("unknown")
    assert is_edited("none")


def test_a_folder_without_a_repository_is_what_was_installed_and_an_editable_installation_lists_nothing(
    tmp_path: Path,
) -> None:
    (info := tmp_path / "sooner-9.9.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sooner\nVersion: 9.9\n")
    (info / "RECORD").write_text("__editable__.sooner.pth,sha256=abc,10\nsooner-9.9.dist-info/METADATA,,\n")
    assert describe_installation(PathDistribution(info)) == "unknown"
    assert describe_code(tmp_path) in ("unknown", describe_installation(distribution("sooner")))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel of this checkout, unpacked as an installer does."""
    import sys

    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    (archive,) = folder.glob("*.whl")
    zipfile.ZipFile(archive).extractall(folder / "site")
    return folder / "site"


def installed(site: Path) -> PathDistribution:
    (info,) = site.glob("*.dist-info")
    return PathDistribution(info)


def test_what_was_installed_is_named_by_version_and_wheel_whatever_the_installer_adds(
    wheel: Path, tmp_path: Path
) -> None:
    code = describe_installation(installed(wheel))
    version = installed(wheel).version
    assert code.startswith(f"{version}+wheel.")
    assert not is_edited(code)
    own = shutil.copytree(wheel, tmp_path / "site")
    (info,) = own.glob("*.dist-info")
    with (info / "RECORD").open("a") as record:
        record.write("../../../bin/sooner,sha256=abc,10\ncharter/__pycache__/acts.cpython-311.pyc,sha256=abc,10\n")
    assert describe_installation(installed(own)) == code


def test_a_folder_without_a_repository_is_named_by_the_wheel_that_is_installed(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(wheel)
    assert describe_code(tmp_path) == describe_installation(installed(wheel))


def test_an_installed_file_that_was_edited_is_said(wheel: Path, tmp_path: Path) -> None:
    own = shutil.copytree(wheel, tmp_path / "site")
    (own / "charter" / "rules" / "gate.py").write_text("x = 1\n")
    code = describe_installation(installed(own))
    assert code == describe_installation(installed(wheel)) + DIRTY
    assert is_edited(code)


@pytest.mark.parametrize(
    "path",
    [
        "charter/rules/gate.py",
        "charter/contracts/schemas/run.schema.json",
        "features/engines/compiled/sums.py",
        "training/judging/replay.py",
        "training/report/templates/report.html",
    ],
)
def test_a_change_of_any_shelf_of_any_room_changes_the_digest(tmp_path: Path, path: str) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    before = digest_code(ROOMS, tmp_path)
    assert before == digest_code(ROOMS)
    with (tmp_path / path).open("a") as file:
        file.write("\n")
    assert digest_code(ROOMS, tmp_path) != before
