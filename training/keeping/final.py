"""The final period is looked at once. Who looked first is written down, and nobody's figures of it are made again.

Figures of a period that are read, acted on and read again choose the model after all. So the first run that tests on a
date, in whichever period, takes it: `scores/PROGRAMME/final.json` says which run that was. The same run made again
gives the same figures. Any other run is judged on its selection periods alone, until enough new as-of dates have come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from training.models.planning import Plan

__all__ = ["FinalPeriod"]


@dataclass(frozen=True)
class FinalPeriod:
    """The final period of one run; `taken_by` is the run that tested on some of its dates first, None for nobody."""

    run: str
    days: tuple[date, ...]
    taken_by: str | None

    @classmethod
    def of(cls, workspace: Workspace, planned: Plan, run: str) -> FinalPeriod:
        """Look up whether another run tested on the final dates of this plan."""
        selecting = planned.selecting
        days = tuple(day for fold in planned.folds if fold not in selecting for day in fold.test)
        for look in _read_looks(workspace):
            if look["run"] != run and set(days) & {date.fromisoformat(day) for day in look["tested"]}:
                return cls(run, days, str(look["run"]))
        return cls(run, days, None)

    @property
    def judged(self) -> bool:
        """Whether this run may look: there is a final period, and nobody looked before."""
        return bool(self.days) and self.taken_by is None

    def record(self, workspace: Workspace, planned: Plan) -> None:
        """Write down that this run tested on its dates; the caller holds the workspace's writer lock."""
        looks = _read_looks(workspace)
        if any(look["run"] == self.run for look in looks):
            return
        tested = planned.tested if self.judged else [day for fold in planned.selecting for day in fold.test]
        look = {
            "run": self.run,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "final": [day.isoformat() for day in self.days] if self.judged else [],
            "tested": [day.isoformat() for day in tested],
        }
        write_json(workspace.looks, [*looks, look])

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"dates": [day.isoformat() for day in self.days], "judged": self.judged, "taken_by": self.taken_by}


def _read_looks(workspace: Workspace) -> list[dict[str, Any]]:
    return list(read_json(workspace.looks)) if workspace.looks.exists() else []
