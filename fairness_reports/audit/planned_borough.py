"""What the plan of an audit rests on: a borough's households, needs, groups and places, and what its lists are like.

Read of the newest matrix, and of the newest run's replayed lists where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from charter.contracts.files import find_current, read_json
from charter.contracts.matrix import Matrix
from charter.council.programme import Programme
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.rules.certainty.outcomes import Sizes
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.audited_people import (
    list_mature_dates,
    mark_audited,
    read_outcomes,
)
from fairness_reports.audit.population.protected import read_characteristics
from fairness_reports.audit.population.reading_tables import open_connection
from fairness_reports.audit.recorded_plan import RECORDED, SignsOfNeed, read_signs

__all__ = ["ASSUMED", "LONGEST", "Borough", "Listings", "read_borough", "weigh_homes"]

ASSUMED = 0.2
"""Of those listed, the share whose need is then recorded, where no run has measured it."""

_LISTED = """
    WITH times AS (
        SELECT entity, lottery, outcome, count(*) AS listings FROM read_parquet($listings)
        WHERE model = $model AND outcome IN ('need', 'none') GROUP BY ALL
    )
    SELECT
        sum(listings) FILTER (outcome = 'need') / count(*) FILTER (outcome = 'need'),
        sum(listings ** 2) FILTER (outcome = 'none') / sum(listings) FILTER (outcome = 'none')
    FROM times
"""

LONGEST = 2.0
"""Years of lists: as many as a replay counts, so that nothing is promised of one model for longer."""


@dataclass(frozen=True)
class Listings:
    """What lists are assumed to be like, or what the newest run's replayed lists were (`measured`).

    `precise` is the share of listings whose need is then recorded; `before` how many of those a family has that was on
    a list before its need; `repeated` how many listings say as much as one, of those that no need followed: where every
    family has one, 1; where half of the listings are of families with two, 1.5. What is assumed is as in a borough of
    3,000 homes that was played.
    """

    precise: float = ASSUMED
    before: float = 1.2
    repeated: float = 1.8
    measured: bool = False


@dataclass(frozen=True)
class Borough:
    """How many households of each group there are, how many came to be in need in so many years, and the lists' places.

    `households` and `in_need` by characteristic and group; `signs` the independent signs of need. Each child carries
    its home's place and need, so all homes together say less than so many of one child each: `worth` of them (0 to 1).
    """

    households: Mapping[str, Mapping[str, int]]
    in_need: Mapping[str, Mapping[str, int]]
    everybody: int
    everybody_in_need: int
    years: float
    lists_a_year: float
    places_a_year: float
    listings: Listings = Listings()
    signs: SignsOfNeed | None = None
    worth: float = 1.0

    @property
    def listed_of_need(self) -> float:
        """The share of those in need whom so many places would list before, each family once."""
        found = self.places_a_year * self.years * self.listings.precise / self.listings.before
        return min(0.95, found / max(self.everybody_in_need, 1))

    def signs_for(self, gate: Gate) -> SignsOfNeed | None:
        """Return the independent signs of need that a question is asked by; None where it is not, or there are none."""
        usable = gate.measure == RECORDED and self.signs is not None and not self.signs.why_not
        return self.signs if usable else None

    def households_of(self, gate: Gate) -> Mapping[str, int]:
        """Return the households that a question rests on, by group: those in need, or all for a rate of listings."""
        return (self.households if gate.measure == "unneeded_listings" else self.in_need)[gate.characteristic]

    def size(self, gate: Gate, group: str) -> Sizes | None:
        """Return both sides' sizes of a question about lists as they are used; None where a side is empty."""
        of_need = gate.measure in {"listed_before_need", "days_before"}
        table = (self.in_need if of_need else self.households)[gate.characteristic]
        people = table.get(group, 0)
        rest = (self.everybody_in_need if of_need else self.everybody) - people
        if people < 1 or rest < 1:
            return None
        if of_need:
            return Sizes(self._weigh(people), self._weigh(rest), self.listed_of_need)
        lists = self.lists_a_year * self.years
        share = self.places_a_year * (1 - self.listings.precise) / (self.everybody * self.lists_a_year)
        said = lists / self.listings.repeated
        return Sizes(self._weigh(people * said), self._weigh(rest * said), min(share, 0.95))

    def _weigh(self, homes: float) -> int:
        return max(round(homes * self.worth), 1)


