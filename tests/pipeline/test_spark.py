"""`--engine spark`, as a user types it: the same matrix and the same worklists as on one machine."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import run_sooner

pytest.importorskip("pyspark", reason="needs the extra `spark`")

pytestmark = pytest.mark.deep

DAY = "2026-09-28"


def ranked(workspace: Path, *options: str) -> tuple[list[dict[str, str]], Path]:
    """Issue the lists of a day anew and return their rows and the matrix they were made from."""
    shutil.rmtree(workspace / "matrix")
    (workspace / "casework.db").unlink()
    ran = run_sooner("rank", "--workspace", str(workspace), "--as-of", DAY, "--json", *options)
    assert ran.code == 0, ran.err
    result = json.loads(ran.out.strip().splitlines()[-1]) if not ran.out.startswith("{") else json.loads(ran.out)
    with (Path(result["folder"]) / "issued.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    return rows, next(iter(workspace.glob(f"matrix/*/{result['matrix']}")))


def test_lists_ranked_on_spark_are_the_lists(
    own_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    subprocess.run(["cp", "-a", str(own_workspace), str(other)], check=True)
    here, matrix = ranked(own_workspace)
    # As on a cluster whose default file system is another than the one that the workspace lies in.
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--conf spark.hadoop.fs.defaultFS=hdfs://127.0.0.1:1 pyspark-shell")
    there, matrix_there = ranked(other, "--engine", "spark", "--master", "local[2]")
    assert len(here) > 10
    assert there == here
    assert matrix.name == matrix_there.name
    for file in sorted((matrix / f"as_of={DAY}").iterdir()):
        assert file.read_bytes() == (matrix_there / f"as_of={DAY}" / file.name).read_bytes(), file.name
    assert np.load(matrix / f"as_of={DAY}" / "features.npy").size > 10_000
