"""What is watched for harm at every list: the charter's questions about lists that were issued, of each group.

    listing        whoever is newly listed: of the group, or not; among all scored households not listed before
    sight          what part of a household services see; each at one list a year, by pseudonym, as drift's series are
    overrides      of listed households whom a worker or reviewer decided on: whether against the list
    reviews        of households a reviewer would help, not knowing the list: whether listed
    missed help    of households whose need is known by now: whether an issued list held them before it
    contact        whoever was newly listed and is known to have had no need; among all who had none
    later help     of households listed before their need: the days to it, as a part of the horizon

The last three come by themselves once the outcomes of a list are due; until then nobody's outcome is looked at. A
household speaks once to each question, at its first list of those, and for one group: where its audited people are of
several, a lot by its pseudonym says for which, so that large families, which are on more lists, speak for nobody more.
Where the group's households are few nothing is found: only a gate says that a list is fair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from charter.rules.policy import Policy
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.audited_people import People
from fairness_reports.audit.population.issued_lists import Issued
from fairness_reports.audit.watching.harm_bets import Spoken, pair_sides
from fairness_reports.audit.watching.watch import choose_part

__all__ = ["WATCHED", "Households", "gather_households", "list_spoken"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

WATCHED = (
    "selection_rate",
    "seen",
    "overridden",
    "listed_of_reviewed",
    "recall",
    "false_positive_rate",
    "days_before",
)
"""The measures that are watched; whoever stays listed, and needs for each sign of need, are asked about at the gate."""

_COUNTED = frozenset({"selection_rate", "false_positive_rate"})
"""Those of few among many, which are asked of whoever is counted."""


@dataclass(frozen=True)
class Households:
    """The scored households with audited people, a row for each and list date, in the order of dates and pseudonyms.

    `home` and `day` (rows,) number them; `group` by characteristic is the number of the group that each speaks for
    (rows,). `listed` and `label` (1, 0 or UNKNOWN) are (rows,); `days` to the need, NaN where none; `seen` a share.
    `judged` and `wanted` hold rows in the order in which they were said, `against` whether it was against the list.
    """

    dates: tuple[date, ...]
    day: Whole
    home: Whole
    entity: NDArray[np.bytes_]
    group: Mapping[str, Whole]
    listed: Bools
    label: NDArray[np.int8]
    days: Floats
    seen: Floats
    judged: Whole
    against: Bools
    wanted: Whole


def gather_households(people: People, groups: Mapping[str, Grouping], issued: Issued) -> Households:
    """Return the audited people's households of every issued date."""
    dates = tuple(people.dates)
    day = np.searchsorted(np.array(dates, dtype="datetime64[D]"), people.as_of)
    _, first, row = np.unique(
        day * (int(people.cluster.max()) + 1) + people.cluster, return_index=True, return_inverse=True
    )
    entity = people.entity[first]
    lot = np.array([int(name[:8], 16) for name in entity.tolist()], dtype=np.float64) / 2**32
    group = {name: _draw_group(row, grouping, lot) for name, grouping in groups.items()}
    at = {
        (dates[number], bytes(entity)): i
        for i, (number, entity) in enumerate(zip(day[first], people.entity[first], strict=True))
    }
    judged = {
        at[key]: not agrees for book in (issued.acted, issued.reviewed) for key, agrees in book.items() if key in at
    }
    judged = {i: against for i, against in judged.items() if people.selected[first][i]}
    wanted = [at[key] for key, helps in issued.reviewed.items() if helps and key in at]
    return Households(
        dates=dates,
        day=day[first],
        home=people.cluster[first],
        entity=entity,
        group=group,
        listed=people.selected[first],
        label=people.label[first],
        days=people.lead_days[first],
        seen=np.mean([share[first] for share in people.seen.values()], axis=0) if people.seen else np.zeros(len(first)),
        judged=np.array(list(judged), dtype=np.int64),
        against=np.array(list(judged.values()), dtype=np.bool_),
        wanted=np.array(wanted, dtype=np.int64),
    )


def _draw_group(row: Whole, grouping: Grouping, lot: Floats) -> Whole:
    """Return the group that each household speaks for: of three people two of A and one of B, A where its lot is low.

    `row` (people,) is each person's household, `lot` (households,) between 0 and 1.
    """
    groups = len(grouping.names)
    counts = np.bincount(row * groups + grouping.code, minlength=len(lot) * groups).reshape(len(lot), groups)
    upto = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
    return np.asarray((lot[:, None] < upto).argmax(axis=1), dtype=np.int64)


def list_spoken(
    households: Households, groups: Mapping[str, Grouping], policy: Policy, horizon_days: float, apart: int
) -> list[Spoken]:
    """Return of each watched question and group what households said; of outcomes nothing before they are due.

    Lists are `apart` days apart. Whoever's group is not recorded is asked about where the charter says so.
    """
    spoken: list[Spoken] = []
    for gate in policy.asked("shadow", "live"):
        if gate.measure not in WATCHED or gate.of_pair or gate.characteristic not in groups:
            continue
        if gate.measure in _COUNTED and gate.statistic != "ratio":
            continue
        rows = list(_list_rows(gate.measure, households, horizon_days, apart))
        speaks_for = households.group[gate.characteristic]
        for code, group in enumerate(groups[gate.characteristic].names):
            if group == policy.not_recorded and not gate.ask_not_recorded:
                continue
            say = _speak_counted if gate.measure in _COUNTED else _speak_shares
            spoken.append(say(gate, group, households.dates, rows, speaks_for == code))
    return spoken


