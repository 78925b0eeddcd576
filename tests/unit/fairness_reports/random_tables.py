"""Random linked tables: the same people by area and one thing, and by area and another, with wards and totals."""

from __future__ import annotations

from datetime import date

import numpy as np

from fairness_reports.disclosure.tables import CountTable, Dimension, Period

PERIOD = Period(date(2026, 7, 1), date(2026, 10, 1))


def make_linked_tables(seed: int) -> list[CountTable]:
    """Return one to three tables of the same people; sparse and dense ones, with wards and without."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, (9, 5, 4))
    area, age, sex = (
        Dimension.with_total(name, [f"{name} {number}" for number in range(size)], groups)
        for name, size, groups in zip(("area", "age", "sex"), sizes, (_cut(rng, int(sizes[0])), {}, {}), strict=True)
    )
    people = rng.poisson(rng.choice([0.4, 2, 6, 20]) * rng.gamma(0.7, 1.4, tuple(sizes))).astype(np.int64)
    counted = "families known to early help"
    tables = [
        CountTable(counted, PERIOD, (area, age), people.sum(axis=2)),
        CountTable(counted, PERIOD, (area, sex), people.sum(axis=1)),
        CountTable(counted, PERIOD, (age, sex), people.sum(axis=0)),
    ]
    return tables[: int(rng.integers(1, 4))]


def _cut(rng: np.random.Generator, size: int) -> dict[str, list[str]]:
    """Return wards: runs of neighbouring areas, and now and then a ward of one."""
    if size < 3 or rng.random() < 0.3:
        return {}
    cuts = np.sort(rng.choice(np.arange(1, size), rng.integers(1, min(size - 1, 3)), replace=False))
    parts = np.split(np.arange(size), cuts)
    return {f"ward {number}": [f"area {place}" for place in part] for number, part in enumerate(parts)}
