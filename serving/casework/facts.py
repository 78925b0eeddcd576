"""What is true of each service and a household, once, from the sealed record: all that pages and API say of it.

    values, who was seen, the sealed sight of each service  ┐
    the timeline's events, where the register shows them    ┴->  one `ServiceFacts` per service

A sentence, a table, a timeline and a worklist's row that take a service from here can't contradict each other. What was
recorded is known from two sides: a value that is not nothing, and an event of the timeline (a value may ask for less
than what was recorded, and a timeline goes less far back). Either is enough for "something"; only both make "nothing".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from features.grammar.words import describe_value
from serving.ranking.reasons import Seeing, write_day
from serving.ranking.sealed_record import RecordedEvent, SealedRecord, Timeline

__all__ = ["NOT_READ", "ServiceFacts", "list_events", "list_sights", "read_facts", "says_something"]

NOT_READ = "not read"
"""The state of a service of which the timeline tells and no feature reads anything."""

_NOTHING = frozenset({"0", "£0", "no", "none"})


@dataclass(frozen=True)
class ServiceFacts:
    """A service and this household, as of the list's date.

    `state` is seen, partly, not seen, late or NOT_READ. Of the household's `people` anything of it was seen for `seen`,
    over all the time that is asked about for `least`. `recorded` is whether anything stands recorded, None where that
    was not seen; `open` whether the service works with them now. `events` are those that the timeline may show,
    `untold` says that something is recorded of which it shows none. `counts`: whether any of it counts in the
    likelihood.
    """

    service: str
    source: str
    contact: str
    data_to: str
    state: str
    words: str
    people: int
    seen: int
    least: int
    recorded: bool | None
    open: bool
    display: bool
    confidential: bool
    counts: bool
    untold: bool
    events: tuple[RecordedEvent, ...]

    @property
    def status(self) -> str:
        """What the service has to do with the household, in words: never the content of its case."""
        if self.recorded is None:
            return "Not seen"
        if self.open:
            return "Open now"
        if self.recorded:
            return "Something recorded, and not on the timeline below" if self.untold else "Something recorded"
        words = "Nothing recorded of what this list reads"
        if self.seen < self.people:
            words = f"Nothing recorded of the {self.seen} of {self.people} people who were seen"
        elif self.state == "partly" or self.least < self.people:
            words = "Nothing recorded in what was seen"
        return f"{words}, up to {write_day(date.fromisoformat(self.data_to))}" if self.state == "late" else words

    @property
    def warned(self) -> bool:
        """Whether there is something that nobody else in the household may hear of."""
        return self.confidential and self.recorded is True

    @property
    def missed(self) -> bool:
        """Whether the list says what it does without this service's newest records, or without any of them."""
        return self.state == "late" or (not self.counts and self.state != NOT_READ)

    def sight(self) -> Seeing:
        """Return what the service let us see, as the seeing table and the API have it."""
        return Seeing(self.service, self.source, self.contact, self.state, self.words, self.data_to)


def says_something(feature: Mapping[str, Any], value: float, as_of: date) -> bool:
    """Whether a value says that something was recorded; a change of nothing says neither."""
    if feature["expression"]["word"] == "change":
        return value != 0
    return describe_value(feature, value, as_of) not in _NOTHING


def read_facts(record: SealedRecord, manifest: Mapping[str, Any]) -> tuple[ServiceFacts, ...]:
    """Return what is true of each service, those that the list reads first; `manifest` is the record's bundle's."""
    events = _group_events(record, manifest)
    read = [_read_service(seeing, record, manifest, events) for seeing in record.reasons.seeing]
    names = {service.service for service in read}
    return (*read, *(_read_events(name, record, manifest, events[name]) for name in events if name not in names))


def list_events(timeline: Timeline | None, manifest: Mapping[str, Any]) -> tuple[RecordedEvent, ...]:
    """Return a timeline's events that may be shown: of no service that is hidden, or confidential from the household.

    Which services those are is the register's to say (`manifest` has it).
    """
    shown = _ask_of(manifest).shown
    return tuple(event for event in timeline.entries if event.service in shown) if timeline else ()


def list_sights(record: SealedRecord, manifest: Mapping[str, Any]) -> tuple[Seeing, ...]:
    """Return what each service that the list reads let us see, as the seeing table and the API have it."""
    return tuple(service.sight() for service in read_facts(record, manifest) if service.state != NOT_READ)


def _group_events(record: SealedRecord, manifest: Mapping[str, Any]) -> dict[str, tuple[RecordedEvent, ...]]:
    groups: dict[str, list[RecordedEvent]] = {}
    for event in list_events(record.timeline, manifest):
        groups.setdefault(event.service, []).append(event)
    return {service: tuple(events) for service, events in groups.items()}


@dataclass(frozen=True)
class _Asked:
    """What a bundle asks of each service, by its name: columns of features, of what nobody else answers, of `seen`.

    `shown` are the services whose events may be shown, `work` the signals of features that count a service's own work.
    """

    shown: frozenset[str]
    work: frozenset[str]
    features: Mapping[str, Sequence[int]]
    alone: Mapping[str, Sequence[int]]
    seen: Mapping[str, Sequence[int]]


_ASKED: deque[tuple[Mapping[str, Any], _Asked]] = deque(maxlen=8)
"""Of the manifests that were read last: a bundle's never changes, and a list asks the same of it for each household."""


def _ask_of(manifest: Mapping[str, Any]) -> _Asked:
    for known, asked in list(_ASKED):
        if known is manifest:
            return asked
    asked = _read_asked(manifest)
    _ASKED.append((manifest, asked))
    return asked


