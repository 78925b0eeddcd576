"""Who was listed on past weeks' lists as they are used, and who came to be in need: the rows that training left.

    replayed.parquet             listings, for a few drawings of lots and decisions
    replayed_households.parquet  everybody whom those lists could have held
    the matrix of the weeks      who lived there, at the household's last counted list

Each calendar week counts once, under the model then in use; a household that came to be in need counts once, however
many lists it was on and however often the need was recorded. Figures are means over the drawings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import file_digest, read_json
from charter.contracts.matrix import Matrix
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from charter.rules.policy import Policy
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.audited_people import mark_audited
from fairness_reports.audit.population.protected import group_persons
from fairness_reports.audit.population.reading_tables import open_connection

__all__ = ["NO_LISTS", "ReplayedPeople", "UsedLists", "read_replayed_people"]

NO_LISTS = "This run left no lists as they are used: `sooner train` makes them."

Floats = NDArray[np.float64]

_LISTED = """
    WITH mine AS (SELECT * FROM read_parquet($listings) WHERE model = $model),
    first_needed AS (
        SELECT entity, lottery, arg_min(days, as_of) AS days FROM mine WHERE outcome = 'need' GROUP BY entity, lottery
    ),
    needed AS (SELECT entity, count(*) AS before, sum(days) AS days FROM first_needed GROUP BY entity)
    SELECT
        entity,
        count(DISTINCT lottery) AS ever,
        count(*) FILTER (outcome = 'need') AS needed,
        count(*) FILTER (outcome = 'none') AS unneeded,
        count(*) FILTER (outcome = 'unknown') AS unknown,
        coalesce(any_value(before), 0) AS before,
        coalesce(any_value(needed.days), 0) AS days
    FROM mine LEFT JOIN needed USING (entity) GROUP BY entity ORDER BY entity
"""


@dataclass(frozen=True)
class UsedLists:
    """What a model's lists did to each household, (households,), as means over the drawings.

    `ever` and `before`: in what share of drawings it was listed at all, and before its need; `days`: from the first
    such listing to the need, 0 in drawings without one; the others are listings by what was recorded after them.
    """

    ever: Floats
    needed: Floats
    unneeded: Floats
    unknown: Floats
    before: Floats
    days: Floats


@dataclass(frozen=True)
class ReplayedPeople:
    """People of the audited ages, each array (people,); `household` numbers `entity` (households,).

    `lists`, `known` and `needed` (households,) count the lists at which a household was of the cohort, those from which
    a horizon is known, and those within whose horizon a need was recorded.
    Of a `queue` a list is a month's first tenth.
    """

    listings: Path
    entity: NDArray[np.bytes_]
    lists: Floats
    known: Floats
    needed: Floats
    household: NDArray[np.int64]
    person: NDArray[np.bytes_]
    first: date
    last: date
    apart: int
    inputs: Mapping[str, str]
    queue: bool = False

    @property
    def lists_a_year(self) -> float:
        """How many lists there are in a year."""
        return 365.25 / self.apart

    @property
    def days(self) -> int:
        """How many days of lists are counted."""
        return (self.last - self.first).days + self.apart

    @property
    def years(self) -> float:
        """How many years of lists are counted."""
        return self.days / 365.25

    @property
    def in_need(self) -> NDArray[np.bool_]:
        """Whether each household came to be in need, (households,)."""
        return self.needed > 0

    @cached_property
    def drawings(self) -> int:
        """How many drawings of lots and decisions there are."""
        query = "SELECT max(lottery) + 1 FROM read_parquet($listings)"
        return int(open_connection().execute(query, {"listings": str(self.listings)}).fetchall()[0][0])

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Whose lists there are; the run's own model first."""
        query = "SELECT DISTINCT arm, model FROM read_parquet($listings) ORDER BY arm DESC, model"
        rows = open_connection().execute(query, {"listings": str(self.listings)}).fetchall()
        return tuple(model for _, model in rows)

    def lists_of(self, model: str) -> UsedLists:
        """Return what the lists of one model did to each household."""
        columns = open_connection().execute(_LISTED, {"listings": str(self.listings), "model": model}).fetchnumpy()
        names = np.char.encode(columns["entity"].astype(str), "utf-8") if len(columns["entity"]) else self.entity[:0]
        place = np.searchsorted(self.entity, names)
        if (place >= len(self.entity)).any() or (self.entity[place] != names).any():
            raise DataError(
                "a replayed list names a household that no replayed week holds.", "Run `sooner train` again."
            )

        def spread(name: str) -> Floats:
            values = np.zeros(len(self.entity))
            values[place] = np.asarray(columns[name], dtype=np.float64) / self.drawings
            return values

        return UsedLists(**{name: spread(name) for name in UsedLists.__dataclass_fields__})

    def group(self, values: Mapping[bytes, str], not_recorded: str) -> Grouping:
        """Group the people by a characteristic's recorded values."""
        return group_persons(values, self.person, not_recorded)


