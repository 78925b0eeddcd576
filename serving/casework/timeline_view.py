"""The case page's timeline: which service recorded something in which month, and what where the role may see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from serving.casework.facts import list_events
from serving.ranking.reasons import write_day
from serving.ranking.sealed_record import RecordedEvent, Timeline

__all__ = ["Month", "Recorded", "view_timeline"]


@dataclass(frozen=True)
class Recorded:
    """What one service recorded in one month; `details` is empty for a role that is only told of something."""

    service: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class Month:
    """One month of a timeline, such as September 2026."""

    title: str
    recorded: tuple[Recorded, ...]


def view_timeline(
    timeline: Timeline | None, manifest: Mapping[str, Any], roles: Collection[str]
) -> tuple[Month, ...] | None:
    """Return what services recorded, newest month first, as a role may see it; None where the list kept no timeline.

    `roles` are the ids under which a register may name it. A service that the register doesn't display, or that is
    confidential from the household, is never on it.
    """
    if timeline is None:
        return None
    services = manifest.get("services", {})
    months: dict[str, dict[str, dict[tuple[str, str], list[date]]]] = {}
    for event in list_events(timeline, manifest):
        day = date.fromisoformat(event.day)
        of_service = months.setdefault(f"{day:%B %Y}", {}).setdefault(event.service, {})
        of_service.setdefault((event.signal, _until_words(event)), []).append(day)
    return tuple(
        Month(
            month,
            tuple(
                Recorded(services[name]["title"], _detail_words(services[name], signals, roles))
                for name, signals in sorted(by_service.items(), key=lambda pair: str(services[pair[0]]["title"]))
            ),
        )
        for month, by_service in months.items()
    )


def _until_words(event: RecordedEvent) -> str:
    """Say until when an interval lasted; '' for what happened on one day."""
    if event.until is None:
        return ""
    return f"until {write_day(event.until)}" if event.until else "open on the list’s date"


def _detail_words(
    service: Mapping[str, Any], signals: Mapping[tuple[str, str], list[date]], roles: Collection[str]
) -> tuple[str, ...]:
    if not any(role in service.get("details_to", ()) for role in roles):
        return ()
    details = []
    for (signal, until), days in signals.items():
        distinct = sorted(set(days))
        when = f"on {write_day(distinct[0])}" if len(distinct) == 1 else f"on {len(distinct)} days"
        title = str(service.get("signals", {}).get(signal, "Something recorded"))
        details.append(f"{title}: {when}{f', {until}' if until else ''}")
    return tuple(details)
