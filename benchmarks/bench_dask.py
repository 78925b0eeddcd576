"""What training on several machines costs on one: LightGBM through Dask with two workers, against the same fit here.

Both bin the same labelled rows from the matrix's files and grow the same number of trees. What the gate would say of
the two models is not asked; how alike they order the rows is said.

    SOONER_BENCH_HOUSEHOLDS=2000 python -m benchmarks dask          fewer households, said in the row's name
    python -m benchmarks.bench_dask here|dask HOUSEHOLDS            one process, as JSON
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_training import ONE_FOLD
from benchmarks.results import Row
from benchmarks.training_matrix import invocation, monthly
from charter.contracts.files import find_current
from charter.contracts.matrix import Matrix
from charter.council.training_settings import Trees

HOUSEHOLDS = int(os.environ.get("SOONER_BENCH_HOUSEHOLDS", "22000"))
_SHOWN = 2_000
"""How many rows' margins are compared."""


def run() -> list[Row]:
    """Fit both ways, one after the other, each in a process of its own."""
    name = f"dask/{HOUSEHOLDS:,} households, a fit on two workers against the same fit on one machine"
    if importlib.util.find_spec("distributed") is None:
        return [Row(name, 0.0, "x", "a figure", False, note='not run: pip install "sooner[dask]" is needed')]
    here, far = (_run_alone(contender) for contender in ("here", "dask"))
    alike = float(np.corrcoef(here["margins"], far["margins"])[0, 1])
    peers = {
        "two workers, s": round(far["seconds"], 1),
        "one machine, two threads, s": round(here["seconds"], 1),
        "correlation of the margins": round(alike, 3),
    }
    note = f"24 dates, {here['rows']:,} labelled rows, 176 columns, 150 trees of 31 leaves; starting workers included"
    return [Row(name, round(far["seconds"] / here["seconds"], 2), "x", None, None, peers, note)]


def _run_alone(contender: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks.bench_dask", contender, str(HOUSEHOLDS)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _fit(contender: str, households: int) -> dict[str, Any]:
    from training.data.dataset import Dataset
    from training.models.boosting import BinnedRows, predict_margins
    from training.models.distributed import learn_distributed

    opened = invocation(households, monthly(), ONE_FOLD)
    folder = find_current(opened.workspace.matrix)
    if folder is None:
        raise FileNotFoundError("no matrix")
    data = Dataset.open(Matrix.open(folder), opened.council)
    settings = Trees(trees=150, leaves=31)
    days = data.dates[:24]
    labels = {day: data.labels(day, data.taken_at) for day in days}
    began = time.perf_counter()
    if contender == "dask":
        text = learn_distributed(data.matrix, labels, settings.model_copy(update={"dask": "local:2", "threads": 1}))
    else:
        rows = BinnedRows([data.at(day) for day in days], days, data.matrix, settings)
        text = rows.fit(np.concatenate([*labels.values()]))
    seconds = time.perf_counter() - began
    shown = np.asarray(data.at(days[-1]).features[:_SHOWN], dtype=np.float32)
    return {
        "seconds": seconds,
        "rows": int(sum((label >= 0).sum() for label in labels.values())),
        "margins": predict_margins(text, shown, 1).tolist(),
    }


if __name__ == "__main__":
    print(json.dumps(_fit(sys.argv[1], int(sys.argv[2]))))
