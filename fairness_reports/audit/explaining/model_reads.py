"""What a model reads, from its own bytes: the pieces of data that it splits on, and no others of the definition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charter.machine.lean_lightgbm import lightgbm
from features.grammar.points_in_words import read_points

__all__ = ["ModelReads", "read_model"]


@dataclass(frozen=True)
class ModelReads:
    """The names of the features that a model splits on, in its order; `points` its rules, where it is a points list."""

    features: list[str]
    points: list[dict[str, Any]]


def read_model(model: Path) -> ModelReads:
    """Read what the model at `model` (LightGBM's native text) rests on."""
    booster = lightgbm.Booster(model_file=str(model))
    names, splits = booster.feature_name(), booster.feature_importance(importance_type="split").tolist()
    used = [name for name, number in zip(names, splits, strict=True) if number > 0]
    return ModelReads(used, read_points(booster.dump_model()["tree_info"], names) or [])