def read_replayed_people(
    run: Path, manifest: Mapping[str, Any], workspace: Workspace, policy: Policy
) -> ReplayedPeople | str:
    """Return the people of a run's replayed weeks, or the sentence that says why there are none.

    Raises DataError where the files are not those that the run wrote.
    """
    metrics = read_json(run / "metrics.json")
    replay = metrics.get("queue") or metrics.get("replay")
    why = replay.get("why") if isinstance(replay, Mapping) else ""
    listings, households = run / "replayed.parquet", run / "replayed_households.parquet"
    if why:
        return f"There are no lists as they are used: {why}."
    if not isinstance(replay, Mapping) or not (listings.exists() and households.exists()):
        return NO_LISTS
    inputs = {path.name: file_digest(path) for path in (listings, households)}
    for name, digest in inputs.items():
        if manifest.get("outputs", {}).get(name) != digest:
            raise DataError(f"{name} is not what the run {run.name} wrote.", "Run `sooner train` again.")
    folder = workspace.matrix / str(replay["matrix"])
    if not (folder / "manifest.json").exists():
        return "The matrix of this run's past weeks was withdrawn or cleared: `sooner train` makes it again."
    matrix = Matrix.open(folder)
    columns = open_connection().execute(
        "SELECT entity, last, lists, known, needed FROM read_parquet($households) ORDER BY entity",
        {"households": str(households)},
    ).fetchnumpy()  # fmt: skip
    entity = np.char.encode(columns["entity"].astype(str), "utf-8")
    last = np.asarray(columns["last"]).astype("datetime64[D]")
    household, person = _find_people(matrix, entity, last, policy)
    dates = matrix.dates
    periods = replay["periods"]
    return ReplayedPeople(
        listings=listings,
        entity=entity,
        lists=np.asarray(columns["lists"], dtype=np.float64),
        known=np.asarray(columns["known"], dtype=np.float64),
        needed=np.asarray(columns["needed"], dtype=np.float64),
        household=household,
        person=person,
        first=min(date.fromisoformat(period["first"]) for period in periods),
        last=max(date.fromisoformat(period["last"]) for period in periods),
        apart=int(replay.get("days_apart") or (dates[1] - dates[0]).days),
        inputs=inputs,
        queue="queue" in metrics,
    )


def _find_people(
    matrix: Matrix, entity: NDArray[np.bytes_], last: NDArray[np.datetime64], policy: Policy
) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
    """Return the household's number and the pseudonym of each audited person, as at the household's last list."""
    numbers, persons = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype="S32")]
    for day in np.unique(last):
        rows = matrix.at(day.astype(date))
        here = np.flatnonzero(last == day)
        number = np.full(len(rows.entity), -1, dtype=np.int64)
        place = np.searchsorted(np.asarray(rows.entity), entity[here])
        number[place] = here
        of = number[np.asarray(rows.person_row)]
        chosen = np.flatnonzero((of >= 0) & mark_audited(rows, matrix, policy))
        numbers.append(of[chosen])
        persons.append(np.asarray(rows.person)[chosen])
    return np.concatenate(numbers), np.concatenate(persons)
