"""What the pages say, made from sealed records: plain values for the templates, with no markup in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from charter.contracts.entity_words import EntityWords
from charter.council.worklist_settings import WorklistFile
from charter.vault.vault import NamedPerson
from serving.casework.facts import NOT_READ, ServiceFacts, read_facts, says_something
from serving.ranking.elsewhere import SeekingTeam
from serving.ranking.points import GivenPoints, list_points
from serving.ranking.reasons import Reason, Seeing, write_day
from serving.ranking.sealed_record import SealedRecord
from serving.ranking.standing_in import NO_LIKELIHOOD, STANDS_IN_FOR
from serving.ranking.strengths import Usual, find_columns, sort_strengths
from serving.ranking.year_of_looks import RANDOM
from serving.store.store import Decision, IssuedList, Referral

__all__ = [
    "STATUS",
    "CaseFile",
    "CaseReason",
    "CaseView",
    "DecisionLine",
    "Involvement",
    "Member",
    "Row",
    "describe_list",
    "make_reference",
    "view_case",
    "view_row",
    "write_day",
    "write_name",
]

STATUS: Mapping[str, str] = {
    "new": "New",
    "taken_up": "Help offered",
    "deferred": "Deferred",
    "set_aside": "Set aside",
    "stepped_up": "Stepped up",
    "wrong_data": "Wrong data",
    "already_supported": "Already supported",
    "family_said_no": "Family said no",
}
"""What each state of a referral is called; never by colour alone."""

_NOT_ENOUGH = (
    "Not enough is visible to say",
    "Too little is seen here, or the records are unlike any that the model learned from. The place rests on what is"
    " seen; no likelihood is given.",
)
_FIRST = 5
_ALIKE = 0.85


@dataclass(frozen=True)
class CaseFile:
    """What a page is made from: the referral, its sealed record, the manifest of its bundle, and who people are.

    `persons` holds, by pseudonym, whom this reader may see by name; `seeking` the other programmes' teams that would
    have listed the household too, by household.
    """

    referral: Referral
    record: SealedRecord
    manifest: Mapping[str, Any]
    persons: Mapping[str, NamedPerson] = field(default_factory=dict)
    seeking: Mapping[str, tuple[SeekingTeam, ...]] = field(default_factory=dict)

    @property
    def identified(self) -> tuple[NamedPerson, ...]:
        """Those of its people whom this reader may see by name."""
        return tuple(self.persons[person] for person in self.record.person_ids if person in self.persons)

    @cached_property
    def facts(self) -> tuple[ServiceFacts, ...]:
        """What is true of each service, read once for all parts of a page."""
        return read_facts(self.record, self.manifest)


@dataclass(frozen=True)
class Member:
    """Someone who lives in the household."""

    name: str
    age: str
    safe_contact: str
    born: str = ""


@dataclass(frozen=True)
class Involvement:
    """A service and what it means for this household now: status and contact, never the content of its case.

    `confidential`: something is recorded that nobody else in the household may hear of.
    """

    source: str
    contact: str
    status: str
    data_to: str
    confidential: bool


@dataclass(frozen=True)
class CaseReason:
    """A reason as a case page says it; `confidential`: it tells of something that nobody else there may hear of."""

    reason: Reason
    confidential: bool


@dataclass(frozen=True)
class DecisionLine:
    """A decision as a case page says it: what was decided, why and on which day, in words."""

    decision: Decision
    title: str
    because: str
    day: str


@dataclass(frozen=True)
class Row:
    """One line of a worklist."""

    id: str
    reference: str
    household: str
    rank: int
    youngest: str
    people: int
    need: str
    why_now: str
    band: str
    status: str
    status_title: str
    workers: tuple[str, ...]
    data_to: str
    unseen: tuple[str, ...]
    also: tuple[SeekingTeam, ...] = ()
    drawn: bool = False
    band_id: str = ""


@dataclass(frozen=True)
class CaseView:
    """All that a case page says of a case's reasons, people and services.

    `why` tells of something that was recorded; `quiet` raises the likelihood though nothing of it was.
    """

    row: Row
    band_title: str
    band_meaning: str
    why: tuple[CaseReason, ...]
    quiet: tuple[CaseReason, ...]
    strengths: tuple[CaseReason, ...]
    less: tuple[CaseReason, ...]
    points: tuple[GivenPoints, ...]
    compared: int
    seeing: tuple[Seeing, ...]
    members: tuple[Member, ...]
    address: str
    involvements: tuple[Involvement, ...]
    decisions: tuple[DecisionLine, ...]
    version: int

    first = _FIRST


def make_reference(referral: Referral) -> str:
    """Return a short reference that can be said on the telephone: eight letters of the referral's id."""
    return f"{referral.id[:4]}-{referral.id[4:8]}".upper()


