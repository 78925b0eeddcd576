"""What reads and fits models by arrays alone loads LightGBM alone; who imports LightGBM still has all of it."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

_SCRIPT = """
import sys
from charter.machine.lean_lightgbm import lightgbm as lean
import {room}
heavy = [name for name in ("pandas", "sklearn", "scipy.stats", "shap") if name in sys.modules]
assert not heavy, heavy
import numpy as np
import lightgbm
from lightgbm import LGBMClassifier
assert lean is not lightgbm
rows = np.random.default_rng(0).random((400, 3)).astype(np.float32)
fitted = LGBMClassifier(n_estimators=4, num_threads=1, verbosity=-1).fit(rows, rows[:, 0] > 0.5)
text = fitted.booster_.model_to_string()
one, other = (of.Booster(model_str=text).predict(rows, pred_contrib=True) for of in (lean, lightgbm))
assert one.tobytes() == other.tobytes()
print("alike")
"""


def test_ranking_and_the_audit_load_no_scikit_learn() -> None:
    for room in ("serving.ranking.worklist", "fairness_reports.whole_audit"):
        script = _SCRIPT.format(room=room)
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
        assert done.stdout == "alike\n", done.stderr


def test_where_all_of_it_is_loaded_that_is_used() -> None:
    script = "import lightgbm; from charter.machine import lean_lightgbm as lean; print(lean.lightgbm is lightgbm)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
