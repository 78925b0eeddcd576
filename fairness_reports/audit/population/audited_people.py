"""Who is audited: each person of the audited ages in each scored household, at each test date.

The person is the unit: each carries the household's place on the list and the household's outcome. The household is
the cluster: its people, at all its dates, rise and fall together. Everything is pooled over the as-of dates of the
test folds. Protected characteristics are read here and nowhere else, for the purpose `equality_monitoring`; whoever
objected to that, and whoever was never asked, is in the group "not recorded".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.labels import label_rows
from charter.contracts.matrix import NONE, Matrix, MatrixDate
from charter.council.council import Council
from charter.council.programme import Programme
from charter.errors import DataError
from charter.rules.policy import Policy
from fairness_reports.audit.measuring.clusters import number_names
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping
from fairness_reports.audit.population.protected import group_persons
from fairness_reports.audit.population.reading_tables import open_connection
from fairness_reports.audit.population.scored_lists import Listing
from features.grammar.period import Period

__all__ = [
    "People",
    "Scores",
    "assign_teams",
    "count_microseconds",
    "find_horizon_end",
    "gather_people",
    "group_people",
    "list_mature_dates",
    "mark_audited",
    "measure_sight",
    "read_outcomes",
]

_OLDEST = 120
"""Ages from 0 to this one are all there are."""

_NO_TEAM = ""


@dataclass(frozen=True)
class Scores:
    """Out-of-time scores of one model (contract `scores`): entities and margins by as-of date."""

    model: str
    by_date: Mapping[date, tuple[NDArray[np.bytes_], NDArray[np.float64], NDArray[np.float64]]]

    @classmethod
    def read(cls, path: Path, model: str) -> Scores:
        """Read one model's rows; raise DataError where the file has none, or an entity twice at a date."""
        if not path.exists():
            raise DataError(f"{path.name} is missing from {path.parent.name}/.", "Run `sooner train`.")
        rows = (
            open_connection()
            .execute(
                "SELECT entity, as_of::DATE AS as_of, margin::DOUBLE AS margin, score::DOUBLE AS score"
                " FROM read_parquet($path) WHERE model = $model ORDER BY as_of, entity",
                {"path": str(path), "model": model},
            )
            .fetchnumpy()
        )
        if not len(rows["entity"]):
            raise DataError(f"{path.name} has no scores of the model {model!r}.", "Run `sooner train`.")
        days = rows["as_of"].astype("datetime64[D]")
        entity = np.char.encode(rows["entity"].astype(str), "utf-8")
        by_date = {}
        for day in np.unique(days):
            here = days == day
            names = entity[here]
            if len(np.unique(names)) != len(names):
                raise DataError(f"{path.name} scores an entity twice at {day}.", "Run `sooner train` again.")
            by_date[day.astype(date)] = (names, np.asarray(rows["margin"][here]), np.asarray(rows["score"][here]))
        return cls(model, by_date)


@dataclass(frozen=True)
class People:
    """Rows of one person at one as-of date, pooled over dates; every array has shape (people,) unless said.

    `entity` household pseudonyms; `listed_as` the household's row in `listing`; `label` 1, 0 or UNKNOWN;
    `components` (people, components) bool; `lead_days` from the as-of date to the first outcome, NaN where none;
    `seen` by service the share of the household's members whom the service could see.
    """

    as_of: NDArray[np.datetime64]
    entity: NDArray[np.bytes_]
    person: NDArray[np.bytes_]
    listed_as: NDArray[np.int64]
    selected: NDArray[np.bool_]
    margin: NDArray[np.float64]
    score: NDArray[np.float64]
    label: NDArray[np.int8]
    components: NDArray[np.bool_]
    lead_days: NDArray[np.float64]
    seen: Mapping[str, NDArray[np.float64]]
    age: NDArray[np.float32]
    component_names: tuple[str, ...]
    listing: Listing

    @cached_property
    def cluster(self) -> NDArray[np.int64]:
        """The household of each row, as a number; nobody can write to it, so that its order is found once."""
        number = number_names(self.entity)[0]
        number.setflags(write=False)
        return number

    @cached_property
    def persons(self) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
        """The person of each row, as a number, and the pseudonyms that are numbered (persons,)."""
        return number_names(self.person)

    @property
    def dates(self) -> list[date]:
        """The as-of dates pooled, ascending."""
        return [day.astype(date) for day in np.unique(self.as_of)]


