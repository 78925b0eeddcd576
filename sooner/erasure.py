"""Whom a resident's request reaches: every room that holds people, and for which purposes it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.rights.asking import Room

__all__ = ["list_rooms"]


def list_rooms() -> tuple[Room, ...]:
    """Return the rooms that forget, in the order in which they are asked to."""
    import fairness_reports.forget
    import serving.forget
    import training.forget
    from features.rights.asking import Room

    return (
        Room(training.forget.forget, ("link", "train", "shadow", "evaluate")),
        Room(fairness_reports.forget.forget, ("link", "rank", "display", "area_statistics")),
        Room(serving.forget.forget, serving.forget.PURPOSES),
    )
