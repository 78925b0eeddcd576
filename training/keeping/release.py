"""Training's half of `sooner promote`: from a decision that passes to a release folder, and the alias `champion`.

    release/PROGRAMME/ID/
      manifest.json    contract `release`
      model.lgb        the model, LightGBM native text
      baseline.lgb     the points list, for serving to fall back on
      definition.json  the definition it was trained with
      check.npz        `rows` made from the model's own cut points (of nobody), and the `margins` they must get
    release/PROGRAMME/history.json   what was current, and when
    release/PROGRAMME/named.json     what the registry was told of the current one, in which store; its files' digests

No decision, no champion: `charter.signing.signoffs.require_signoffs` is the only door.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import (
    content_id,
    file_digest,
    find_current,
    new_folder,
    read_json,
    set_current,
    write_json,
    write_text,
)
from charter.errors import DataError, UsageError
from charter.invocation import Invocation
from charter.machine.code_version import DIRTY
from charter.signing.engaged_uses import require_engagement
from charter.signing.signoffs import find_today, read_signoffs, require_signoffs
from charter.signing.stand_in import find_signed_stand_in, list_waivers
from training.keeping.mlflow_store import find_tracking_uri
from training.keeping.scoring_manifest import describe_scoring, select_scoring
from training.run import Run

__all__ = ["release_model", "roll_back_release"]

_NAMED = "named.json"


def release_model(invocation: Invocation, run: str | None = None) -> Path:
    """Release the candidate of a run (the newest), if its decision and sign-offs allow it; return the folder.

    A release that is current, whole and known to the registry as it would be told now stands, and nothing is written.
    Raises what `charter.signing.signoffs.require_signoffs` raises (11, 13, 14, 15), SignOffError where it makes a new
    use of real data that nobody was asked about, WithdrawnError (12) where rows it
    learned from were withdrawn, DataError where files were changed. The caller holds the workspace's writer lock.
    """
    chosen = Run.open(invocation.workspace, run)
    chosen.refuse_withdrawn()
    _refuse_edited_code(chosen)
    text = chosen.text()
    decision = _require_decision(invocation, chosen)
    definition = _read_definition(invocation, chosen)
    if not chosen.manifest["synthetic"]:
        uses = json.loads(definition)
        require_engagement(invocation, uses, str(chosen.manifest["model"]), find_today(invocation))
    content = _release_content(invocation, chosen, decision)
    release_id = content_id(content)
    folder = invocation.workspace.release / release_id
    tags = _registry_tags(invocation, chosen, decision, release_id)
    if _stands(invocation, folder, tags):
        return folder
    if _was_changed(invocation, folder, tags):
        shutil.rmtree(folder)
    with new_folder(folder) as beside:
        write_text(beside / "model.lgb", text)
        if chosen.manifest.get("baseline"):
            write_text(beside / "baseline.lgb", chosen.text("baseline.lgb"))
        write_text(beside / "definition.json", definition)
        _write_check(beside, chosen, text)
        manifest = content | {"id": release_id, "created_at": datetime.now(UTC).isoformat(timespec="seconds")}
        check_document("release", manifest)
        write_json(beside / "manifest.json", manifest)
    _name_champion(invocation, chosen, content, tags)
    _make_current(invocation, release_id, "release")
    write_json(invocation.workspace.release / _NAMED, _describe_naming(invocation, folder, tags))
    return folder


def roll_back_release(invocation: Invocation) -> Path:
    """Go back to the release before the current one, whose decision and sign-offs must still hold; return its folder.

    Raises UsageError where there is none before, and what `release` raises.
    """
    history = _read_history(invocation)
    current = find_current(invocation.workspace.release)
    names = [entry["release"] for entry in history]
    if current is None or current.name not in names:
        raise UsageError(f"{invocation.programme} has no release to go back from.", "Run `sooner promote`.")
    before = [name for name in names[: names.index(current.name)] if name != current.name]
    if not before:
        raise UsageError(
            f"{current.name} is the first release of {invocation.programme}; there is none before it.",
            "To show no ranking at all: `sooner suspend`.",
        )
    folder = invocation.workspace.release / before[-1]
    manifest = read_json(folder / "manifest.json")
    run = Run.open(invocation.workspace, manifest["run"])
    decision = _require_decision(invocation, run)
    if file_digest(folder / "model.lgb") != manifest["model_sha256"]:
        raise DataError(f"model.lgb of release {folder.name} is not what was released.", "Train and promote again.")
    _name_champion(invocation, run, manifest, _registry_tags(invocation, run, decision, folder.name))
    _make_current(invocation, folder.name, "rollback")
    return folder


def _stands(invocation: Invocation, folder: Path, tags: Mapping[str, str]) -> bool:
    """Whether a release is current, its files are as they were left, and its store was told of it with these tags."""
    naming = invocation.workspace.release / _NAMED
    if find_current(invocation.workspace.release) != folder or not naming.exists():
        return False
    uri, local = find_tracking_uri(invocation.workspace), invocation.workspace.tracking_uri
    if uri == local and not Path(local.removeprefix("sqlite:///")).exists():
        return False
    return bool(read_json(naming) == _describe_naming(invocation, folder, tags))


def _was_changed(invocation: Invocation, folder: Path, tags: Mapping[str, str]) -> bool:
    """Whether a release's files are not those that were left when its store was told of it."""
    naming = invocation.workspace.release / _NAMED
    before = read_json(naming) if naming.exists() else {"tags": {}}
    same_release = before["tags"].get("sooner.release") == tags["sooner.release"]
    return same_release and folder.exists() and before["files"] != _describe_naming(invocation, folder, tags)["files"]


