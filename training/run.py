"""What one training run leaves behind, `scores/PROGRAMME/RUN/`, and reading it back.

    manifest.json      contract `run`: what went in, what came out, every digest
    metrics.json       contract `metrics`: figures with intervals, folds, recommendation, bands
    scores.parquet     contract `scores`: out-of-time scores of every model
    replayed.parquet, replayed_households.parquet      contracts of those names: past weeks' lists as they are used
    worked_lists.parquet                               one drawing of them, for other programmes to give way to
    model.lgb          the candidate: the model to audit, sign and release, as LightGBM native text
    baseline.lgb       the points list, for serving to fall back on
    models/NAME.lgb    each model that can be released
    folds/FOLD.lgb     the candidate's kind as each fold learned it, for the audit to see how steady it is

A run's id is made of what went in (matrix, settings, charter, the code of every room that can change it), so the same
run trained again gives the same id and must give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charter.contracts import check_document
from charter.contracts.files import file_digest, find_current, read_json, set_current, write_json
from charter.contracts.workspace import Workspace
from charter.errors import DataError, UsageError, WithdrawnError

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """A training run on disk."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, workspace: Workspace, name: str | None = None) -> Run:
        """Open the run `name`, or the newest; raise UsageError where there is none."""
        folder = workspace.scores / name if name else find_current(workspace.scores)
        if folder is None or not (folder / "manifest.json").exists():
            raise UsageError(
                f"there is no training run{f' {name}' if name else ''} of {workspace.programme} in"
                f" {workspace.root.name}/scores/.",
                "Run `sooner train`.",
            )
        manifest = read_json(folder / "manifest.json")
        check_document("run", manifest)
        return cls(folder, manifest)

    @staticmethod
    def intact(folder: Path) -> bool:
        """Whether the run in `folder` has every file that its manifest names, as written."""
        if not (folder / "manifest.json").exists():
            return False
        outputs = read_json(folder / "manifest.json")["outputs"]
        return all(
            (folder / name).exists() and file_digest(folder / name) == digest for name, digest in outputs.items()
        )

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self.manifest["id"])

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The run's figures: contract `metrics`."""
        document: Mapping[str, Any] = read_json(self.folder / "metrics.json")
        return document

    def text(self, name: str = "model.lgb") -> str:
        """Return a model's native text; raise DataError where the file is not what the run wrote."""
        path = self.folder / name
        if not path.exists() or file_digest(path) != self.manifest["outputs"].get(name):
            raise DataError(
                f"{name} of run {self.id} is missing or is not what training wrote.",
                "Run `sooner train` again.",
            )
        return path.read_text(encoding="utf-8")

    def refuse_withdrawn(self) -> None:
        """Raise WithdrawnError where rows that this run learned from were withdrawn since."""
        withdrawn = int(self.manifest.get("withdrawn_rows", 0))
        if withdrawn:
            raise WithdrawnError(
                f"run {self.id} learned from rows of which {withdrawn} were withdrawn since: it cannot be made again.",
                "Build and train again: `sooner build`, then `sooner train`.",
            )


def keep_run(workspace: Workspace, folder: Path, manifest: Mapping[str, Any]) -> Run:
    """Write the manifest of a filled folder, checked against its contract."""
    check_document("run", manifest)
    write_json(folder / "manifest.json", manifest)
    return Run(workspace.scores / str(manifest["id"]), manifest)


def make_current(workspace: Workspace, run: Run) -> None:
    """Make a run the newest of its programme."""
    set_current(workspace.scores, run.id)