@dataclass(frozen=True)
class _OfList:
    """Rows that speak at one list: `rows` with `values` of each; or of `rows` those counted, among `among`."""

    day: int
    rows: Whole
    values: Floats
    among: Whole


def _list_rows(measure: str, households: Households, horizon_days: float, apart: int) -> Iterator[_OfList]:
    """Yield who speaks to a question at each list, each household at the first that it can."""
    nobody = np.zeros(0, dtype=np.int64)
    if measure in ("overridden", "listed_of_reviewed"):
        yield from _list_said(measure, households)
        return
    before: set[int] = set()
    for number, day in enumerate(households.dates):
        rows = np.flatnonzero(households.day == number)
        if measure == "seen":
            part = rows[choose_part(households.entity[rows], day, apart)]
            yield _OfList(number, part, households.seen[part], nobody)
            continue
        new = rows[[home not in before for home in households.home[rows].tolist()]] if len(rows) else rows
        if measure in _COUNTED:
            new = new[households.label[new] == 0] if measure == "false_positive_rate" else new
            counted = new[households.listed[new]]
            yield _OfList(number, counted, np.ones(len(counted)), new)
            before.update(households.home[counted].tolist())
            continue
        needing = new[households.label[new] == 1]
        when, held = _find_first_listing(households, needing)
        if measure == "recall":
            yield _OfList(number, needing, held.astype(np.float64), nobody)
        else:
            yield _OfList(number, needing[held], np.clip(when[held] / horizon_days, 0, 1), nobody)
        before.update(households.home[needing].tolist())


def _find_first_listing(households: Households, rows: Whole) -> tuple[Floats, Bools]:
    """Return the days from each household's first listing to the need that it has at its row, and whether one was.

    A household in need 40 days after the list of 5 January, and on that of 2 February: 28 days later, 12 days before.
    """
    listed = np.flatnonzero(households.listed)
    starts = np.array([day.toordinal() for day in households.dates], dtype=np.float64)
    need_at = starts[households.day[rows]] + households.days[rows]
    days, held = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.bool_)
    of_home: dict[int, list[float]] = {}
    for row in listed.tolist():
        of_home.setdefault(int(households.home[row]), []).append(float(starts[households.day[row]]))
    for i, (home, when, own) in enumerate(
        zip(households.home[rows].tolist(), need_at.tolist(), starts[households.day[rows]].tolist(), strict=True)
    ):
        on = [day for day in of_home.get(home, ()) if own <= day < when]
        if on:
            days[i], held[i] = when - min(on), True
    return days, held


def _list_said(measure: str, households: Households) -> Iterator[_OfList]:
    """Yield what was said, one at a time, in the order in which it was: each household's first word."""
    spoken: set[int] = set()
    if measure == "overridden":
        rows, values = households.judged, households.against.astype(np.float64)
    else:
        rows, values = households.wanted, households.listed[households.wanted].astype(np.float64)
    for row, value in zip(rows.tolist(), values.tolist(), strict=True):
        home = int(households.home[row])
        if home not in spoken:
            spoken.add(home)
            alone = np.array([row])
            yield _OfList(int(households.day[row]), alone, np.array([value]), alone[:0])


def _speak_counted(gate: Gate, group: str, dates: Sequence[date], lists: Sequence[_OfList], inside: Bools) -> Spoken:
    """Return of whoever is counted at each list whether of the group, beside the group's households for each other."""
    days: list[date] = []
    values: list[Floats] = []
    odds: list[float] = []
    mine = others = 0
    for one in lists:
        here = int(inside[one.among].sum())
        there = len(one.among) - here
        mine, others = max(mine, here), max(others, there)
        if not here or not there:
            continue
        values.append(inside[one.rows].astype(np.float64))
        days += [dates[one.day]] * len(one.rows)
        odds += [here / there] * len(one.rows)
    joined = np.concatenate(values) if values else np.zeros(0)
    return Spoken(gate, group, days, joined, np.array(odds), counted=True, households=mine, others=others)


def _speak_shares(gate: Gate, group: str, dates: Sequence[date], lists: Sequence[_OfList], inside: Bools) -> Spoken:
    """Return each of the group's households beside some of everyone else."""
    of_group = [one.values[inside[one.rows]] for one in lists]
    of_rest = [one.values[~inside[one.rows]] for one in lists]
    days, values, beside = pair_sides([dates[one.day] for one in lists], of_group, of_rest)
    mine, others = (sum(map(len, side)) for side in (of_group, of_rest))
    return Spoken(gate, group, days, values, beside, counted=False, households=mine, others=others)
