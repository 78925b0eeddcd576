"""Scoring a whole borough with reasons for those listed, against LightGBM's own predict and contributions.

Ours reads the model as the bundle does, checks the rows, gives every margin, puts all in the published order, and for
the first 500 makes contributions and sentences. The peer predicts all margins and the 500's contributions: numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from statistics import median
from zoneinfo import ZoneInfo

import lightgbm
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import Row
from charter.invocation import shipped_council
from charter.rules.tie_break import order_rows
from features.grammar.definition import Definition
from serving.ranking.reasons import ExplainedRow, explain_row
from serving.ranking.scoring import Model

__all__ = ["grow_trees", "scoring_run"]

HOUSEHOLDS, LISTED, REPEATS = 110_000, 500, 5
_AS_OF = date(2026, 9, 1)


def scoring_run() -> Row:
    """Return the row: ours against the peer, in turn, medians."""
    definition = Definition.load(shipped_council() / "early_help" / "definition.py").document()
    manifest = {
        "features": [feature | {"services": [], "seen": [], "signals": []} for feature in definition["features"]],
        "services": {},
    }
    names = [feature["name"] for feature in definition["features"]]
    rng = np.random.default_rng(1)
    rows = np.clip(np.floor(rng.standard_normal((HOUSEHOLDS, len(names)), dtype=np.float32) * 2), 0, 2)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    entity = np.array(sorted(f"{number:032x}" for number in range(HOUSEHOLDS)), dtype="S32")
    text = grow_trees(rows, names, rng)
    band = {"id": "a", "title": "All", "meaning": "Of a benchmark.", "from_score": 0.0}

    def ours() -> None:
        model = Model.read(text, names, {}, [band])
        margins = model.margins(rows)
        first = np.flatnonzero(order_rows(entity, _AS_OF, margins) <= LISTED)
        contributions, base = model.contributions(rows[first])
        for number, row in enumerate(first):
            explained = ExplainedRow(
                rows[row].tolist(), contributions[number].tolist(), float(base[number]), seen={}, members=2
            )
            explain_row(manifest, explained, {}, _AS_OF, ZoneInfo("Europe/London"))

    def bare() -> None:
        booster = lightgbm.Booster(model_str=text)
        margins = booster.predict(rows, raw_score=True)
        booster.predict(rows[np.argsort(-np.asarray(margins))[:LISTED]], pred_contrib=True)

    mine, theirs = _turns(ours, bare)
    ratio = mine / theirs
    return Row(
        f"scoring {HOUSEHOLDS:,} households with reasons for {LISTED}, against bare predict and contributions",
        round(ratio, 3),
        "x",
        "1.2 x or less",
        ratio <= 1.2,
        {"ours, s": round(mine, 2), "bare, s": round(theirs, 2)},
        f"{len(names)} features, 300 trees of 31 leaves; median of {REPEATS}; the peer says no sentence",
    )


def grow_trees(
    rows: NDArray[np.float32], names: list[str], rng: np.random.Generator, trees: int = 300, leaves: int = 31
) -> str:
    """Return the native text of a model of what the first 8 columns decide, learned from 20,000 rows at most."""
    some = rows[:20_000]
    labels = (np.nan_to_num(some[:, :8]).sum(axis=1) + rng.normal(0, 3, len(some)) > 7).astype(np.float32)
    parameters = {"objective": "binary", "num_leaves": leaves, "verbosity": -1, "seed": 1, "deterministic": True}
    return lightgbm.train(
        parameters, lightgbm.Dataset(some, labels, feature_name=names), num_boost_round=trees
    ).model_to_string()


def _turns(*contenders: Callable[[], None]) -> list[float]:
    found: list[list[float]] = [[] for _ in contenders]
    for _ in range(REPEATS):
        for place, contender in enumerate(contenders):
            began = time.perf_counter()
            contender()
            found[place].append(time.perf_counter() - began)
    return [median(runs) for runs in found]
