"""Health visiting: children under five with their mothers, planned visits, development concerns; no recording times."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from borough.days import NEVER, number_day
from borough.names import Recorded
from borough.post import Post, make_references, take_text
from borough.services.codes import read_codes
from borough.town import Town

__all__ = ["send_extract"]

_KINDS = ("new_birth", "six_week", "one_year", "two_year", "clinic", "extra")
_PLANNED = (12, 49, 365, 820)
_DOMAINS = ("communication", "motor", "personal_social", "problem_solving")
_FIVE_YEARS = 1826


def send_extract(town: Town, post: Post) -> None:
    """Write children, visits and concerns, up to the day the feed last covered."""
    rng = town.chance.stream("health_visiting")
    feed = post.feeds["health_visiting"]
    opens, closes = number_day(feed.covers_from), number_day(feed.covers_to)
    people = town.people
    first, last = town.presence
    start = np.maximum(people.birth + rng.integers(0, 10, len(people), dtype=np.int32), first)
    end = np.minimum(people.birth + _FIVE_YEARS, last)
    child = np.flatnonzero((people.role == 2) & (start + 10 < end) & (end > opens) & (start < closes)).astype(np.int32)
    start, end = start[child], end[child]
    order = rng.permutation(len(child))
    refs = make_references("V", order + 1, 7)
    post.know("health_visiting", refs, child)
    _send_children(town, post, child, refs, start, end, closes)
    _send_visits(town, post, child, refs, start, end, (opens, closes))


def _find_mothers(town: Town, child: np.ndarray) -> np.ndarray:
    """Return the mother of each child: the woman of its unit's first two adults, or else the first adult."""
    people = town.people
    mother = np.full(town.population.units, -1, dtype=np.int64)
    for role in (1, 0):
        adults = np.flatnonzero(people.role == role)
        mother[people.unit[adults]] = np.where(
            people.female[adults] | (mother[people.unit[adults]] < 0), adults, mother[people.unit[adults]]
        )
    mothers: np.ndarray = mother[people.unit[child]]
    return mothers


def _send_children(
    town: Town, post: Post, child: np.ndarray, refs: pa.Array, start: np.ndarray, end: np.ndarray, closes: int
) -> None:
    rng = town.chance.stream("health_visiting", "children")
    people = town.people
    recorded = town.names.record(rng, town.rates, people, child, unknown_birth=0.0)
    mother = _find_mothers(town, child)
    persons, index = np.unique(mother, return_inverse=True)
    mother_refs = make_references("W", rng.permutation(len(persons)) + 1, 7)
    motherless = persons < 0
    post.know("health_visiting", mother_refs.filter(pa.array(~motherless)), persons[~motherless])
    safe = np.maximum(persons, 0)
    written = town.names.record(rng, town.rates, people, safe)
    no_mother = pa.array(mother < 0)
    her_birth = np.where(mother < 0, NEVER, written.birth[index])
    mothers = Recorded(written.forename[index], written.surname[index], her_birth)
    # Some babies carry the mother's surname here and another elsewhere.
    surname = np.where(rng.random(len(child)) < 0.12, mothers.surname, recorded.surname)
    columns = town.spelled(Recorded(recorded.forename, surname.astype(np.int32), recorded.birth))
    unnamed = pa.array(rng.random(len(child)) < 0.015)
    nothing = pa.scalar(None, pa.string())
    hers = town.spelled(mothers, "mother_")
    disability = np.where(people.declines[child], -1, np.where(people.disabled[child], 0, 1))
    last_seen = np.minimum(end, closes) - 1
    post.send(
        "health_visiting",
        "children",
        {
            "child_ref": refs,
            **columns,
            "forename": pc.if_else(unnamed, pa.scalar("Baby"), columns["forename"]),
            "sex": take_text(("2", "1"), np.where(people.female[child], 0, 1)),
            "ethnicity": town.coded(rng, child, read_codes("ethnicity_health")),
            "disability": take_text(("Y", "N"), disability),
            "mother_ref": pc.if_else(no_mother, nothing, mother_refs.take(pa.array(index))),
            "mother_forename": pc.if_else(no_mother, nothing, hers["mother_forename"]),
            "mother_surname": pc.if_else(no_mother, nothing, hers["mother_surname"]),
            "mother_date_of_birth": hers["mother_date_of_birth"],
            **town.address(town.place(child, last_seen)),
            "registered_from": start,
            "registered_to": np.where(end < closes, end, NEVER).astype(np.int32),
        },
    )


