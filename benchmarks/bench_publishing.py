"""What publishing costs once findings exist: every record, the lint and the residents' site, of one programme.

What is read are documents (findings, figures, decision, charter, register), whose size follows the questions and
groups and not the households; so a demo of 3,000 homes is measured, or the workspace that SOONER_BENCH_WORKSPACE names.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import Row
from charter.invocation import Invocation, shipped_council
from fairness_reports.records.record_files import write_records
from fairness_reports.records.record_lint import check_records
from fairness_reports.residents.site import write_site

GOAL = 10.0
HOMES = 3000


def run() -> list[Row]:
    """Time records, lint and site together."""
    made = os.environ.get("SOONER_BENCH_WORKSPACE")
    with tempfile.TemporaryDirectory() as beside:
        workspace = Path(made) if made else Path(beside) / "workspace"
        if not made:
            words = ("demo", "--no-serve", "--households", str(HOMES), "--workspace", str(workspace))
            subprocess.run([sys.executable, "-m", "sooner", *words, "--council", str(shipped_council())], check=True)
        invocation = Invocation.open(shipped_council(), "early_help", workspace, quiet=True)
        began = time.perf_counter()
        names = write_records(invocation)
        faults = check_records(invocation)
        _, pages = write_site(invocation)
        seconds = time.perf_counter() - began
    note = (
        f"{sum(map(len, names.values()))} files of records, their lint ({len(faults)} faults), {len(pages)} pages,"
        f" at {HOMES:,} homes (none of 110,000 at hand): what is read grows with questions and groups"
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
