"""Whether a sum of money says too much of whoever contributed most: ACRO's rules, with its defaults.

Threshold, (n, k) dominance and p-ratio as in ACRO's `agg_threshold`, `agg_nk` and `agg_p_percent` (AI-SDC/ACRO, MIT); a
sum of nothing, or of one, is told by none of them and is hidden ("zeros are disclosive").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charter.errors import DataError
from fairness_reports.disclosure.rules import read_rules

__all__ = ["list_broken_rules", "say_sum"]


def list_broken_rules(contributions: Sequence[float]) -> list[str]:
    """Return which rules a sum of these contributions breaks: `threshold`, `nk-rule`, `p-ratio`, `all-values-are-same`.

    Raises DataError for a contribution below nought: ACRO leaves those to a person, and nothing here may pass them.
    """
    rule = read_rules().sums
    values = np.sort(np.asarray(contributions, dtype=np.float64))[::-1]
    if (values < 0).any() or not np.isfinite(values).all():
        raise DataError("a contribution to a sum is below nought or missing.", "Dominance rules are of amounts paid.")
    total = values.sum()
    broken = []
    if len(values) < rule.fewest:
        broken.append("threshold")
    if total > 0 and values[: rule.largest].sum() / total > rule.share:
        broken.append("nk-rule")
    if total <= 0 or len(values) <= 1 or values[2:].sum() / values[0] < rule.others:
        broken.append("p-ratio")
    if len(values) > 1 and len(np.unique(values)) == 1:
        broken.append("all-values-are-same")
    return broken


def say_sum(contributions: Sequence[float]) -> float | None:
    """Return the sum as it may be shown, or none where a rule is broken."""
    return None if list_broken_rules(contributions) else float(np.sum(np.asarray(contributions, dtype=np.float64)))
