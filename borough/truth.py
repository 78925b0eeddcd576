"""The truth in `extracts/truth/`, which `pull` never reads: who is whom, who lives where, what need there is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from borough.days import NEVER
from borough.need import DOMAINS
from borough.population import GROUPS
from borough.post import Post
from borough.town import Town

__all__ = ["write_truth"]

_EVERY = 3
"""Need is written for every third month."""


def write_truth(town: Town, post: Post, folder: Path) -> None:
    """Write people, residence, need and references as Parquet; `person` and `unit` are whole numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    people, spells = town.people, town.population.residence

    def save(name: str, columns: dict[str, pa.Array | np.ndarray]) -> None:
        pyarrow.parquet.write_table(pa.table(columns), folder / f"{name}.parquet", compression="zstd")

    def days(values: np.ndarray) -> pa.Array:
        return pa.array(values.astype(np.int32), pa.int32(), mask=values == NEVER).cast(pa.date32())

    save(
        "people",
        {
            "person": np.arange(len(people), dtype=np.int32),
            "unit": people.unit,
            "birth": days(people.birth),
            "death": days(people.death),
            "sex": pa.array(np.where(people.female, "F", "M")),
            "ethnicity": pa.array(GROUPS).take(pa.array(people.group)),
            "disabled": people.disabled,
            "declines": people.declines,
            "unit_ethnicity": pa.array(GROUPS).take(pa.array(town.population.unit_group[people.unit])),
        },
    )
    save(
        "residence",
        {
            "person": spells.who,
            "unit": spells.unit,
            "uprn": town.uprns.take(pa.array(town.population.places.address[spells.place])),
            "start": days(spells.start),
            "end": days(spells.end),
        },
    )
    months = np.arange(0, town.days.months, _EVERY)
    month, place = np.nonzero(town.population.unit_at[months] >= 0)
    unit = town.population.unit_at[months[month], place]
    save(
        "need",
        {
            "unit": unit,
            "day": days(town.days.edges[months[month]]),
            **{domain: town.need.z[domain][months[month], unit] for domain in DOMAINS},
        },
    )
    services = sorted(service for service in post.references if post.sends(service))
    references = pa.chunked_array([post.references[service][0] for service in services])
    person = np.concatenate([post.references[service][1] for service in services])
    sizes = [len(post.references[service][1]) for service in services]
    service_of = pa.array(services).take(pa.array(np.repeat(np.arange(len(services)), sizes)))
    save("references", {"service": service_of, "reference": references, "person": person})
