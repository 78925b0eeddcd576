"""The whole path on a borough of 3,000 households: what every verb leaves, and what can be done with it after."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from charter.contracts import check_document
from charter.contracts.files import find_current, folder_digest, read_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import shipped_council
from charter.vault.key import Key
from serving.ranking.sealed_record import make_referral_id
from tests.conftest import run_sooner


def issued(workspace: Workspace) -> list[dict[str, str]]:
    folder = find_current(workspace.worklist)
    assert folder is not None
    with (folder / "issued.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def first_referral(workspace: Workspace) -> str:
    row = issued(workspace)[0]
    return make_referral_id(workspace.programme, row["list"], row["entity"])


def next_delivery(extracts: Path, days: int = 7) -> None:
    """Let every service deliver again a week later, social care with one contact more."""
    for path in extracts.glob("*/delivery.json"):
        delivery = read_json(path)
        for key in ("covers_to", "received_at"):
            delivery[key] = (datetime.fromisoformat(delivery[key]) + timedelta(days=days)).isoformat()
        path.write_text(json.dumps(delivery))
    contacts = extracts / "social_care" / "contacts.csv"
    with contacts.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    new = {"contact_id": "CON9999999", "contacted_at": "2026-09-29T10:00:00Z", "recorded_on": "2026-09-30T10:00:00Z"}
    with contacts.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows([*rows, {**rows[-1], **new, "corrected_on": ""}])


def test_every_verb_leaves_its_file_in_its_contract(demo_workspace: Path) -> None:
    workspace = Workspace(demo_workspace, "early_help")
    snapshot = workspace.snapshot()
    check_document("snapshot", read_json(snapshot / "manifest.json"))
    for kind, name, contract in (
        (workspace.matrix, "manifest.json", "matrix"),
        (workspace.matrix, "definition.json", "definition"),
        (workspace.audit, "findings.json", "findings"),
        (workspace.audit, "decision.json", "decision"),
        (workspace.release, "manifest.json", "release"),
        (workspace.bundle, "manifest.json", "bundle"),
    ):
        folder = find_current(kind)
        assert folder is not None, kind
        check_document(contract, read_json(folder / name))
    assert (find_current(workspace.audit) / "report.html").stat().st_size > 10_000  # type: ignore[operator] # just asserted
    rows = issued(workspace)
    assert {row["arm"] for row in rows} <= {"ranked", "random", "control", "baseline"}
    assert len(rows) == len({row["entity"] for row in rows}) > 0


# MLflow 3.17 uses a loader that SQLAlchemy 2.1 deprecates; both are pinned.
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")
def test_the_run_in_mlflow_is_one_parent_with_children_and_holds_no_rows(demo_workspace: Path) -> None:
    import mlflow

    workspace = Workspace(demo_workspace, "early_help")
    client = mlflow.MlflowClient(workspace.tracking_uri)
    found = [run for e in client.search_experiments() for run in client.search_runs([e.experiment_id])]
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    assert len(found) > 3
    entities = {row["entity"] for row in issued(workspace)}
    for path in workspace.artifacts.rglob("*"):
        if path.is_file() and path.suffix in {".json", ".txt", ".lgb", ".html", ".csv", ".yaml", ""}:
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not any(entity in text for entity in entities), path


def test_a_second_pull_of_the_same_deliveries_makes_nothing_new(own_workspace: Path) -> None:
    ran = run_sooner("pull", "--workspace", str(own_workspace), "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["made"] is False


def test_building_twice_does_nothing(own_workspace: Path) -> None:
    before = folder_digest(own_workspace / "matrix")
    ran = run_sooner("build", "--workspace", str(own_workspace))
    assert ran.code == 0, ran.err
    assert folder_digest(own_workspace / "matrix") == before


def test_a_referral_is_reproduced_after_new_data_and_named_as_withdrawn_after_a_withdrawal(own_workspace: Path) -> None:
    workspace = Workspace(own_workspace, "early_help")
    referral = first_referral(workspace)
    where = ("--workspace", str(own_workspace))
    next_delivery(own_workspace / "extracts")
    old = workspace.snapshot().name
    for verb in ("pull", "link"):
        ran = run_sooner(verb, *where)
        assert ran.code == 0, ran.err
    assert workspace.snapshot().name != old
    # It compares every byte with the sealed record, and ends with 11 where one differs.
    again = run_sooner("reproduce", referral, *where, "--json")
    assert again.code == 0, again.err

    service, reference = known_reference(workspace, json.loads(again.out))
    named = ("--through", service, "--reference", reference)
    exported(named, where, referral, own_workspace)
    assert run_sooner("doctor", *where).out.count("nothing went since") == 1
    ran = run_sooner("resident", "withdraw", *named, "--service", service, *where)
    assert ran.code == 0, ran.err
    assert "rows went since" in run_sooner("doctor", *where).out
    gone = run_sooner("reproduce", referral, *where)
    assert gone.code == 12, (gone.out, gone.err)
    assert "withdraw" in gone.err
    assert service in gone.err


def exported(named: tuple[str, ...], where: tuple[str, ...], referral: str, workspace: Path) -> None:
    """Let the resident ask for what is held of them, and an officer hand it over."""
    made = run_sooner("resident", "export", *named, *where, "--json")
    assert made.code == 0, made.err
    draft, folder = json.loads(made.out)["draft"], workspace.parent / "handed"
    hand_over = ("hand-over", draft, "--to", str(folder), *where)
    checks = ("--identity-checked", "--third-parties-checked", "--serious-harm-checked", "--safe-contact-checked")
    assert run_sooner(*hand_over, "--role", "resident_desk", *checks).code == 12
    assert run_sooner(*hand_over, "--role", "data_protection_officer", *checks[:3]).code == 12
    done = run_sooner(*hand_over, "--role", "data_protection_officer", *checks)
    assert done.code == 0, done.err
    document = json.loads((folder / "your-data.json").read_text(encoding="utf-8"))
    assert referral in {one["referral"] for one in document["lists"]}
    assert "list.issued" in {one["action"] for one in document["seen_by"]}
    assert document["matrices"]
    name = document["identity"]["name"]
    assert name in (folder / "your-data.html").read_text(encoding="utf-8")
    assert name not in made.out + done.out


def known_reference(workspace: Workspace, record: dict[str, Any]) -> tuple[str, str]:
    """Return a service and its own reference for somebody of the referral's household, as a resident would give it."""
    people = {person["person"] for person in record["people"]}
    links = pq.read_table(workspace.snapshot() / "tables" / "links.parquet").to_pylist()
    wanted = {(row["service"], row["ref"]) for row in links if row["person_id"] in people}
    pseudonym = Key.load(Council.load(shipped_council()), workspace).pseudonyms("reference")
    for service, column in (("education", "upn"), ("social_care", "child_id")):
        file = {"education": "pupils.csv", "social_care": "children.csv"}[service]
        with (workspace.extracts / service / file).open(newline="", encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                if (service, pseudonym(service, row[column])) in wanted:
                    return service, row[column]
    raise AssertionError("nobody of the household is known to education or social care")


@pytest.mark.parametrize(
    "verb", ["pull", "link", "build", "train", "audit", "decide", "promote", "rank", "reproduce x"]
)
def test_a_verb_without_what_it_needs_says_what_to_run_first(tmp_path: Path, verb: str) -> None:
    ran = run_sooner(*verb.split(), "--workspace", str(tmp_path / "empty"))
    assert ran.code in {2, 11}, (ran.out, ran.err)
    assert ran.err.startswith("sooner: ")
    assert "next: " in ran.err
    assert "Traceback" not in ran.err


def test_an_edited_charter_stops_promotion(own_workspace: Path, tmp_path: Path) -> None:
    council = tmp_path / "council"
    shutil.copytree(Path(__file__).resolve().parents[2] / "council", council)
    text = (council / "charter.toml").read_text(encoding="utf-8")
    (council / "charter.toml").write_text(text + "\n# one more line\n", encoding="utf-8")
    ran = run_sooner("promote", "--workspace", str(own_workspace), "--council", str(council))
    assert ran.code in {12, 14}, (ran.out, ran.err)
    assert "charter" in ran.err
