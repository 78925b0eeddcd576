"""`synth` makes a borough in the workspace and says what to type next."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from borough.commands import verbs


def test_synth_leaves_extracts_and_says_what_to_type_next(tmp_path: Path):
    done = CliRunner().invoke(verbs, ["synth", "--households", "150", "--workspace", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "sooner pull" in done.stdout
    assert (tmp_path / "extracts" / "housing" / "tenancies.csv").exists()


def test_synth_prints_counts_for_a_script_and_nothing_else(tmp_path: Path):
    words = ["synth", "--households", "150", "--unfair", "signals", "--json", "--quiet", "--workspace", str(tmp_path)]
    done = CliRunner().invoke(verbs, words)
    result = json.loads(done.stdout)
    assert result["homes"] == 150
    assert result["unfair"] == "signals"
    assert result["total_rows"] == sum(result["rows"].values())
