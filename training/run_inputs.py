"""What goes into a training run and names it; and whether the newest run is still made of just that.

    matrix/manifest.json, matrix/definition.json    the rows and columns
    council.toml, training.toml, worklist.toml      places, settings, and how lists are used
    worked_lists.parquet of PROGRAMME               another programme's past lists, which these give way to
    offers                                          whom help was offered to, as known when the data was taken
    code, versions                                  Sooner's own rooms, and the libraries that fit and judge

A run whose inputs are all the same would come out the same, byte for byte (tests/unit/training/test_experiment.py).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from charter.contracts.files import file_digest, find_current, read_json
from charter.invocation import Invocation
from charter.machine.code_version import digest_code
from training.data.other_lists import digest_other_lists

__all__ = ["ROOMS", "digest_inputs", "find_unchanged_run", "list_versions"]

ROOMS = ("charter", "features", "training")
"""The rooms whose code can change a run: their own files and all that they import of ours."""


def list_versions() -> dict[str, str]:
    """Return the versions of the libraries that a run's bytes depend on."""
    return {name: version(name) for name in ("lightgbm", "numpy", "scikit-learn", "scipy")}


def digest_inputs(
    invocation: Invocation, matrix: Path, offers_sha256: str, but: Collection[str] = ()
) -> dict[str, str]:
    """Return the sha256 of each file that goes into a run on a folder's matrix, and of all code that can change it."""
    files = {
        "matrix/manifest.json": matrix / "manifest.json",
        "matrix/definition.json": matrix / "definition.json",
        "council.toml": invocation.council.folder / "council.toml",
        "training.toml": invocation.programme_folder / "training.toml",
        "worklist.toml": invocation.programme_folder / "worklist.toml",
    }
    digests = {name: file_digest(path) for name, path in files.items() if name not in but}
    return digests | digest_other_lists(invocation) | {"offers": offers_sha256, "code": digest_code(ROOMS)}


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
    taken_at = datetime.fromisoformat(read_json(matrix / "manifest.json")["taken_at"])
    offers = Offers.read(invocation.workspace.worklist / "actions.csv", taken_at)
    same = (
        manifest["inputs"] == digest_inputs(invocation, matrix, offers.sha256)
        and manifest["versions"] == list_versions()
        and manifest["charter_sha256"] == invocation.policy.sha256
        and not manifest.get("search")
    )
    return folder if same else None
