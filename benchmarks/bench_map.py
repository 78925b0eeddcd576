"""A need map of a borough of 130 small areas: disclosure control, estimates, two pages and their files."""

from __future__ import annotations

import tempfile
import time
from datetime import date
from pathlib import Path

from benchmarks.results import Row
from borough.ground import draw_ground, write_ground
from charter.invocation import Invocation, shipped_council
from fairness_reports.maps.whole_map import draw_maps

_GOAL = 5.0


def run() -> list[Row]:
    """Measure processor time from counts by area to both maps, two quarters each."""
    with tempfile.TemporaryDirectory() as folder:
        write_ground(draw_ground(130, 1), Path(folder) / "map" / "food", 1)
        invocation = Invocation.open(shipped_council(), "early_help", Path(folder))
        start = time.process_time()
        draw_maps(invocation, "food", date(2026, 11, 28))
        seconds = time.process_time() - start
    return [
        Row(
            "map/130 areas, 2 quarters",
            round(seconds, 2),
            "s",
            f"under {_GOAL:g}",
            seconds < _GOAL,
            {},
            "processor time",
        )
    ]