def count_microseconds(moment: datetime) -> int:
    """Return a moment as UTC microseconds since 1970."""
    return (moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(microseconds=1)


def list_mature_dates(matrix: Matrix, council: Council) -> list[date]:
    """Return the matrix's dates whose horizon and reporting lag were over when its snapshot was taken, ascending."""
    taken_at = datetime.fromisoformat(matrix.manifest["taken_at"])
    lag = timedelta(days=float(matrix.manifest["reporting_lag_days"]))
    cut = taken_at - lag
    return [day for day in matrix.dates if _first_end(matrix, council, day) <= count_microseconds(cut)]


def _first_end(matrix: Matrix, council: Council, day: date) -> int:
    """Return where the first row's horizon of a date ends; that of the definition where there is no row."""
    otherwise = count_microseconds(find_horizon_end(matrix.definition, council, day))
    if "ends_with" not in matrix.definition["outcome"]:
        return otherwise
    return int(matrix.at(day).ends(otherwise).min(initial=otherwise))


def find_horizon_end(definition: Mapping[str, Any], council: Council, as_of: date) -> datetime:
    """Return the end of the outcome's horizon in UTC: calendar units, at local midnight."""
    horizon = definition["outcome"]["horizon"]
    return council.midnight(Period(horizon["n"], horizon["unit"]).after(as_of))


def gather_people(matrix: Matrix, scores: Scores, council: Council, programme: Programme, policy: Policy) -> People:
    """Gather the audited people of every scored date; raise DataError where a scored household is not in the matrix."""
    days = sorted(scores.by_date)
    places = [_find_rows(matrix.at(day), scores, day) for day in days]
    listing = _gather_listing(matrix, scores, days, places, council, programme)
    selected = listing.select()
    first = np.cumsum([0, *(len(place) for place in places)])
    parts = []
    for number, day in enumerate(days):
        parts.append(_gather_date(matrix, matrix.at(day), places[number], int(first[number]), council, policy))
    pooled = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "seen"}
    at = pooled["listed_as"]
    return People(
        **pooled,
        selected=selected[at],
        margin=listing.margin[at],
        score=listing.score[at],
        seen={service: np.concatenate([part["seen"][service] for part in parts]) for service in parts[0]["seen"]},
        component_names=tuple(matrix.manifest["components"]),
        listing=listing,
    )


def _find_rows(rows: MatrixDate, scores: Scores, day: date) -> NDArray[np.int64]:
    """Return the row of the matrix of each scored household."""
    names, _, _ = scores.by_date[day]
    entity = np.asarray(rows.entity)
    place = np.searchsorted(entity, names)
    if (place >= len(entity)).any() or (entity[np.minimum(place, len(entity) - 1)] != names).any():
        raise DataError(f"a household scored at {day} is not in the matrix.", "Run `sooner train` again.")
    return np.asarray(place, dtype=np.int64)


def _gather_listing(
    matrix: Matrix,
    scores: Scores,
    days: Sequence[date],
    places: Sequence[NDArray[np.int64]],
    council: Council,
    programme: Programme,
) -> Listing:
    teams = [
        assign_teams(np.asarray(matrix.at(day).area)[place], day, council)
        for day, place in zip(days, places, strict=True)
    ]
    rooms = []
    for day, team in zip(days, teams, strict=True):
        capacity = programme.capacity(council, day)
        rooms.append(np.array([capacity.get(str(name), 0) for name in team], dtype=np.int64))
    return Listing(
        days=tuple(days),
        day=np.repeat(np.arange(len(days)), [len(place) for place in places]),
        entity=np.concatenate([scores.by_date[day][0] for day in days]),
        margin=np.concatenate([scores.by_date[day][1] for day in days]),
        score=np.concatenate([scores.by_date[day][2] for day in days]),
        team=np.concatenate(teams),
        room=np.concatenate(rooms),
    )


