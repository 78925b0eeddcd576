"""Youth justice: disposals and steps about antisocial behaviour of young people aged 10 to 17."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from borough.days import NEVER
from borough.population import GROUPS
from borough.post import Post, make_references, take_text
from borough.town import Town

__all__ = ["send_extract"]

_DISPOSALS = ("community_resolution", "youth_caution", "referral_order", "youth_rehabilitation_order")
_STEPS = ("warning", "contract", "injunction")
_GROUPS = {
    "Asian": "Asian or Asian British",
    "Black": "Black or Black British",
    "Mixed": "Mixed",
    "White": "White",
    "Other": "Other Ethnic Group",
}


def send_extract(town: Town, post: Post) -> None:
    """Write people, disposals and antisocial behaviour."""
    rng = town.chance.stream("youth_justice")
    months, people = town.child_months, town.people
    rows = np.flatnonzero(months.age >= 10)
    month, unit = months.month[rows], months.unit[rows]
    school, family = (town.need.level(domain, 1.2, month, unit) for domain in ("school", "family"))
    hits, days = [], []
    for name in ("disposal", "antisocial"):
        rate = np.minimum(town.rates.of("youth_justice", name) * 0.5 * (school + family), 0.3)
        hit = town.chance.happens(rng, rate, len(rows))
        hit = hit[town.recording.signal(rng, unit[hit])]
        day = town.days.within(rng, month[hit])
        order = np.argsort(day, kind="stable")
        hits.append(months.child[rows[hit[order]]])
        days.append(day[order])
    # Nothing is sent after the supplier changed, so nobody is known from later either.
    stop = post.feeds["youth_justice"].covers_to
    limit = (stop - town.rates.first_day).days + town.days.first
    for index in range(2):
        keep = days[index] < limit - 12
        hits[index], days[index] = hits[index][keep], days[index][keep]
    persons = np.unique(np.concatenate(hits))
    first = np.full(len(people), NEVER, dtype=np.int32)
    for child, day in zip(hits, days, strict=True):
        np.minimum.at(first, child, day)
    references = make_references("YP", rng.permutation(len(persons)) + 10_001, 5)
    post.know("youth_justice", references, persons)
    group = np.where(people.declines[persons], len(GROUPS), people.group[persons])
    has_uprn = rng.random(len(persons)) > 0.04
    first_day = first[persons]
    post.send(
        "youth_justice",
        "people",
        {
            "ypid": references,
            **town.spelled(town.names.record(rng, town.rates, people, persons)),
            "sex": take_text(("Female", "Male"), np.where(people.female[persons], 0, 1)),
            "ethnicity": take_text([*(_GROUPS[name] for name in GROUPS), "Not Known"], group),
            **town.address(town.place(persons, first_day), has_uprn=has_uprn),
            "resident_from": first_day,
            "recorded_on": first_day + rng.integers(0, 8, len(persons), dtype=np.int32),
        },
    )
    for index, (name, file, day_name, choices, shares) in enumerate(
        (
            ("disposal", "disposals", "disposed_on", _DISPOSALS, [0.45, 0.75, 0.94]),
            ("step", "antisocial_behaviour", "happened_on", _STEPS, [0.75, 0.95]),
        )
    ):
        child, day = hits[index], days[index]
        key, prefix = (("disposal_id", "DS"), ("incident_id", "AB"))[index]
        post.send(
            "youth_justice",
            file,
            {
                key: make_references(prefix, np.arange(len(child)) + 1, 6),
                "ypid": references.take(pa.array(np.searchsorted(persons, child))),
                day_name: day,
                name: take_text(choices, np.searchsorted(shares, rng.random(len(child)))),
                "recorded_on": day + rng.integers(1, 12, len(child), dtype=np.int32),
            },
        )
