"""What came of households after a list: a need within the outcome's horizon, and an offer of help."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from charter.contracts.spans import Span, is_covered
from charter.council.council import Council
from fairness_reports.audit.population.audited_people import count_microseconds, find_horizon_end
from fairness_reports.audit.population.feed_spans import read_feed_spans
from fairness_reports.audit.population.reading_tables import open_connection

__all__ = ["OutcomePeriod", "read_offers"]

# Whoever lived at a home on a list's day, as known now. Of a list of 6 January with a horizon of a year: whoever had
# one of the outcome's signals from then to 6 January next year counts for that home, wherever the person lived by then.
_MEMBERS = """
    WITH periods AS (SELECT unnest($days::date[]) AS day, unnest($moments::timestamptz[]) AS moment,
                            unnest($starts::timestamptz[]) AS first, unnest($ends::timestamptz[]) AS last)
    SELECT DISTINCT day, household_id, person_id, first, last FROM periods
    JOIN read_parquet($residence) ON start <= moment AND ("end" IS NULL OR "end" > moment)
    WHERE known_at < $now AND (known_until IS NULL OR known_until >= $now)
"""
_PEOPLE = f"SELECT day, household_id, person_id FROM ({_MEMBERS})"  # noqa: S608 - made of this module's own text alone
_NEEDS = f"""
    SELECT DISTINCT day, household_id FROM ({_MEMBERS}) JOIN read_parquet($events) AS events USING (person_id)
    WHERE list_contains($signals, signal) AND valid_at >= first AND valid_at < last
      AND events.known_at < $now AND (events.known_until IS NULL OR events.known_until >= $now)
"""  # noqa: S608 - made of this module's own text alone


@dataclass(frozen=True)
class OutcomePeriod:
    """Needs by household in one horizon from a list's date, as the snapshot in `tables` of `taken_at` knows them."""

    council: Council
    definition: Mapping[str, Any]
    tables: Path
    taken_at: datetime

    def read_covered(self, signals: Collection[str]) -> tuple[Span, ...]:
        """Return what every service of `signals` had delivered."""
        return read_feed_spans(self.tables, {name.partition(".")[0] for name in signals}, self.taken_at)

    def is_followed(self, day: date, covered: Sequence[Span]) -> bool:
        """Whether deliveries cover the whole horizon from a day.

        Else nobody knows who had no need then, and whoever had one counts as little: yes and no alike.
        """
        return is_covered(covered, *self._find_ends(day))

    def is_lost(self, day: date, covered: Sequence[Span]) -> bool:
        """Whether deliveries left a gap in the horizon from a day, and went on after it: none will fill it."""
        begin, end = self._find_ends(day)
        return not is_covered(covered, begin, end) and any(last > end for _, last in covered)

    def _find_ends(self, day: date) -> Span:
        end = find_horizon_end(self.definition, self.council, day)
        return count_microseconds(self.council.midnight(day)), count_microseconds(end)

    def find_needs(self, days: Collection[date], signals: Collection[str]) -> set[tuple[date, str]]:
        """Return which households had any of the signals after a list of which of the days."""
        parameters = {"events": str(self.tables / "events.parquet"), "signals": sorted(signals)}
        rows = open_connection().execute(_NEEDS, self._describe_periods(days) | parameters).fetchall()
        return {(day, household) for day, household in rows}

    def find_needs_before(self, days: Collection[date], signals: Collection[str]) -> set[tuple[date, str]]:
        """Return which households had any of the signals in as long a time before a list of which of the days."""
        parameters = {"events": str(self.tables / "events.parquet"), "signals": sorted(signals)}
        before = self._describe_periods(days, before=True)
        rows = open_connection().execute(_NEEDS, before | parameters).fetchall()
        return {(day, household) for day, household in rows}

    def list_members(self, days: Collection[date]) -> dict[tuple[date, str], set[str]]:
        """Return who lived in each household on each of the days, as known now."""
        members: dict[tuple[date, str], set[str]] = {}
        rows = open_connection().execute(_PEOPLE, self._describe_periods(days)).fetchall()
        for day, household, person in rows:
            members.setdefault((day, household), set()).add(person)
        return members

    def _describe_periods(self, days: Collection[date], *, before: bool = False) -> dict[str, Any]:
        ordered = sorted(days)
        moments = [self.council.midnight(day) for day in ordered]
        ends = [find_horizon_end(self.definition, self.council, day) for day in ordered]
        spans = [
            (moment - (end - moment), moment) if before else (moment, end)
            for moment, end in zip(moments, ends, strict=True)
        ]
        return {
            "residence": str(self.tables / "residence.parquet"),
            "days": [day.isoformat() for day in ordered],
            "moments": [moment.isoformat() for moment in moments],
            "starts": [first.isoformat() for first, _ in spans],
            "ends": [last.isoformat() for _, last in spans],
            "now": self.taken_at,
        }


def read_offers(path: Path) -> Iterator[tuple[str, datetime]]:
    """Yield the households that were offered help, with when, from actions.csv; nobody where there is no such file."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            if row["offered_at"]:
                yield row["entity"], datetime.fromisoformat(row["offered_at"])
