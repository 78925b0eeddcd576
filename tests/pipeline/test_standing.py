"""What stands is not made again: lists, decisions and bundles, while all that they were made from is as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from charter.contracts.files import find_current
from charter.errors import BlockedError
from charter.invocation import Invocation, shipped_council
from charter.machine.made_from import digest_settings
from charter.signing.acceptance import find_audit
from charter.signing.decisions import decide_run
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from serving.identity import Identity
from serving.ranking.standing_bundle import digest_bundle_inputs, find_standing_bundle
from serving.ranking.standing_in import find_stand_in_folder
from serving.ranking.standing_lists import (
    RankResult,
    digest_list_inputs,
    find_standing_lists,
    keep_standing_lists,
)
from serving.store.store import open_store
from sooner.path import rank_day, snapshot_day
from tests.conftest import run_sooner

MANAGER = Identity("manager-1", "team_manager", frozenset(("north",)))


def open_run(workspace: Path, council: Path) -> Invocation:
    """Begin another run: what a council decided is read once in each."""
    return Invocation.open(council, "early_help", workspace, quiet=True)


def find_standing(invocation: Invocation) -> RankResult | None:
    day = snapshot_day(invocation)
    return find_standing_lists(invocation, day, digest_list_inputs(invocation, day))


@pytest.fixture
def council(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_council(), tmp_path / "council"))


@pytest.fixture
def invocation(own_workspace: Path, council: Path) -> Invocation:
    """Give a run of the demo's council, its newest lists made on this very day."""
    rank_day(open_run(own_workspace, council))
    return open_run(own_workspace, council)


def act(invocation: Invocation, action: str) -> None:
    """Let a manager do something that the casework log holds."""
    key = Key.load(invocation.council, invocation.workspace).derive(LOG_PURPOSE)
    with open_store(invocation.workspace, chain="worker", key=key) as store:
        header = store.lists("early_help", "north")[0]
        store.log(MANAGER, action, subject=f"early_help/{header.id}", purpose="rank")


def edit(path: Path | None, more: bytes = b"\n") -> None:
    assert path is not None
    assert path.is_file()
    path.write_bytes(path.read_bytes() + more)


CHANGES: dict[str, Callable[[Invocation], object]] = {
    "a manager asks for a new list": lambda run: act(run, "refresh.asked"),
    "somebody reads a case": lambda run: act(run, "case.opened"),
    "the charter": lambda run: edit(run.council.folder / "charter.toml"),
    "places": lambda run: edit(run.council.folder / "early_help" / "worklist.toml"),
    "the definition": lambda run: edit(run.council.folder / "early_help" / "definition.py"),
    "a signature": lambda run: edit(run.workspace.signoffs),
    "the model": lambda run: edit((find_current(run.workspace.bundle) or Path()) / "model.lgb"),
    "the tables": lambda run: edit(run.workspace.snapshot() / "manifest.json", b" "),
    "the list itself": lambda run: edit(run.workspace.worklist / snapshot_day(run).isoformat() / "issued.csv"),
    "what was decided": lambda run: edit(run.workspace.worklist / "actions.csv"),
}


def test_lists_that_stand_are_told_as_ranking_anew_tells_them(invocation: Invocation) -> None:
    stand = find_standing(invocation)
    assert stand is not None
    assert sum(one.referrals for one in stand.lists) > 0
    assert rank_day(invocation) == stand
    assert rank_day(invocation, refresh=True) == stand
    assert find_standing(invocation) == stand


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_lists_are_made_again(invocation: Invocation, change: str) -> None:
    assert find_standing(invocation) is not None
    CHANGES[change](invocation)
    assert find_standing(open_run(invocation.workspace.root, invocation.council.folder)) is None


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b'{"inputs": {}, "made": 1}'])
def test_what_cannot_be_read_tells_nothing_and_is_written_anew(invocation: Invocation, content: bytes) -> None:
    path = invocation.workspace.worklist / snapshot_day(invocation).isoformat() / "standing.json"
    path.write_bytes(content)
    assert find_standing(invocation) is None
    rank_day(invocation)
    assert find_standing(invocation) is not None


