"""Pictures of a run for a notebook: scores, calibration, replayed lists, and what a feature adds to the score.

Each draws on the axes it is given, or on new ones, and returns them. Bins with under ten people are left out: a picture
is shown to others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.judging.choosing import TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_calibration", "draw_dependence", "draw_replay", "draw_scores"]

Float = NDArray[np.float64]

_BLUE, _GREY = "#1d70b8", "#b1b4b6"
_FEWEST = 10


def draw_scores(scores: Float, labels: NDArray[np.int8], axes: Axes | None = None) -> Axes:
    """Draw how many rows have each likelihood, those with the outcome apart; both (rows,), labels 0 or 1."""
    axes = axes or _new_axes()
    edges = np.linspace(0, max(float(scores.max(initial=0)), 1e-9), 21)
    for label, colour, title in ((0, _GREY, "no need recorded"), (1, _BLUE, "need recorded")):
        number, _ = np.histogram(scores[labels == label], edges)
        number = np.where(number < _FEWEST, 0, number)
        axes.stairs(number / max(number.sum(), 1), edges, color=colour, label=title, fill=label == 0, linewidth=2)
    axes.set(xlabel="Likelihood, out of time", ylabel="Share of rows")
    axes.legend(frameon=False)
    return _finish(axes)


def draw_calibration(scores: Float, labels: NDArray[np.int8], axes: Axes | None = None, bins: int = 10) -> Axes:
    """Draw the observed share of outcomes over the likelihood, in bins of equally many rows."""
    axes = axes or _new_axes()
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part) >= _FEWEST]
    likely = np.array([scores[part].mean() for part in parts])
    share = np.array([labels[part].mean() for part in parts])
    error = np.array([1.96 * np.sqrt(max(s * (1 - s), 0) / len(part)) for s, part in zip(share, parts, strict=True)])
    top = float(max(likely.max(initial=0.01), share.max(initial=0.01))) * 1.1
    axes.plot([0, top], [0, top], color=_GREY, linewidth=1)
    axes.errorbar(likely, share, yerr=error, fmt="o", color=_BLUE, capsize=3)
    axes.set(xlabel="Likelihood, out of time", ylabel="Share with a need recorded", xlim=(0, top), ylim=(0, top))
    return _finish(axes)


def draw_replay(metrics: Mapping[str, Any], axes: Axes | None = None) -> Axes:
    """Draw of each order what decides between models: of 100 listed or of a queue's first tenth, those of a need."""
    axes = axes or _new_axes()
    judged = metrics.get("queue") or metrics["replay"]
    measure = "needed_of_first_tenth" if "queue" in metrics else "needed_of_listed"
    rows = [
        figure
        for figure in judged["figures"]
        if (figure["measure"], figure["period"], figure["part"]) == (measure, judged["headline"], "all")
        and figure["against"] is None
        and figure["estimate"] is not None
    ][::-1]
    share = 100 * np.array([row["estimate"] for row in rows])
    ends = [(row["estimate"], row["estimate"]) if row["low"] is None else (row["low"], row["high"]) for row in rows]
    beside = np.abs(100 * np.array(ends, dtype=float).reshape(-1, 2).T - share)
    axes.errorbar(share, np.arange(len(rows)), xerr=beside, fmt="o", color=_BLUE, capsize=4)
    axes.set_yticks(np.arange(len(rows)), [TITLES.get(row["model"], row["model"]) for row in rows])
    axes.set(xlabel="Of 100, those of a need", xlim=(0, None))
    return _finish(axes)


def draw_dependence(
    values: Float, added: Float, name: str, axes: Axes | None = None, words: Sequence[str] = (), bins: int = 20
) -> Axes:
    """Draw what a feature adds to the score over its value, as means of bins; both (rows,), not seen left out.

    `words` are those of a category's codes: each is a bin, and no line joins what has no order.
    """
    axes = axes or _new_axes()
    there = np.isfinite(values)
    order = np.flatnonzero(there)[np.argsort(values[there], kind="stable")]
    different = np.flatnonzero(np.diff(values[order])) + 1
    edges = different if words or len(different) < bins else np.unique(different[:: -(-len(different) // bins)])
    parts: Sequence[NDArray[np.int64]] = [part for part in np.split(order, edges) if len(part) >= _FEWEST]
    middle = [float(np.median(values[part])) for part in parts]
    mean = np.array([added[part].mean() for part in parts])
    spread = np.array([added[part].std() for part in parts])
    axes.errorbar(middle, mean, yerr=spread, fmt="o" if words else "o-", color=_BLUE, capsize=3)
    if words:
        axes.set_xticks(middle, [words[int(code)] for code in middle], rotation=30, ha="right")
    axes.axhline(0, color=_GREY, linewidth=1)
    axes.set(xlabel=name.replace("_", " "), ylabel="Added to the score (log odds)")
    return _finish(axes)


def _new_axes() -> Axes:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    return axes


def _finish(axes: Axes) -> Axes:
    axes.grid(color=_GREY, linewidth=0.4)
    axes.set_axisbelow(True)
    return axes
