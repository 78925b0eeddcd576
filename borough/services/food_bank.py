"""The food bank: parcels that a charity gives out, recorded by it alike for everybody whatever `--unfair` says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from borough.days import NEVER
from borough.post import Post, make_references
from borough.town import Town

__all__ = ["send_extract"]


def send_extract(town: Town, post: Post) -> None:
    """Write clients, the first adult of a home, and parcels."""
    rng = town.chance.stream("food_bank")
    homes, people = town.home_months, town.people
    level = town.need.level("shared", 1.2, homes.month, homes.unit)
    hit = town.chance.happens(rng, np.minimum(town.rates.of("food_bank", "parcel") * level, 0.3), len(homes.month))
    day = town.days.within(rng, homes.month[hit])
    order = np.argsort(day, kind="stable")
    adult, day = homes.adult[hit[order]], day[order]
    clients, index = np.unique(adult, return_inverse=True)
    first = np.full(len(people), NEVER, dtype=np.int32)
    np.minimum.at(first, adult, day)
    first_day = first[clients]
    refs = make_references("FB", rng.permutation(len(clients)) + 1, 6)
    post.know("food_bank", refs, clients)
    post.send(
        "food_bank",
        "clients",
        {
            "client_ref": refs,
            **town.spelled(town.names.record(rng, town.rates, people, clients)),
            **town.address(town.place(clients, first_day)),
            "recorded_on": first_day,
        },
    )
    post.send(
        "food_bank",
        "parcels",
        {
            "parcel_id": make_references("FP", np.arange(len(adult)) + 1, 7),
            "client_ref": refs.take(pa.array(index)),
            "given_on": day,
            "recorded_on": day + rng.integers(0, 8, len(adult), dtype=np.int32),
        },
    )
