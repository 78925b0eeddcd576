"""`sooner retain` on a whole workspace: told, carried out in a role, certified, and nothing made of it stays in use."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from charter.contracts.files import read_json, writer_lock
from charter.invocation import Invocation
from features.rights.retaining import retain_records
from serving.forget import note_retention
from serving.store.store import open_store
from sooner.erasure import find_log_key, list_forgetting_rooms
from tests.conftest import ROOT, Ran, run_sooner


@pytest.mark.deep
def test_what_a_council_keeps_no_longer_goes_with_what_was_made_of_it(own_workspace: Path, tmp_path: Path) -> None:
    council = tmp_path / "council"
    shutil.copytree(ROOT / "council", council)
    register = (council / "register.toml").read_text(encoding="utf-8")
    (council / "register.toml").write_text(re.sub(r"retention_years = \d+", "retention_years = 4", register))

    def run(*words: str) -> Ran:
        return run_sooner(*words, "--council", str(council), "--workspace", str(own_workspace))

    refused = run("retain", "run", "--role", "team_manager")
    assert (refused.code, "data_protection_officer" in refused.err) == (12, True)
    planned = json.loads(run("retain", "--json").out)
    assert planned["people_gone"]
    done = run("retain", "run", "--json")
    assert done.code == 0, done.err
    certificate = json.loads(done.out)
    assert {name: certificate[name] for name in planned} == planned
    assert not [
        path.name for path in own_workspace.glob("matrix/*/*/manifest.json") if path.parent.name in planned["matrices"]
    ]
    flagged = [read_json(path).get("withdrawn_rows", 0) for path in own_workspace.glob("scores/*/*/manifest.json")]
    assert flagged
    assert all(flagged)
    (snapshot,) = (path.parent for path in own_workspace.glob("store/*/manifest.json"))
    feeds = pq.read_table(snapshot / "tables/feeds.parquet")["covers_from"].to_pylist()
    assert min(feeds).year == int(read_json(snapshot / "manifest.json")["taken_at"][:4]) - 4
    assert run("retain").out.startswith("Nothing is past its date")
    assert run("verify-log").code == 0
    assert "retention run" in (own_workspace / "log.jsonl").read_text(encoding="utf-8")
    check_that_cases_end(Invocation.open(council, "early_help", own_workspace, quiet=True), run)


def check_that_cases_end(invocation: Invocation, run: Callable[..., Ran]) -> None:
    """Years later no byte names anybody who was listed and of whom nothing is left: no case, list, score or matrix."""
    workspace, key = invocation.workspace, find_log_key(invocation)
    planned = json.loads(run("retain", "plan", "--at", "2039-01-01", "--json").out)["made"]
    assert planned["cases"] >= planned["lists"] > 0
    with open_store(workspace, key=key) as store:
        listed = {person.encode() for person in store.people_listed()}
    with writer_lock(workspace.root):
        moment = datetime(2039, 1, 1, tzinfo=UTC)
        plan, _ = retain_records(invocation, moment, "data_protection_officer", list_forgetting_rooms(invocation))
        note_retention(workspace, key=key)
    gone = listed & {person.encode() for person in plan.gone}
    assert len(gone) > 2
    looked_at = 0
    for path in (path for path in workspace.root.rglob("*") if path.is_file() and "extracts" not in path.parts):
        looked_at += 1
        text = repr(pq.read_table(path).to_pylist()).encode() if path.suffix == ".parquet" else path.read_bytes()
        assert not [person for person in gone if person in text], path
    assert looked_at > 50
    assert run("verify-log").code == 0
