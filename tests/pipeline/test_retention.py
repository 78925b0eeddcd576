"""`sooner retain` on a whole workspace: told, carried out in a role, certified, and nothing made of it stays in use."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from charter.contracts.files import read_json
from tests.conftest import ROOT, Ran, run_sooner


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
