"""How much of a worklist hangs on where linkage draws its line: the same model on links made at 3, 4, 6 and 10 bits.

A borough of 3,000 homes is taken through `sooner demo`; then its records are linked again at each threshold, the matrix
of the list's date is built again, and the promoted model orders the households of each team anew. What is said is the
share of the list at the shipped threshold that the other lists hold too.

    python -m benchmarks linkage_threshold
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.results import Row
from charter.contracts.files import find_current, writer_lock
from charter.contracts.matrix import Matrix
from charter.invocation import Invocation, shipped_council
from features.build import build_matrix
from features.linking.link import link_records
from features.linking.parameters import Parameters
from serving.ranking.bundle import Bundle
from serving.ranking.places import find_teams, score_rows

HOUSEHOLDS = 3000
SHIPPED, OTHERS = Parameters.load().threshold, (3.0, 4.0, 6.0, 10.0)
FOLDER = Path(__file__).parent / "workspace"
KEY = "5a" * 32
"""A key of the benchmark's own: its borough is fictional."""


@dataclass(frozen=True)
class Order:
    """Every household's margin and features at one threshold, who is on a list, and how many people there are."""

    margins: dict[bytes, float]
    values: dict[bytes, NDArray[np.float32]]
    listed: frozenset[bytes]
    people: int


def demo() -> Path:
    """Return the workspace of a demo, made first if it isn't there."""
    os.environ.setdefault("SOONER_KEY", KEY)
    workspace = FOLDER / f"demo_{HOUSEHOLDS}"
    if not workspace.exists():
        words = ("demo", "--no-serve", "--households", str(HOUSEHOLDS), "--seed", "1", "--workspace", str(workspace))
        subprocess.run([sys.executable, "-m", "sooner", *words], check=True, capture_output=True)
    return workspace


def at_threshold(bits: float) -> Parameters:
    """Return the shipped parameters with another threshold: another file, so another link."""
    text = Parameters.load().content.decode()
    path = FOLDER / f"parameters_{bits:g}.toml"
    path.write_text(text.replace(f"threshold = {SHIPPED}", f"threshold = {bits}"), encoding="utf-8")
    return Parameters.load(path)


def order(invocation: Invocation, bits: float, day: date) -> Order:
    """Link at `bits`, build the matrix of the list's date and order every household with the promoted model."""
    with writer_lock(invocation.workspace.root):
        result = link_records(invocation, parameters=at_threshold(bits))
        matrix = Matrix.open(build_matrix(invocation, purpose="rank", as_of=[day]))
    at = matrix.at(day)
    margins = score_rows(Bundle.current(invocation.workspace), matrix, at)
    places = invocation.settings.capacity(invocation.council, day)
    teams, best = find_teams(invocation.council, at), np.lexsort((at.entity, -margins))
    listed = {name for team in places for name in at.entity[best[teams[best] == team][: places[team]]].tolist()}
    names = at.entity.tolist()
    return Order(
        dict(zip(names, margins.tolist(), strict=True)),
        dict(zip(names, np.array(at.features), strict=True)),
        frozenset(listed),
        result.people,
    )


def run() -> list[Row]:
    """Measure each threshold beside the shipped one, on a copy of the demo's workspace."""
    own = FOLDER / "linkage_threshold"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(demo(), own, symlinks=True)
    invocation = Invocation.open(shipped_council(), "early_help", own, quiet=True)
    folder = find_current(invocation.workspace.worklist)
    if folder is None:
        raise RuntimeError("the demo left no worklist")
    day = date.fromisoformat(folder.name)
    shipped = order(invocation, SHIPPED, day)
    model = Bundle.current(invocation.workspace).manifest["model"]
    rows = []
    for bits in OTHERS:
        other = order(invocation, bits, day)
        both = sorted(shipped.margins.keys() & other.margins.keys())
        moved = sum(shipped.margins[name] != other.margins[name] for name in both)
        alike = [np.isclose(shipped.values[name], other.values[name], equal_nan=True).all() for name in both]
        ranks = spearmanr([shipped.margins[name] for name in both], [other.margins[name] for name in both])
        stays = len(shipped.listed & other.listed) / len(shipped.listed)
        rows.append(
            Row(
                f"linkage: share of the list that stays at {bits:g} bits instead of {SHIPPED:g}",
                round(stays, 3),
                "",
                None,
                None,
                {
                    "rank correlation of all households": round(float(ranks.statistic), 5),
                    "households with another margin": moved,
                    "households with another value": len(both) - int(np.sum(alike)),
                    "people": other.people,
                },
                f"model: {model}; {len(shipped.listed)} places, {len(both):,} households, {shipped.people:,} people",
            )
        )
    shutil.rmtree(own)
    return rows
