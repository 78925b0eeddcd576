"""A model that is a sum of one-step rules, written in LightGBM's native text so that one reader scores every model.

A points list and a logistic regression on steps are both sums over rules "if this value is at least that, add so
much". Each rule is a tree with one split, so serving scores them, and explains each referral by exact contributions,
with the same code and the same file format as boosted trees. A value that is not seen takes the side that adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stump", "add_stumps", "write_stumps"]

_MISSING_IS_NAN = 8
_MISSING_GOES_LEFT = 2


@dataclass(frozen=True)
class Stump:
    """`adds` to the margin where the value of `feature` (its column) is at least, or else below, `threshold`.

    `share` is the share of training rows the rule applied to: what contributions are measured against.
    """

    feature: int
    threshold: float
    at_least: bool
    adds: float
    share: float

    def applies(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return to which of the column's values the rule applies; not to one that is not seen."""
        met_threshold = values >= self.threshold if self.at_least else values < self.threshold
        return met_threshold & ~np.isnan(values)


def add_stumps(stumps: Sequence[Stump], features: NDArray[np.float32], start: float = 0.0) -> NDArray[np.float64]:
    """Return `start` plus what the rules add to each row; the slow, obvious oracle of the text. Shape (rows,)."""
    total = np.full(len(features), start)
    for stump in stumps:
        total += np.where(stump.applies(features[:, stump.feature]), stump.adds, 0.0)
    return total


def write_stumps(
    stumps: Sequence[Stump], names: Sequence[str], directions: Sequence[int], start: float = 0.0, rows: int = 1000
) -> str:
    """Return LightGBM native text (v4) whose raw prediction is `start` plus the stumps; `directions` as constraints."""
    whole = [Stump(0, 0.0, True, 0.0, 0.5), *stumps] if start or not stumps else list(stumps)
    trees = [_tree_text(place, stump, rows, start if place == 0 else 0.0) for place, stump in enumerate(whole)]
    uses = {name: sum(stump.feature == column for stump in stumps) for column, name in enumerate(names)}
    head = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={len(names) - 1}",
        "objective=binary sigmoid:1",
        f"feature_names={' '.join(names)}",
        f"monotone_constraints={' '.join(map(str, directions))}",
        f"feature_infos={' '.join('[-1e+30:1e+30]' for _ in names)}",
        f"tree_sizes={' '.join(str(len(tree.encode())) for tree in trees)}",
    ]
    used = [f"{name}={times}" for name, times in sorted(uses.items(), key=lambda item: -item[1]) if times]
    tail = ["end of trees", "", "feature_importances:", *used, "", "parameters:", "end of parameters", ""]
    return "\n".join(head) + "\n\n" + "".join(trees) + "\n".join(tail) + "\npandas_categorical:null\n"


def _tree_text(place: int, stump: Stump, rows: int, start: float) -> str:
    # LightGBM sends `value <= threshold` left; the float just below makes that "value < threshold" without loss.
    threshold = np.nextafter(np.float64(stump.threshold), -np.inf)
    applied = min(max(round(rows * stump.share), 1), rows - 1)
    left_value, right = (start, start + stump.adds) if stump.at_least else (start + stump.adds, start)
    left_rows, right_rows = (rows - applied, applied) if stump.at_least else (applied, rows - applied)
    missing = _MISSING_IS_NAN | (_MISSING_GOES_LEFT if stump.at_least else 0)
    mean = (left_value * left_rows + right * right_rows) / rows
    return "\n".join(
        [
            f"Tree={place}",
            "num_leaves=2",
            "num_cat=0",
            f"split_feature={stump.feature}",
            f"split_gain={abs(stump.adds)!r}",
            f"threshold={float(threshold)!r}",
            f"decision_type={missing}",
            "left_child=-1",
            "right_child=-2",
            f"leaf_value={left_value!r} {right!r}",
            f"leaf_weight={left_rows} {right_rows}",
            f"leaf_count={left_rows} {right_rows}",
            f"internal_value={mean!r}",
            f"internal_weight={rows}",
            f"internal_count={rows}",
            "is_linear=0",
            "shrinkage=1",
            "",
            "",
            "",
        ]
    )
