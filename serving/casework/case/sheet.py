"""A sheet to take along, one side of paper: how I came to call, what may be said to this person, and help.

It names what services recorded of this one person alone. Nothing of anybody else in the home is on it, nothing that is
confidential from the household, no likelihood and no reason: it may be left lying on a table.
"""

from __future__ import annotations

from starlette.responses import Response

from charter.plain_text import is_whole
from charter.vault.vault import NamedPerson
from serving.casework.case.glance import name_people
from serving.casework.timeline_view import list_entries
from serving.casework.view import CaseFile, make_reference
from serving.casework.visit import Visit

__all__ = ["list_sayable", "show_sheet"]

_GROWN = 16
_MOST = 4


def list_sayable(file: CaseFile, number: int, roles: frozenset[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return what may be said to one of a case's people: services that recorded something of them and nobody else."""
    entries = list_entries(file.record, file.manifest, roles, name_people(file)) or ()
    own = [entry for entry in entries if entry.people == (number,)]
    sources: dict[str, str] = {}
    for entry in own:
        sources.setdefault(entry.source, f"{entry.source}: {_soften(entry.what)}, {entry.when}")
    return tuple(sources.values())[:_MOST]


def _soften(what: str) -> str:
    return what.partition(":")[0]


def show_sheet(visit: Visit) -> Response:
    """Show the sheet for one of the case's grown people; the first whose name is known, unless another is asked for."""
    desk, referral = visit.desk, visit.referral
    record = desk.record(referral)
    persons = desk.people(visit.identity, {referral.id: record}, "sheet")
    file = CaseFile(referral, record, desk.manifest(referral.bundle), persons)
    names = name_people(file)
    grown = [
        number for number, person in enumerate(record.people) if person.age is None or person.age >= _GROWN
    ] or list(range(len(record.people)))
    asked = visit.request.query_params.get("person", "")
    named = [each for each in grown if record.people[each].age is not None and record.person_ids[each] in file.persons]
    number = int(asked) - 1 if is_whole(asked) and int(asked) - 1 in grown else next(iter([*named, *grown]), 0)
    person: NamedPerson | None = file.persons.get(record.person_ids[number]) if record.people else None
    desk.store.log(visit.identity, "sheet.made", subject=referral.id, purpose="display")
    weeks = desk.settings.cooling_off.get("family_said_no", 0)
    return visit.render(
        "sheet.html",
        manifest=file.manifest,
        title=f"Sheet to take along: {make_reference(referral)}",
        referral=referral,
        reference=make_reference(referral),
        team=visit.team,
        name=names[number] if names else "",
        number=number + 1,
        people=[(each + 1, names[each]) for each in grown],
        sayable=list_sayable(file, number, desk.roles.ids_of(visit.identity.role)),
        safe_contact=person.safe_contact if person else "",
        basis=desk.settings.list.basis,
        weeks=weeks,
    )
