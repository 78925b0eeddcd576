"""Signs of need recorded by others, to see whether our own records of need are kept alike for every group.

If a group's needs are recorded less often than they arise, a model learns that the group needs less, and every
measure against those records looks fair. Signals that other hands recorded (the charter's `independent_outcomes`)
are not touched by that: among households with one, our records should show a need equally often in every group.

Each of those hands may see a group less, too. So a household counts where any of the signs is there, and each sign is
measured by itself as well: what one of them alone says is no finding of our records yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.contracts.spans import is_covered
from charter.council.council import Council
from charter.council.register import Register
from charter.rules.policy import Policy
from fairness_reports.audit.measuring.tally import UNKNOWN
from fairness_reports.audit.population.audited_people import People, count_microseconds, find_horizon_end
from fairness_reports.audit.population.feed_spans import read_feed_spans
from fairness_reports.audit.population.reading_tables import open_connection

__all__ = ["Independent", "read_independent_outcome"]

# Versions: what stands now. Choices: an objection counts from the day it is received until it is overruled.
_EVENTS = """
    SELECT person_id, epoch_us(valid_at) AS at FROM read_parquet($events) AS events
    WHERE signal = $signal AND known_at < $now AND (known_until IS NULL OR known_until >= $now)
    {choices}
"""
_CHOICES = """
    AND person_id NOT IN (
      SELECT person_id FROM read_parquet($permission)
      WHERE service IN ($service, '*') AND purpose IN ('evaluate', '*')
        AND kind IN ('refusal', 'objection', 'restriction') AND status <> 'overruled'
        AND start <= $now AND ("end" IS NULL OR "end" > $now)
        AND known_at < $now AND (known_until IS NULL OR known_until >= $now))
"""


@dataclass(frozen=True)
class Independent:
    """Who had an independent sign of need within the horizon: `label` (people,) 1, 0 or UNKNOWN; or why nobody can say.

    `by_signal` is the same of each sign that can be used, `without` says why another cannot be.
    """

    label: NDArray[np.int8] | None
    by_signal: Mapping[str, NDArray[np.int8]]
    without: Mapping[str, str]
    why_not: str = ""

    @property
    def names(self) -> str:
        """The signs that are used, for a sentence."""
        return " and ".join(self.by_signal)


def read_independent_outcome(
    people: People, matrix: Matrix, tables: Path, council: Council, policy: Policy, register: Register
) -> Independent:
    """Return whether any member of each audited person's household had one of the charter's independent outcomes.

    Within the outcome's horizon from each as-of date; unknown where the feed of a sign that is used does not cover all
    of it. A sign that is not allowed or not delivered is left out, and named.

        admission   food parcel    label
        1           0              1
        0           0              0
        1           not covered    UNKNOWN: yes and no are known alike
    """
    if not policy.independent_outcomes:
        return Independent(None, {}, {}, "The charter names no outcome recorded by others.")
    by_signal, without = {}, {}
    for signal in policy.independent_outcomes:
        service = signal.split(".", maxsplit=1)[0]
        if not policy.allows(signal, "evaluate") or not register.permits(service, "evaluate"):
            without[signal] = f"The charter or the register does not allow {signal} for evaluation."
            continue
        label = _read_sign(signal, people, matrix, tables, council)
        if isinstance(label, str):
            without[signal] = label
        else:
            by_signal[signal] = label
    if not by_signal:
        return Independent(None, {}, without, " ".join(without.values()))
    labels = np.array(list(by_signal.values()))
    any_sign = np.where((labels == UNKNOWN).any(axis=0), UNKNOWN, (labels == 1).any(axis=0)).astype(np.int8)
    return Independent(any_sign, by_signal, without)


def _read_sign(signal: str, people: People, matrix: Matrix, tables: Path, council: Council) -> NDArray[np.int8] | str:
    """Return one sign's label of each audited person, (people,), or why it has none."""
    service = signal.split(".", maxsplit=1)[0]
    taken_at = datetime.fromisoformat(matrix.manifest["taken_at"])
    connection = open_connection()
    covered = read_feed_spans(tables, [service], taken_at)
    if not covered:
        return f"There is no delivery of {service}."
    persons, moments = _read_events(connection, signal, tables, taken_at)
    label = np.full(len(people.entity), UNKNOWN, dtype=np.int8)
    # A horizon from 1 January 2024 to 1 January 2025 and a feed that covers 2023 to 2024: all of that date's people are
    # labelled, 1 where any member of the household had the signal in 2024; those of 1 July 2024 stay unknown.
    for day in people.dates:
        start, end = council.midnight(day), find_horizon_end(matrix.definition, council, day)
        if not is_covered(covered, count_microseconds(start), count_microseconds(end)):
            continue
        here = (moments >= count_microseconds(start)) & (moments < count_microseconds(end))
        rows = people.as_of == np.datetime64(day, "D")
        label[rows] = _any_member(matrix, day, persons[here], people.entity[rows])
    return label if (label != UNKNOWN).any() else f"{signal} does not cover any audited year in full."


def _read_events(
    connection: DuckDBPyConnection, signal: str, tables: Path, taken_at: datetime
) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
    """Return who had a signal that may be used, and when (UTC µs)."""
    permission = tables / "permission.parquet"
    parameters: dict[str, object] = {"events": str(tables / "events.parquet"), "signal": signal, "now": taken_at}
    if permission.exists():
        parameters |= {"permission": str(permission), "service": signal.split(".", maxsplit=1)[0]}
    query = _EVENTS.format(choices=_CHOICES if permission.exists() else "")
    events = connection.execute(query, parameters).fetchnumpy()
    persons = (
        np.char.encode(events["person_id"].astype(str), "utf-8") if len(events["person_id"]) else np.zeros(0, "S1")
    )
    return persons, np.asarray(events["at"], dtype=np.int64)


def _any_member(matrix: Matrix, day: date, persons: NDArray[np.bytes_], entity: NDArray[np.bytes_]) -> NDArray[np.int8]:
    """Whether any member, child or adult, of each household is among `persons`."""
    rows = matrix.at(day)
    # A set and not np.isin, which sorts both sides, and names are slow to sort.
    wanted = set(persons.tolist())
    had = np.fromiter((person in wanted for person in np.asarray(rows.person).tolist()), np.bool_, len(rows.person))
    households = np.asarray(rows.entity)
    any_had = np.zeros(len(households), dtype=np.int8)
    any_had[np.asarray(rows.person_row)[had]] = 1
    return np.asarray(any_had[np.searchsorted(households, entity)], dtype=np.int8)
