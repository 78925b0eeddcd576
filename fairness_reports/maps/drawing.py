"""A map as inline SVG: shapes in five steps with a key, hubs as marks, no script and no outside request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from fairness_reports.maps.map_files import Ground, Hub

__all__ = ["STEPS", "draw_map", "find_steps"]

STEPS = ("#eff3ff", "#bdd7e7", "#6baed6", "#3182bd", "#08519c")
"""ColorBrewer's five blues: told apart without colour sight, and in grey on paper."""
_LEAST_STEP = 0.005
"""Half a percentage point between two colours, so that areas that are alike look alike."""
_WIDTH = 600.0
_EDGE = 8.0
Floats = NDArray[np.float64]


def find_steps(shares: Sequence[Floats]) -> Floats:
    """Return four bounds between five steps of about equally many areas, over all maps that stand side by side."""
    values = np.concatenate([share[~np.isnan(share)] for share in shares])
    bounds: Floats = np.round(np.quantile(values, [0.2, 0.4, 0.6, 0.8]), 3)
    for step in range(1, len(bounds)):
        bounds[step] = max(bounds[step], bounds[step - 1] + _LEAST_STEP)
    return bounds


def draw_map(
    identity: str,
    title: str,
    ground: Ground,
    shares: Floats,
    bounds: Floats,
    labels: Sequence[str],
    hubs: Sequence[Hub],
) -> Markup:
    """Return a map of shares by area; `labels` says each area's figure in words, NaN is drawn hatched."""
    project, height = _fit(ground)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" aria-labelledby="{identity}-t {identity}-d">'
        f'<title id="{identity}-t">{escape(title)}</title>'
        f'<desc id="{identity}-d">The table below says the same for every area.</desc>'
        f'<defs><pattern id="{identity}-none" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<path d="M0 6 L6 0" stroke="#505a5f"/></pattern></defs>'
    ]
    for rings, share, label in zip(ground.outlines, shares, labels, strict=True):
        path = "".join(
            "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in project(np.array(ring)[:, :2])) + "Z" for ring in rings
        )
        fill = f"url(#{identity}-none)" if np.isnan(share) else STEPS[int(np.searchsorted(bounds, share, side="right"))]
        parts.append(
            f'<path d="{path}" fill="{fill}" fill-rule="evenodd" stroke="#0b0c0c" stroke-width=".6">'
            f"<title>{escape(label)}</title></path>"
        )
    for number, hub in enumerate(hubs, start=1):
        x, y = project(np.array([hub.place]))[0]
        fill, word = ("#ffffff", f"{hub.name}, planned") if hub.planned else ("#d4351c", hub.name)
        parts.append(
            f'<path d="M{x:.1f} {y - 11:.1f} l10 18 h-20 z" fill="{fill}" stroke="#0b0c0c" stroke-width="2">'
            f"<title>{escape(word)}</title></path>"
            f'<text x="{x + 12:.1f}" y="{y + 7:.1f}" font-size="15" font-weight="bold" stroke="#ffffff"'
            f' stroke-width="3" paint-order="stroke">{number}</text>'
        )
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - every text above went through escape()


def _fit(ground: Ground) -> tuple[Callable[[Floats], Floats], float]:
    """Return how degrees become places on the picture (equirectangular about its middle), and its height."""
    every = np.concatenate([np.array(ring)[:, :2] for rings in ground.outlines for ring in rings])
    west, south = every.min(axis=0)
    east, north = every.max(axis=0)
    squeeze = np.cos(np.radians((south + north) / 2))
    scale = (_WIDTH - 2 * _EDGE) / max((east - west) * squeeze, 1e-9)

    def project(points: Floats) -> Floats:
        return np.column_stack(
            [_EDGE + (points[:, 0] - west) * squeeze * scale, _EDGE + (north - points[:, 1]) * scale]
        )

    return project, (north - south) * scale + 2 * _EDGE
