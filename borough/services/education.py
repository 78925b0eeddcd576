"""Schools: pupils of state schools, where they live, their attendance, exclusions and free meals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from borough.days import NEVER, HalfTerm, list_half_terms
from borough.post import Post, make_references, repeat_endings, repeat_rows, take_text
from borough.services.codes import read_codes
from borough.town import Town

__all__ = ["Roll", "find_check_letters", "list_outcomes", "make_roll", "send_extract"]

Ints = NDArray[np.int32]
_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
_YEAR = 365.25
# How many sessions a week's absence takes, each entry as likely: short absences are the commonest.
_SESSIONS_WITH_LEAVE = np.array([1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 4, 6], dtype=np.int8)
_SESSIONS_WITHOUT = np.array([1, 1, 2, 2, 2, 2, 3, 4, 4], dtype=np.int8)


@dataclass(frozen=True)
class Roll:
    """Pupils (indices of people) and the days between which each is on the roll of a state school here."""

    pupil: Ints
    start: Ints
    end: Ints

    @cached_property
    def size(self) -> int:
        """How many."""
        return len(self.pupil)


def make_roll(town: Town) -> Roll:
    """Return the roll: from the September after the fourth birthday to the July after the sixteenth."""
    people = town.people
    first, last = town.presence
    # A school year is one step of an integer: the September 1st on or before a day.
    fourth = people.birth + int(4 * _YEAR)
    start = np.maximum(_next_september(fourth), np.maximum(first, town.days.first))
    end = np.minimum(_next_september(people.birth + int(15 * _YEAR)) + 325, last)
    pupil = np.flatnonzero((people.role == 2) & ~people.independent & (start + 14 < end) & (start < town.days.last))
    # The order of the roll must not be that of people, for files are written in it.
    pupil = town.chance.stream("education", "roll").permutation(pupil)
    return Roll(pupil.astype(np.int32), start[pupil].astype(np.int32), end[pupil].astype(np.int32))


def _next_september(day: Ints) -> Ints:
    """Return the first 1 September after each day."""
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    year = (month - 8) // 12 + 1
    return (year * 12 + 8).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64).astype(np.int32)


def find_check_letters(digits: NDArray[np.int64]) -> pa.Array:
    """Return the check letter of each twelve-digit number: weights 2 to 13, modulo 23 (DfE's UPN guide)."""
    total = np.zeros(len(digits), dtype=np.int64)
    for weight in range(13, 1, -1):
        total += digits % 10 * weight
        digits = digits // 10
    return take_text(tuple(_LETTERS), total % 23)


def _make_upns(pupils: Roll, school: NDArray[np.int64], began: Ints) -> pa.Array:
    """Return a UPN for each pupil: a fictional authority, the school, the year it began, a serial number."""
    year = (began.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970) % 100
    group = school * 100 + year
    by_group = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[by_group], group[by_group])
    serial = np.empty(pupils.size, dtype=np.int64)
    serial[by_group] = np.arange(pupils.size) - starts
    digits = ((990 * 10_000 + 1000 + school) * 100 + year) * 1000 + serial
    return pc.binary_join_element_wise(find_check_letters(digits), pa.array(digits).cast(pa.string()), "")


