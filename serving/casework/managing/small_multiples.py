"""Small multiples: one figure over all lists of a model, each as a small picture on one scale, beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serving.ranking.health import Health

__all__ = ["Multiple", "draw_multiples"]

_WIDTH, _HEIGHT, _EDGE = 160.0, 40.0, 4.0


@dataclass(frozen=True)
class Multiple:
    """One picture: its title, its points as SVG wants them ("x,y x,y"), the last point, and each value in words."""

    title: str
    points: str
    last: tuple[float, float]
    values: tuple[str, ...]


def draw_multiples(health: Health) -> list[Multiple]:
    """Return the share seen of each source, and the drift of the margins, over all lists, oldest first.

    Shares are on a scale of 0 to 100 per cent; drift of 0 to 0.5, which is twice what is customarily much.
    """
    shares = [_draw(one.title, one.seen_each, 1.0, [f"{100 * each:.0f}%" for each in one.seen_each])
              for one in health.sources]  # fmt: skip
    drift = _draw("Change of the margins", health.drift_each, 0.5, [f"{each:.3f}" for each in health.drift_each])
    return [drift, *shares]


def _draw(title: str, values: Sequence[float], most: float, words: Sequence[str]) -> Multiple:
    step = (_WIDTH - 2 * _EDGE) / max(len(values) - 1, 1)
    points = [
        (round(_EDGE + number * step, 1), round(_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * min(value / most, 1.0), 1))
        for number, value in enumerate(values)
    ]
    return Multiple(title, " ".join(f"{x},{y}" for x, y in points), points[-1] if points else (0.0, 0.0), tuple(words))
