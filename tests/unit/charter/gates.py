"""Questions of a board, and findings that answer them, made from counts as the audit makes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from charter.rules.questions import Gate
from fairness_reports.audit.measuring.intervals import bound_difference, bound_ratio, bound_share

__all__ = ["CONTACTED", "GAP", "GAP_ABOVE", "REACHED", "finding"]

REACHED = Gate(
    id="reached",
    question="Does every group get onto a list as often as others?",
    harm="missed help",
    measure="recall",
    characteristic="ethnicity",
    statistic="ratio",
    limit=0.8,
    floor=0.02,
    minimum_positives=30,
)
CONTACTED = REACHED.replace(
    id="contacted", harm="unwanted contact", measure="false_positive_rate", limit=1.25, floor=None, ceiling=0.3
)
GAP = REACHED.replace(id="gap", statistic="difference", limit=-0.05)
GAP_ABOVE = CONTACTED.replace(id="gap_above", statistic="difference", limit=0.05)


def finding(counts: tuple[int, int, int, int], group: str = "A", measure: str = "recall", **changes: Any) -> Any:
    """Return a finding from counts: counted and all of the group, then of everyone else."""
    counted, n, other, m = (np.array([float(value)]) for value in counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = counted / n, other / m
        ratio = p / q
    ends = {
        "interval": bound_share(p, n),
        "rest": bound_share(q, m),
        "difference_interval": bound_difference(p, n, q, m),
        "ratio_interval": bound_ratio(p, n, q, m),
    }
    listed = {name: _ends(low[0], high[0]) for name, (low, high) in ends.items()}
    return {
        "id": f"{measure}-{group}",
        "measure": measure,
        "characteristic": "ethnicity",
        "group": group,
        "model": "lightgbm",
        "component": None,
        "at": "capacity",
        "estimate": _number(p[0]),
        "interval": listed["interval"],
        "n": counts[1],
        "positives": counts[1],
        "clusters": counts[1],
        "rest": {"estimate": _number(q[0]), "interval": listed["rest"], "n": counts[3], "clusters": counts[3]},
        "difference": _number((p - q)[0]),
        "difference_interval": listed["difference_interval"],
        "ratio": _number(ratio[0]),
        "ratio_interval": listed["ratio_interval"],
    } | changes


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _ends(low: float, high: float) -> list[float | None] | None:
    return None if np.isnan(low) or np.isnan(high) else [_number(low), _number(high)]
