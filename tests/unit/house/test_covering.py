"""What the tests ran of the product is noted by every process, added up, and held to what is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from house.covering import Covered, Needed, add_up, list_missing
from tests.conftest import ROOT

MODULE = "charter/rules/choice_margin.py"


def run_covered(folder: Path, code: str) -> None:
    environment = {
        **os.environ,
        "SOONER_COVERED": str(folder),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'house' / 'covered'}",
    }
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True)


def test_each_process_leaves_what_it_ran_and_all_is_added_up(tmp_path: Path) -> None:
    run_covered(tmp_path, "import charter.rules.choice_margin")
    imported = add_up(tmp_path, ["charter"])
    run_covered(tmp_path, "from charter.rules.waivers import _sentence; _sentence('so many words that it passes')")
    both = add_up(tmp_path, ["charter"])
    assert len(list(tmp_path.glob("*.json"))) == 2
    assert 0 < imported[MODULE].parts_run < imported[MODULE].parts
    assert both[MODULE] == imported[MODULE]
    waivers = both["charter/rules/waivers.py"]
    assert waivers.parts_run > imported["charter/rules/waivers.py"].parts_run
    assert any("->" in part for part in waivers.missing), "the branch that refuses was not taken"
    assert both["charter/rules/gate.py"].parts_run == 0, "what nobody imported counts as not run"
    assert both["charter/rules/gate.py"].parts > 100


def test_compiled_modules_and_migrations_are_left_out(tmp_path: Path) -> None:
    run_covered(tmp_path, "import features")
    modules = add_up(tmp_path, ["features", "serving"])
    assert "features/engines/engine.py" in modules
    assert "features/engines/compiled/kernel.py" not in modules
    assert not any("migrations" in path for path in modules)


def test_less_than_is_asked_for_is_said() -> None:
    whole = Covered({1, 2}, {1, 2}, {(1, 2)}, {(1, 2)})
    half = Covered({1}, {1, 2}, {(1, 2)}, {(1, 2), (1, 0)})
    needed = Needed(whole=80, complete=("charter", "features/permission.py"))
    assert list(list_missing({"charter/a.py": whole, "training/b.py": whole}, needed)) == []
    said = list(list_missing({"charter/a.py": half, "training/b.py": half}, needed))
    assert said[0].startswith("50.0 % of the product ran")
    assert said[1].startswith("charter/a.py: all of it must run")
    assert said[1].endswith("2, 1->exit")
    assert len(said) == 2, "training may miss some"


def test_what_is_asked_for_names_modules_that_there_are() -> None:
    needed = Needed.load()
    assert needed.whole >= 92
    assert needed.complete
    for path in needed.complete:
        assert (ROOT / path).exists(), path