def _gather_date(
    matrix: Matrix, rows: MatrixDate, place: NDArray[np.int64], first: int, council: Council, policy: Policy
) -> dict[str, Any]:
    """Return the audited people of one date; `place` are the scored rows, the first of them number `first` of all.

    Households 0, 1 and 2 of the matrix, of which 0 and 2 are scored and are rows 10 and 11 of the listing; four people
    live in 0, 0, 1 and 2 and are of audited ages: `scored` is 10, -1, 11; people 0, 1 and 3 are audited, of households
    0, 0 and 2, listed as 10, 10 and 11.
    """
    scored = np.full(len(rows.entity), -1, dtype=np.int64)
    scored[place] = np.arange(len(place)) + first
    person_row = np.asarray(rows.person_row)
    chosen = np.flatnonzero((scored[person_row] >= 0) & mark_audited(rows, matrix, policy))
    of = person_row[chosen]
    label, components, lead = read_outcomes(matrix, rows, council)
    return {
        "as_of": np.full(len(chosen), np.datetime64(rows.as_of, "D")),
        "entity": np.asarray(rows.entity)[of],
        "person": np.asarray(rows.person)[chosen],
        "listed_as": scored[of],
        "label": label[of],
        "components": components[of],
        "lead_days": lead[of],
        "age": np.asarray(rows.person_age)[chosen],
        "seen": {service: share[of] for service, share in measure_sight(matrix, rows).items()},
    }


def mark_audited(rows: MatrixDate, matrix: Matrix, policy: Policy) -> NDArray[np.bool_]:
    """Whether each person is of the audited ages.

    Those of unknown age count too where the programme is about persons, and where people of all ages are audited.
    """
    youngest, oldest = policy.ages_of(matrix.definition["programme"])
    age = np.asarray(rows.person_age)
    inside = (age >= youngest) & (age < oldest + 1)
    everybody = matrix.definition["entity"] == "person" or (youngest == 0 and oldest >= _OLDEST)
    return inside | np.isnan(age) if everybody else inside


def assign_teams(area: NDArray[np.bytes_], day: date, council: Council) -> NDArray[np.str_]:
    """Return the id of the team that serves each row's area on `day`; empty where none does (rows,)."""
    codes, row = np.unique(area, return_inverse=True)
    teams = [council.team_of(bytes(code).decode(), day) for code in codes]
    return np.array([team.id if team else _NO_TEAM for team in teams] or [_NO_TEAM])[row]


def read_outcomes(
    matrix: Matrix, rows: MatrixDate, council: Council
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.float64]]:
    """Return label, components and lead time of each row, as known when the snapshot was taken.

    A row whose horizon and reporting lag were not over by then has no label: early outcomes without the later ones
    would flatter. Of two components as of 1 January, one that happened on 10 February and the other not: the
    label is 1, the components True and False, the lead time 40 days. Components that are not asked of a household
    count for nothing (charter/contracts/labels.py).
    """
    taken_at = datetime.fromisoformat(matrix.manifest["taken_at"])
    lag = timedelta(days=float(matrix.manifest["reporting_lag_days"]))
    at, known_at = np.asarray(rows.outcome_at), np.asarray(rows.outcome_known_at)
    had = (at != NONE) & (known_at != NONE) & (known_at < count_microseconds(taken_at))
    label, had = label_rows(rows, matrix.definition["outcome"], had)
    otherwise = count_microseconds(find_horizon_end(matrix.definition, council, rows.as_of))
    label[rows.ends(otherwise) > count_microseconds(taken_at - lag)] = UNKNOWN
    first = np.where(had, at, np.iinfo(np.int64).max).min(axis=1)
    start = count_microseconds(council.midnight(rows.as_of))
    lead = np.where(had.any(axis=1), (first - start) / 86_400_000_000, np.nan)
    return label, had, lead


def measure_sight(matrix: Matrix, rows: MatrixDate) -> dict[str, NDArray[np.float64]]:
    """Return by service the share of each household's members seen, averaged over the service's windows."""
    columns: dict[str, list[int]] = {}
    for number, name in enumerate(matrix.manifest["seen"]):
        columns.setdefault(str(name).split(":", maxsplit=1)[0], []).append(number)
    members = np.maximum(np.asarray(rows.members, dtype=np.float64), 1.0)
    sight = np.asarray(rows.seen)
    return {service: sight[:, chosen].mean(axis=1) / members for service, chosen in columns.items()}


def group_people(values: Mapping[bytes, str], people: People, not_recorded: str) -> Grouping:
    """Group people by a characteristic's recorded values; whoever has none is in the group `not_recorded`."""
    number, persons = people.persons
    return group_persons(values, persons, not_recorded, number)
