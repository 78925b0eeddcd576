"""What goes into a training run and names it; and whether the newest run is still made of just that.

    matrix/manifest.json, matrix/definition.json    the rows and columns
    council.toml, training.toml, worklist.toml      places, settings, and how lists are used
    worked_lists.parquet of PROGRAMME               another programme's past lists, which these give way to
    points.toml                                     the agreed points, where they are compared
    offers, helped                                  to whom help was offered, and who had it, as known then
    answers                                         what was decided on lists, where enough of them were worked
    code, versions                                  Sooner's own rooms, and the libraries that fit and judge

A run whose inputs are all the same would come out the same, byte for byte (tests/unit/training/test_experiment.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from charter.contracts.files import file_digest, find_current, read_json
from charter.invocation import Invocation
from charter.machine.code_version import digest_code
from training.data.list_decisions import digest_answers, read_list_rules
from training.data.other_runs import digest_other_lists

__all__ = ["ROOMS", "digest_help_sources", "digest_inputs", "find_unchanged_run", "list_versions"]

ROOMS = ("charter", "features", "training")
"""The rooms whose code can change a run: their own files and all that they import of ours."""


def list_versions() -> dict[str, str]:
    """Return the versions of the libraries that a run's bytes depend on."""
    return {name: version(name) for name in ("lightgbm", "numpy", "scikit-learn", "scipy")}


def digest_inputs(
    invocation: Invocation, matrix: Path, treated: Mapping[str, str], but: Collection[str] = ()
) -> dict[str, str]:
    """Return the sha256 of each file that goes into a run on a folder's matrix, and of all code that can change it.

    `treated` are those of the records of help, by name.
    """
    files = {
        "matrix/manifest.json": matrix / "manifest.json",
        "matrix/definition.json": matrix / "definition.json",
        "council.toml": invocation.council.folder / "council.toml",
        "training.toml": invocation.programme_folder / "training.toml",
        "worklist.toml": invocation.programme_folder / "worklist.toml",
    }
    if "agreed" in invocation.settings.training.models.compare:
        files["points.toml"] = invocation.programme_folder / "points.toml"
    digests = {name: file_digest(path) for name, path in files.items() if name not in but}
    taken_at = datetime.fromisoformat(read_json(matrix / "manifest.json")["taken_at"])
    answers = {"answers": digest_answers(read_list_rules(invocation, taken_at))}
    return digests | digest_other_lists(invocation) | dict(treated) | answers | {"code": digest_code(ROOMS)}


def digest_help_sources(invocation: Invocation, snapshot: str) -> str:
    """Return one sha256 over what a record of help is read from, beside what a run's other inputs hold.

    The same tables, charter and register give the same record, by the same settings, matrix and code: no event has to
    be read to know it.
    """
    tables, council = invocation.workspace.store / snapshot / "tables", invocation.council.folder
    read = (
        council / "charter.toml",
        council / "register.toml",
        tables / "events.parquet",
        tables / "permission.parquet",
    )
    parts = [f"{path.name} {file_digest(path)}" for path in read if path.exists()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_unchanged_run(invocation: Invocation) -> Path | None:
    """Return the newest run's folder if training now would make the same; None if anything changed, or was searched.

    It is the newest only once MLflow has it, so a run that was killed on the way is made again.
    """
    from training.data.offers import Offers
    from training.run import Run

    folder, matrix = find_current(invocation.workspace.scores), find_current(invocation.workspace.matrix)
    if folder is None or matrix is None or not Run.intact(folder):
        return None
    manifest = read_json(folder / "manifest.json")
    built = read_json(matrix / "manifest.json")
    taken_at = datetime.fromisoformat(built["taken_at"])
    offers = Offers.read(invocation.workspace.worklist / "actions.csv", taken_at)
    treated = {"offers": offers.sha256, "helped": str(manifest["inputs"].get("helped"))}
    same = (
        manifest["inputs"] == digest_inputs(invocation, matrix, treated)
        and manifest["versions"] == list_versions()
        and manifest["charter_sha256"] == invocation.policy.sha256
        and not manifest.get("search")
        and _is_help_the_same(invocation, manifest, str(built["snapshot"]), taken_at)
    )
    return folder if same else None


def _is_help_the_same(invocation: Invocation, manifest: Mapping[str, Any], snapshot: str, taken_at: datetime) -> bool:
    """Whether a run whose other inputs are all the same knew the same help: by its sources' digest, or read anew."""
    if manifest.get("help_sources") == digest_help_sources(invocation, snapshot):
        return True
    from training.data.help_record import read_help

    helped = read_help(invocation, snapshot, taken_at, invocation.settings.training.offers.helped)
    return bool(manifest["inputs"].get("helped") == helped.sha256)