def _read_asked(manifest: Mapping[str, Any]) -> _Asked:
    features, services = manifest.get("features", ()), manifest.get("services", {})
    needed = {column for feature in features for column in feature["seen"]}
    of_service: dict[str, list[int]] = {}
    alone: dict[str, list[int]] = {}
    seen: dict[str, list[int]] = {}
    for number, feature in enumerate(features):
        for name in set(feature["services"]):
            of_service.setdefault(name, []).append(number)
        if len(feature["services"]) == 1:
            alone.setdefault(feature["services"][0], []).append(number)
    for number, column in enumerate(manifest.get("seen", ())):
        if column in needed:
            seen.setdefault(column.split(":")[0], []).append(number)
    return _Asked(
        shown=frozenset(
            name for name, service in services.items() if service.get("display") and not service.get("confidential")
        ),
        work=frozenset(signal for feature in features if _is_work(feature) for signal in feature["signals"]),
        features=of_service,
        alone=alone,
        seen=seen,
    )


def _read_service(
    sealed: Seeing,
    record: SealedRecord,
    manifest: Mapping[str, Any],
    events_by_service: Mapping[str, tuple[RecordedEvent, ...]],
) -> ServiceFacts:
    service = manifest.get("services", {}).get(sealed.service, {})
    events = events_by_service.get(sealed.service, ())
    values = list(_seen_values(sealed.service, record, manifest))
    counts = _count_seen(sealed.service, record, manifest)
    display, confidential = bool(service.get("display", False)), bool(service.get("confidential", False))
    recorded = bool(events) or any(says_something(feature, value, record.as_of) for feature, value in values)
    unseen = sealed.state == "not seen"
    return ServiceFacts(
        service=sealed.service,
        source=sealed.source,
        contact=sealed.contact,
        data_to=sealed.data_to,
        # Whoever was seen for less than every window counts nowhere, yet what was recorded of them is no secret.
        state="partly" if unseen and events else sealed.state,
        words=_write_sight(sealed, counts, record.members, bool(events)),
        people=record.members,
        seen=max(counts, default=record.members),
        least=min(counts, default=record.members),
        recorded=None if unseen and not events else recorded,
        open=_is_open(sealed.service, values, events, manifest),
        display=display,
        confidential=confidential,
        counts=not unseen,
        untold=recorded and not events and record.timeline is not None and not confidential,
        events=events,
    )


def _read_events(
    name: str, record: SealedRecord, manifest: Mapping[str, Any], events: tuple[RecordedEvent, ...]
) -> ServiceFacts:
    """Return the facts of a service that only the timeline tells of."""
    service = manifest["services"][name]
    return ServiceFacts(
        service=name,
        source=service.get("title", name.replace("_", " ")),
        contact=service.get("contact", ""),
        data_to="",
        state=NOT_READ,
        words="Not read by this list",
        people=record.members,
        seen=record.members,
        least=record.members,
        recorded=True,
        open=_is_open(name, (), events, manifest),
        display=True,
        confidential=False,
        counts=False,
        untold=False,
        events=events,
    )


def _seen_values(
    name: str, record: SealedRecord, manifest: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], float]]:
    """Give the seen values of what is asked of one service alone; of what several answer, where nothing else is.

    Rent and council tax counted together are not nothing where only one of them is: that says nothing of the other.
    """
    features = manifest.get("features", ())
    if len(features) != len(record.values):
        return
    asked = _ask_of(manifest)
    for number in asked.alone.get(name) or asked.features.get(name, ()):
        value = record.values[number]
        if value is not None:
            yield features[number], value


def _count_seen(name: str, record: SealedRecord, manifest: Mapping[str, Any]) -> list[int]:
    """Return for how many people each column of a service that a feature needs was seen."""
    if len(manifest.get("seen", ())) != len(record.seen):
        return []
    return [record.seen[number] for number in _ask_of(manifest).seen.get(name, ())]


def _is_open(
    name: str,
    values: Sequence[tuple[Mapping[str, Any], float]],
    events: Sequence[RecordedEvent],
    manifest: Mapping[str, Any],
) -> bool:
    """Whether the service works with the household now.

    An award of free meals is open too, but nobody works with the family for it: only a service's own work counts.
    """
    if any(value > 0 and _is_work(feature) for feature, value in values):
        return True
    signals = _ask_of(manifest).work.union(manifest.get("services", {}).get(name, {}).get("work", ()))
    return any(event.until == "" and event.signal in signals for event in events)


def _write_sight(sealed: Seeing, counts: Sequence[int], people: int, told: bool) -> str:
    if sealed.state == "not seen":
        return "Seen too little to count: nothing of it speaks for or against" if told else sealed.words
    if sealed.state == "seen" or not counts or not max(counts):
        return sealed.words
    numbers = _write_numbers(max(counts), min(counts), people)
    if sealed.state == "late":
        return f"{numbers}. {sealed.words}" if numbers else sealed.words
    return numbers or "Seen in part"


def _write_numbers(seen: int, least: int, people: int) -> str:
    """Say for how many people anything was seen, and for how many all that is asked; '' for everybody."""
    if least == people:
        return ""
    words = f"Seen for all {people} people" if seen == people else f"Seen for {seen} of {people} people"
    if seen == least:
        return words
    return f"{words}, for {least or 'none'} of them over all the time that is asked about"


def _is_work(feature: Mapping[str, Any]) -> bool:
    return bool(feature["system_response"]) and feature["expression"]["word"] == "open_at"
