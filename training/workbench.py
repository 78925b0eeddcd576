"""What a data scientist does in a notebook, in a few lines (docs/tutorial/two_features.ipynb).

    bench = Workbench.open("workspace")                    a workspace that was pulled and linked
    mine = bench.define("two_features", Feature(...), ...) the same cohort, outcome, teams and dates, other features
    X, y, folds = mine.data()                              for anything that follows scikit-learn's conventions
    run = mine.train()                                     Sooner's own models, judged at the teams' places
    mine.compare(run)                                      a row a model
    own = bench.replay({"mine": any_classifier})           scikit-learn's, on lists as they are used
    own.table, own.differences, own.plot()

The charter and the register decide here as everywhere: a feature they don't allow is refused. A programme made here has
a matrix, scores and an experiment of its own; nothing of the programmes it borrows from is changed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import new_folder, write_text, writer_lock
from charter.contracts.matrix import Matrix
from charter.contracts.workspace import Workspace
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.machine.threads import one_thread
from features.build import build_matrix
from features.grammar import Definition, Feature
from training.data.dataset import MISSING
from training.experiment import train_models
from training.keeping.mlflow_store import find_tracking_uri
from training.models.planning import make_plan
from training.own_contenders import OwnReplay, replay_contenders
from training.report.terminal import find_figure
from training.run import Run

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # it ships no types

__all__ = ["Workbench"]

_MEASURES = ("precision", "recall", "missed", "false_positives_per_found", "auroc")

_DEFINITION = '''"""Made in a notebook from {base}'s cohort and outcome."""

from features.grammar import Definition

_READ = Definition.of({document})
COHORT, OUTCOME, FEATURES = _READ.cohort, _READ.outcome, list(_READ.features)
'''


@dataclass(frozen=True)
class Workbench:
    """One programme in one workspace."""

    invocation: Invocation

    @classmethod
    def open(cls, workspace: str | Path, programme: str = "", council: str | Path | None = None) -> Workbench:
        """Open a programme (the only or first one) of a council (the shipped one) in a workspace."""
        folder = None if council is None else Path(council)
        return cls(Invocation.open(folder, programme, Path(workspace), quiet=True))

    def define(self, name: str, *features: Feature) -> Workbench:
        """Return a programme `name` with these features and this programme's cohort, outcome, teams and settings.

        It is left in the workspace's `councils/NAME/`, a council's folder like any other. Raises UsageError for the
        name of a programme that the council has, DefinitionError for features that do not fit.
        """
        base, council = self.invocation.programme, self.invocation.council
        if name in council.programmes:
            raise UsageError(f"the council has a programme {name} already.", "Choose another name for yours.")
        old = Definition.load(self.invocation.programme_folder / "definition.py")
        definition = Definition(name, old.cohort, old.outcome, features)
        folder = self.invocation.workspace.root / "councils" / name
        shutil.rmtree(folder, ignore_errors=True)
        with new_folder(folder) as beside:
            for path in sorted(council.folder.glob("*.toml")):
                shutil.copy(path, beside / path.name)
            shutil.copytree(self.invocation.programme_folder, beside / name)
            settings = (beside / name / "training.toml").read_text(encoding="utf-8")
            # Points that people agreed on are of the other features.
            write_text(beside / name / "training.toml", re.sub(r'"agreed"\s*,?\s*', "", settings))
            written = _DEFINITION.format(base=base, document=repr(definition.document()))
            write_text(beside / name / "definition.py", written)
        workspace = Workspace(self.invocation.workspace.root, name)
        opened = replace(self.invocation, council=council.copied_to(folder), programme=name, workspace=workspace)
        return Workbench(opened)

    def matrix(self) -> Matrix:
        """Build the programme's matrix, or find it where it was built before."""
        return Matrix.open(build_matrix(self.invocation))

    def data(self) -> tuple[pd.DataFrame, NDArray[np.int8], list[tuple[NDArray[np.int64], NDArray[np.int64]]]]:
        """Return (X, y, folds) for scikit-learn: `cross_val_score(model, X, y, cv=folds)`.

        X (rows, features) of every row whose label is known, indexed by as-of date; NaN is not seen. y (rows,) is 0
        or 1. `folds` are the selection folds as row numbers (train, test), with the embargo between them; the final
        period is in none of them.
        """
        import pandas as pd

        planned = make_plan(self.invocation, self.matrix())
        data, parts, labels, days = planned.data, [], [], []
        for day in planned.learned:
            label = data.labels(day, data.taken_at)
            has_label = label != MISSING
            parts.append(np.asarray(data.at(day).features)[has_label])
            labels.append(label[has_label])
            days += [day] * int(has_label.sum())
        rows = pd.DataFrame(np.concatenate(parts), columns=data.matrix.features, index=pd.Index(days, name="as_of"))
        when = _as_days(days)
        folds = [
            (np.flatnonzero(np.isin(when, _as_days(fold.train))), np.flatnonzero(np.isin(when, _as_days(fold.test))))
            for fold in planned.folds
            if not fold.final
        ]
        return rows, np.concatenate(labels), folds

    def train(self) -> Run:
        """Build and train as `sooner train` does, with one run in MLflow, and return it."""
        with writer_lock(self.invocation.workspace.root):
            self.matrix()
            return train_models(self.invocation)

    def replay(self, contenders: Mapping[str, Any]) -> OwnReplay:
        """Judge scikit-learn classifiers of one's own, by name, on lists as they are used; return what was measured.

        Each is cloned and fitted on every selection fold, on rows whose labels were known by then (float32, NaN is not
        seen, columns by the features' names); drawing lots and the points list stand beside. What chooses nothing stays
        unseen. Raises what `training.own_contenders.replay_contenders` raises.
        """
        with writer_lock(self.invocation.workspace.root), one_thread():
            return replay_contenders(self.invocation, make_plan(self.invocation, self.matrix()), contenders)

    def compare(self, run: Run) -> pd.DataFrame:
        """Return a row for each model, simplest first: figures over the selection periods, at the teams' places."""
        import pandas as pd

        metrics = run.metrics
        rows = {
            name: {measure: find_figure(metrics, name, measure)["estimate"] for measure in _MEASURES}
            for name in metrics["models"]
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def model(self, run: Run, name: str = "lightgbm") -> lgb.Booster:
        """Return a run's candidate model of that name."""
        return lgb.Booster(model_str=run.text(f"models/{name}.lgb"))

    @property
    def tracking_uri(self) -> str:
        """The MLflow store in use; the experiment has the programme's name."""
        return find_tracking_uri(self.invocation.workspace)


def _as_days(days: Sequence[date]) -> NDArray[np.datetime64]:
    return np.array(days, dtype="datetime64[D]")
