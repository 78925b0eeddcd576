"""The cohort's simple rules as dates: home, age, residence, own dates. Rules about events are the kernel's."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from features.engines.compiled import kernel
from features.engines.compiled.arrays import CohortRows, MemberRows, PersonRows
from features.engines.compiled.kernel_plan import LARGEST
from features.engines.question import Each, to_microseconds
from features.engines.reading.frame import ALL, ONE, Frame
from features.engines.reading.snapshot_reader import Columns

__all__ = ["Cohort", "find_cohort"]


@dataclass(frozen=True)
class Cohort:
    """What the simple rules say of every entity, and the texts behind the codes of areas."""

    rows: CohortRows
    areas: NDArray[np.bytes_]


def find_cohort(
    frame: Frame,
    members: MemberRows,
    settled: NDArray[np.uint64],
    stays: Columns,
    stay_mask: NDArray[np.uint64],
    people: PersonRows,
) -> Cohort:
    """Return who the candidates are.

    `settled` are the dates at which each member is; `stays` and `stay_mask` are `residence` and when each row holds.
    """
    somebody = members.any_of(members.mask)
    other, unknown_home, area, areas = _fold_homes(frame)
    if frame.by_person:
        area = _areas_of_people(frame, area, stays, stay_mask)
    fits, unknown_age = _with_age(frame, members, people.ages)
    resident = members.any_of(settled)
    if frame.question.definition.cohort.resident is None:
        resident = np.full(len(somebody), ALL)
    candidates = somebody & ~other & (fits | unknown_age) & resident & _own_dates(frame, members, people.allowed)
    return Cohort(CohortRows(candidates, (unknown_home | (unknown_age & ~fits)) & candidates, area), areas)


def _fold_homes(frame: Frame) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int32], NDArray[np.bytes_]]:
    """Return by entity (the dates at which it is no home, and at which that is unknown), areas by household, areas."""
    rows, areas, first_known = frame.store.homes()
    mask = np.zeros(len(rows["household"]), np.uint64)
    until = np.full(len(mask), LARGEST)
    kernel.mask_spans(frame.times, rows["known"], until, rows["start"], rows["ended"], mask)
    kinds = np.full((len(frame.codes.households), len(frame.dates)), -1, np.int8)
    codes = np.zeros(kinds.shape, np.int32)
    kernel.fold_homes(rows["household"], rows["kind"], rows["area"], mask, kinds, codes)
    texts = np.array([area.encode() for area in areas], dtype="S9")
    if frame.by_person:
        none = np.zeros(len(frame.codes.people), np.uint64)
        return none, none, codes, texts
    bits = ONE << np.arange(len(frame.dates), dtype=np.uint64)
    evaluated = bits[None, :] * (frame.times > first_known)[None, :].astype(np.uint64)
    other = np.bitwise_or.reduce(np.where(kinds == 0, evaluated, np.uint64(0)), axis=1)
    unknown = np.bitwise_or.reduce(np.where(kinds < 0, evaluated, np.uint64(0)), axis=1)
    return other, unknown, codes, texts


def _areas_of_people(
    frame: Frame, codes: NDArray[np.int32], stays: Columns, mask: NDArray[np.uint64]
) -> NDArray[np.int32]:
    """Return each person's area by date: that of their first home, by id."""
    areas = np.zeros((len(frame.codes.people), len(frame.dates)), np.int32)
    for row in np.argsort(-stays["household"].astype(np.int64), kind="stable"):
        for k in range(len(frame.dates)):
            if mask[row] >> np.uint64(k) & ONE:
                areas[stays["person"][row], k] = codes[stays["household"][row], k]
    return areas


def _with_age(
    frame: Frame, members: MemberRows, ages: NDArray[np.int16]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return by entity (the dates at which somebody is of the age asked, those at which somebody's is unknown)."""
    ages_asked = frame.question.definition.cohort.with_age
    if ages_asked is None:
        return np.full(members.entities, ALL), np.zeros(members.entities, np.uint64)
    fits, unknown = np.zeros(len(members.person), np.uint64), np.zeros(len(members.person), np.uint64)
    for k in range(len(frame.dates)):
        age = ages[k, members.person]
        bit = np.uint64(k)
        fits |= ((age >= ages_asked[0]) & (age <= ages_asked[1])).astype(np.uint64) << bit
        unknown |= (age < 0).astype(np.uint64) << bit
    return members.any_of(fits & members.mask), members.any_of(unknown & members.mask)


def _own_dates(frame: Frame, members: MemberRows, allowed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return by entity its own dates, where rows are asked for at each entity's own."""
    each = frame.question.each
    if each is None:
        return np.full(members.entities, ALL)
    dates_of_day = _list_dates_by_own_day(frame, each)
    dates_of_person = np.zeros(len(frame.codes.people), np.uint64)
    rows = frame.store.own_days(each.signal)
    visible = np.zeros(len(rows["person"]), np.uint64)
    if each.planned:
        now = to_microseconds(frame.question.now)
        visible[(rows["known"] < now) & (rows["until"] >= now)] = ALL
    else:
        unending = np.full(len(visible), LARGEST)
        kernel.mask_spans(frame.times, rows["known"], rows["until"], rows["known"], unending, visible)
    usable = each.signal in frame.question.permission.signals
    for person, valid, mask in zip(rows["person"], rows["valid"], visible, strict=True):
        if usable:
            dates_of_person[person] |= mask & dates_of_day.get(each.own_day(frame.day(int(valid))), np.uint64(0))
    dates_of_person &= allowed[:, frame.services.index(each.signal.split(".")[0])]
    return members.any_of(dates_of_person[members.person] & members.mask)


def _list_dates_by_own_day(frame: Frame, each: Each) -> dict[date, np.uint64]:
    """Return by own day the dates whose rows it belongs to.

    every Monday, since the Monday before: Wednesday 3 May -> the 8th; Monday the 8th -> the 8th
    """
    dates: dict[date, np.uint64] = defaultdict(lambda: np.uint64(0))
    for k, day in enumerate(frame.dates):
        first, end = each.stretch(day)
        for number in range((end - first).days):
            dates[first + timedelta(days=number)] |= ONE << np.uint64(k)
    return dates
