"""What publishing costs once findings exist: every record, the lint and the residents' site, of one programme.

What is read are documents (findings, figures, decision, charter, register), whose size follows the questions and
groups and not the households; so a demo of 3,000 homes is measured, of as many as SOONER_BENCH_HOMES says, or the
workspace that SOONER_BENCH_WORKSPACE names: `make bench ONLY=publishing SOONER_BENCH_WORKSPACE=...`, of a borough that
was audited and decided.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.results import Row
from charter.invocation import Invocation, shipped_council
from fairness_reports.records.record_files import write_records
from fairness_reports.records.record_lint import check_records
from fairness_reports.residents.site import write_site

GOAL = 10.0
HOMES = 3000


def run() -> list[Row]:
    """Time records, lint and site together."""
    made, homes = os.environ.get("SOONER_BENCH_WORKSPACE"), int(os.environ.get("SOONER_BENCH_HOMES", HOMES))
    with tempfile.TemporaryDirectory() as beside:
        workspace = Path(made) if made else Path(beside) / "workspace"
        if not made:
            words = ("demo", "--no-serve", "--households", str(homes), "--workspace", str(workspace))
            subprocess.run([sys.executable, "-m", "sooner", *words, "--council", str(shipped_council())], check=True)
        invocation = Invocation.open(shipped_council(), "early_help", workspace, quiet=True)
        began = time.perf_counter()
        names = write_records(invocation)
        faults = check_records(invocation)
        _, pages = write_site(invocation)
        seconds = time.perf_counter() - began
        households = _count_households(invocation)
    note = (
        f"{sum(map(len, names.values()))} files of records, their lint ({len(faults)} faults), {len(pages)} pages,"
        f" of {households:,} households: what is read grows with questions and groups"
    )
    return [
        Row(
            "site and records, once findings exist",
            round(seconds, 2),
            "s",
            f"under {GOAL:g} s",
            seconds < GOAL,
            note=note,
        )
    ]


def _count_households(invocation: Invocation) -> int:
    """Return how many households stand in the newest date of the matrix that lists were made of."""
    paths = sorted(invocation.workspace.matrix.glob("*/as_of=*/entity.npy"), key=lambda path: path.parent.name)
    return len(np.load(paths[-1], mmap_mode="r", allow_pickle=False)) if paths else 0
