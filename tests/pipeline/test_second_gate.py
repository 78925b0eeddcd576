"""The second gate on a real workspace: parity in test with bias in live is stopped, unseen."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from charter.contracts.files import pointed, read_json
from charter.contracts.workspace import Workspace
from charter.live import in_shadow
from tests.conftest import run_sooner

GROUP = "Asian"


def live_folder(workspace: Workspace) -> Path:
    release = pointed(workspace.release)
    assert release is not None
    return workspace.audit / read_json(release / "manifest.json")["run"] / "live"


def take_off(workspace: Workspace, group: str) -> int:
    """Rewrite the issued lists as if nobody of a group had been put on them; return how many rows that took off."""
    snapshot = workspace.snapshot()
    rows = duckdb.execute(
        "SELECT DISTINCT r.household_id FROM read_parquet($1) AS r JOIN read_parquet($2) AS p USING (person_id)"
        " WHERE p.characteristic = 'ethnicity' AND p.value = $3",
        [str(snapshot / "tables" / "residence.parquet"), str(snapshot / "tables" / "protected.parquet"), group],
    ).fetchall()
    households = {name for (name,) in rows}
    taken = 0
    for path in sorted(workspace.worklist.glob("*/issued.csv")):
        listed = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        kept = [row for row in listed if row["entity"] not in households]
        taken += len(listed) - len(kept)
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
        path.write_text(text.getvalue(), encoding="utf-8")
    return taken


def test_the_demo_lived_through_its_shadow_weeks(demo_workspace: Path) -> None:
    workspace = Workspace(demo_workspace, "early_help")
    folder = live_folder(workspace)
    findings, decision = read_json(folder / "findings.json"), read_json(folder / "decision.json")
    assert findings["stage"] == decision["stage"] == "shadow"
    assert findings["period"]["days"] >= 56
    measured = {row["measure"] for row in findings["findings"]}
    assert {"selection_rate", "seen", "kept", "overridden", "listed_of_reviewed"} <= measured
    assert {one["about"] for one in findings["drift"]} == {"input", "score", "coverage", "selection"}
    release = pointed(workspace.release)
    assert release is not None
    opened = read_json(workspace.live / f"{release.name}.json")
    # The first sign-off of going live ends when the first outcomes are known.
    assert opened["until"] <= decision["next_decision_by"]
    until = date.fromisoformat(opened["until"])
    assert in_shadow(workspace, release.name, until - timedelta(days=1)) == ""
    assert "in shadow again" in in_shadow(workspace, release.name, until)
    assert "until the second gate opens" in in_shadow(workspace, "another", until)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Lists, people, and both" in page
    assert decision["sentence"].split(".")[0] in page


def test_parity_in_test_and_bias_in_live_is_stopped_and_suspended(own_workspace: Path) -> None:
    workspace = Workspace(own_workspace, "early_help")
    assert read_json(live_folder(workspace).parent / "decision.json")["decision"] != "block"
    assert take_off(workspace, GROUP) > 0
    where = ("--workspace", str(own_workspace))
    ran = run_sooner("audit", "--live", "--quiet", *where)
    assert ran.code == 0, ran.err
    ran = run_sooner("decide", "--live", *where)
    assert ran.code == 13, ran.err
    assert f"{GROUP} (ethnicity)" in " ".join(ran.err.split())
    failed = [
        one for one in read_json(live_folder(workspace) / "decision.json")["verdicts"] if one["verdict"] == "fail"
    ]
    assert {(one["measure"], one["group"]) for one in failed} == {("selection_rate", GROUP)}
    (suspension,) = [read_json(path) for path in workspace.suspensions.glob("*.json")]
    assert (suspension["what"], suspension["role"]) == ("programme", "gate")
    for words in (("sign", "--live", "--what", "decision", "--demo", "--role", "chief_data_officer"),):
        assert run_sooner(*words, *where).code == 13
    assert run_sooner("promote", "--live", *where).code == 13
    assert run_sooner("rank", *where).code == 13


def test_too_short_a_shadow_is_blocked(own_workspace: Path) -> None:
    workspace = Workspace(own_workspace, "early_help")
    folders = sorted(path for path in workspace.worklist.iterdir() if (path / "list.json").exists())
    for folder in folders[1:-1]:
        (folder / "list.json").unlink()
    (folders[0] / "list.json").unlink()
    where = ("--workspace", str(own_workspace))
    assert run_sooner("audit", "--live", "--quiet", *where).code == 0
    ran = run_sooner("decide", "--live", *where)
    assert ran.code == 13
    assert "in shadow for 0 of the 8 weeks" in " ".join(ran.err.split())


@pytest.mark.parametrize("verb", [("audit", "--live"), ("decide", "--live"), ("promote", "--live")])
def test_nothing_goes_live_that_was_never_promoted(tmp_path: Path, verb: tuple[str, ...]) -> None:
    ran = run_sooner(*verb, "--workspace", str(tmp_path / "workspace"))
    assert ran.code == 11
    assert "sooner promote" in ran.err