def send_extract(town: Town, post: Post) -> None:
    """Write every file of the service."""
    rng = town.chance.stream("education")
    pupils = make_roll(town)
    people, who = town.people, pupils.pupil
    schools = max(4, pupils.size // 900)
    primary = rng.integers(0, schools, pupils.size)
    secondary = schools + rng.integers(0, max(2, schools // 4), pupils.size)
    moves = people.birth[who] + int(11 * _YEAR)
    first_school = np.where(moves > pupils.start, primary, secondary)
    upns = _make_upns(pupils, first_school, _next_september(people.birth[who] + int(4 * _YEAR)))
    post.know("education", upns, who)
    disability = np.where(people.declines[who], -1, np.where(people.disabled[who], 0, 1))
    sen = np.where(people.disabled[who] & (rng.random(len(who)) < 0.5), 2, np.where(rng.random(len(who)) < 0.12, 1, 0))
    post.send(
        "education",
        "pupils",
        {
            "upn": upns,
            **town.spelled(town.names.record(rng, town.rates, people, who, unknown_birth=0.0)),
            "sex": take_text(("F", "M"), np.where(people.female[who], 0, 1)),
            "ethnicity": town.coded(rng, who, read_codes("ethnicity")),
            "disability": take_text(("Y", "N"), disability),
            "sen": take_text(("N", "K", "E"), sen),
            "recorded_on": pupils.start + rng.integers(0, 30, len(who), dtype=np.int32),
        },
    )
    _send_enrolments(town, post, pupils, upns, primary, secondary)
    _send_addresses(town, post, pupils, upns)
    _send_attendance(town, post, pupils, upns)
    _send_exclusions(town, post, pupils, upns)
    _send_free_meals(town, post, pupils, upns)


def _send_enrolments(
    town: Town, post: Post, pupils: Roll, upns: pa.Array, primary: NDArray[np.int64], secondary: NDArray[np.int64]
) -> None:
    rng = town.chance.stream("education", "enrolments")
    change = np.clip(_next_september(town.people.birth[pupils.pupil] + int(11 * _YEAR) - 1), pupils.start, pupils.end)
    row = np.concatenate([np.arange(pupils.size), np.arange(pupils.size)])
    start = np.concatenate([pupils.start, change])
    end = np.concatenate([change, pupils.end])
    school = np.concatenate([primary, secondary])
    keep = (start < end) & (start < town.days.last)
    row, start, end, school = row[keep], start[keep], end[keep], school[keep]
    post.send(
        "education",
        "enrolments",
        repeat_endings(
            {
                "upn": upns.take(pa.array(row)),
                "school": make_references("990", school + 1000, 4),
                "enrolled_on": start,
                "left_on": np.where(end < town.days.last, end, NEVER).astype(np.int32),
                "recorded_on": start + rng.integers(0, 12, len(row), dtype=np.int32),
            },
            "left_on",
            rng.integers(0, 20, len(row)),
        ),
    )


def _send_addresses(town: Town, post: Post, pupils: Roll, upns: pa.Array) -> None:
    rng = town.chance.stream("education", "addresses")
    spells = town.population.residence
    index = np.full(len(town.people), -1, dtype=np.int64)
    index[pupils.pupil] = np.arange(pupils.size)
    row = np.flatnonzero(index[spells.who] >= 0)
    pupil = index[spells.who[row]]
    start = np.maximum(spells.start[row], pupils.start[pupil])
    end = np.minimum(spells.end[row], pupils.end[pupil])
    keep = start < end
    row, pupil, start, end = row[keep], pupil[keep], start[keep], end[keep]
    order = np.lexsort((start, pupil))
    row, pupil, start, end = row[order], pupil[order], start[order], end[order]
    # Two homes from the same day on: the second is written down a day later, so that the key is one row's.
    start = start + np.concatenate([[0], ((pupil[1:] == pupil[:-1]) & (start[1:] == start[:-1])).astype(np.int32)])
    post.send(
        "education",
        "addresses",
        repeat_endings(
            {
                "upn": upns.take(pa.array(pupil)),
                **town.address(spells.place[row]),
                "address_from": start,
                "address_to": np.where(end < town.days.last, end, NEVER).astype(np.int32),
                "recorded_on": start + rng.integers(0, 60, len(row), dtype=np.int32),
            },
            "address_to",
            rng.integers(0, 60, len(row)),
        ),
    )


def _list_terms(town: Town) -> list[HalfTerm]:
    first = town.rates.first_day.year
    terms = [term for year in range(first, town.rates.last_day.year + 1) for term in list_half_terms(year)]
    return [term for term in terms if term.start >= town.days.first and term.end <= town.days.last]


def _spells_away(town: Town, pupils: Roll) -> tuple[NDArray[np.int64], Ints, Ints]:
    """Return (row of the roll, first day, last day) of spells in which a pupil stays away from school."""
    rng = town.chance.stream("education", "away")
    months = town.child_months
    index = np.full(len(town.people), -1, dtype=np.int64)
    index[pupils.pupil] = np.arange(pupils.size)
    at_school = np.flatnonzero((index[months.child] >= 0) & (months.age >= 4.5) & (months.age < 16.3))
    level = town.need.level("school", 2.0, months.month[at_school], months.unit[at_school])
    # In the points borough need is all there is, so age says nothing.
    older = 1.0 if town.variant == "points" else np.where(months.age[at_school] >= 11, 1.5, 0.6).astype(np.float32)
    rate = town.rates.of("education", "withdrawal") * older * level
    hit = at_school[town.chance.happens(rng, np.minimum(rate, 0.4), len(at_school))]
    start = town.days.within(rng, months.month[hit])
    return index[months.child[hit]], start, start + rng.integers(25, 110, len(hit), dtype=np.int32)


def list_outcomes(town: Town) -> tuple[Ints, NDArray[np.int64]]:
    """Return the unit and month of every spell of staying away, the cause of severe absence, recorded or not."""
    pupils = make_roll(town)
    row, start, _ = _spells_away(town, pupils)
    return town.people.unit[pupils.pupil[row]], town.days.month_of(start)


def _send_attendance(town: Town, post: Post, pupils: Roll, upns: pa.Array) -> None:
    """Write the weeks with any absence and the totals of every half-term, one half-term at a time."""
    rng = town.chance.stream("education", "attendance")
    dice = town.chance.stream("education", "recorded")
    away = _spells_away(town, pupils)
    weeks: list[tuple[NDArray[np.integer], ...]] = []
    totals: list[tuple[NDArray[np.integer], ...]] = []
    terms = _list_terms(town)
    for number, term in enumerate(terms):
        row = np.flatnonzero((pupils.start <= term.start) & (pupils.end >= term.end))
        authorised, unauthorised, possible = _draw_absences(town, rng, pupils, row, term, away)
        unit = town.people.unit[pupils.pupil[row]]
        # Where contact is not recorded alike, the same sessions are missed but pass as missed with leave.
        unheard = ~town.recording.signal(dice, unit)
        authorised[unheard] += unauthorised[unheard]
        unauthorised[unheard] = 0
        both = authorised + unauthorised
        pupil, week = np.nonzero(both)
        weeks.append((row[pupil], term.weeks[week], possible[week], authorised[pupil, week], unauthorised[pupil, week]))
        ceiling = np.where(town.recording.outcome(dice, unit), possible.sum(), int(possible.sum() * 0.45))
        totals.append(
            (row, np.full(len(row), number), np.full(len(row), possible.sum()), np.minimum(both.sum(axis=1), ceiling))
        )
    _send_weeks(town, post, upns, *(np.concatenate([part[i] for part in weeks]) for i in range(5)))
    row, which, possible, missed = (np.concatenate([part[i] for part in totals]) for i in range(4))
    start, end = (np.array([getattr(term, name) for term in terms], dtype=np.int32) for name in ("start", "end"))
    post.send(
        "education",
        "half_terms",
        {
            "upn": upns.take(pa.array(row)),
            "half_term": take_text([term.name for term in terms], which),
            "started_on": start[which],
            "ended_on": end[which],
            "sessions_possible": possible,
            "sessions_missed": missed,
            "recorded_on": end[which] + rng.integers(5, 33, len(row)),
        },
    )


def _draw_absences(
    town: Town,
    rng: np.random.Generator,
    pupils: Roll,
    row: NDArray[np.int64],
    term: HalfTerm,
    away: tuple[NDArray[np.int64], Ints, Ints],
) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
    """Return sessions missed with and without leave, [pupil, week], and the sessions possible in each week.

    A pupil away without leave for 7 of 10 sessions of a week and with leave for 4 is written down with 7 and 3; in a
    week with a bank holiday, 8 possible, with 7 and 1.
    """
    weeks = term.weeks
    shape = (len(row), len(weeks))
    possible = np.full(len(weeks), 10, dtype=np.int8)
    if term.name.endswith(("5", "6")):
        possible[2] = 8  # a bank holiday
    unit = town.people.unit[pupils.pupil[row]]
    month = town.days.month_of(weeks)
    level = town.need.level("school", 1.2, month[None, :], unit[:, None])
    illness = 0.8 + 0.4 * np.cos(2 * np.pi * (month % 12 - 3) / 12)  # month 3 begins on 28 December
    with_leave = rng.random(shape, dtype=np.float32) < town.rates.of("education", "authorised_week") * illness
    without = rng.random(shape, dtype=np.float32) < np.minimum(
        town.rates.of("education", "unauthorised_week") * level, 0.85
    )
    authorised = with_leave * _SESSIONS_WITH_LEAVE[rng.integers(0, len(_SESSIONS_WITH_LEAVE), shape, dtype=np.int8)]
    unauthorised = without * _SESSIONS_WITHOUT[rng.integers(0, len(_SESSIONS_WITHOUT), shape, dtype=np.int8)]
    pupil, week = _weeks_away(row, weeks, away)
    unauthorised[pupil, week] = rng.integers(5, 11, len(pupil), dtype=np.int8)
    unauthorised = np.minimum(unauthorised, possible).astype(np.int8)
    authorised = np.minimum(authorised, possible - unauthorised).astype(np.int8)
    return authorised, unauthorised, possible


def _weeks_away(
    row: NDArray[np.int64], weeks: Ints, away: tuple[NDArray[np.int64], Ints, Ints]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the (position in `row`, week) cells that fall in a spell of staying away."""
    pupil, start, end = away
    near = np.flatnonzero((start < weeks[-1] + 7) & (end > weeks[0]))
    position = np.clip(np.searchsorted(row, pupil[near]), 0, max(len(row) - 1, 0))
    here = row[position] == pupil[near] if len(row) else np.zeros(len(near), dtype=bool)
    near, position = near[here], position[here]
    spell, week = np.nonzero((weeks[None, :] >= start[near, None]) & (weeks[None, :] < end[near, None]))
    return position[spell], week


def _send_weeks(
    town: Town,
    post: Post,
    upns: pa.Array,
    row: NDArray[np.int64],
    monday: Ints,
    possible: NDArray[np.int8],
    authorised: NDArray[np.int8],
    unauthorised: NDArray[np.int8],
) -> None:
    rng = town.chance.stream("education", "weeks")
    recorded = monday + 7
    columns = {
        "upn": upns.take(pa.array(row.astype(np.int32))),
        "week_beginning": monday,
        "sessions_possible": possible.astype(np.int32),
        "sessions_authorised": authorised.astype(np.int32),
        "sessions_unauthorised": unauthorised.astype(np.int32),
        "recorded_on": recorded,
        "corrected_on": np.full(len(row), NEVER),
    }
    share = np.float32(town.rates.of("errors", "correction"))
    late = np.flatnonzero((unauthorised > 0) & (rng.random(len(row), dtype=np.float32) < share))
    # A reason came in late: the sessions were missed with leave after all.
    changes = {
        "sessions_authorised": columns["sessions_authorised"][late] + columns["sessions_unauthorised"][late],
        "sessions_unauthorised": np.zeros(len(late), dtype=np.int32),
        "corrected_on": recorded[late] + rng.integers(3, 30, len(late), dtype=np.int32),
    }
    post.send("education", "attendance", repeat_rows(columns, late, changes))


def _send_exclusions(town: Town, post: Post, pupils: Roll, upns: pa.Array) -> None:
    rng = town.chance.stream("education", "exclusions")
    months = town.child_months
    index = np.full(len(town.people), -1, dtype=np.int64)
    index[pupils.pupil] = np.arange(pupils.size)
    start, end = (np.full(len(town.people), day, dtype=np.int32) for day in (NEVER, np.int32(-1)))
    start[pupils.pupil], end[pupils.pupil] = pupils.start, pupils.end
    edges = town.days.edges
    rows = np.flatnonzero(
        (index[months.child] >= 0)
        & (months.age >= 7)
        & (start[months.child] <= edges[months.month])
        & (end[months.child] >= edges[months.month + 1])
        & (months.month % 12 != 10)  # the month that begins on 28 July is a holiday
    )
    month, unit = months.month[rows], months.unit[rows]
    rate = town.rates.of("education", "suspension") * np.where(months.age[rows] >= 11, 1.6, 0.4).astype(np.float32)
    suspended = town.chance.happens(rng, np.minimum(rate * town.need.level("school", 1.3, month, unit), 0.5), len(rows))
    excluded = town.chance.happens(
        rng,
        np.minimum(town.rates.of("education", "permanent") * town.need.level("school", 1.8, month, unit), 0.1),
        len(rows),
    )
    suspended = suspended[town.recording.signal(rng, unit[suspended])]
    excluded = excluded[town.recording.outcome(rng, unit[excluded])]
    row = np.concatenate([suspended, excluded])
    category = np.repeat([0, 1], [len(suspended), len(excluded)])
    day = town.days.within(rng, month[row])
    sessions = np.where(category == 0, 2 * rng.integers(1, 6, len(row)), NEVER)
    order = np.lexsort((category, day))
    row, category, day, sessions = row[order], category[order], day[order], sessions[order]
    lag = np.where(category == 0, rng.integers(0, 8, len(row)), rng.gamma(1.5, 9.0, len(row))).astype(np.int32)
    columns = {
        "exclusion_id": make_references("X", np.arange(len(row)) + 1, 7),
        "upn": upns.take(pa.array(index[months.child[rows[row]]])),
        "category": take_text(("SUSP", "PERM"), category),
        "started_on": day,
        "sessions": sessions,
        "recorded_on": day + lag,
        "corrected_on": np.full(len(row), NEVER),
    }
    wrong = np.flatnonzero((category == 0) & (rng.random(len(row)) < town.rates.of("errors", "correction")))
    changes = {
        "sessions": np.full(len(wrong), 1, dtype=sessions.dtype),
        "corrected_on": columns["recorded_on"][wrong] + rng.integers(3, 30, len(wrong), dtype=np.int32),
    }
    post.send("education", "exclusions", repeat_rows(columns, wrong, changes))


def _send_free_meals(town: Town, post: Post, pupils: Roll, upns: pa.Array) -> None:
    rng = town.chance.stream("education", "meals")
    unit = town.people.unit[pupils.pupil]
    share = town.rates.of("education", "free_meals")
    likely = 1 / (1 + np.exp(-(np.log(share / (1 - share)) + 1.3 * town.need.lasting("money")[unit])))
    # Brothers and sisters are eligible together, so the dice are the unit's.
    dice = rng.random(town.population.units)[unit]
    eligible = np.flatnonzero((dice < likely) & town.recording.signal(rng, unit))
    start = pupils.start[eligible] + rng.integers(0, 500, len(eligible), dtype=np.int32)
    stop = pupils.end[eligible]
    early = rng.random(len(eligible)) < 0.2
    stop = np.where(early, np.minimum(stop, start + rng.integers(200, 1500, len(eligible), dtype=np.int32)), stop)
    keep = (start < stop) & (start < town.days.last)
    eligible, start, stop = eligible[keep], start[keep], stop[keep]
    post.send(
        "education",
        "free_meals",
        repeat_endings(
            {
                "upn": upns.take(pa.array(eligible)),
                "eligible_from": start,
                "eligible_to": np.where(stop < town.days.last, stop, NEVER).astype(np.int32),
                "recorded_on": start + rng.integers(3, 40, len(eligible), dtype=np.int32),
            },
            "eligible_to",
            rng.integers(0, 30, len(eligible)),
        ),
    )
