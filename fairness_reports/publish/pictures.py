"""Pictures of the board pack that matplotlib draws, as data addresses to stand inside the page."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fairness_reports.audit.explaining.explanations import Explained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_beeswarm", "draw_dependence"]

_SHOWN = 12
_PANELS = 6
_ACROSS = 3

Floats = NDArray[np.floating]


def draw_beeswarm(explained: Explained, titles: Sequence[str], seed: int = 7) -> str:
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
            shades = _rank_shades(data[:, column])
            height = -place + _spread_dots(values[:, column], rng)
            visible = ~np.isnan(shades)
            axes.scatter(
                values[visible, column],
                height[visible],
                c=shades[visible],
                cmap="viridis_r",
                vmin=0,
                vmax=1,
                s=9,
                linewidths=0,
            )
            axes.scatter(
                values[~visible, column], height[~visible], facecolors="none", edgecolors="#6f777b", s=9, linewidths=0.6
            )
        axes.axvline(0, color="#0b0c0c", linewidth=0.8)
        axes.set_yticks(
            [-place for place in range(len(order))], [textwrap.fill(titles[column], 52) for column in order]
        )
        axes.set_xlabel("Contribution; right: up the list")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
        return _encode_png(figure)
    finally:
        plt.close(figure)


def draw_dependence(explained: Explained, titles: Sequence[str], seed: int = 7) -> str:
    """Return the uniform sample's SHAP values against the feature's values as a PNG data address.

    One panel for each of the features with the largest mean absolute value. Values that repeat are spread a little;
    the outermost hundredth is drawn at the edge, so that no single household stands apart; rings at the left: not seen.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    values, data = explained.values[explained.drawn], explained.data[explained.drawn].astype(np.float64)
    weight = np.abs(values).mean(axis=0)
    order = [column for column in np.argsort(-weight, kind="stable")[:_PANELS] if weight[column] > 0]
    if not order:
        return ""
    rng = np.random.default_rng(seed)
    rows = -(-len(order) // _ACROSS)
    figure, grid = plt.subplots(rows, _ACROSS, figsize=(10, 2.9 * rows), dpi=110, squeeze=False)
    try:
        for axes in grid.flat[len(order) :]:
            axes.remove()
        for axes, column in zip(grid.flat, order, strict=False):
            visible = ~np.isnan(data[:, column])
            across = data[visible, column]
            low, high = np.percentile(across, [1, 99]) if len(across) else (0.0, 1.0)
            width = float(high - low) or 1.0
            place = np.clip(across, low, high) + rng.uniform(-0.012, 0.012, len(across)) * width
            axes.scatter(place, values[visible, column], s=7, alpha=0.45, color="#1d70b8", linewidths=0)
            aside = low - 0.12 * width + rng.uniform(-0.012, 0.012, int((~visible).sum())) * width
            axes.scatter(aside, values[~visible, column], s=9, facecolors="none", edgecolors="#6f777b", linewidths=0.6)
            axes.axhline(0, color="#0b0c0c", linewidth=0.8)
            axes.set_xlabel(textwrap.fill(titles[column], 42), fontsize=9)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
        for axes in grid[:, 0]:
            axes.set_ylabel("Contribution", fontsize=9)
        return _encode_png(figure)
    finally:
        plt.close(figure)


def _encode_png(figure: Figure) -> str:
    figure.tight_layout()
    buffer = io.BytesIO()
    # Without the software's name the same values make the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _rank_shades(values: Floats) -> Floats:
    """Rank values from 0 to 1; NaN stays NaN."""
    present = values[~np.isnan(values)]
    if not len(present):
        return np.full(len(values), np.nan)
    places = np.searchsorted(np.sort(present), values, side="right") / len(present)
    return np.where(np.isnan(values), np.nan, places)


def _spread_dots(values: Floats, rng: np.random.Generator) -> Floats:
    """Spread dots that lie close together up and down, wider where there are more of them."""
    span = float(np.ptp(values)) or 1.0
    cell = np.floor((values - values.min()) / span * 60).astype(int)
    crowd = np.bincount(cell)[cell] / max(np.bincount(cell).max(), 1)
    return np.asarray(rng.uniform(-0.4, 0.4, len(values)) * np.sqrt(crowd))
