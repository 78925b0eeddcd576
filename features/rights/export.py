"""`export`: all that is held of one resident, as a draft that an officer releases, as a page and as JSON.

    draft      gathered by the desk and sealed in the vault: nobody has read it yet
    hand over  the data protection officer, who has checked who asks, how it may safely reach them, third parties and
               serious harm, takes it out

It holds every version of what each service said of this person, why that was used, who looked, and which lists the
household was on; of a household's values only what this person's own records put into them, nothing of anybody else.
A page that others of the home read first can do harm, so none is made while safe contact is unknown: what no service
recorded has to be asked. Where a parent or carer asks, services that are confidential from the household are left out,
and so is everything once the young person's own voice counts there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from jinja2 import Environment, PackageLoader

from charter.contracts.files import content_id, write_text
from charter.council.register import Register, Source
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from charter.vault.key import Key
from charter.vault.rights_ledger import BY, Request, append_request
from charter.vault.vault import Log, Vault
from features.build import Snapshot, make_question
from features.engines.reference import Reference, find_age
from features.engines.rows import Tables
from features.grammar.words import describe_value
from features.linking.corrections import read_corrections
from features.permission import ALL
from features.rights.asking import find_references
from features.rights.held import Person, find_person, identify_person, list_requests

__all__ = ["CHECKS", "PAPER", "draft_export", "find_subject", "hand_over_export"]

PAPER = "export"
"""The kind of paper a draft is in the vault."""

CHECKS = ("identity", "safe_contact", "third_parties", "serious_harm")
"""What an officer has checked before anything leaves: that it is they, that they themselves said how it may safely
reach them, that nobody else is told of, nobody harmed."""

_HOW = {"safe_contact": "Ask them themselves, and not by a letter to their home, how it may safely reach them"}

_FILES = ("your-data.json", "your-data.html")


def draft_export(
    invocation: Invocation,
    *,
    through: str,
    reference: str,
    elsewhere: Mapping[str, Sequence[Mapping[str, Any]]],
    by: str,
    role: str,
    reason: str,
    log: Log,
    now: datetime | None = None,
) -> Request:
    """Gather everything held of a person into a sealed draft and return its request, whose id names the draft.

    `elsewhere` is what serving holds (lists, seen_by). Raises as `whose` and the vault do. The writer lock is the
    caller's.
    """
    key = Key.load(invocation.council, invocation.workspace)
    person = find_person(invocation, key, through, reference)
    register = invocation.register
    moment = now or datetime.now(UTC)
    sources = _services_shown(invocation, person, register, by, moment)
    refs = find_references(invocation.workspace, person.ref, ALL)
    vault = Vault.open(invocation.workspace.vault, key)
    document = {
        "about": {
            "council": invocation.council.name,
            "contact": invocation.council.contact,
            "made_at": moment.isoformat(timespec="seconds"),
            "snapshot": person.snapshot.name,
            "asked_by": by,
        },
        "identity": identify_person(invocation, key, person, role=role, reason=reason, log=log),
        "services": [_export_service(person, source) for source in sources],
        **_export_tables(person, sources, by),
        "requests": _of_services(list_requests(invocation, person), sources),
        "corrections": [
            {"filed_at": correction.filed_at, "right": dict(correction.right)}
            for correction in read_corrections(vault)
            if by == BY[0] and set(correction.refs) & set(refs)
        ],
        "lists": [_export_list(invocation, person, sources, entry) for entry in elsewhere.get("lists", ())],
        "matrices": _list_matrices(invocation, person),
        "seen_by": list(elsewhere.get("seen_by", ())),
        "help": [{"title": way.title, "how": way.how} for way in invocation.public.help_ways],
    }
    request = Request("export", moment.isoformat(), through, person.ref, refs, ALL, ALL, by)
    paper = {"refs": list(refs), "person": person.person_id, "document": document}
    vault.file_paper(PAPER, request.id, json.dumps(paper, default=str).encode())
    append_request(invocation.workspace, request)
    return request


def _services_shown(
    invocation: Invocation, person: Person, register: Register, by: str, now: datetime
) -> tuple[Source, ...]:
    """Return the services whose records whoever asks may see."""
    if by == BY[0]:
        return register.sources
    (row,) = person.rows("select birth_date from people where person_id = ?") or [{"birth_date": None}]
    age = find_age(row["birth_date"], now.astimezone(invocation.council.time_zone).date())
    return tuple(
        source
        for source in register.sources
        if not source.confidential_from_household and age is not None and age < source.own_voice_age
    )


def _export_service(person: Person, source: Source) -> dict[str, Any]:
    """Return what a service said, in all its versions, and why that may be used."""
    titles = {signal.name: signal.title for signal in source.signals}
    events = person.rows(
        "select event_id, signal, valid_at, end_at, known_at, known_until, amount, detail from events "
        f"where person_id = $1 and starts_with(signal, '{source.service}.') order by valid_at, known_at"
    )
    return {
        "service": source.service,
        "title": source.title,
        "contact": source.contact,
        "basis": source.basis,
        "conditions": list(source.conditions),
        "gateway": source.gateway,
        "purposes": sorted(source.purposes),
        "kept_years": source.retention_years,
        "events": [{"what": titles.get(event["signal"], event["signal"]), **event} for event in events],
    }


def _of_services(rows: Sequence[dict[str, Any]], shown: Collection[Source]) -> list[dict[str, Any]]:
    services = {ALL, *(source.service for source in shown)}
    return [row for row in rows if row["service"] in services]


def _export_tables(person: Person, shown: Collection[Source], by: str) -> dict[str, list[dict[str, Any]]]:
    """Return the person's own rows of the other tables, of the services that may be shown."""
    services = ", ".join(f"'{name}'" for name in (ALL, *(source.service for source in shown)))
    mine, theirs = "person_id = ?", f"service in ({services})"
    rows = {
        "links": f"select service, method, weight, evidence, used from links where {mine} and {theirs} order by all",
        "homes": f'select household_id, start, "end", known_at, known_until from residence where {mine} order by all',
        "choices": f'select service, purpose, kind, status, start, "end", decided_by, known_at from permission '
        f"where {mine} and {theirs} order by all",
        "coverage": f'select service, start, "end", known_at from coverage where {mine} and {theirs} order by all',
        "characteristics": f"select characteristic, value, known_at from protected where {mine} order by all",
    }
    tables = {name: person.rows(query) for name, query in rows.items()}
    # Which service said a characteristic is not kept with it, so it is for the person themself alone.
    return tables if by == BY[0] else tables | {"characteristics": []}


