"""Sample the model of `charter.rules.certainty.pooling` with PyMC: the probability that each group is beyond the limit.

    python pooled.py TABLES.json      a list of {"scale", "limit", "groups": [[counted, people, others, rest], ...]}

Prints one list of probabilities (log ratio below the limit's) for each table, and the smallest effective size.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import arviz as az
import numpy as np
import pymc as pm
import pytensor.tensor as pt


def sample(table: dict) -> tuple[list[float], float]:
    """Return each group's probability, and the smallest effective sample size."""
    counted, people, others, rest = np.array(table["groups"], dtype=float).T
    with pm.Model():
        spread = pm.HalfNormal("spread", table["scale"])
        standard = pm.Normal("standard", 0, 1, shape=len(counted))
        share = pm.Beta("share", others + 0.5, rest - others + 0.5, shape=len(counted))
        log_ratio = pm.Deterministic("log_ratio", spread * standard)
        reached = share * pt.exp(log_ratio)
        inside = pt.minimum(reached, 1 - 1e-12)
        weight = counted * pt.log(inside) + (people - counted) * pt.log1p(-inside)
        pm.Potential("counts", pt.sum(pt.switch(reached < 1, weight, -1e6)))
        trace = pm.sample(
            draws=24_000,
            tune=1500,
            chains=2,
            cores=1,
            target_accept=0.95,
            random_seed=7,
            progressbar=False,
            compute_convergence_checks=False,
        )
    ratios = trace.posterior["log_ratio"]
    below = (ratios.values < np.log(table["limit"])).mean(axis=(0, 1))
    return below.tolist(), float(az.ess(trace, var_names=["log_ratio"])["log_ratio"].min())


def main() -> None:
    """Sample every table of the file."""
    answers = [sample(table) for table in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
    print(json.dumps({"beyond": [beyond for beyond, _ in answers], "fewest": min(size for _, size in answers)}))


if __name__ == "__main__":
    main()
