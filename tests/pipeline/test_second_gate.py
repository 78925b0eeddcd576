"""The second gate on a real workspace: nobody is shown a list before it opens, and a breach suspends."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from charter.signing.second_gate import in_shadow
from tests.conftest import run_sooner


def live_folder(workspace: Workspace) -> Path:
    release = find_current(workspace.release)
    assert release is not None
    return workspace.audit / read_json(release / "manifest.json")["run"] / "live"


def test_the_demo_lived_through_its_shadow_weeks(demo_workspace: Path) -> None:
    workspace = Workspace(demo_workspace, "early_help")
    folder = live_folder(workspace)
    findings, decision = read_json(folder / "findings.json"), read_json(folder / "decision.json")
    assert findings["stage"] == decision["stage"] == "shadow"
    assert findings["period"]["days"] >= 56
    measured = {row["measure"] for row in findings["findings"]}
    assert {"selection_rate", "seen", "kept", "overridden", "listed_of_reviewed"} <= measured
    assert {one["about"] for one in findings["drift"]} == {"input", "score", "coverage", "selection"}
    # The borough's youth justice feed has gone stale on purpose; nothing else of a fair borough alarms.
    alarmed = [one["title"] for one in findings["drift"] if one["alarm"]]
    assert alarmed == ["Share seen by youth_justice"]
    release = find_current(workspace.release)
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


def test_too_short_a_shadow_is_blocked(own_workspace: Path) -> None:
    workspace = Workspace(own_workspace, "early_help")
    folders = sorted(path for path in workspace.worklist.iterdir() if (path / "list.json").exists())
    for folder in folders[1:-1]:
        (folder / "list.json").unlink()
    (folders[0] / "list.json").unlink()
    where = ("--workspace", str(own_workspace))
    ran = run_sooner("audit", "live", "--quiet", *where)
    assert ran.code == 0, ran.err
    ran = run_sooner("decide", "--live", *where)
    assert ran.code == 13
    assert "in shadow for 0 of the 8 weeks" in " ".join(ran.err.split())
    (suspension,) = [read_json(path) for path in workspace.suspensions.glob("*.json")]
    assert (suspension["what"], suspension["role"]) == ("programme", "gate")


def test_parity_in_test_and_bias_in_what_was_issued_is_stopped_and_suspended(own_workspace: Path) -> None:
    """The lists as somebody else's hand would leave them: as many places as it takes to tell, and none for one group.

    It takes the real commands some ten seconds; what it shows is what the second gate is for.
    """
    workspace = Workspace(own_workspace, "early_help")
    folder = live_folder(workspace)
    assert read_json(folder.parent / "decision.json")["decision"] != "block"
    tables = workspace.snapshot() / "tables"
    asian = (
        f"SELECT household_id FROM read_parquet('{tables}/residence.parquet')"
        f" JOIN read_parquet('{tables}/protected.parquet') USING (person_id) WHERE value = 'Asian'"
    )
    others = duckdb.sql(
        f"SELECT household_id FROM read_parquet('{tables}/households.parquet')"
        f" WHERE kind = 'home' AND household_id NOT IN ({asian}) ORDER BY md5(household_id) LIMIT 1200"
    ).fetchall()
    for path in workspace.worklist.glob("*/issued.csv"):
        with path.open(encoding="utf-8", newline="") as handle:
            row = next(csv.DictReader(handle))
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(row))
            writer.writeheader()
            writer.writerows(row | {"entity": household} for (household,) in others)
    where = ("--workspace", str(own_workspace))
    ran = run_sooner("audit", "live", "--quiet", *where)
    assert ran.code == 0, ran.err
    ran = run_sooner("decide", "--live", *where)
    said = " ".join(ran.err.split())
    assert ran.code == 13, said
    assert "Asian (ethnicity): the share on a worklist (selection_rate) is 0.0 %" in said
    assert "Asian (ethnicity) among the newly listed since" in said
    (suspension,) = [read_json(path) for path in workspace.suspensions.glob("*.json")]
    assert (suspension["what"], suspension["role"]) == ("programme", "gate")


@pytest.mark.parametrize("verb", [("audit", "live"), ("decide", "--live"), ("promote", "live")])
def test_nothing_goes_live_that_was_never_promoted(tmp_path: Path, verb: tuple[str, ...]) -> None:
    ran = run_sooner(*verb, "--workspace", str(tmp_path / "workspace"))
    assert ran.code == 11
    assert "sooner promote" in ran.err
