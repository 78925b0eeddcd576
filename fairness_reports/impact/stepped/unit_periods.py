"""How many households of each place had a need in each period, as the newest snapshot knows it.

A period counts only where every service that records the outcome had delivered all of it, and the reporting lag is
over; of another nobody knows who had no need. Households are the homes of a place on the period's first day, of which
somebody is of the cohort's ages; its other rules are not asked here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from charter.contracts.files import read_json
from charter.contracts.matrix import Matrix
from charter.contracts.spans import is_covered
from charter.council.council import Council
from charter.council.starts_file import StartsFile
from charter.invocation import Invocation
from fairness_reports.audit.population.audited_people import count_microseconds
from fairness_reports.audit.population.feed_spans import read_feed_spans
from fairness_reports.audit.population.reading_tables import open_connection
from fairness_reports.impact.registering import open_matrix
from fairness_reports.impact.stepped.group_time import NEVER, UnitPeriods
from features.grammar.period import months

__all__ = ["MOST_BEFORE", "Counted", "count_unit_periods", "list_periods"]

MOST_BEFORE = 12
"""Periods before the first start that are looked at."""

# Of the period from 1 April to 1 July: whoever lives on 1 April in a home of an area, with how many had a need in it.
_COUNTS = """
    WITH periods AS (SELECT unnest($starts::timestamptz[]) AS first, unnest($ends::timestamptz[]) AS last),
         homes AS (SELECT first, last, household_id, min(area) AS area FROM periods
                   JOIN read_parquet($households) ON start <= first AND ("end" IS NULL OR "end" > first)
                   WHERE kind = 'home' AND known_at < $now GROUP BY ALL),
         members AS (SELECT DISTINCT first, last, household_id, area, person_id FROM homes
                     JOIN read_parquet($residence) AS lived USING (household_id)
                     WHERE lived.start <= first AND (lived."end" IS NULL OR lived."end" > first)
                       AND lived.known_at < $now AND (lived.known_until IS NULL OR lived.known_until >= $now)),
         aged AS (SELECT DISTINCT first, household_id FROM members
                  JOIN read_parquet($people) AS people USING (person_id)
                  WHERE birth_date + to_years($oldest::int + 1) > first::date
                    AND birth_date + to_years($youngest::int) <= first::date),
         needs AS (SELECT DISTINCT first, household_id FROM members
                   JOIN read_parquet($events) AS events USING (person_id)
                   WHERE list_contains($signals, signal) AND valid_at >= first AND valid_at < last
                     AND events.known_at < $now AND (events.known_until IS NULL OR events.known_until >= $now))
    SELECT epoch_us(first), area, count(DISTINCT household_id), count(DISTINCT needs.household_id)
    FROM (SELECT DISTINCT first, area, household_id FROM members) AS counted
    LEFT JOIN needs USING (first, household_id)
    WHERE NOT $by_age OR EXISTS (SELECT 1 FROM aged WHERE aged.first = counted.first
                                 AND aged.household_id = counted.household_id)
    GROUP BY ALL
"""


@dataclass(frozen=True)
class Counted:
    """Units by periods, with what is said of them: the units' ids, each period's first day, how many were left out.

    `undelivered` periods are over and were not all delivered; `empty` units have a period without households.
    """

    table: UnitPeriods
    units: tuple[str, ...]
    days: tuple[date, ...]
    undelivered: int
    empty: int


def list_periods(first: date, length: int, until: date) -> list[tuple[date, date]]:
    """Return periods of so many months, of which one begins on `first` and the last ends by `until`."""
    whole = months(length)
    bounds = [whole.times(number).before(first) for number in range(MOST_BEFORE, 0, -1)]
    bounds.append(first)
    number = 1
    while (following := whole.times(number).after(first)) <= until:
        bounds.append(following)
        number += 1
    return list(itertools.pairwise(bounds))


def count_unit_periods(invocation: Invocation, starts: StartsFile) -> Counted:
    """Count needs by unit and period; what the matrix's definition says is the outcome."""
    council, matrix = invocation.council, open_matrix(invocation)
    tables = invocation.workspace.snapshot() / "tables"
    taken_at = datetime.fromisoformat(read_json(tables.parent / "manifest.json")["taken_at"])
    signals = sorted({name for part in matrix.definition["outcome"]["components"] for name in part["signals"]})
    covered = read_feed_spans(tables, {name.partition(".")[0] for name in signals}, taken_at)
    lag = timedelta(days=float(matrix.manifest["reporting_lag_days"]))
    over = list_periods(min(starts.by_unit.values()), starts.period_months, (taken_at - lag).date())
    periods = [
        (begin, end)
        for begin, end in over
        if is_covered(covered, *(count_microseconds(council.midnight(day)) for day in (begin, end)))
    ]
    parameters = _describe(council, matrix, periods) | {
        **{name: str(tables / f"{name}.parquet") for name in ("households", "residence", "people", "events")},
        "signals": signals,
        "now": taken_at,
    }
    rows = open_connection().execute(_COUNTS, parameters).fetchall() if periods else []
    return _arrange(council, starts, periods, rows, len(over) - len(periods))


def _describe(council: Council, matrix: Matrix, periods: list[tuple[date, date]]) -> dict[str, Any]:
    ages = matrix.definition["cohort"].get("with_age")
    youngest, oldest = ages or (0, 0)
    return {
        "starts": [council.midnight(begin).isoformat() for begin, _ in periods],
        "ends": [council.midnight(end).isoformat() for _, end in periods],
        "by_age": bool(ages),
        "youngest": int(youngest),
        "oldest": int(oldest),
    }


def _arrange(
    council: Council, starts: StartsFile, periods: list[tuple[date, date]], rows: list[Any], undelivered: int
) -> Counted:
    """Return counts of areas as units by periods; a unit that has no household in some period is left out."""
    number_of = {count_microseconds(council.midnight(begin)): number for number, (begin, _) in enumerate(periods)}
    counts: dict[str, Any] = {}
    for first, area, households, needs in rows:
        unit = _find_unit(council, starts.unit, area, periods[-1][0])
        if unit:
            of_unit = counts.setdefault(unit, np.zeros((2, len(periods))))
            of_unit[:, number_of[first]] += households, needs
    whole = sorted(unit for unit, both in counts.items() if (both[0] > 0).all())
    begins = [_find_period(starts.by_unit.get(unit), periods) for unit in whole]
    both = np.array([counts[unit] for unit in whole]).reshape(len(whole), 2, len(periods))
    table = UnitPeriods(np.array(begins, dtype=np.int64), both[:, 0], both[:, 1])
    return Counted(table, tuple(whole), tuple(begin for begin, _ in periods), undelivered, len(counts) - len(whole))


def _find_unit(council: Council, kind: str, area: str, day: date) -> str:
    if kind == "area":
        return area if any(known.code == area for known in council.areas) else ""
    team = council.team_of(area, day)
    return team.id if team else ""


def _find_period(on: date | None, periods: list[tuple[date, date]]) -> int:
    """Return the first period that a start is in or before; NEVER where it is after all, or there is none."""
    return next((number for number, (_, end) in enumerate(periods) if on is not None and on < end), NEVER)
