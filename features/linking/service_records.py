"""What services said, as `sooner pull` left it in a snapshot: one relation per file, by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.intake.canonical import CANONICAL
from features.intake.database import Relation, read_parquet

__all__ = ["ServiceRecords"]


@dataclass(frozen=True)
class ServiceRecords:
    """The records of a snapshot; `canonical` are the tables that were delivered as they are, by name."""

    events: Relation
    addresses: Relation
    coverage: Relation
    permission: Relation
    protected: Relation
    places: Relation
    feeds: Relation
    canonical: Mapping[str, Relation]

    @classmethod
    def open(cls, database: duckdb.DuckDBPyConnection, folder: Path) -> ServiceRecords:
        """Return the records in `folder`; they are read where they lie."""

        def relation(name: str) -> Relation:
            return read_parquet(database, folder / f"{name}.parquet")

        return cls(
            events=relation("events"),
            addresses=relation("addresses"),
            coverage=relation("coverage"),
            permission=relation("permission"),
            protected=relation("protected"),
            places=relation("places"),
            feeds=relation("feeds"),
            canonical={
                name: relation(f"canonical_{name}")
                for name in CANONICAL
                if (folder / f"canonical_{name}.parquet").exists()
            },
        )
