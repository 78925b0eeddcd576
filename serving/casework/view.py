"""What the pages say, made from sealed records: plain values for the templates, with no markup in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from charter.vault.vault import Identity as Person
from features.grammar.words import value_text
from serving.ranking.elsewhere import Sought
from serving.settings import Settings
from serving.store.store import Decision, IssuedList, Referral

__all__ = ["STATUS", "Case", "Involvement", "Member", "Row", "case", "day_words", "reference", "row"]

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
    also: tuple[Sought, ...] = ()
    drawn: bool = False


@dataclass(frozen=True)
class Case:
    """All that a case page says."""

    row: Row
    band_title: str
    band_meaning: str
    why: tuple[Mapping[str, Any], ...]
    strengths: tuple[Mapping[str, Any], ...]
    seeing: tuple[Mapping[str, Any], ...]
    members: tuple[Member, ...]
    address: str
    involvements: tuple[Involvement, ...]
    decisions: tuple[tuple[Decision, str, str, str], ...]
    version: int

    first = _FIRST


def reference(referral: Referral) -> str:
    """Return a short reference that can be said on the telephone: eight letters of the referral's id."""
    return f"{referral.id[:4]}-{referral.id[4:8]}".upper()


def day_words(day: date | str) -> str:
    """Return a day as people write it: 28 September 2026; '' for none."""
    if not day:
        return ""
    found = date.fromisoformat(day[:10]) if isinstance(day, str) else day
    return f"{found.day} {found:%B %Y}"


def row(
    referral: Referral,
    record: Mapping[str, Any],
    manifest: Mapping[str, Any],
    settings: Settings,
    persons: Mapping[str, Person],
    sought: Mapping[str, tuple[Sought, ...]] = MappingProxyType({}),
) -> Row:
    """Return one line of a worklist; `sought` says by household which other teams would have listed it."""
    why = record["reasons"]["for"]
    ages = [person["age"] for person in record["people"] if person["age"] is not None]
    seeing = record["reasons"]["seeing"]
    dates = [one["data_to"] for one in seeing if one["data_to"] and one["state"] in ("seen", "partly")]
    return Row(
        id=referral.id,
        reference=reference(referral),
        household=_household(record, persons),
        rank=referral.rank,
        youngest=_age(min(ages)) if ages else "not known",
        people=record["members"],
        need=_need(why, settings),
        why_now=_why_now([one for one in why if not _confidential(one["signals"], manifest)]),
        band=_band(referral, manifest)[0],
        status=referral.status,
        status_title=STATUS[referral.status],
        workers=tuple(
            one.source for one in _involvements(record, manifest) if one.status == "Open now" and not one.confidential
        ),
        data_to=day_words(min(dates)) if dates else "",
        unseen=tuple(one["source"] for one in seeing if one["state"] in ("not seen", "late")),
        also=sought.get(referral.entity, ()),
        drawn=referral.arm == "random",
    )


def case(
    referral: Referral,
    record: Mapping[str, Any],
    manifest: Mapping[str, Any],
    settings: Settings,
    persons: Mapping[str, Person],
    decisions: Sequence[Decision],
    local_day: Any,
    sought: Mapping[str, tuple[Sought, ...]] = MappingProxyType({}),
) -> Case:
    """Return all that a case page says; `local_day` gives the local date of a stored moment."""
    title, meaning = _band(referral, manifest)
    reasons = record["reasons"]
    addresses = [persons[p["person"]].address for p in record["people"] if p["person"] in persons]
    common = Counter(address for address in addresses if address).most_common(1)
    return Case(
        row=row(referral, record, manifest, settings, persons, sought),
        band_title=title,
        band_meaning=meaning,
        why=_marked(reasons["for"], manifest),
        strengths=_marked(reasons["against"], manifest),
        seeing=tuple(reasons["seeing"]),
        members=_members(record, persons),
        address=common[0][0] if common else "",
        involvements=_involvements(record, manifest),
        decisions=tuple(
            (one, STATUS[one.disposition], settings.reason(one.reason), day_words(local_day(one.decided_at)))
            for one in decisions
        ),
        version=referral.version,
    )