def read_borough(matrix: Matrix, invocation: Invocation) -> Borough:
    """Return what the plan knows of a council; raise UsageError where no date's outcomes are known."""
    days = list_mature_dates(matrix, invocation.council)
    if not days:
        raise UsageError(
            "no date's outcomes are known yet, so nothing can be planned.", "Wait, or build earlier dates."
        )
    days = [day for day in days if day >= days[-1] - timedelta(days=round(LONGEST * 365.25))]
    tables = invocation.workspace.snapshot(matrix.manifest["snapshot"]) / "tables"
    policy, programme = invocation.policy, invocation.settings
    recorded = read_characteristics(tables, policy, datetime.fromisoformat(matrix.manifest["taken_at"]))
    needy: set[bytes] = set()
    for day in days:
        rows = matrix.at(day)
        label = read_outcomes(matrix, rows, invocation.council)[0]
        needy |= set(np.asarray(rows.entity)[label == 1].tolist())
    rows = matrix.at(days[-1])
    chosen = mark_audited(rows, matrix, policy)
    homes = np.asarray(rows.entity)[np.asarray(rows.person_row)[chosen]]
    in_need = np.isin(homes, np.array(sorted(needy), dtype="S32"))
    households, of_need = {}, {}
    for name, values in recorded.items():
        named = [values.get(bytes(person), policy.not_recorded) for person in np.asarray(rows.person)[chosen]]
        grouping = Grouping.of(np.array(named or [policy.not_recorded])[: len(named)])
        households[name] = _count_homes(homes, grouping, np.ones(len(homes), dtype=np.bool_))
        of_need[name] = _count_homes(homes, grouping, in_need)
    apart = programme.worklist.list.days
    return Borough(
        households=households,
        in_need=of_need,
        everybody=len(np.unique(homes)),
        everybody_in_need=len(np.unique(homes[in_need])),
        years=_count_years(days),
        lists_a_year=365.25 / apart,
        places_a_year=_count_places(programme, invocation, days[-1]) * 365.25 / apart,
        listings=_read_listings(invocation),
        signs=read_signs(matrix, invocation, days),
        worth=weigh_homes(homes),
    )


def weigh_homes(homes: Any) -> float:
    """Return how many homes alike the homes are worth, each: of one child and of three, (1 + 3)^2 / (2 x 10) = 0.8."""
    children = np.unique(homes, return_counts=True)[1]
    return float(children.sum() ** 2 / (len(children) * (children**2).sum())) if len(children) else 1.0


def _count_years(days: Sequence[date]) -> float:
    step = (days[-1] - days[0]).days / (len(days) - 1) if len(days) > 1 else 30.0
    return min(LONGEST, ((days[-1] - days[0]).days + step) / 365.25)


def _count_places(programme: Programme, invocation: Invocation, day: date) -> float:
    return float(sum(programme.capacity(invocation.council, day).values()))


def _count_homes(homes: Any, grouping: Grouping, among: Any) -> dict[str, int]:
    """Count the homes in which somebody of each group lives."""
    return {name: len(np.unique(homes[(grouping.code == code) & among])) for code, name in enumerate(grouping.names)}


def _read_listings(invocation: Invocation) -> Listings:
    """Return what the newest run's replayed lists were like, or what is assumed where none were made."""
    run = find_current(invocation.workspace.scores)
    if run is None or not (run / "metrics.json").exists():
        return Listings()
    metrics, listings = read_json(run / "metrics.json"), run / "replayed.parquet"
    replay = metrics.get("replay")
    for figure in replay.get("figures", ()) if isinstance(replay, Mapping) else ():
        same = figure["model"] == metrics["model"] and figure["measure"] == "needed_of_listed"
        if same and figure["part"] == "all" and figure["against"] is None and figure["estimate"] is not None:
            precise = float(figure["estimate"])
            return replace(_count_listings(listings, metrics["model"]), precise=precise, measured=True)
    return Listings()


def _count_listings(listings: Path, model: str) -> Listings:
    """Return how often the replayed lists held one family, with a need and without; as assumed where nobody knows."""
    if not listings.exists():
        return Listings()
    row = open_connection().execute(_LISTED, {"listings": str(listings), "model": model}).fetchall()[0]
    before, repeated = row
    usual = Listings()
    return replace(usual, before=before or usual.before, repeated=repeated or usual.repeated)
