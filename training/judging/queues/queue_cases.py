"""The cases of a queue: every row of the test dates, when it came, when it was really worked, and what came of it.

    as-of date    the day on which a case begins to wait; of planned rows, the first day of their stretch
    month         cases of one team and calendar month are one order: its first tenth is what the month begins with
    done          the first event of `[queue] done` from the as-of date on; of a case that has none, nobody knows when,
                  nor of one between whose as-of date and event nothing was delivered for a while

    deliveries    to 10 June, from 20 June on     came 1 June, event 5 June: known; event 25 June: perhaps not its first

The last day is the one before the next date would come: who is not taken by then counts as taken the day after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter.contracts.spans import is_covered
from charter.council.worklist_settings import Queue
from charter.invocation import Invocation
from features.grammar import period
from training.data.dataset import MISSING, Dataset, to_microseconds
from training.data.help_record import NEVER, HelpRecord, read_help
from training.data.lists import measure_lead_days
from training.data.weeks import number_households
from training.models.planning import Plan

__all__ = ["UNDONE", "Cases", "Team", "gather_cases"]

UNDONE = -1
"""The day of a case of which nobody knows when it was worked."""

_WEEK = 7


class Team(NamedTuple):
    """One team's cases, as numbers of rows in order of arrival; and how many it takes on each day, (days,)."""

    name: str
    rows: NDArray[np.int64]
    room: NDArray[np.int64]


@dataclass(frozen=True)
class Cases:
    """Cases in order of arrival, each array (cases,); days are counted from `first`, and there are `days` of them.

    `household` numbers the entities of `names`. `month` numbers team and calendar month; -1 where no team serves.
    `days_until` is from arrival to the need, NaN where there is none; `team` each one's, empty where none serves.
    `done` is UNDONE where nothing says when a case was worked. `as_done`: as many are taken each day as really were,
    and nobody on the `unknown_days` of which no delivery tells.
    """

    first: date
    days: int
    names: NDArray[np.bytes_]
    household: NDArray[np.int32]
    arrives: NDArray[np.int64]
    leaves: NDArray[np.int64]
    month: NDArray[np.int64]
    done: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    needed: NDArray[np.bool_]
    days_until: NDArray[np.float64]
    team: NDArray[np.str_]
    teams: Sequence[Team]
    as_done: bool
    unknown_days: int = 0


def gather_cases(invocation: Invocation, planned: Plan, queue: Queue, days: Sequence[date]) -> Cases:
    """Gather the rows of some test dates, ascending. Raises CharterError where `[queue] done` may not be read."""
    data, first = planned.data, days[0]
    last = _end_of(invocation, days)
    record = read_help(
        invocation,
        str(data.matrix.manifest["snapshot"]),
        data.taken_at,
        (queue.done,) if queue.done else (),
        asked_by="[queue] done of worklist.toml",
    )
    entity = [np.asarray(data.at(day).entity) for day in days]
    names, household = number_households(entity)
    arrives = np.repeat([(day - first).days for day in days], [len(part) for part in entity]).astype(np.int64)
    labels = np.concatenate([data.labels(day, data.taken_at) for day in days])
    done_on = np.concatenate([_find_done(data, record, day, last, first) for day in days])
    team = np.concatenate([planned.places.teams[day] for day in days])
    span = (last - first).days
    return Cases(
        first=first,
        days=span,
        names=names,
        household=household,
        arrives=arrives,
        leaves=arrives + _WEEK * queue.weeks,
        month=_number_months(team, days, [len(part) for part in entity]),
        done=done_on,
        labelled=labels != MISSING,
        needed=labels == 1,
        days_until=np.concatenate([measure_lead_days(data, day) for day in days]),
        team=team,
        teams=_gather_teams(
            {served_by.id: served_by.places for served_by in invocation.council.teams},
            queue,
            team,
            done_on,
            first,
            span,
        ),
        as_done=queue.places == "as_done",
        unknown_days=_count_unknown(data, record, first, span) if queue.done else 0,
    )


def _end_of(invocation: Invocation, days: Sequence[date]) -> date:
    """Return the day on which the date after the last would come."""
    step = invocation.settings.training.as_of.step
    if step is not None:
        return period.Period(step.n, step.unit).after(days[-1])
    return days[-1] + (days[-1] - days[-2] if len(days) > 1 else timedelta(days=_WEEK))


def _find_done(data: Dataset, done: HelpRecord, day: date, last: date, first: date) -> NDArray[np.int64]:
    """Return the day, from `first`, on which each row of a date was really worked; UNDONE where that is not known."""
    start, end = (to_microseconds(data.council.midnight(moment)) for moment in (day, last))
    told_until = next((close for begin, close in done.covered if begin <= start < close), start)
    moments = done.find_first(data.at(day), start, min(end, told_until))
    has_day = moments != NEVER
    starts = _list_midnights(data, first, (last - first).days)
    return np.where(has_day, np.searchsorted(starts, np.where(has_day, moments, 0), side="right") - 1, UNDONE)


def _count_unknown(data: Dataset, done: HelpRecord, first: date, span: int) -> int:
    """Return on how many of the days nobody can tell who was worked, because not all of them was delivered."""
    midnights = _list_midnights(data, first, span).tolist()
    return sum(not is_covered(done.covered, begin, end) for begin, end in pairwise(midnights))


def _list_midnights(data: Dataset, first: date, span: int) -> NDArray[np.int64]:
    """Return the beginning of each of `span` days and of the one after, (span + 1,) in UTC µs."""
    return np.array([to_microseconds(data.council.midnight(first + timedelta(days=n))) for n in range(span + 1)])


def _number_months(team: NDArray[np.str_], days: Sequence[date], sizes: Sequence[int]) -> NDArray[np.int64]:
    month = np.repeat([12 * day.year + day.month for day in days], sizes)
    _, team_number = np.unique(team, return_inverse=True)
    _, number = np.unique(np.stack([team_number, month]), axis=1, return_inverse=True)
    return np.where(team != "", number.reshape(-1), -1).astype(np.int64)


def _gather_teams(
    a_week: Mapping[str, float], queue: Queue, team: NDArray[np.str_], done: NDArray[np.int64], first: date, span: int
) -> list[Team]:
    teams = []
    for name in sorted(set(team.tolist()) - {""}):
        rows = np.flatnonzero(team == name)
        if queue.places == "as_done":
            day = done[rows]
            room = np.bincount(day[day != UNDONE], minlength=span)[:span].astype(np.int64)
        else:
            room = _spread_places(a_week[name] * (5 if queue.per == "day" else 1), first, span)
        teams.append(Team(name, rows, room))
    return teams


def _spread_places(a_week: float, first: date, span: int) -> NDArray[np.int64]:
    """Return how many cases are taken on each day: those of a week, evenly over Monday to Friday.

    3 a week: Monday 0, Tuesday 1, Wednesday 0, Thursday 1, Friday 1
    """
    working = np.array([(first + timedelta(days=n)).weekday() < 5 for n in range(span)])
    so_far = np.floor(np.cumsum(working) * a_week / 5 + 1e-9).astype(np.int64)
    return np.diff(so_far, prepend=0)