def _describe_naming(invocation: Invocation, folder: Path, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return what a release is known by: files, tags, and its store as a digest, as an address may hold a password."""
    files = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    return {"files": files, "tags": dict(tags), "store": content_id(find_tracking_uri(invocation.workspace))}


def _name_champion(invocation: Invocation, run: Run, scoring: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    # Here and not above: a release that stands needs no MLflow.
    from training.keeping.registry import Registry

    Registry(invocation).name_champion(run, select_scoring(scoring), tags)


def _require_decision(invocation: Invocation, run: Run) -> Mapping[str, Any]:
    """Return the decision on this very run and model, if it and its sign-offs open the door."""
    folder = invocation.workspace.audit / run.id
    decision = require_signoffs(invocation, folder, synthetic=bool(run.manifest["synthetic"]))
    findings = read_json(folder / "findings.json")
    audited = findings.get("model", run.manifest["model"])
    scores = findings["inputs"].get("scores.parquet")
    if scores not in (None, run.manifest["outputs"]["scores.parquet"]):
        raise DataError(f"the audit is not of run {run.id}'s scores.", "Run `sooner audit`, then `sooner decide`.")
    if decision["run"] != run.id or decision["programme"] != invocation.programme or audited != run.manifest["model"]:
        raise DataError(
            f"the decision is on {audited} of run {decision['run']}; the candidate is {run.manifest['model']} of run"
            f" {run.id}.",
            "Run `sooner audit`, then `sooner decide`.",
        )
    return decision


def _release_content(invocation: Invocation, run: Run, decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the release is made of: everything in its manifest but its id and the time."""
    manifest, metrics = run.manifest, run.metrics
    audit = invocation.workspace.audit / run.id
    model = str(manifest["model"])
    content = {
        "schema_version": SCHEMA_VERSION,
        "snapshot": manifest["snapshot"],
        "inputs": {
            "run/manifest.json": file_digest(run.folder / "manifest.json"),
            "decision.json": file_digest(audit / "decision.json"),
            "findings.json": decision["findings_sha256"],
        },
        "programme": invocation.programme,
        "run": run.id,
        "matrix": manifest["matrix"],
        "definition": manifest["definition"],
        "seen": manifest.get("seen", []),
        "synthetic": manifest["synthetic"],
        "charter_sha256": manifest["charter_sha256"],
        "metrics": {
            "recommendation": metrics["recommendation"],
            "capacity": metrics["capacity"],
            "figures": [
                figure for figure in metrics["figures"] if figure["model"] == model and figure["part"] == "all"
            ],
        },
        "decision": {
            "decision": decision["decision"],
            "sentence": decision["sentence"],
            "waivers": list_waivers(decision),
        },
        "versions": manifest.get("versions", {}),
        "commit": _commit_of(run),
    } | describe_scoring(run, model)
    if manifest.get("baseline"):
        content["baseline"] = {
            "model": manifest["baseline"],
            "model_sha256": manifest["outputs"]["baseline.lgb"],
            "calibration": manifest["calibration"][manifest["baseline"]],
            "rules": metrics.get("points", []),
        }
        stand_in = find_signed_stand_in(decision)
        if stand_in and stand_in["model"] == manifest["baseline"]:
            content["stand_in"] = stand_in
    return content


def _refuse_edited_code(run: Run) -> None:
    """Raise DataError where a model of real people was made by code that no commit holds."""
    if not run.manifest["synthetic"] and (_commit_of(run) or "").endswith(DIRTY):
        raise DataError(
            f"run {run.id} was trained on real data by code that was edited and not committed, so nobody could make it "
            "again.",
            "Commit the code, then train, audit and decide again.",
        )


def _commit_of(run: Run) -> str | None:
    path = run.folder / "tracking.json"
    commit = read_json(path).get("commit") if path.exists() else None
    return commit if isinstance(commit, str) else None


def _registry_tags(invocation: Invocation, run: Run, decision: Mapping[str, Any], release_id: str) -> dict[str, str]:
    """Return what the registry's version says of its approval: who, until when, on which decision."""
    signed = read_signoffs(invocation.workspace.audit / run.id / "signoffs.toml")
    tags = {
        "sooner.release": release_id,
        "sooner.decision": decision["decision"],
        "sooner.decision_sha256": file_digest(invocation.workspace.audit / run.id / "decision.json"),
        "sooner.approved_by": ", ".join(sorted(f"{signoff.role} ({signoff.kind})" for signoff in signed)),
    }
    return tags | ({"sooner.expires": min(signoff.expires for signoff in signed).isoformat()} if signed else {})


def _read_definition(invocation: Invocation, run: Run) -> str:
    path = invocation.workspace.matrix / str(run.manifest["matrix"]) / "definition.json"
    if not path.exists() or file_digest(path) != run.manifest["inputs"]["matrix/definition.json"]:
        raise DataError(
            f"the definition that run {run.id} was trained with is missing or was changed.",
            "Run `sooner build` and `sooner train` again.",
        )
    return path.read_text(encoding="utf-8")


def _write_check(folder: Path, run: Run, text: str) -> None:
    # Here and not above: a release that stands needs no LightGBM.
    import numpy as np

    from training.keeping.check_rows import make_check_rows
    from training.models.boosting import predict_margins

    rows = make_check_rows(text)
    checked = {"rows": rows, "margins": predict_margins(text, rows, threads=1)}
    if run.manifest.get("baseline"):
        checked["baseline_margins"] = predict_margins(run.text("baseline.lgb"), rows, threads=1)
    np.savez(folder / "check.npz", **checked)  # type: ignore[arg-type]  # numpy types the names as flags of savez


def _read_history(invocation: Invocation) -> list[dict[str, str]]:
    path = invocation.workspace.release / "history.json"
    entries: list[dict[str, str]] = read_json(path) if path.exists() else []
    return entries


def _make_current(invocation: Invocation, release_id: str, action: str) -> None:
    entry = {"release": release_id, "action": action, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    history = _read_history(invocation)
    if not history or history[-1]["release"] != release_id:
        write_json(invocation.workspace.release / "history.json", [*history, entry])
    set_current(invocation.workspace.release, release_id)
