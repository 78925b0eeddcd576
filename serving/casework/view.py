"""What the pages say, made from sealed records: plain values for the templates, with no markup in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import Any

from charter.vault.vault import NamedPerson
from features.grammar.words import value_text
from serving.ranking.elsewhere import SeekingTeam
from serving.ranking.reasons import Reason, Seeing
from serving.ranking.sealed_record import SealedRecord
from serving.ranking.strengths import Usual, sort_strengths
from serving.settings import Settings
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
]

STATUS: Mapping[str, str] = {
    "new": "New",
    "taken_up": "Taken up",
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
    "Too little of this household is seen, or it is unlike any that the model learned from. Its place rests on what is"
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


@dataclass(frozen=True)
class Member:
    """Someone who lives in the household."""

    name: str
    age: str
    safe_contact: str


@dataclass(frozen=True)
class Involvement:
    """A service and what it means for this household now: status and contact, never the content of its case."""

    source: str
    contact: str
    status: str
    data_to: str
    confidential: bool


@dataclass(frozen=True)
class CaseReason:
    """A reason as a case page says it; `confidential` from everybody else in the household."""

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


@dataclass(frozen=True)
class CaseView:
    """All that a case page says."""

    row: Row
    band_title: str
    band_meaning: str
    why: tuple[CaseReason, ...]
    strengths: tuple[CaseReason, ...]
    less: tuple[CaseReason, ...]
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


def write_day(day: date | str) -> str:
    """Return a day as people write it: 28 September 2026; '' for none."""
    if not day:
        return ""
    moment = date.fromisoformat(day[:10]) if isinstance(day, str) else day
    return f"{moment.day} {moment:%B %Y}"


def describe_list(header: IssuedList, local_day: Callable[[str], date]) -> str:
    """Say when a list was made and until when it holds; `local_day` gives the local date of a stored moment."""
    start, end = write_day(local_day(header.issued_at)), write_day(local_day(header.expires_at))
    return f"Made on {start} from what was known on {write_day(header.as_of)}; it holds until {end}"


def view_row(file: CaseFile, settings: Settings) -> Row:
    """Return one line of a worklist."""
    referral, record, manifest = file.referral, file.record, file.manifest
    reasons = record.reasons
    ages = [person.age for person in record.people if person.age is not None]
    dates = [service.data_to for service in reasons.seeing if service.data_to and service.state in ("seen", "partly")]
    involvements = _view_involvements(record, manifest)
    return Row(
        id=referral.id,
        reference=make_reference(referral),
        household=_name_household(file),
        rank=referral.rank,
        youngest=_age_words(min(ages)) if ages else "not known",
        people=record.members,
        need=_need_words(reasons.for_, settings),
        why_now=_why_now([reason for reason in reasons.for_ if not _is_confidential(reason, manifest)]),
        band=_band_words(referral, manifest)[0],
        status=referral.status,
        status_title=STATUS[referral.status],
        workers=tuple(
            service.source for service in involvements if service.status == "Open now" and not service.confidential
        ),
        data_to=write_day(min(dates)) if dates else "",
        unseen=tuple(service.source for service in reasons.seeing if service.state in ("not seen", "late")),
        also=file.seeking.get(referral.entity, ()),
        drawn=referral.arm == "random",
    )


def view_case(
    file: CaseFile, settings: Settings, usual: Usual, decisions: Sequence[Decision], local_day: Callable[[str], date]
) -> CaseView:
    """Return all that a case page says.

    `usual` is what is usual among the households listed with it; `local_day` gives the local date of a stored moment.
    """
    title, meaning = _band_words(file.referral, file.manifest)
    reasons = file.record.reasons
    strengths = sort_strengths(file.record, file.manifest, usual)
    addresses = Counter(person.address for person in file.identified if person.address).most_common(1)
    return CaseView(
        row=view_row(file, settings),
        band_title=title,
        band_meaning=meaning,
        why=_view_reasons(reasons.for_, file.manifest),
        strengths=_view_reasons(strengths.good, file.manifest),
        less=_view_reasons(strengths.less, file.manifest),
        compared=strengths.compared,
        seeing=reasons.seeing,
        members=_view_members(file),
        address=addresses[0][0] if addresses else "",
        involvements=_view_involvements(file.record, file.manifest),
        decisions=tuple(
            DecisionLine(
                decision,
                STATUS[decision.disposition],
                settings.reason(decision.reason),
                write_day(local_day(decision.decided_at)),
            )
            for decision in decisions
        ),
        version=file.referral.version,
    )


def _view_reasons(reasons: Sequence[Reason], manifest: Mapping[str, Any]) -> tuple[CaseReason, ...]:
    return tuple(CaseReason(reason, _is_confidential(reason, manifest)) for reason in reasons)


def _name_household(file: CaseFile) -> str:
    """Return what a household is called: its one or two commonest surnames, misspellings of the first left out."""
    names = [_write_name(person.name) for person in file.identified]
    surnames = Counter(name.split()[-1] for name in names if name)
    distinct: list[str] = []
    for surname, _ in surnames.most_common():
        if len(distinct) < 2 and not get_close_matches(surname, distinct, n=1, cutoff=_ALIKE):
            distinct.append(surname)
    return f"{' and '.join(distinct)} household" if distinct else "Household"


def _write_name(name: str) -> str:
    """Return a name as it is written in a sentence: some services send capitals alone."""
    return name.title() if name.isupper() else name


def _age_words(years: int) -> str:
    return "under 1" if years == 0 else str(years)


def _view_members(file: CaseFile) -> tuple[Member, ...]:
    members = []
    for subject in file.record.people:
        person = file.persons.get(subject.person)
        members.append(
            Member(
                name=_write_name(person.name) if person and person.name else "Name not known",
                age=_age_words(subject.age) if subject.age is not None else "not known",
                safe_contact=person.safe_contact if person else "",
            )
        )
    return tuple(members)


def _band_words(referral: Referral, manifest: Mapping[str, Any]) -> tuple[str, str]:
    if not referral.band:
        return _NOT_ENOUGH
    band = next((band for band in manifest.get("bands", ()) if band["id"] == referral.band), None)
    return (band["title"], band["meaning"]) if band else ("", "")


def _need_words(reasons: Sequence[Reason], settings: Settings) -> str:
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


def _view_involvements(record: SealedRecord, manifest: Mapping[str, Any]) -> tuple[Involvement, ...]:
    involvements = []
    for seeing in record.reasons.seeing:
        service = manifest.get("services", {}).get(seeing.service, {})
        if not service.get("display", False):
            continue
        visible = [
            (feature, value)
            for feature, value in zip(manifest["features"], record.values, strict=True)
            if seeing.service in feature["services"] and value is not None
        ]
        status, until = _status_words(visible, seeing.state), write_day(seeing.data_to)
        confidential = bool(service.get("confidential", False))
        involvements.append(Involvement(seeing.source, seeing.contact, status, until, confidential))
    return tuple(involvements)


def _status_words(features: Sequence[tuple[Mapping[str, Any], float]], state: str) -> str:
    """Say what a service has to do with the household: whether help is open, or anything at all was recorded."""
    if state == "not seen":
        return "Not seen"
    # An award of free meals is open too, but nobody works with the family for it: only a service's own work counts.
    working = [value for feature, value in features if feature["system_response"] and _word(feature) == "open_at"]
    if any(value > 0 for value in working):
        return "Open now"
    texts = {value_text(feature, value) for feature, value in features if _word(feature) != "change"}
    return "Something recorded" if texts - {"0", "£0", "no", "none"} else "Nothing recorded"


def _word(feature: Mapping[str, Any]) -> str:
    return str(feature["expression"]["word"])