def describe_list(header: IssuedList, local_day: Callable[[str], date]) -> str:
    """Say when a list was made and until when it holds; `local_day` gives the local date of a stored moment."""
    start, end = write_day(local_day(header.issued_at)), write_day(local_day(header.expires_at))
    return f"Made on {start} from what was known on {write_day(header.as_of)}; it holds until {end}"


def view_row(file: CaseFile, settings: WorklistFile) -> Row:
    """Return one line of a worklist."""
    referral, record, manifest = file.referral, file.record, file.manifest
    reasons = record.reasons
    ages = [person.age for person in record.people if person.age is not None]
    facts = file.facts
    dates = [service.data_to for service in facts if service.data_to and service.state in ("seen", "partly")]
    # What a need is named by is what was recorded: that nothing was may raise a likelihood, and names nothing.
    speaking = [reason for reason in reasons.for_ if _says_something(reason, record, manifest)]
    return Row(
        id=referral.id,
        reference=make_reference(referral),
        household=_name_household(file),
        rank=referral.rank,
        youngest=_age_words(min(ages)) if ages else "not known",
        people=record.members,
        need=_need_words(speaking, settings),
        why_now=_why_now([reason for reason in speaking if not _is_confidential(reason, manifest)]),
        band=_band_words(referral, manifest)[0],
        status=referral.status,
        status_title=STATUS[referral.status],
        workers=tuple(
            service.source for service in facts if service.open and service.display and not service.confidential
        ),
        data_to=write_day(min(dates)) if dates else "",
        unseen=tuple(service.source for service in facts if service.missed),
        also=file.seeking.get(referral.entity, ()),
        drawn=referral.arm == RANDOM,
        band_id=referral.band,
    )


def view_case(
    file: CaseFile,
    settings: WorklistFile,
    usual: Usual,
    decisions: Sequence[Decision],
    local_day: Callable[[str], date],
) -> CaseView:
    """Return all that a case page says.

    `usual` is what is usual among the households listed with it; `local_day` gives the local date of a stored moment.
    """
    title, meaning = _band_words(file.referral, file.manifest)
    record, facts = file.record, file.facts
    strengths = sort_strengths(record, file.manifest, usual)
    addresses = Counter(person.address for person in file.identified if person.address).most_common(1)
    return CaseView(
        row=view_row(file, settings),
        band_title=title,
        band_meaning=meaning,
        why=_view_reasons([reason for reason in record.reasons.for_ if _speaks(reason, file)], file),
        quiet=_view_reasons([reason for reason in record.reasons.for_ if not _speaks(reason, file)], file),
        strengths=_view_reasons(strengths.good, file),
        less=_view_reasons(strengths.less, file),
        points=list_points(record, file.manifest),
        compared=strengths.compared,
        seeing=tuple(service.sight() for service in facts if service.state != NOT_READ),
        members=_view_members(file),
        address=addresses[0][0] if addresses else "",
        involvements=_view_involvements(facts),
        decisions=tuple(
            DecisionLine(
                decision,
                STATUS[decision.disposition],
                settings.words_of(decision.reason),
                write_day(local_day(decision.decided_at)),
            )
            for decision in decisions
        ),
        version=file.referral.version,
    )


