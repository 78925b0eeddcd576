"""`sooner build --plan`: what a build would make and how long it would take, before anything runs; and who was seen.

Rows are an upper bound: rules about events (`given`, `unless`, `known_to`) are not evaluated. The time is reckoned from
rates measured on two cores (benchmarks/results.json): events read per second, and values made per second.
The share seen by group is the audit's to tell, because features can't open who belongs to which group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charter.contracts.matrix import COLUMNS
from charter.errors import DataError
from features.engines.blocks import Maker
from features.engines.engine import Engine
from features.engines.question import Question
from features.engines.reading.frame import ONE

__all__ = ["EVENTS_PER_SECOND", "VALUES_PER_SECOND", "Estimate", "estimate_build"]

EVENTS_PER_SECOND, VALUES_PER_SECOND, AT_LEAST = 1_500_000, 40_000_000, 1.0
"""Rates of two busy cores, and the seconds that opening the tables takes at least."""


@dataclass(frozen=True)
class Estimate:
    """What a build would make; `rows` at most, `seen[service][date]` the share of people seen in every window asked.

    `seen` counts the members of the households that may get a row; a service asked nothing is not in it.
    """

    columns: int
    rows: Mapping[str, int]
    people: Mapping[str, int]
    events: int
    bytes: int
    seconds: float
    seen: Mapping[str, Mapping[str, float | None]]

    @property
    def total_rows(self) -> int:
        """Rows of all dates together."""
        return sum(self.rows.values())

    def document(self) -> dict[str, Any]:
        """Return the estimate as plain values."""
        return {
            "rows_at_most": self.total_rows,
            "columns": self.columns,
            "dates": len(self.rows),
            "events": self.events,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 1),
            "rows": dict(self.rows),
            "seen": {service: dict(dates) for service, dates in self.seen.items()},
        }

    def text(self) -> str:
        """Return the estimate as lines for people."""
        lines = [
            f"At most {self.total_rows:,} rows at {len(self.rows)} dates, {self.columns} columns, "
            f"{self.bytes / 1e6:,.0f} MB, from {self.events:,} events: about {self.seconds:,.0f} s. Nothing was made."
        ]
        days = list(self.rows)
        some_days = days if len(days) <= 4 else [days[0], days[len(days) // 2], days[-1]]
        lines.append("People seen, by service, in every window that a feature asks: " + ", ".join(some_days))
        for service, dates in self.seen.items():
            shares = ("no one there" if (share := dates[day]) is None else f"{share:.0%}" for day in some_days)
            lines.append(f"  {service}: {', '.join(shares)}")
        return "\n".join(lines)


def estimate_build(question: Question, tables: Path) -> Estimate:
    """Return what a build of `question` from a snapshot's tables would make; reads no event's values."""
    if not tables.is_dir():
        raise DataError(f"{tables.name}/ is missing.", "Run `sooner link`.")
    engine = Engine(question, tables)
    events = engine.store.event_rows
    rows, people = dict.fromkeys(question.dates, 0), dict.fromkeys(question.dates, 0)
    services = sorted({service for service, _ in question.seen})
    people_seen = {service: dict.fromkeys(question.dates, 0) for service in services}
    for maker in engine.candidates():
        for k, day in enumerate(maker.frame.dates):
            here = _people_at(maker, k)
            rows[day] += int((maker.cohort.rows.candidates >> np.uint64(k) & ONE).sum())
            people[day] += len(here)
            for service in services:
                places = [w for w, (name, _) in enumerate(question.seen) if name == service]
                whole = np.bitwise_and.reduce(maker.people.seen[here][:, places], axis=1)
                people_seen[service][day] += int((whole >> np.uint64(k) & ONE).sum())
    columns = len(question.definition.features)
    values = sum(rows.values()) * columns
    width = {
        per: sum(column.row_bytes(question.widths) for column in COLUMNS if column.per == per)
        for per in ("row", "person")
    }
    return Estimate(
        columns=columns,
        rows={day.isoformat(): count for day, count in rows.items()},
        people={day.isoformat(): count for day, count in people.items()},
        events=events,
        bytes=sum(rows.values()) * width["row"] + sum(people.values()) * width["person"],
        seconds=AT_LEAST + events / EVENTS_PER_SECOND + values / VALUES_PER_SECOND,
        seen={
            service: {day.isoformat(): count / people[day] if people[day] else None for day, count in dates.items()}
            for service, dates in people_seen.items()
        },
    )


def _people_at(maker: Maker, k: int) -> Any:
    """Return the members, at date k, of the entities that may get a row."""
    members = maker.members
    wanted = (maker.cohort.rows.candidates[members.owner] & members.mask) >> np.uint64(k) & ONE
    return members.person[wanted.astype(bool)]
