"""Which model, and how good: folds, baselines, LightGBM, metrics at capacity, MLflow, release."""

import os

# Read once, when LightGBM loads its threads. Threads that wait awake make training three times slower on a machine
# that does anything else; asleep, the same trees come out, and an idle machine loses nothing that can be measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
