"""The hospital: emergency admissions of children, recorded by others, alike for everybody whatever `--unfair` says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from borough.days import NEVER
from borough.post import Post, make_references, take_text
from borough.town import Town

__all__ = ["send_extract"]


def send_extract(town: Town, post: Post) -> None:
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
    patients, index = np.unique(child, return_inverse=True)
    first = np.full(len(people), NEVER, dtype=np.int32)
    np.minimum.at(first, child, day)
    first_day = first[patients]
    refs = make_references("P", rng.permutation(len(patients)) + 1, 7)
    post.know("hospital", refs, patients)
    post.send(
        "hospital",
        "patients",
        {
            "patient_ref": refs,
            **town.spelled(town.names.record(rng, town.rates, people, patients)),
            "sex": take_text(("F", "M"), np.where(people.female[patients], 0, 1)),
            **town.address(town.place(patients, first_day)),
            "resident_from": first_day,
            "recorded_on": first_day + 1,
        },
    )
    post.send(
        "hospital",
        "admissions",
        {
            "admission_id": make_references("E", np.arange(len(child)) + 1, 7),
            "patient_ref": refs.take(pa.array(index)),
            "admitted_on": day,
            "recorded_on": day + rng.integers(1, 25, len(child), dtype=np.int32),
        },
    )
