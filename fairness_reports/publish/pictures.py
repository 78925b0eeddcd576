"""Pictures of the board pack that matplotlib draws, as data addresses to stand inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.explanations import Explained

__all__ = ["beeswarm"]

_SHOWN = 12

Floats = NDArray[np.floating]


def beeswarm(explained: Explained, titles: Sequence[str], seed: int = 7) -> str:
    """Return a beeswarm of the uniform sample's SHAP values as a PNG data address.

    The features with the largest mean absolute value are shown, the largest on top; a dot's shade is the feature's
    value among the sample (pale: low, dark: high; grey ring: not seen).
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    values, data = explained.values[explained.drawn], explained.data[explained.drawn]
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")[:_SHOWN]
    rng = np.random.default_rng(seed)
    figure, axes = plt.subplots(figsize=(10, 0.42 * len(order) + 1.1), dpi=110)
    try:
        for place, column in enumerate(order):
            shades = _shade(data[:, column])
            height = -place + _spread(values[:, column], rng)
            seen = ~np.isnan(shades)
            axes.scatter(
                values[seen, column], height[seen], c=shades[seen], cmap="viridis_r", vmin=0, vmax=1, s=9, linewidths=0
            )
            axes.scatter(
                values[~seen, column], height[~seen], facecolors="none", edgecolors="#6f777b", s=9, linewidths=0.6
            )
        axes.axvline(0, color="#0b0c0c", linewidth=0.8)
        axes.set_yticks([-place for place in range(len(order))], [_short(titles[column]) for column in order])
        axes.set_xlabel("Contribution; right: up the list")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
        figure.tight_layout()
        held = io.BytesIO()
        # Without the software's name the same values make the same bytes.
        figure.savefig(held, format="png", metadata={"Software": None})
    finally:
        plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()


def _shade(values: Floats) -> Floats:
    """Rank values from 0 to 1; NaN stays NaN."""
    seen = values[~np.isnan(values)]
    if not len(seen):
        return np.full(len(values), np.nan)
    places = np.searchsorted(np.sort(seen), values, side="right") / len(seen)
    return np.where(np.isnan(values), np.nan, places)


def _spread(values: Floats, rng: np.random.Generator) -> Floats:
    """Spread dots that lie close together up and down, wider where there are more of them."""
    span = float(np.ptp(values)) or 1.0
    cell = np.floor((values - values.min()) / span * 60).astype(int)
    crowd = np.bincount(cell)[cell] / max(np.bincount(cell).max(), 1)
    return np.asarray(rng.uniform(-0.4, 0.4, len(values)) * np.sqrt(crowd))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59].rstrip() + "…"
