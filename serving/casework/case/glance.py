"""The first screen of a case: who, why now, what could not be seen, who works with them, how contact is safe.

Why now is the newest change that speaks for a need, not the largest reason: a worker asks what happened, and the page
says what did. Where no timeline tells it, the strongest reason stands in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from charter.vault.vault import NamedPerson
from serving.casework.facts import ServiceFacts
from serving.casework.timeline_view import Entry, group_events, list_names, write_entries
from serving.casework.view import CaseFile, write_name

__all__ = ["Colleague", "Glance", "find_newest_change", "name_people", "view_glance"]


@dataclass(frozen=True)
class Colleague:
    """A service that works with the household now, and how to reach it."""

    title: str
    contact: str
    phone: str


@dataclass(frozen=True)
class Glance:
    """What the first screen says; `change` is None where no timeline tells of one.

    `ago` says how long before the list it was, '' for what this role is only told of; `unseen` names services that
    the list does without, `partly` those of which it saw a part; `sources` is how many the list reads.
    """

    change: Entry | None
    ago: str
    unseen: tuple[str, ...]
    partly: tuple[str, ...]
    sources: int
    colleagues: tuple[Colleague, ...]


def name_people(file: CaseFile) -> tuple[str, ...]:
    """Return what the people of a case are called on its page, in the record's order."""
    positions = {person: number for number, person in enumerate(file.record.person_ids, start=1)}

    def write(person: str) -> str:
        named: NamedPerson | None = file.persons.get(person)
        return write_name(named.name) if named and named.name else f"Person {positions[person]}"

    return list_names(file.record, write)


def view_glance(file: CaseFile, roles: Collection[str]) -> Glance:
    """Return what the first screen says to somebody in a role; `roles` are its ids in the register."""
    facts = file.facts
    change = find_newest_change(file, roles)
    return Glance(
        change=change,
        ago=_write_ago(change.newest, file.record.as_of) if change and change.signal else "",
        unseen=tuple(service.source for service in facts if service.missed),
        partly=tuple(service.source for service in facts if service.state == "partly" and not service.missed),
        sources=len(file.record.reasons.seeing),
        colleagues=_list_colleagues(facts, file.manifest),
    )


def find_newest_change(file: CaseFile, roles: Collection[str]) -> Entry | None:
    """Return the newest entry that a reason for a need counts, else the newest of all; None where there is none.

    What a role is only told of counts by its service. A list shows one entry of each case, of often a hundred: those of
    the newest day alone are put into words.
    """
    signals = {signal for reason in file.record.reasons.for_ for signal in reason.signals}
    services = {signal.split(".")[0] for signal in signals}
    groups = group_events(file.record, file.manifest, roles)
    speaking = [
        group
        for group in groups
        if (group.signal in signals or (not group.signal and group.service in services)) and not group.until
    ]
    chosen = speaking or groups
    newest = max((group.newest for group in chosen), default="")
    alike = [group for group in chosen if group.newest == newest]
    return next(iter(write_entries(alike, file.record, file.manifest, name_people(file))), None)


def _list_colleagues(facts: Sequence[ServiceFacts], manifest: Mapping[str, Any]) -> tuple[Colleague, ...]:
    services = manifest.get("services", {})
    return tuple(
        Colleague(service.source, service.contact, str(services.get(service.service, {}).get("phone", "")))
        for service in facts
        if service.open and service.display and not service.confidential
    )


def _write_ago(day: date, as_of: date) -> str:
    days = (as_of - day).days
    if days < 14:
        return "the day before this list" if days <= 1 else f"{days} days before this list"
    return f"{days // 7} weeks before this list" if days < 120 else f"{days // 30} months before this list"
