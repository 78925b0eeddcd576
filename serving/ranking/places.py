"""Who is on which team's list: the published order (charter.rules.tie_break), cut at each team's capacity."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix, MatrixDate
from charter.council.council import Council
from charter.errors import DataError
from charter.rules.holdout import TailDraw, TailLot, draw_tail
from charter.rules.listing import order_lists
from serving.ranking.bundle import Bundle
from serving.store.store import IssuedList

__all__ = [
    "Place",
    "ScoredDate",
    "Tail",
    "check_fits",
    "draw_below",
    "draw_tails",
    "fill_places",
    "find_teams",
    "order_candidates",
    "score_in_folder",
    "score_rows",
]


@dataclass(frozen=True)
class Place:
    """Where a row of the matrix ended up: its list, its place in it from 1, and how it came to be there.

    `inclusion` is the probability with which it came to have a place: 1 by rank, less by lot.
    """

    row: int
    header: IssuedList
    rank: int
    arm: str
    inclusion: float = 1.0


@dataclass(frozen=True)
class Tail:
    """How many places of a list go by a trial's lot, those that go by rank, the rows in its tail, how it fell."""

    header: IssuedList
    places: int
    first: tuple[Place, ...]
    rows: tuple[int, ...]
    draw: TailDraw


@dataclass(frozen=True)
class ScoredDate:
    """One as-of date of a matrix and the margin (rows,) that a bundle's model gives each of its rows."""

    bundle: Bundle
    matrix: Matrix
    at: MatrixDate
    margins: NDArray[np.float64]


def score_rows(bundle: Bundle, matrix: Matrix, at: MatrixDate) -> NDArray[np.float64]:
    """Return the margin of each row of one as-of date; raise DataError where the model doesn't fit the matrix."""
    check_fits(bundle, matrix)
    return bundle.model.margins(np.asarray(at.features, dtype=np.float32))


