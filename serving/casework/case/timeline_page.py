"""The timeline as the case page has it: the strip, the filters by service and person, the newest things first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from serving.casework.case.glance import name_people
from serving.casework.case.strip import Strip, draw_strip
from serving.casework.timeline_view import Entry, list_entries
from serving.casework.view import CaseFile

__all__ = ["TimelinePage", "view_timeline"]

_FIRST = 12


@dataclass(frozen=True)
class TimelinePage:
    """What the page shows: `all` entries, those that fit the filters (`first`, then `rest`), and what can be chosen.

    `services` and `people` are (id, words); `service` and `person` what is chosen; `untold`: something is shown of
    which this role is not told what it is.
    """

    months: int
    all: tuple[Entry, ...]
    first: tuple[Entry, ...]
    rest: tuple[Entry, ...]
    services: tuple[tuple[str, str], ...]
    people: tuple[tuple[str, str], ...]
    service: str
    person: str
    untold: bool
    strip: Strip


def view_timeline(
    file: CaseFile, roles: Collection[str], chosen: Mapping[str, str] | None = None
) -> TimelinePage | None:
    """Return the timeline as somebody in a role may see it; None where the list kept none.

    `roles` are the role's ids in the register, `chosen` what the filters were set to: `service`, and `person` as the
    number of one of the record's people from 1.
    """
    timeline, names = file.record.timeline, name_people(file)
    entries = list_entries(file.record, file.manifest, roles, names)
    if timeline is None or entries is None:
        return None
    service, person = (chosen or {}).get("service", ""), (chosen or {}).get("person", "")
    shown = [
        entry
        for entry in entries
        if service in ("", entry.service) and (not person or person in [str(number + 1) for number in entry.people])
    ]
    present = sorted({number for entry in entries for number in entry.people})
    return TimelinePage(
        months=timeline.months,
        all=entries,
        first=tuple(shown[:_FIRST]),
        rest=tuple(shown[_FIRST:]),
        services=tuple(sorted({(entry.service, entry.source) for entry in entries}, key=lambda pair: pair[1])),
        people=tuple((str(number + 1), names[number]) for number in present),
        service=service,
        person=person,
        untold=any(not entry.signal for entry in entries),
        strip=draw_strip(entries, names, file.record.as_of, timeline.months),
    )