def _view_reasons(reasons: Sequence[Reason], file: CaseFile) -> tuple[CaseReason, ...]:
    return tuple(
        CaseReason(
            reason,
            _is_confidential(reason, file.manifest) and _says_something(reason, file.record, file.manifest),
        )
        for reason in reasons
    )


def _speaks(reason: Reason, file: CaseFile) -> bool:
    """Whether a reason tells of something; who lives there is something too."""
    return not reason.signals or _says_something(reason, file.record, file.manifest)


def _says_something(reason: Reason, record: SealedRecord, manifest: Mapping[str, Any]) -> bool:
    """Whether a reason says that something was recorded; where its feature is not known any more, it does."""
    column = find_columns(record, manifest, [reason])[0]
    value = record.values[column] if column is not None else None
    return column is None or value is None or says_something(manifest["features"][column], value, record.as_of)


def _name_household(file: CaseFile) -> str:
    """Return what a household is called: its one or two commonest surnames, misspellings of the first left out.

    A row that is no household has the name of whom it is about, or is called what the programme calls a row.
    """
    names = [write_name(person.name) for person in file.identified]
    if file.manifest.get("entity") == "person":
        return next(filter(None, names), EntityWords.of(file.manifest).one.capitalize())
    surnames = Counter(name.split()[-1] for name in names if name)
    distinct: list[str] = []
    for surname, _ in surnames.most_common():
        if len(distinct) < 2 and not get_close_matches(surname, distinct, n=1, cutoff=_ALIKE):
            distinct.append(surname)
    return f"{' and '.join(distinct)} household" if distinct else "Household"


def write_name(name: str) -> str:
    """Return a name as it is written in a sentence: some services send capitals alone."""
    return name.title() if name.isupper() else name


def _age_words(years: int) -> str:
    return "under 1" if years == 0 else str(years)


def _view_members(file: CaseFile) -> tuple[Member, ...]:
    unnamed = "Name not shown" if file.referral.arm == RANDOM and not file.persons else "Name not known"
    members = []
    for subject in file.record.people:
        person = file.persons.get(subject.person)
        members.append(
            Member(
                name=write_name(person.name) if person and person.name else unnamed,
                age=_age_words(subject.age) if subject.age is not None else "not known",
                safe_contact=person.safe_contact if person else "",
                born=write_day(person.birth_date) if person and person.birth_date else "",
            )
        )
    return tuple(members)


def _band_words(referral: Referral, manifest: Mapping[str, Any]) -> tuple[str, str]:
    if not referral.band:
        return NO_LIKELIHOOD if STANDS_IN_FOR in manifest else _NOT_ENOUGH
    band = next((band for band in manifest.get("bands", ()) if band["id"] == referral.band), None)
    return (band["title"], band["meaning"]) if band else ("", "")


def _need_words(reasons: Sequence[Reason], settings: WorklistFile) -> str:
    """Return what the strongest reasons speak for: at most two needs."""
    needs: list[str] = []
    for reason in reasons:
        need = settings.need(reason.signals)
        if need and need not in needs:
            needs.append(need)
        if len(needs) == 2:
            break
    return "; ".join(needs) or "No one need stands out"


def _is_confidential(reason: Reason, manifest: Mapping[str, Any]) -> bool:
    """Whether a reason rests on a service whose records nobody else in the household may hear of (register)."""
    services = manifest.get("services", {})
    return any(services.get(signal.split(".")[0], {}).get("confidential", False) for signal in reason.signals)


def _why_now(reasons: Sequence[Reason]) -> str:
    """Return the strongest reason about the family, or else about a service's own action, in its words."""
    about_family = [reason for reason in reasons if not reason.about_service and reason.signals]
    first = next(iter([*about_family, *reasons]), None)
    return first.text if first else "Nothing stands out"


def _view_involvements(facts: Sequence[ServiceFacts]) -> tuple[Involvement, ...]:
    return tuple(
        Involvement(service.source, service.contact, service.status, write_day(service.data_to), service.warned)
        for service in facts
        if service.display
    )
