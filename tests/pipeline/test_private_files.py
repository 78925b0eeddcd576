"""Everything that is made is its user's alone, whatever the umask and whichever library writes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter.machine.private_files import close_folder
from tests.conftest import ROOT, run_sooner

NOBODY = 65534


def open_to_others(root: Path) -> list[str]:
    paths = [path for path in (root, *root.rglob("*")) if not path.is_symlink()]
    assert len(paths) > 1
    return [f"{path.relative_to(root)} {path.lstat().st_mode:o}" for path in paths if path.lstat().st_mode & 0o077]


@pytest.mark.xdist_group("demo")
def test_no_file_of_a_finished_workspace_is_anybody_elses(demo_workspace: Path) -> None:
    kinds = {path.suffix for path in demo_workspace.rglob("*") if path.is_file()}
    assert {".db", ".npy", ".parquet", ".csv", ".html", ".lgb", ".jsonl"} <= kinds
    assert any("mlartifacts" in path.parts for path in demo_workspace.rglob("*"))
    assert open_to_others(demo_workspace) == []
    beside = [path for path in demo_workspace.parent.glob("workspace.*") if path.lstat().st_mode & 0o077]
    assert beside == []


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Give a folder that everybody may walk into."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_reads_nothing_of_what_was_made_with_an_open_umask(public_folder: Path) -> None:
    workspace = public_folder / "workspace"
    before = os.umask(0)
    try:
        ran = run_sooner("synth", "--households", "100", "--workspace", str(workspace))
        assert ran.code == 0, ran.err
        ran = run_sooner("pull", "--workspace", str(workspace))
        assert ran.code == 0, ran.err
    finally:
        os.umask(before)
    assert open_to_others(workspace) == []
    (public_folder / "seen").write_text("the walk finds what there is to find")
    (public_folder / "seen").chmod(0o644)
    walk = subprocess.run(
        ["find", str(public_folder), "-mindepth", "1", "-readable"],
        cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert walk.stdout.split() == [str(public_folder / "seen")], walk.stderr


def test_a_workspace_of_an_older_sooner_is_closed_at_its_root(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir(mode=0o755)
    (tmp_path / "workspace").chmod(0o755)
    close_folder(tmp_path / "workspace")
    assert (tmp_path / "workspace").stat().st_mode & 0o777 == 0o700
    close_folder(tmp_path / "nowhere")
    assert ROOT.exists()
