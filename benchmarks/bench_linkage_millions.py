"""What it takes to link two million references on one machine: time and memory of `sooner link`, and how right it is.

A borough so large that its services send two million references of people; whole processes by the operating system.

    SOONER_BENCH_HOMES=30000 python -m benchmarks linkage_millions     fewer homes, said in the rows' names
    SOONER_BENCH_WORKSPACE=FOLDER python -m benchmarks linkage_millions     a borough that was made and pulled before
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.bench_linkage import judged
from benchmarks.bench_verbs import KEY, open_borough, run_verb, sign_as_all
from benchmarks.results import Row
from charter.contracts.files import read_json

HOMES = 253_000
"""Of which services send two million references."""
_MINUTES, _GIB = 15.0, 16.0


def run() -> list[Row]:
    """Make, pull and link the borough; say what linking cost and how right it is."""
    os.environ.setdefault("SOONER_KEY", KEY)
    homes = int(os.environ.get("SOONER_BENCH_HOMES", HOMES))
    with tempfile.TemporaryDirectory(prefix="sooner-millions-") as folder:
        root = Path(os.environ.get("SOONER_BENCH_WORKSPACE") or Path(folder) / "workspace")
        if not root.exists():
            pull_borough(root, homes)
        cost = run_verb(root, "link")
        borough = open_borough(root)
        overall, _, _ = judged(borough)
        references = read_json(borough.workspace.snapshot() / "manifest.json")["linkage"]["references"]
    found = f"pairwise F1 {overall.f1:.4f}, precision {overall.precision:.4f}, recall {overall.recall:.4f}"
    note = f"{homes:,} homes, {references:,} references; `sooner link` whole, with the tables; {found}"
    name = f"linkage of {references / 1e6:.2g} million references"
    minutes, gib = cost.clock / 60, cost.mib / 1024
    return [
        Row(
            f"{name}, time", round(minutes, 1), "minutes by the clock", f"{_MINUTES:g} or less", minutes <= _MINUTES,
            {"processor minutes": round(cost.processor / 60, 1)}, note,
        ),
        Row(f"{name}, memory", round(gib, 1), "GiB", f"under {_GIB:g}", gib < _GIB, {}, note),
    ]  # fmt: skip


def pull_borough(root: Path, homes: int) -> None:
    """Make a borough of so many homes, sign its charter, and pull its extracts."""
    run_verb(root, "synth", "--households", str(homes))
    sign_as_all(root, "charter")
    run_verb(root, "pull")
