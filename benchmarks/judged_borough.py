"""One judged borough: made by the real verbs, and beside its own models the best attainable and the latent truth.

attainable   LightGBM of the same settings, fitted fold by fold on a much larger borough of another seed
oracle       a regression on the need itself, which no service sees (`extracts/truth/`): nobody can do better than
             this but by luck; it knows each unit's need at the as-of date and its course over the year after
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from charter.contracts.workspace import Workspace
from charter.invocation import Invocation, shipped_council
from charter.vault.key import Key
from features.grammar import months
from features.intake.database import fetch_rows, read_parquet
from features.linking.accuracy import read_truth
from training.data.dataset import MISSING
from training.data.lists import Period
from training.models.fitting import Bins, fit_model, gather_lessons
from training.models.planning import Plan, make_plan

__all__ = ["JudgedBorough"]

Float = NDArray[np.float64]
_DOMAINS = ("shared", "money", "school", "family")
_VERBS = ("pull", "link", "build")


@dataclass(frozen=True)
class JudgedBorough:
    """A borough of a seed in its workspace, taken as far as its matrix."""

    invocation: Invocation

    @classmethod
    def make(cls, root: Path, households: int, seed: int, variant: str = "standard") -> JudgedBorough:
        """Make it by the real commands, or take the one that is there."""
        folder = root / f"{variant}_{households}_{seed}"
        if not (folder / "done").exists():
            first = ("synth", "--households", str(households), "--seed", str(seed), "--variant", variant)
            for words in (first, *((verb,) for verb in _VERBS)):
                subprocess.run(
                    [sys.executable, "-m", "sooner", *words, "--quiet", "--workspace", str(folder)],
                    check=True, cwd=Path(__file__).parents[1],
                )  # fmt: skip
            (folder / "done").touch()
        return cls(Invocation.open(shipped_council(), "early_help", folder, quiet=True))

    @cached_property
    def planned(self) -> Plan:
        """The folds and places of the borough."""
        return make_plan(self.invocation)

    def by(self, teacher: JudgedBorough) -> dict[str, Float]:
        """Return this borough's out-of-time margins by LightGBM fitted on `teacher`'s rows, by selection fold."""
        bins = Bins.of(teacher.planned)
        scored = {}
        for fold, taught in zip(self.planned.selecting, teacher.planned.selecting, strict=True):
            model = fit_model(teacher.planned, bins, gather_lessons(teacher.planned, taught), "lightgbm")
            scored[fold.name] = np.concatenate(
                [model.margins(self.planned.data.at(day).features, 2) for day in fold.test]
            )
        return scored

    def found(self, scored: Mapping[str, Float]) -> tuple[int, int]:
        """Return how many households the lists of these margins hold, labelled, and how many of them came to need."""
        period = self._period
        margins = np.concatenate([scored[fold.name] for fold in self.planned.selecting])
        listed = period.listed(period.places(margins)) & period.labelled
        return int(listed.sum()), int((listed & period.positive).sum())

    @cached_property
    def _period(self) -> Period:
        days = [day for fold in self.planned.selecting for day in fold.test]
        return Period.of(self.planned.data, days, self.planned.places)

    def oracle(self) -> tuple[float, int, int]:
        """Return the AUROC of whoever knew the need, and what lists by it would hold and find."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score

        need = _Need.of(self.invocation)
        data = self.planned.data
        scored: dict[str, Float] = {}
        for fold in self.planned.selecting:
            labels = np.concatenate(list(gather_lessons(self.planned, fold).values()))
            known = np.concatenate([need.known(self.planned, day) for day in fold.train])
            model = LogisticRegression(max_iter=500).fit(known[labels != MISSING], labels[labels != MISSING])
            scored[fold.name] = np.concatenate(
                [model.decision_function(need.known(self.planned, day)) for day in fold.test]
            )
        truth = np.concatenate(
            [data.labels(day, data.taken_at) for fold in self.planned.selecting for day in fold.test]
        )
        margins = np.concatenate([scored[fold.name] for fold in self.planned.selecting])
        return float(roc_auc_score(truth[truth != MISSING], margins[truth != MISSING])), *self.found(scored)


@dataclass(frozen=True)
class _Need:
    """The latent need by quarter and unit, and which unit each linked person is of."""

    days: list[date]
    z: NDArray[np.float32]
    unit_of: dict[bytes, int]

    @classmethod
    def of(cls, invocation: Invocation) -> _Need:
        workspace: Workspace = invocation.workspace
        truth = workspace.extracts / "truth"
        with duckdb.connect() as database:
            people = fetch_rows(
                database,
                "select l.person_id, mode(p.unit) from links l join truth t using (ref)"
                " join people p on p.person = t.person group by 1",
                truth=read_truth(database, Key.load(invocation.council, workspace), truth / "references.parquet"),
                links=read_parquet(database, workspace.snapshot() / "tables" / "links.parquet"),
                people=read_parquet(database, truth / "people.parquet"),
            )
            table: dict[str, Any] = database.execute(
                "select * from read_parquet($1) order by day, unit", [str(truth / "need.parquet")]
            ).fetchnumpy()
        days, row = np.unique(table["day"].astype("datetime64[D]"), return_inverse=True)
        units = int(table["unit"].max()) + 1
        z = np.full((len(days), units, len(_DOMAINS)), np.nan, dtype=np.float32)
        for column, domain in enumerate(_DOMAINS):
            z[row, table["unit"], column] = table[domain]
        return cls([day.item() for day in days], z, {name.encode(): int(unit) for name, unit in people})

    def known(self, planned: Plan, day: date) -> Float:
        """Return what the oracle knows of each row: need now, over the year after, its level, and the family's size."""
        rows = planned.data.at(day)
        units = np.array([self.unit_of.get(name, -1) for name in np.asarray(rows.person).tolist()])
        household = np.asarray(rows.person_row)
        end = months(12).after(day)
        now = max(place for place, when in enumerate(self.days) if when <= day)
        after = [place for place, when in enumerate(self.days) if day <= when < end]
        parts = []
        for values in (self.z[now], _mean_of(self.z[after]) if after else self.z[now]):
            of_person = np.where(units[:, None] >= 0, values[units], np.nan)
            total = np.zeros((len(rows.entity), len(_DOMAINS)))
            seen = np.zeros((len(rows.entity), 1))
            there = ~np.isnan(of_person).any(axis=1)
            np.add.at(total, household[there], of_person[there])
            np.add.at(seen, household[there], 1)
            mean = np.divide(total, seen, out=np.zeros_like(total), where=seen > 0)
            parts += [mean, np.exp(np.minimum(mean, 3.2))]
        children = np.bincount(household, np.asarray(rows.person_age) < 18, len(rows.entity))
        return np.column_stack([*parts, np.asarray(rows.members), children])


def _mean_of(quarters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each unit's mean over the quarters it lived through; NaN for none. Shape (units, domains)."""
    lived = (~np.isnan(quarters)).sum(axis=0)
    total = np.nansum(quarters, axis=0)
    return np.divide(total, lived, out=np.full_like(total, np.nan), where=lived > 0)