def list_words(header: IssuedList, local_day: Any) -> str:
    """Say when a list was made and until when it holds."""
    made, until = day_words(local_day(header.issued_at)), day_words(local_day(header.expires_at))
    return f"Made on {made} from what was known on {day_words(header.as_of)}; it holds until {until}"


def _household(record: Mapping[str, Any], persons: Mapping[str, Person]) -> str:
    """Return what a household is called: its one or two commonest surnames, misspellings of the first left out."""
    names = [_name(persons[p["person"]].name) for p in record["people"] if p["person"] in persons]
    surnames = Counter(name.split()[-1] for name in names if name)
    called: list[str] = []
    for surname, _ in surnames.most_common():
        if len(called) < 2 and not get_close_matches(surname, called, n=1, cutoff=_ALIKE):
            called.append(surname)
    return f"{' and '.join(called)} household" if called else "Household"


def _name(name: str) -> str:
    """Return a name as it is written in a sentence: some services send capitals alone."""
    return name.title() if name.isupper() else name


def _age(years: int) -> str:
    return "under 1" if years == 0 else str(years)


def _members(record: Mapping[str, Any], persons: Mapping[str, Person]) -> tuple[Member, ...]:
    found = []
    for one in record["people"]:
        person = persons.get(one["person"])
        found.append(
            Member(
                name=_name(person.name) if person and person.name else "Name not known",
                age=_age(one["age"]) if one["age"] is not None else "not known",
                safe_contact=person.safe_contact if person else "",
            )
        )
    return tuple(found)


def _band(referral: Referral, manifest: Mapping[str, Any]) -> tuple[str, str]:
    if not referral.band:
        return _NOT_ENOUGH
    band = next((one for one in manifest.get("bands", ()) if one["id"] == referral.band), None)
    return (band["title"], band["meaning"]) if band else ("", "")


def _need(why: Sequence[Mapping[str, Any]], settings: Settings) -> str:
    """Return what the strongest reasons speak for: at most two needs."""
    needs: list[str] = []
    for reason in why:
        need = settings.need(tuple(reason["signals"]))
        if need and need not in needs:
            needs.append(need)
        if len(needs) == 2:
            break
    return "; ".join(needs) or "No one need stands out"


def _confidential(signals: Sequence[str], manifest: Mapping[str, Any]) -> bool:
    """Whether a reason rests on a service whose records nobody else in the household may hear of (register)."""
    services = manifest.get("services", {})
    return any(services.get(signal.split(".")[0], {}).get("confidential", False) for signal in signals)


def _marked(reasons: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple({**one, "confidential": _confidential(one["signals"], manifest)} for one in reasons)


def _why_now(why: Sequence[Mapping[str, Any]]) -> str:
    """Return the strongest reason about the family, or else about a service's own action, in its words."""
    about_family = [reason for reason in why if not reason["about_service"] and reason["signals"]]
    first = next(iter([*about_family, *why]), None)
    return str(first["text"]) if first else "Nothing stands out"


def _involvements(record: Mapping[str, Any], manifest: Mapping[str, Any]) -> tuple[Involvement, ...]:
    values = record["values"]
    found = []
    for one in record["reasons"]["seeing"]:
        service = manifest.get("services", {}).get(one["service"], {})
        if not service.get("display", False):
            continue
        mine = [
            (feature, value)
            for feature, value in zip(manifest["features"], values, strict=True)
            if one["service"] in feature["services"] and value is not None
        ]
        status, until = _status(mine, one["state"]), day_words(one["data_to"])
        hidden = bool(service.get("confidential", False))
        found.append(Involvement(one["source"], one["contact"], status, until, hidden))
    return tuple(found)


def _status(features: Sequence[tuple[Mapping[str, Any], float]], state: str) -> str:
    """Say what a service has to do with the household: whether help is open, or anything at all was recorded."""
    if state == "not seen":
        return "Not seen"
    # An award of free meals is open too, but nobody works with the family for it: only a service's own work counts.
    working = [value for feature, value in features if feature["system_response"] and _word(feature) == "open_at"]
    if any(value > 0 for value in working):
        return "Open now"
    said = {value_text(feature, value) for feature, value in features if _word(feature) != "change"}
    return "Something recorded" if said - {"0", "£0", "no", "none"} else "Nothing recorded"


def _word(feature: Mapping[str, Any]) -> str:
    return str(feature["expression"]["word"])
