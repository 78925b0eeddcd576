"""What a model reads, from its own bytes: the pieces of data that it splits on, and no others of the definition."""

from __future__ import annotations

from pathlib import Path

import lightgbm as lgb

__all__ = ["list_read_features"]


def list_read_features(model: Path) -> list[str]:
    """Return the names of the features that the model at `model` (LightGBM's native text) splits on, in its order."""
    booster = lgb.Booster(model_file=str(model))
    splits = booster.feature_importance(importance_type="split")
    return [name for name, number in zip(booster.feature_name(), splits.tolist(), strict=True) if number > 0]
