"""Of how much use the lists are, as training measured it: of 100 families listed, those whose need was recorded after.

Training replays every contender over the same weeks, today's practice among them; its figures become findings here, so
that the board's question about usefulness is decided on a finding as all others are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charter.contracts.files import read_json
from charter.rules.measures import AS_USED
from fairness_reports.audit.measuring.disparities import Side
from fairness_reports.audit.measuring.findings import About, write_figure

__all__ = ["measure_usefulness"]

MEASURE = "needed_of_100"
BETTER = "needed_of_100_more"


def measure_usefulness(run: Path, model: str, stand_in: str | None = None) -> list[dict[str, Any]]:
    """Return the share of listed families with a need by model, and the model's difference to each simpler list.

    The difference is that of what could stand in for the model, too. Nothing where no past week could be replayed.
    """
    replay = read_json(run / "metrics.json").get("replay")
    if not isinstance(replay, Mapping) or not replay.get("headline"):
        return []
    rows = []
    for figure in replay["figures"]:
        if figure["part"] != "all" or figure["period"] != replay["headline"]:
            continue
        if figure["measure"] == "needed_of_listed" and figure["against"] is None:
            rows.append(_write(About(MEASURE, None, figure["model"], AS_USED), figure))
        elif figure["measure"] == "needed_of_listed_difference" and figure["model"] in (model, stand_in):
            rows.append(_write(About(BETTER, None, figure["model"], AS_USED, component=figure["against"]), figure))
    return rows


def _write(about: About, figure: Mapping[str, Any]) -> dict[str, Any]:
    ends = None if figure["low"] is None else (figure["low"], figure["high"])
    return write_figure(about, Side(figure["estimate"], ends, 0, 0, 0, 0), labelled=False)
