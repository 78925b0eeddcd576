"""The hospital: emergency admissions of children, recorded by others, alike for everybody whatever `--unfair` says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from borough.days import NEVER
from borough.extract import Post, label, text_of
from borough.town import Town

__all__ = ["send"]


def send(town: Town, post: Post) -> None:
    """Write patients and admissions."""
    rng = town.chance.stream("hospital")
    months, people = town.child_months, town.people
    level = town.need.level("shared", 1.2, months.month, months.unit)
    younger = np.where(months.age < 5, 1.6, 0.75).astype(np.float32)
    rate = np.minimum(town.rates.of("hospital", "admission") * younger * level, 0.3)
    hit = town.chance.happens(rng, rate, len(months.month))
    day = town.days.within(rng, months.month[hit])
    order = np.argsort(day, kind="stable")
    child, day = months.child[hit[order]], day[order]
    known, index = np.unique(child, return_inverse=True)
    first = np.full(len(people), NEVER, dtype=np.int32)
    np.minimum.at(first, child, day)
    seen = first[known]
    refs = label("P", rng.permutation(len(known)) + 1, 7)
    post.know("hospital", refs, known)
    post.send(
        "hospital",
        "patients",
        {
            "patient_ref": refs,
            **town.spelled(town.names.record(rng, town.rates, people, known)),
            "sex": text_of(("F", "M"), np.where(people.female[known], 0, 1)),
            **town.address(town.place(known, seen)),
            "resident_from": seen,
            "recorded_on": seen + 1,
        },
    )
    post.send(
        "hospital",
        "admissions",
        {
            "admission_id": label("E", np.arange(len(child)) + 1, 7),
            "patient_ref": refs.take(pa.array(index)),
            "admitted_on": day,
            "recorded_on": day + rng.integers(1, 25, len(child), dtype=np.int32),
        },
    )
