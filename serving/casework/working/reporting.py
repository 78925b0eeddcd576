"""What is wrong with a record: which one it is, who is asked about it, and what came of it.

    a record is wrong           filed with its service's contact; the answer stands on the case
    records of somebody else    the household leaves every list at once, and the link is reviewed (`sooner link review`)

Being taken for somebody else is our own fault, so nobody waits for an answer to be hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.errors import UsageError
from charter.plain_text import is_whole
from serving.casework.case.glance import name_people
from serving.casework.timeline_view import list_entries
from serving.casework.view import CaseFile, write_day
from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice
from serving.store.follow_ups import OUTCOMES, REPORT, Report

__all__ = [
    "ReportView",
    "answer_doubt",
    "answer_report",
    "file_reports",
    "find_unsaid",
    "list_people",
    "list_records",
    "show_doubts",
    "view_reports",
]

_SOMEBODY_ELSE = "wrong_person"
_ABOUT_A_RECORD = ("wrong_record", "out_of_date")
_WORDS = 1000


@dataclass(frozen=True)
class ReportView:
    """A report as a page says it, with how it can be answered."""

    id: str
    title: str
    contact: str
    words: str
    filed: str
    role: str
    outcome: str
    answered: str
    outcomes: tuple[tuple[str, str], ...]


def list_records(file: CaseFile, roles: frozenset[str]) -> list[tuple[str, str]]:
    """Return the records that can be named as wrong, as (value, words): what this role is shown, then by service."""
    entries = list_entries(file.record, file.manifest, roles, name_people(file)) or ()
    told = [
        (f"{entry.service}|{entry.when}|{entry.what}", f"{entry.when}: {entry.source}, {entry.what}")
        for entry in entries
        if entry.signal
    ]
    services = {seeing.service: seeing.source for seeing in file.record.reasons.seeing}
    hidden = file.manifest.get("services", {})
    return [
        *told,
        *(
            (f"{name}||", f"Something else from {source}")
            for name, source in services.items()
            if hidden.get(name, {}).get("display", True)
        ),
    ]


def list_people(file: CaseFile) -> list[tuple[str, str]]:
    """Return the people of a case, as (number from 1, name)."""
    return [(str(number), name) for number, name in enumerate(name_people(file), start=1)]


def find_unsaid(disposition: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Return what a report lacks, by the id of the form's field."""
    code = fields.get("reason", "").partition(":")[2]
    if disposition != "wrong_data":
        return {}
    if code in _ABOUT_A_RECORD and not fields.get("record"):
        return {"record": "Choose the record that is wrong."}
    if code == _SOMEBODY_ELSE and not is_whole(fields.get("person", "")):
        return {"person": "Choose whose records they are taken for."}
    return {}


def file_reports(visit: Visit) -> str:
    """File what was said to be wrong; return where to go on, '' for the case itself."""
    desk, referral, fields = visit.desk, visit.referral, visit.fields
    code, words = fields.get("reason", "").partition(":")[2], fields.get("wrong", "").strip()[:_WORDS]
    if code == _SOMEBODY_ELSE:
        people = desk.record(referral).person_ids
        number = int(fields.get("person", "0")) - 1
        if not 0 <= number < len(people):
            raise HTTPException(400)
        name = desk.store.report(visit.identity, referral.id, "somebody_else", person=people[number])
        desk.store.remove([people[number]], "somebody_else", actor=visit.identity.user)
        desk.papers.keep(REPORT, "", name, {"words": words}, referral=referral.id)
        return f"/worklists/{visit.team.id}?done=hidden&case={referral.id}"
    service, _, what = fields.get("record", "").partition("|")
    name = desk.store.report(visit.identity, referral.id, "wrong_record", service=service[:64])
    what = what.strip("|").replace("|", ": ")
    desk.papers.keep(REPORT, "", name, {"words": ". ".join(part for part in (what, words) if part)},
                     referral=referral.id)  # fmt: skip
    return ""


def view_reports(visit: Visit, filed: list[Report], manifest: Mapping[str, Any]) -> list[ReportView]:
    """Return reports as a page says them."""
    desk, services = visit.desk, manifest.get("services", {})
    views = []
    for report in filed:
        paper = desk.papers.read(REPORT, "", report.id)
        service = services.get(report.service, {})
        views.append(
            ReportView(
                id=report.id,
                title=str(service.get("title", "")) or "Who lives there",
                contact=str(service.get("contact", "")),
                words=paper.fields.get("words", "") if paper else "",
                filed=write_day(desk.day(report.at)),
                role=desk.roles.title(report.role),
                outcome=report.outcome_title,
                answered=write_day(desk.day(report.answered_at)) if report.answered_at else "",
                outcomes=tuple(OUTCOMES[report.kind].items()),
            )
        )
    return views


def answer_report(visit: Visit) -> Response:
    """Keep what the service answered."""
    filed = visit.desk.store.reports(referral=visit.referral.id, kind="wrong_record", id=visit.fields.get("report", ""))
    if not filed:
        raise UsageError("There is no such report.", "Open the page again.")
    visit.desk.store.answer_report(visit.identity, filed[0], visit.fields.get("outcome", ""))
    return visit.go_to(f"/cases/{visit.referral.id}?done=reported#reports")


def show_doubts(visit: Visit) -> Response:
    """Show which people a worker took for two, for whoever reviews links: pseudonyms, and no name."""
    filed = visit.desk.store.reports(kind="somebody_else")
    lines = [
        {
            "view": view,
            "person": report.person,
            "reference": _write_reference(report.referral),
            "open": not report.outcome,
        }
        for report, view in zip(filed, view_reports(visit, filed, {}), strict=True)
    ]
    visit.desk.store.log(visit.identity, "doubts.viewed", purpose="link")
    return visit.render("doubts.html", lines=lines, notice=find_notice(visit))


def _write_reference(referral: str) -> str:
    return f"{referral[:4]}-{referral[4:8]}".upper()


def answer_doubt(visit: Visit) -> Response:
    """Keep what a review of the link found."""
    filed = visit.desk.store.reports(kind="somebody_else", id=visit.fields.get("report", ""))
    if not filed:
        raise UsageError("There is no such report.", "Open the page again.")
    visit.desk.store.answer_report(visit.identity, filed[0], visit.fields.get("outcome", ""))
    return visit.go_to("/link-doubts?done=reported")
