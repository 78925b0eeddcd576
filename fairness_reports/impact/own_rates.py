"""The council's own rates, from the newest run's replay of past weeks: how often listed families had a need, and again.

replayed.parquet   who was listed in which week, in a few drawings of lots and decisions, and what was recorded after
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import find_current
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from fairness_reports.audit.population.reading_tables import open_connection

__all__ = ["OwnRates", "read_own_rates"]

_RATES = """
    SELECT avg((outcome = 'need')::int) FILTER (outcome <> 'unknown'), count(DISTINCT as_of),
           date_diff('day', min(as_of), max(as_of)), count(*) / count(DISTINCT lottery)
    FROM read_parquet($path) WHERE arm = 'ranked'
"""
# Of each drawing, in how many weeks so far a household listed for the first time took each place.
_FIRST = """
    WITH ranked AS (SELECT * FROM read_parquet($path) WHERE arm = 'ranked'),
         first AS (SELECT lottery, entity, min(as_of) AS as_of FROM ranked GROUP BY ALL),
         weeks AS (SELECT as_of, count(*) AS listings FROM ranked GROUP BY as_of),
         fresh AS (SELECT as_of, count(*) AS households FROM first GROUP BY as_of)
    SELECT listings, coalesce(households, 0) FROM weeks LEFT JOIN fresh USING (as_of) ORDER BY as_of
"""


@dataclass(frozen=True)
class OwnRates:
    """Rates of one run: `lists` replayed, so many days `apart`, with `listings` each.

    `need` is the share of listed families with a need within the horizon; `fresh` (weeks,) the share of all listings of
    the first so many weeks that were of a household not listed before.
    """

    run: str
    need: float
    lists: int
    apart: float
    listings: float
    fresh: NDArray[np.float64]

    def share_fresh(self, lists: int) -> float:
        """Return which share of so many lists' places goes to households not listed before; the last known beyond."""
        return float(self.fresh[min(max(lists, 1), len(self.fresh)) - 1])


def read_own_rates(workspace: Workspace) -> OwnRates:
    """Return the rates of the newest run; raise DataError where there is none, or no week was replayed."""
    folder = find_current(workspace.scores)
    path = folder / "replayed.parquet" if folder else Path()
    if folder is None or not path.exists():
        raise DataError(
            "no run has replayed past weeks, so the council's own rates are not known.", "Run `sooner train`."
        )
    connection = open_connection()
    need, lists, span, listings = connection.execute(_RATES, {"path": str(path)}).fetchall()[0]
    if not lists or need is None:
        raise DataError("no replayed week has a known outcome.", "Run `sooner train` once a horizon is over.")
    weeks = np.array(connection.execute(_FIRST, {"path": str(path)}).fetchall(), dtype=np.float64)
    fresh = weeks[:, 1].cumsum() / weeks[:, 0].cumsum()
    return OwnRates(folder.name, float(need), int(lists), span / max(lists - 1, 1), float(listings) / lists, fresh)
