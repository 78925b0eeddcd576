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
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from charter.contracts.files import new_folder, write_text, writer_lock
from charter.contracts.matrix import Matrix
from charter.contracts.workspace import Workspace
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.machine.threads import one_thread
from features.build import build_matrix
from features.grammar import Definition, Feature
from features.grammar.words import describe_value
from training.data.dataset import MISSING
from training.data.folds import Fold
from training.data.lists import find_teams
from training.experiment import train_models
from training.keeping.mlflow_store import find_tracking_uri
from training.models.planning import Plan, make_plan
from training.own_contenders import OwnReplay, make_frame, replay_contenders
from training.report import notebook_plots
from training.report.terminal import find_figure
from training.run import Run

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # it ships no types
    from matplotlib.axes import Axes

__all__ = ["Workbench", "write_definition"]

_MEASURES = ("precision", "recall", "missed", "false_positives_per_found", "auroc")

_DEFINITION = '''"""Made in a notebook from {source}."""

from features.grammar import Definition

_READ = Definition.of({document})
COHORT, OUTCOME, FEATURES = _READ.cohort, _READ.outcome, list(_READ.features)
'''


def write_definition(source: str, definition: Definition) -> str:
    """Return the text of a definition.py that holds a definition made in a notebook, of `source` in words."""
    return _DEFINITION.format(source=source, document=repr(definition.document()))


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
            write_text(beside / name / "definition.py", write_definition(f"{base}'s cohort and outcome", definition))
        workspace = Workspace(self.invocation.workspace.root, name)
        opened = replace(self.invocation, council=council.copied_to(folder), programme=name, workspace=workspace)
        return Workbench(opened)

    def matrix(self) -> Matrix:
        """Build the programme's matrix, or find it where it was built before."""
        return Matrix.open(build_matrix(self.invocation))

    def data(self) -> tuple[pd.DataFrame, NDArray[np.int8], list[tuple[NDArray[np.int64], NDArray[np.int64]]]]:
        """Return (X, y, folds) for scikit-learn: `cross_val_score(model, X, y, cv=folds)`.

        X (rows, features) of every row whose label is known, indexed by as-of date, entity (a pseudonym) and the team
        that serves it, empty where none does; NaN is not seen, a category has pandas' own type, of codes. y (rows,) is
        0 or 1. `folds` are the selection folds as row numbers (train, test), with the embargo between them: of a date
        some of whose horizons were over before the first test date, the rows of those alone; the final period is in
        none of them.
        """
        import pandas as pd

        planned = make_plan(self.invocation, self.matrix())
        data, parts, labels, days = planned.data, [], [], []
        entities, teams = [], []
        for day in planned.learned:
            label = data.labels(day, data.taken_at)
            has_label = label != MISSING
            parts.append(np.asarray(data.at(day).features)[has_label])
            labels.append(label[has_label])
            days += [day] * int(has_label.sum())
            entities.append(np.asarray(data.at(day).entity)[has_label].astype(str))
            teams.append(find_teams(data.at(day).area, day, self.invocation.council)[has_label])
        levels = [days, np.concatenate(entities), np.concatenate(teams)]
        index = pd.MultiIndex.from_arrays(levels, names=["as_of", "entity", "team"])
        rows = make_frame(np.concatenate(parts), data.matrix.features, data.matrix.categories, index)
        when = _as_days(days)
        folds = [
            (np.flatnonzero(_mark_lessons(planned, fold)), np.flatnonzero(np.isin(when, _as_days(fold.test))))
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

    def figures(self, run: Run) -> pd.DataFrame:
        """Return every figure of a run, a row each: of lists as they are used or the queue, and of isolated dates."""
        import pandas as pd

        metrics = run.metrics
        parts = {"as used": metrics["replay"], "queue": metrics.get("queue", {}), "isolated dates": metrics}
        rows = [{"of": of, **figure} for of, part in parts.items() for figure in part.get("figures", ())]
        return pd.DataFrame(rows)

    def plot_scores(self, run: Run, model: str = "", axes: Axes | None = None) -> Axes:
        """Draw the out-of-time likelihoods of a model (the run's own), those with the outcome apart."""
        return notebook_plots.draw_scores(*self._read_scores(run, model), axes)

    def plot_calibration(self, run: Run, model: str = "", axes: Axes | None = None) -> Axes:
        """Draw the observed share of outcomes over a model's out-of-time likelihood."""
        return notebook_plots.draw_calibration(*self._read_scores(run, model), axes)

    def plot_replay(self, run: Run, axes: Axes | None = None) -> Axes:
        """Draw what every order would have listed of those in need, on lists as they are used or in the queue."""
        return notebook_plots.draw_replay(run.metrics, axes)

    def plot_dependence(self, run: Run, feature: str, model: str = "lightgbm", axes: Axes | None = None) -> Axes:
        """Draw what a feature adds to the score of a run's model over its value, on the newest labelled date."""
        matrix = self.matrix()
        if feature not in matrix.features:
            raise UsageError(f"there is no feature {feature!r}.", f"Choose one of: {', '.join(matrix.features)}.")
        day = date.fromisoformat(run.manifest["trained_on"][-1])
        values = np.asarray(matrix.at(day).features)
        place = matrix.features.index(feature)
        added = np.asarray(self.model(run, model).predict(values, pred_contrib=True))[:, place]
        asked = matrix.definition["features"][place]
        words = [describe_value(asked, code) for code in range(matrix.categories.get(place, 0))]
        return notebook_plots.draw_dependence(values[:, place].astype(np.float64), added, feature, axes, words)

    def _read_scores(self, run: Run, model: str) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Return the out-of-time likelihoods of a model and the labels, of rows that have one."""
        table = pq.read_table(run.folder / "scores.parquet", filters=[("model", "=", model or run.manifest["model"])])
        data = make_plan(self.invocation, self.matrix()).data
        score, label = [], []
        for day in sorted(set(table["as_of"].to_pylist())):
            rows = table.filter(pc.equal(table["as_of"], pa.scalar(day, pa.date32())))
            place = np.searchsorted(np.asarray(data.at(day).entity), np.array(rows["entity"].to_pylist(), dtype="S32"))
            labels = data.labels(day, data.taken_at)[place]
            score.append(rows["score"].to_numpy()[labels != MISSING])
            label.append(labels[labels != MISSING])
        return np.concatenate(score), np.concatenate(label)

    def model(self, run: Run, name: str = "lightgbm") -> lgb.Booster:
        """Return a run's candidate model of that name."""
        return lgb.Booster(model_str=run.text(f"models/{name}.lgb"))

    @property
    def tracking_uri(self) -> str:
        """The MLflow store in use; the experiment has the programme's name."""
        return find_tracking_uri(self.invocation.workspace)


def _as_days(days: Sequence[date]) -> NDArray[np.datetime64]:
    return np.array(days, dtype="datetime64[D]")


def _mark_lessons(planned: Plan, fold: Fold) -> NDArray[np.bool_]:
    """Return which of the rows that have a label by now a fold learns from: those that had one before its first test.

    Where a horizon ends with what is open, a date is of a fold as soon as one of its rows is over, and others are not.
    """
    data, marks = planned.data, []
    for day in planned.learned:
        known = data.labels(day, fold.cut) != MISSING if day in fold.train else np.zeros(len(data.at(day).entity), bool)
        marks.append(known[data.labels(day, data.taken_at) != MISSING])
    return np.concatenate(marks)
