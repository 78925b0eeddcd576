"""Where things are: below the root, each in its own place, and apart for each programme where it is made by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from charter.contracts.files import set_current
from charter.contracts.workspace import Workspace
from charter.errors import DataError

# fmt: off
SHARED = (
    "extracts", "store", "quarantine", "vault", "judgements", "artifacts", "casework", "suspensions", "log", "signoffs",
)
OF_A_PROGRAMME = (
    "matrix", "search", "scores", "looks", "audit", "release", "bundle", "live", "worklist", "known", "start",
    "published",
)
# fmt: on


def test_no_two_things_share_a_place_and_all_are_below_the_root(tmp_path: Path) -> None:
    one, other = Workspace(tmp_path, "early_help"), Workspace(tmp_path, "homelessness")
    places = [getattr(one, name) for name in (*SHARED, *OF_A_PROGRAMME)]
    assert len(set(places)) == len(places)
    assert all(place.is_relative_to(tmp_path) and place != tmp_path for place in places)
    assert all(getattr(one, name) == getattr(other, name) for name in SHARED)
    assert not {getattr(one, name) for name in OF_A_PROGRAMME} & {getattr(other, name) for name in OF_A_PROGRAMME}


def test_each_thing_is_where_it_was_when_an_older_workspace_was_made() -> None:
    """A workspace is opened by later versions: a place that moves loses what is in it."""
    workspace = Workspace(Path(), "help")
    assert {name: getattr(workspace, name).as_posix() for name in ("council", *SHARED, *OF_A_PROGRAMME)} == {
        **{name: name for name in ("council", "extracts", "store", "quarantine", "vault")},
        "judgements": "link_judgements.jsonl",
        "artifacts": "mlartifacts",
        "casework": "casework.db",
        "suspensions": "suspended",
        "log": "log.jsonl",
        "signoffs": "signoffs.toml",
        **{name: f"{name}/help" for name in OF_A_PROGRAMME if name != "looks"},
        "looks": "scores/help/final.json",
    }


def test_mlflows_store_is_named_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Workspace(Path("workspace"), "help").tracking_uri == f"sqlite:///{tmp_path}/workspace/mlflow.db"


def test_a_snapshot_counts_once_it_is_linked(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace", "help")
    with pytest.raises(DataError, match="there is no linked snapshot in workspace/store/"):
        workspace.snapshot()
    folder = workspace.store / "2026-09-28-0123456789abcdef"
    folder.mkdir(parents=True)
    set_current(workspace.store, folder.name)
    for name in (None, folder.name):
        with pytest.raises(DataError, match="no linked snapshot") as refused:
            workspace.snapshot(name)
    assert refused.value.next_step == "Run `sooner pull`, then `sooner link`."
    (folder / "tables").mkdir()
    assert workspace.snapshot() == workspace.snapshot(folder.name) == folder
    with pytest.raises(DataError, match="no linked snapshot 2025-01-01-a"):
        workspace.snapshot("2025-01-01-a")
