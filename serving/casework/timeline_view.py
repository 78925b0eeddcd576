"""The case page's timeline: what services recorded, of whom, when, how much and which step, where the role may see it.

    the register names the role in `details_to`   each thing with its day (a weekly return with its week), person,
                                                  amount and the service's own word
    it doesn't                                    that there was something, by month

A service that the register doesn't display, or that is confidential from the household, is never on it. Lists made
before timelines kept people and amounts say less, never something else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from serving.casework.facts import list_events
from serving.ranking.reasons import write_day
from serving.ranking.sealed_record import RecordedEvent, SealedRecord

__all__ = ["SOMETHING", "Entry", "Unwritten", "group_events", "is_told", "list_entries", "list_names", "write_entries"]

SOMETHING = "Something recorded"
"""What a role is told that may not see more."""


@dataclass(frozen=True)
class Entry:
    """One thing that a service recorded: `day` it began, `until` its end ('' while open, None on one day).

    `when`, `what` and `who` are words; `people` are the numbers of the people it is of, from 0, in the record's order.
    `signal` is '' for what a role is only told of: of that the day is the first of the month, and says no more.
    """

    day: date
    until: str | None
    service: str
    source: str
    signal: str
    when: str
    what: str
    people: tuple[int, ...]
    who: str

    @property
    def newest(self) -> date:
        """The last day on which something of it changed."""
        return date.fromisoformat(self.until) if self.until else self.day


class Unwritten(NamedTuple):
    """What becomes one entry, before it is put into words: the events of one service that are alike.

    Not `told`, a role hears of its month alone. `signal` and `until` are the entry's; `newest` is the last day on which
    something of it changed (ISO 8601).
    """

    service: str
    told: bool
    signal: str
    until: str | None
    newest: str
    events: list[RecordedEvent]


def is_told(service: Mapping[str, Any], roles: Collection[str]) -> bool:
    """Whether one of these roles (as the register names it) is shown what a service recorded."""
    return any(role in service.get("details_to", ()) for role in roles)


def list_names(record: SealedRecord, write_name: Callable[[str], str]) -> tuple[str, ...]:
    """Return what each of a record's people is called; two of one name are told apart by their ages."""
    names = [write_name(subject.person) for subject in record.people]
    return tuple(
        f"{name} ({subject.age})" if names.count(name) > 1 and subject.age is not None else name
        for name, subject in zip(names, record.people, strict=True)
    )


def list_entries(
    record: SealedRecord, manifest: Mapping[str, Any], roles: Collection[str], names: Sequence[str]
) -> tuple[Entry, ...] | None:
    """Return what services recorded, newest first, as a role may see it; None where the list kept no timeline.

    `names` are what the record's people are called, in its order. What is of several people alike is one entry.
    """
    if record.timeline is None:
        return None
    return write_entries(group_events(record, manifest, roles), record, manifest, names)


def group_events(record: SealedRecord, manifest: Mapping[str, Any], roles: Collection[str]) -> list[Unwritten]:
    """Return what services recorded as a role may see it, in no words yet; nothing where the list kept no timeline."""
    told = {name: is_told(service, roles) for name, service in manifest.get("services", {}).items()}
    groups: dict[tuple[Any, ...], Unwritten] = {}
    for event in list_events(record.timeline, manifest):
        service, day, until = event.service, event.day, event.until
        if told[service]:
            key: tuple[Any, ...] = (service, day, until, event.signal, event.amount, event.detail)
        else:
            key = (service, day[:7])
        group = groups.get(key)
        if group is not None:
            group.events.append(event)
        elif told[service]:
            groups[key] = Unwritten(service, True, event.signal, until, until or day, [event])
        else:
            groups[key] = Unwritten(service, False, "", None, f"{day[:7]}-01", [event])
    return list(groups.values())


def write_entries(
    groups: Iterable[Unwritten], record: SealedRecord, manifest: Mapping[str, Any], names: Sequence[str]
) -> tuple[Entry, ...]:
    """Return entries in words, newest first; `names` as in `list_entries`."""
    services = manifest.get("services", {})
    numbers = {person: number for number, person in enumerate(record.person_ids)}
    entries = [
        _view_told(group.events, services[group.service], numbers, names)
        if group.told
        else _view_untold(group.events, services[group.service])
        for group in groups
    ]
    return tuple(sorted(entries, key=lambda entry: (-entry.newest.toordinal(), entry.source, entry.what, entry.who)))


def _view_untold(events: Sequence[RecordedEvent], service: Mapping[str, Any]) -> Entry:
    day = date.fromisoformat(events[0].day).replace(day=1)
    return Entry(
        day, None, events[0].service, str(service["title"]), "", f"{day:%B %Y}", SOMETHING.lower(), (), ""
    )  # fmt: skip


def _view_told(
    events: Sequence[RecordedEvent], service: Mapping[str, Any], numbers: Mapping[str, int], names: Sequence[str]
) -> Entry:
    event = events[0]
    people = sorted({numbers[each.person] for each in events if each.person is not None and each.person in numbers})
    return Entry(
        day=date.fromisoformat(event.day),
        until=event.until,
        service=event.service,
        source=str(service["title"]),
        signal=event.signal,
        when=_write_when(event, weekly=event.signal in service.get("weekly", ())),
        what=_write_what(event, service),
        people=tuple(people),
        who=" and ".join(names[number] for number in people),
    )


def _write_when(event: RecordedEvent, *, weekly: bool) -> str:
    day = write_day(event.day)
    if event.until is None:
        return f"Week of {day}" if weekly else day
    return f"{day}, until {write_day(event.until)}" if event.until else f"{day}, open on the list’s date"


def _write_what(event: RecordedEvent, service: Mapping[str, Any]) -> str:
    """Say a thing in the service's own words: "Rent arrears, with the recovery stage reached: £412, second letter"."""
    title = str(service.get("signals", {}).get(event.signal, SOMETHING))
    unit = str(service.get("units", {}).get(event.signal, ""))
    parts = [_write_amount(event.amount, unit)] if event.amount is not None else []
    parts += [event.detail.replace("_", " ")] if event.detail else []
    return f"{title}: {', '.join(parts)}" if parts else title


def _write_amount(amount: str, unit: str) -> str:
    number = Decimal(amount)
    if unit.startswith("GBP"):
        return f"£{number:,.2f}".removesuffix(".00") + unit.removeprefix("GBP")
    return f"{number.normalize():,f} {unit}".rstrip()