def _send_visits(
    town: Town,
    post: Post,
    child: np.ndarray,
    refs: pa.Array,
    start: np.ndarray,
    end: np.ndarray,
    window: tuple[int, int],
) -> None:
    rng = town.chance.stream("health_visiting", "visits")
    people = town.people
    index, day, kind = [], [], []
    for step, after in enumerate(_PLANNED):
        index.append(np.arange(len(child)))
        day.append(people.birth[child] + after + rng.integers(0, 21 + 10 * step, len(child), dtype=np.int32))
        kind.append(np.full(len(child), step))
    # Clinic visits while small, more of them in the first year; and extra visits where there is need.
    row_of = np.full(len(people), -1, dtype=np.int64)
    row_of[child] = np.arange(len(child))
    months = town.child_months
    small = np.flatnonzero((months.age < 5) & (row_of[months.child] >= 0))
    month, unit, age = months.month[small], months.unit[small], months.age[small]
    level = town.need.level("family", 0.7, month, unit)
    clinic = np.where(age < 1, 0.45, 0.10).astype(np.float32)
    extra = np.minimum(town.rates.of("health_visiting", "extra") * 0.35 * level, 0.8)
    for chance, which in ((clinic, 4), (extra, 5)):
        hit = town.chance.happens(rng, chance, len(small))
        index.append(row_of[months.child[small[hit]]])
        day.append(town.days.within(rng, month[hit]))
        kind.append(np.full(len(hit), which))
    rows, days, kinds = np.concatenate(index), np.concatenate(day), np.concatenate(kind)
    opens, closes = window
    keep = (days >= np.maximum(start[rows], opens)) & (days < np.minimum(end[rows], closes))
    keep &= town.recording.signal(rng, people.unit[child][rows])
    rows, days, kinds = rows[keep], days[keep], kinds[keep]
    order = np.lexsort((rows, days))
    rows, days, kinds = rows[order], days[order], kinds[order]
    strength = town.need.level("family", 1.1, town.days.month_of(days), people.unit[child[rows]])
    missed = rng.random(len(rows)) < np.minimum(town.rates.of("health_visiting", "missed") * strength, 0.85)
    post.send(
        "health_visiting",
        "visits",
        {
            "visit_id": make_references("HVV", np.arange(len(rows)) + 1, 8),
            "child_ref": refs.take(pa.array(rows)),
            "planned_on": days,
            "kind": take_text(_KINDS, kinds),
            "attended": take_text(("Y", "N"), missed.astype(np.int64)),
        },
    )
    level = town.need.level("family", 0.8, month, unit)
    rate = np.minimum(town.rates.of("health_visiting", "concern") * level, 0.3)
    hit = town.chance.happens(rng, np.where(age > 0.5, rate, 0.0).astype(np.float32), len(small))
    child_rows = row_of[months.child[small[hit]]]
    when = town.days.within(rng, month[hit])
    keep = (when >= np.maximum(start[child_rows], opens)) & (when < np.minimum(end[child_rows], closes))
    keep &= town.recording.signal(rng, unit[hit])
    child_rows, when = child_rows[keep], when[keep]
    order = np.lexsort((child_rows, when))
    post.send(
        "health_visiting",
        "concerns",
        {
            "concern_id": make_references("HVC", np.arange(len(child_rows)) + 1, 7),
            "child_ref": refs.take(pa.array(child_rows[order])),
            "observed_on": when[order],
            "domain": take_text(_DOMAINS, rng.integers(0, len(_DOMAINS), len(child_rows))),
        },
    )