def test_a_list_that_was_edited_is_written_again(invocation: Invocation) -> None:
    issued = invocation.workspace.worklist / snapshot_day(invocation).isoformat() / "issued.csv"
    before = issued.read_bytes()
    edit(issued)
    rank_day(invocation)
    assert issued.read_bytes() == before
    assert find_standing(invocation) is not None


def test_lists_that_are_suspended_do_not_stand(invocation: Invocation) -> None:
    folder = invocation.workspace.suspensions
    folder.mkdir(exist_ok=True)
    (folder / "all.json").write_text(json.dumps({"what": "all", "reason": "A fault."}), encoding="utf-8")
    with pytest.raises(BlockedError):
        rank_day(invocation)


def test_what_was_done_while_lists_were_made_is_looked_at_next_time(invocation: Invocation) -> None:
    inputs = digest_list_inputs(invocation, snapshot_day(invocation))
    result = find_standing(invocation)
    assert result is not None
    act(invocation, "refresh.asked")
    keep_standing_lists(invocation, result, inputs)
    assert find_standing(invocation) is None


def stands_decided(invocation: Invocation) -> bool:
    """Decide once more, and say whether the file of the decision was left alone."""
    path = find_audit(invocation, "") / "decision.json"
    before = path.stat().st_ino
    decide_run(open_run(invocation.workspace.root, invocation.council.folder))
    return path.stat().st_ino == before


@pytest.mark.parametrize("changed", ["findings.json", "decision.json", "charter.toml", "another run's"])
def test_a_decision_stands_until_what_it_was_made_from_changes(invocation: Invocation, changed: str) -> None:
    decide_run(invocation)
    folder = find_audit(invocation, "")
    assert stands_decided(invocation)
    if changed == "charter.toml":
        edit(invocation.council.folder / changed)
    elif changed == "another run's":
        shutil.copytree(folder, folder.with_name("0" * 16))
    else:
        edit(folder / changed)
    assert not stands_decided(invocation)
    assert stands_decided(invocation)


def promote(invocation: Invocation) -> Path:
    """Promote, by the command, and return the folder of the bundle in use."""
    where = ("--council", str(invocation.council.folder), "--workspace", str(invocation.workspace.root))
    ran = run_sooner("promote", *where)
    assert ran.code == 0, ran.err
    folder = find_current(invocation.workspace.bundle)
    assert folder is not None
    return folder


def stands_bundled(invocation: Invocation) -> bool:
    """Promote once more, and say whether the bundle's files were left alone."""
    before = {path: path.stat().st_ino for path in invocation.workspace.bundle.glob("*/*")}
    assert before
    promote(invocation)
    return before == {path: path.stat().st_ino for path in invocation.workspace.bundle.glob("*/*")}


def test_a_bundle_stands_until_what_it_is_made_from_changes(invocation: Invocation) -> None:
    promote(invocation)
    release = find_current(invocation.workspace.release)
    assert release is not None
    files = invocation.workspace
    assert find_standing_bundle(files, digest_bundle_inputs(invocation, release)) == find_current(files.bundle)
    edit(invocation.council.folder / "register.toml")
    assert find_standing_bundle(files, digest_bundle_inputs(invocation, release)) is None


@pytest.mark.parametrize("changed", ["the model in the bundle", "what stands in"])
def test_promoting_again_makes_a_bundle_whole_that_was_edited(invocation: Invocation, changed: str) -> None:
    """As the error of an edited bundle says; before, the edited files were kept and refused again."""
    first = promote(invocation)
    assert stands_bundled(invocation)
    stand_in = find_stand_in_folder(invocation.workspace)
    folder = first if changed == "the model in the bundle" else stand_in
    assert folder is not None
    whole = (folder / "model.lgb").read_bytes()
    edit(folder / "model.lgb")
    assert not stands_bundled(invocation)
    assert (folder / "model.lgb").read_bytes() == whole
    assert stands_bundled(invocation)


def test_a_file_that_changes_while_a_verb_runs_is_digested_as_it_was_read(invocation: Invocation) -> None:
    before = invocation.policy.sha256
    edit(invocation.council.folder / "charter.toml")
    assert digest_settings(invocation)["council/charter.toml"] == before
    later = open_run(invocation.workspace.root, invocation.council.folder)
    assert digest_settings(later)["council/charter.toml"] != before
