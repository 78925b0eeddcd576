"""Rows that try a model, made from its own cut points: of nobody, and like nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

__all__ = ["make_check_rows"]

_CHECKED = 256


def make_check_rows(text: str, seed: int = 0) -> NDArray[np.float32]:
    """Return rows that try every side of a model's splits: cut points or codes, their neighbours, 0 and not seen.

    They are drawn from the model's text alone, so no row is, or resembles, a household. Shape (256, features).
    """
    model = lgb.Booster(model_str=text)
    values: list[set[float]] = [{0.0, np.nan} for _ in range(model.num_feature())]
    for tree in model.dump_model()["tree_info"]:
        waiting = [tree["tree_structure"]]
        while waiting:
            node = waiting.pop()
            if "split_feature" in node:
                values[node["split_feature"]].update(_list_sides(node))
                waiting += [node["left_child"], node["right_child"]]
    generator = np.random.default_rng(seed)
    columns = [generator.choice(np.array(sorted(tried), dtype=np.float32), _CHECKED) for tried in values]
    return np.ascontiguousarray(np.column_stack(columns), dtype=np.float32)


def _list_sides(node: Mapping[str, Any]) -> list[float]:
    """Return values on either side of a split: around its cut, or the codes of its category that go left and one more.

    LightGBM writes such codes as "0||3", with the decision "==".
    """
    if node["decision_type"] == "==":
        codes = [float(code) for code in str(node["threshold"]).split("||")]
        return [*codes, max(codes) + 1]
    cut = np.float32(node["threshold"])
    around = (cut, np.nextafter(cut, np.float32(np.inf)), np.nextafter(cut, np.float32(-np.inf)))
    return [float(value) for value in around]
