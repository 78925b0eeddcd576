"""Cases made from a seed: what services recorded of some people, what of it was seen, and the record sealed from both.

    events of people, each known so many days back or not at all
      ->  values of a small definition, who was seen, a timeline   ->  explain_row, as when a list is issued  ->  record

A case keeps its events beside the record: an oracle reads them, and nothing of the pages' own functions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from features.grammar import (
    Cohort,
    Definition,
    Feature,
    Outcome,
    active_days,
    any_of,
    change,
    count,
    days,
    days_since,
    months,
    open_at,
    signal,
)
from serving.ranking.reasons import ExplainedRow, explain_row
from serving.ranking.sealed_record import ListedPerson, RecordedEvent, SealedRecord, Timeline

AS_OF = date(2026, 9, 28)
MONTHS = 12
YEAR = 365
"""Twelve months before AS_OF, in days: how far back the timeline goes."""

ABSENCE = signal("education.unauthorised_absence")
ARREARS = signal("housing.arrears_stage")
COUNCIL_TAX = signal("council_tax.arrears")
EPISODE = signal("early_help.episode")
DISPOSAL = signal("youth_justice.disposal")
VISIT = signal("health_visiting.contact")


def _ask(name: str, expression: Any, **more: Any) -> Feature:
    return Feature(name, expression, f"What is asked as {name}: {{value}}", f"Asked as {name}.", **more)


DEFINITION = Definition(
    "early_help",
    Cohort("Everybody"),
    Outcome("A need", any_of(signal("homelessness.duty_owed"), next=months(12))),
    (
        _ask("absences", count(ABSENCE, last=days(180)), better="lower"),
        _ask("any_absence", any_of(ABSENCE, last=days(360)), better="lower"),
        _ask("absences_change", change(count(ABSENCE, last=days(90))), better="lower"),
        _ask("rent_steps", count(ARREARS, last=days(360)), better="lower"),
        _ask("since_rent_step", days_since(ARREARS, last=days(360)), better="higher"),
        _ask("tax_steps", count(COUNCIL_TAX, last=days(180)), better="lower"),
        _ask("days_owed", active_days(ARREARS, COUNCIL_TAX, last=days(180)), better="lower"),
        _ask("help_now", open_at(EPISODE), system_response=True),
        _ask("help_not_finished", any_of(EPISODE.where(detail="disengaged"), last=days(700)), better="lower"),
        _ask("youth_justice", count(DISPOSAL, last=days(360)), better="lower"),
        _ask("visits", count(VISIT, last=days(360)), better="higher"),
    ),
)  # fmt: skip

TITLES = {
    "education": "Schools",
    "housing": "Council housing",
    "council_tax": "Council tax",
    "early_help": "Early help",
    "youth_justice": "Youth justice",
    "health_visiting": "Health visiting",
    "social_care": "Social care",
}
CONFIDENTIAL = "youth_justice"
INTERVALS = ("early_help.episode", "social_care.child_in_need")
KINDS = {
    "education": ABSENCE.name,
    "housing": ARREARS.name,
    "council_tax": COUNCIL_TAX.name,
    "early_help": EPISODE.name,
    "youth_justice": DISPOSAL.name,
    "health_visiting": VISIT.name,
    "social_care": "social_care.child_in_need",
}
DOCUMENT = DEFINITION.document()
MANIFEST: Mapping[str, Any] = {
    "features": DOCUMENT["features"],
    "seen": list(DEFINITION.seen),
    "entity": "household",
    "bands": [],
    "services": {
        name: {
            "title": title,
            "contact": f"{name}@fernhill.example",
            "promised_lag_days": 7,
            "display": True,
            "confidential": name == CONFIDENTIAL,
            "details_to": ["lead_practitioner"] if name != "health_visiting" else [],
            "signals": {KINDS[name]: f"{title}: recorded"},
            "work": [KINDS[name]] if KINDS[name] in INTERVALS else [],
        }
        for name, title in TITLES.items()
    },
}


@dataclass(frozen=True)
class Event:
    """What was recorded so many days before AS_OF; `end` is None where it is still open, else days before it too."""

    service: str
    person: int
    ago: int
    end: int | None
    detail: str = ""

    @property
    def interval(self) -> bool:
        return KINDS[self.service] in INTERVALS


@dataclass(frozen=True)
class Case:
    """A record, and what it was made from: `reach` is for how many days back each person is seen, by service."""

    record: SealedRecord
    events: tuple[Event, ...]
    reach: Mapping[str, Sequence[int]]
    values: Mapping[str, float]

    def on_timeline(self, service: str) -> list[Event]:
        """Return the events that the timeline should show of a service."""
        if self.record.timeline is None or service == CONFIDENTIAL:
            return []
        return [e for e in self.events if e.service == service and _within_timeline(e)]


def make_case(seed: int) -> Case:
    """Return the case of a seed."""
    numbers = random.Random(seed)  # noqa: S311  # cases are drawn, nothing is kept secret
    people = numbers.randint(1, 5)
    late = {service for service in TITLES if numbers.random() < 0.12}
    reach = {service: _draw_reach(numbers, people) for service in TITLES}
    events = tuple(
        event
        for service in TITLES
        if numbers.random() < 0.6
        for _ in range(numbers.randint(1, 4))
        for event in [_draw_event(numbers, service, people)]
        if event.ago < reach[service][event.person] and not (service in late and event.ago < 100)
    )
    seen = [
        sum(days_back >= _days_of(column) for days_back in reach[column.split(":")[0]]) for column in DEFINITION.seen
    ]
    counts = dict(zip(DEFINITION.seen, seen, strict=True))
    values = {
        feature.name: _value(feature.name, events) if all(counts[column] for column in feature.seen) else math.nan
        for feature in DEFINITION.features
    }
    contributions = [numbers.choice((-1, 1)) * (0.05 + numbers.random()) for _ in values]
    freshness = {
        service: f"{AS_OF - timedelta(days=100 if service in late else 1)}T12:00:00+00:00"
        for service in TITLES
        if service != "social_care"
    }
    row = ExplainedRow(tuple(values.values()), contributions, -1.0, counts, people)
    timeline = _draw_timeline(events) if numbers.random() < 0.8 else None
    record = SealedRecord(
        schema_version=1, id=f"{seed:016x}", programme="early_help", list="north-2026-09-28", team="north",
        entity="e", area="E01990001", as_of=AS_OF, rank=1, arm="top", eligible=90, capacity=20, members=people,
        seen=tuple(seen), snapshot="s", matrix="m", definition=DEFINITION.hash, bundle="b", model_sha256="0",
        time_zone="Europe/London", freshness=freshness, margin=0.0, likelihood=0.3, band="",
        values=tuple(None if math.isnan(value) else value for value in values.values()),
        contributions=tuple(contributions),
        people=tuple(ListedPerson(f"p{person}", 3 + person) for person in range(people)),
        reasons=explain_row(MANIFEST, row, freshness, AS_OF, ZoneInfo("Europe/London")), timeline=timeline,
    )  # fmt: skip
    return Case(record, events, reach, values)


def _draw_reach(numbers: random.Random, people: int) -> list[int]:
    if numbers.random() < 0.15:
        return [0] * people
    if numbers.random() < 0.5:
        return [900] * people
    return [numbers.choice((0, 60, 200, 400, 900)) for _ in range(people)]


def _draw_event(numbers: random.Random, service: str, people: int) -> Event:
    ago = numbers.randint(1, 800)
    end = None if numbers.random() < 0.4 else numbers.randint(0, ago)
    detail = numbers.choice(("", "disengaged", "outcomes_met")) if end is not None else ""
    return Event(service, numbers.randrange(people), ago, end, detail)


def _days_of(column: str) -> int:
    window = column.split(":")[1]
    return 1 if window == "now" else int(window.split("_")[0])


def _value(name: str, events: Sequence[Event]) -> float:
    """Return a feature's value from the events, written apart from any engine."""

    def within(service: str, last: int, first: int = 0) -> list[Event]:
        return [event for event in events if event.service == service and first < event.ago <= last]

    if name == "absences_change":
        return float(len(within("education", 90)) - len(within("education", 180, 90)))
    if name == "since_rent_step":
        return float(min((event.ago for event in within("housing", 360)), default=4000))
    if name == "days_owed":
        return float(len({event.ago for service in ("housing", "council_tax") for event in within(service, 180)}))
    if name == "help_now":
        return float(len([event for event in events if event.service == "early_help" and event.end is None]))
    if name == "help_not_finished":
        return float(any(event.detail == "disengaged" for event in within("early_help", 700)))
    if name == "any_absence":
        return float(bool(within("education", 360)))
    service, last = {
        "absences": ("education", 180),
        "rent_steps": ("housing", 360),
        "tax_steps": ("council_tax", 180),
        "youth_justice": ("youth_justice", 360),
        "visits": ("health_visiting", 360),
    }[name]
    return float(len(within(service, last)))


def _within_timeline(event: Event) -> bool:
    return event.ago <= YEAR or (event.interval and (event.end is None or event.end <= YEAR))


def _draw_timeline(events: Sequence[Event]) -> Timeline:
    """Return the timeline of the events, the confidential ones too: a register may have come to call them so since."""
    return Timeline(
        MONTHS,
        tuple(
            RecordedEvent(event.service, KINDS[event.service], _day(event.ago), _until(event))
            for event in sorted(events, key=lambda event: (event.ago, event.service))
            if _within_timeline(event)
        ),
    )


def _until(event: Event) -> str | None:
    if not event.interval:
        return None
    return "" if event.end is None else _day(event.end)


def _day(ago: int) -> str:
    return (AS_OF - timedelta(days=ago)).isoformat()