def _export_list(
    invocation: Invocation, person: Person, shown: Collection[Source], listed: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a list the household was on, with what this person's own records put into each value."""
    if listed["programme"] != invocation.programme:
        return {**listed, "own_part": []}
    day = date.fromisoformat(str(listed["as_of"]))
    question, _ = make_question(invocation, Snapshot.open(person.snapshot), "rank", [day])
    alone = Reference(question, Tables.read(person.snapshot / "tables", [person.person_id]))
    services = {source.service for source in shown}
    part = []
    for feature in question.definition.features:
        needed = {signal.split(".")[0] for signal in feature.expression.signals_named}
        value = alone.value(feature.expression, str(listed["entity"]), day) if needed and needed <= services else None
        if value:
            document = feature.document(question.permission.units)
            part.append({"feature": feature.name, "value": value, "text": describe_value(document, value, day)})
    return {**listed, "own_part": part}


def _list_matrices(invocation: Invocation, person: Person) -> list[dict[str, str]]:
    """Return the tables for training and ranking that hold the person, by programme, id and as-of date."""
    wanted = np.array([person.person_id], dtype="S32")
    matrices = []
    for path in sorted((invocation.workspace.root / "matrix").glob("*/*/as_of=*/person.npy")):
        if np.isin(np.load(path, mmap_mode="r", allow_pickle=False), wanted).any():
            day, matrix = path.parent.name.removeprefix("as_of="), path.parents[1]
            matrices.append({"programme": matrix.parent.name, "matrix": matrix.name, "as_of": day})
    return matrices


def find_subject(invocation: Invocation, export: str) -> str:
    """Return whom a draft is about, as a pseudonym; '' for one that does not say it.

    Raises DataError for an unknown draft.
    """
    return str(_read_draft(invocation, export).get("person", ""))


def _read_draft(invocation: Invocation, export: str) -> dict[str, Any]:
    vault = Vault.open(invocation.workspace.vault, Key.load(invocation.council, invocation.workspace))
    paper = vault.papers(PAPER).get(export)
    if paper is None:
        raise DataError(f"there is no draft {export}.", "Make one: `sooner resident export`.")
    draft: dict[str, Any] = json.loads(paper)
    return draft


def hand_over_export(
    invocation: Invocation,
    export: str,
    *,
    to: Path | None,
    checked: Collection[str],
    leave_out: Collection[str] = (),
    keep_page: Callable[[str], None] | None = None,
) -> Mapping[str, Any]:
    """Write a released draft to the folder `to` and drop it; return its digest, what was left out and the files.

    `keep_page` is given the same page, to be opened with a code; `to` is None where that is all.

    `safe_contact_recorded` says whether a service recorded how they are reached safely, never how. Raises CharterError
    unless every one of CHECKS was made, UsageError for a folder in the workspace or a service that
    the draft does not hold, DataError for an unknown draft. The writer lock is the caller's.
    """
    missing = [check for check in CHECKS if check not in checked]
    if missing:
        raise CharterError(
            f"the draft can't be released: {missing[0].replace('_', ' ')} was not checked.",
            f"{_HOW.get(missing[0], 'Check it')}, then add --{missing[0].replace('_', '-')}-checked.",
        )
    if to is not None and to.resolve().is_relative_to(invocation.workspace.root.resolve()):
        raise UsageError("the folder is inside the workspace, which holds no names.", "Name one elsewhere with --to.")
    vault = Vault.open(invocation.workspace.vault, Key.load(invocation.council, invocation.workspace))
    document = _leave_out_services(_read_draft(invocation, export)["document"], leave_out)
    as_json = json.dumps(document, indent=1, ensure_ascii=False)
    pages = Environment(loader=PackageLoader("features.rights"), autoescape=True)
    pages.filters["said"] = partial(_say_value, zone=invocation.council.time_zone)
    page = pages.get_template("export.html").render(**document)
    if to is not None:
        for name, text in zip(_FILES, (as_json, page), strict=True):
            write_text(to / name, text)
    if keep_page is not None:
        keep_page(page)
    vault.drop_papers(PAPER, [export])
    return {
        "export": export,
        "digest": content_id(document),
        "left_out": sorted(leave_out),
        "files": list(_FILES) if to is not None else [],
        "safe_contact_recorded": bool((document.get("identity") or {}).get("safe_contact")),
    }


def _say_value(value: Any, zone: ZoneInfo) -> str:
    """Return a value for the page: a time (UTC in the document) as the council's clock says it, a number plainly."""
    if value is None:
        return ""
    text = str(value)
    if re.match(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:", text):
        moment = datetime.fromisoformat(text)
        local = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)
        return f"{local:%d %B %Y}" if (local.hour, local.minute) == (0, 0) else f"{local:%d %B %Y, %H:%M}"
    return re.sub(r"\.0000$|(?<=\.\d\d)00$", "", text) if re.fullmatch(r"-?\d+\.\d{4}", text) else text


def _leave_out_services(document: dict[str, Any], services: Collection[str]) -> dict[str, Any]:
    """Return the document without some services: where an officer finds that it would harm or tell of others."""
    names = {service["service"] for service in document["services"]}
    unknown = sorted(set(services) - names)
    if unknown:
        raise UsageError(f"the draft holds nothing of {unknown[0]!r}.", f"It holds: {', '.join(sorted(names))}.")
    rest = dict(document)
    for name in ("services", "links", "choices", "coverage"):
        rest[name] = [row for row in document[name] if row["service"] not in services]
    if services:
        # A part of a household's value may rest on what is left out.
        rest["lists"] = [{**entry, "own_part": []} for entry in document["lists"]]
    return rest