def score_in_folder(bundle: str, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the margins of some rows by the bundle in the folder `bundle`: for a process that has only its path."""
    return Bundle.open(Path(bundle)).model.margins(rows)


def check_fits(bundle: Bundle, matrix: Matrix) -> None:
    """Raise DataError unless the matrix was built for ranking, with the definition and features of the model."""
    if matrix.manifest.get("purpose") != "rank":
        raise DataError(
            f"the matrix {matrix.manifest['id']} was built for {matrix.manifest.get('purpose', 'no stated purpose')}, "
            "and a worklist needs one built for rank.",
            "Run `sooner rank`: it builds that matrix itself.",
        )
    if matrix.definition["hash"] != bundle.manifest["definition"] or tuple(matrix.features) != bundle.features:
        raise DataError(
            f"the matrix {matrix.manifest['id']} has another definition than the model in use.",
            "Train and promote with the new definition, or go back to the old one.",
        )


def find_teams(council: Council, at: MatrixDate) -> NDArray[np.str_]:
    """Return the id of the team that serves each row's area on the as-of date; '' where none does. Shape (rows,)."""
    codes, where = np.unique(at.area, return_inverse=True)
    teams = [council.team_of(code.decode(), at.as_of) for code in codes.tolist()]
    names = np.array([team.id if team else "" for team in teams], dtype=np.str_)
    return names[where] if len(names) else np.empty(0, dtype=np.str_)


def fill_places(
    council: Council,
    at: MatrixDate,
    margins: NDArray[np.float64],
    headers: Mapping[str, IssuedList],
    shares: Mapping[str, float] | None = None,
    trial_lots: Mapping[str, TailLot] | None = None,
) -> list[Place]:
    """Return the places on the lists `headers` (by team), by team and rank.

    A row that its list leaves out (`excluded`) takes no place: the next one moves up. The last places, of each team
    its share of `shares` (rounded down), are drawn by lot from as many households below them as the team has places,
    without those who are in no look.
    Of a list with a lot of a trial the last places go as `draw_tails` says; its records show nothing of it.
    """
    places: list[Place] = []
    tails = draw_tails(council, at, margins, headers, trial_lots or {})
    for _, ordered in groupby(order_candidates(council, at, margins, headers), key=lambda place: place.header.team):
        candidates = list(ordered)
        header = candidates[0].header
        if header.team in tails:
            continue
        lots = int((shares or {}).get(header.team, 0.0) * header.capacity)
        line = header.capacity - lots
        near = [place for place in candidates if line < place.rank <= line + header.capacity]
        pool = sorted(_choose_for_looks(at, header, near), key=_lot(at))
        inclusion = min(1.0, lots / len(pool)) if pool else 1.0
        places += [place for place in candidates if place.rank <= line]
        places += [
            Place(place.row, header, line + number, "random", inclusion)
            for number, place in enumerate(pool[:lots], start=1)
        ]
    return sorted([*places, *_fill_tails(tails)], key=lambda place: (place.header.team, place.rank))


def draw_tails(
    council: Council,
    at: MatrixDate,
    margins: NDArray[np.float64],
    headers: Mapping[str, IssuedList],
    trial_lots: Mapping[str, TailLot],
) -> dict[str, Tail]:
    """Return by team how the lots of a trial fall: each list's last places, among as many above its line as below it.

    Whom another programme's list holds takes no part, whether it would win or lose. Whoever lost before is passed over,
    and comes last where a place would stay empty.
    """
    if not trial_lots:
        return {}
    tails = {}
    passed_over = {team: lot.losers for team, lot in trial_lots.items()}
    by_team = {team: list[Place]() for team in trial_lots if team in headers}
    for place in order_candidates(council, at, margins, headers, passed_over):
        by_team[place.header.team].append(place)
    for team, candidates in by_team.items():
        header, lot = headers[team], trial_lots[team]
        if len(candidates) < header.capacity:
            candidates += _find_waiting(council, at, margins, header, lot, len(candidates))
        places = lot.count_places(header.capacity)
        first = header.capacity - places
        tail = [(place, at.entity[place.row].decode()) for place in candidates[first:]]
        pool = [(place, name) for place, name in tail if name not in lot.elsewhere][: 2 * places]
        draw = draw_tail(lot, [(place.rank, name) for place, name in pool], places)
        tails[team] = Tail(header, places, tuple(candidates[:first]), tuple(place.row for place, _ in pool), draw)
    return tails


def _find_waiting(
    council: Council,
    at: MatrixDate,
    margins: NDArray[np.float64],
    header: IssuedList,
    lot: TailLot,
    before: int,
) -> list[Place]:
    """Return whom a list passes over for an earlier lot, by rank after the `before` others: its places stay empty."""
    everybody = order_candidates(council, at, margins, {header.team: header})
    waiting = [place for place in everybody if at.entity[place.row].decode() in lot.losers]
    return [Place(place.row, header, before + number, "ranked") for number, place in enumerate(waiting, start=1)]


def _fill_tails(tails: Mapping[str, Tail]) -> Iterator[Place]:
    """Yield the places of lists with a lot: the first by rank, the last to whom the lot gave one, by rank before it."""
    for tail in tails.values():
        yield from tail.first
        chosen = [row for row, household in zip(tail.rows, tail.draw.households, strict=True) if household.has_place]
        for number, row in enumerate(chosen, start=len(tail.first) + 1):
            yield Place(row, tail.header, number, "ranked")


def _lot(at: MatrixDate) -> Callable[[Place], tuple[bytes, int]]:
    """Return the lot of a place: by the names of its list and household, the same each time it is drawn."""

    def lot(place: Place) -> tuple[bytes, int]:
        name = f"{place.header.programme}/{place.header.id}/{at.entity[place.row].decode()}"
        return hashlib.sha256(name.encode()).digest(), place.rank

    return lot


def draw_below(
    council: Council,
    at: MatrixDate,
    margins: NDArray[np.float64],
    headers: Mapping[str, IssuedList],
    number: int,
    occupied: Collection[int] = (),
) -> list[Place]:
    """Return `number` places of each list drawn by lot from just below its line, for a second look; none is listed.

    Drawn from as many households below the line as there are places above it, by the lot of their names: the same each
    time it is drawn. The rows `occupied` have a place already; who is in no look (`IssuedList.no_look`) is never drawn.
    """
    below: dict[str, list[Place]] = {team: [] for team in headers}
    for place in order_candidates(council, at, margins, headers):
        if place.header.capacity < place.rank <= 2 * place.header.capacity and place.row not in occupied:
            below[place.header.team].append(place)
    return [
        place
        for team, candidates in below.items()
        for place in sorted(_choose_for_looks(at, headers[team], candidates), key=_lot(at))[:number]
    ]


def _choose_for_looks(at: MatrixDate, header: IssuedList, places: Sequence[Place]) -> list[Place]:
    no_look = header.no_look
    return [place for place in places if at.entity[place.row].decode() not in no_look]


def order_candidates(
    council: Council,
    at: MatrixDate,
    margins: NDArray[np.float64],
    headers: Mapping[str, IssuedList],
    passed_over: Mapping[str, frozenset[str]] | None = None,
    times: int = 2,
) -> list[Place]:
    """Return everybody whom the lists don't leave out or pass over, by team and rank, to so many times the capacity."""
    teams = find_teams(council, at)
    over = passed_over or {}
    out = {team: header.left_out for team, header in headers.items()}
    left_out = np.array(
        [
            team not in headers or name.decode() in out[team] or name.decode() in over.get(team, frozenset())
            for team, name in zip(teams.tolist(), at.entity.tolist(), strict=True)
        ],
        dtype=bool,
    )
    capacity = {team: header.capacity for team, header in headers.items()}
    rows, ranks = order_lists(at.entity, at.as_of, margins, teams, capacity, left_out, times=times)
    return [
        Place(row, headers[str(teams[row])], rank, "ranked")
        for row, rank in zip(rows.tolist(), ranks.tolist(), strict=True)
    ]
