"""Cases that are open when a programme is closed, for whoever works on with the families: one page for each team.

    FOLDER/PROGRAMME/TEAM.md     who lives there, what was decided and noted, what the family agreed to; for people
    FOLDER/PROGRAMME/cases.json  the same for a case system

Open is what somebody took up, deferred or stepped up, and what of help nobody said how it ended. A household that
objected, or that nobody looked at, is not in it. Neither is what the list said of a household: the reason
to show it has ended. The folder names people, so it lies outside the workspace and is its owner's alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charter.contracts.files import file_digest, new_folder, read_json, write_json, write_text
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.plain_text import clean_line
from charter.signing.closures import Closure
from serving.casework.view import STATUS, make_reference, write_name
from serving.desk import Desk
from serving.identity import Identity
from serving.store.store import Referral

__all__ = ["EXPORTED", "count_open", "export_open_cases", "open_desk", "require_outside"]

EXPORTED = "cases.exported"
"""The act under which the log says who took open cases with them."""

_OPEN = ("taken_up", "deferred", "stepped_up")


@dataclass(frozen=True)
class _OpenCase:
    """One open case as it is handed on: plain values, and who lives there."""

    referral: Referral
    fields: Mapping[str, Any]


@contextmanager
def open_desk(invocation: Invocation) -> Iterator[Desk]:
    """Give a desk of one programme, closed afterwards."""
    desk = Desk.open(invocation, demo=False, chain="close")
    try:
        yield desk
    finally:
        desk.store.close()


def require_outside(invocation: Invocation, folder: Path) -> None:
    """Raise UsageError for a folder inside the workspace or the council's: it will name people."""
    for inside in (invocation.workspace.root, invocation.council.folder):
        if folder.resolve().is_relative_to(inside.resolve()):
            raise UsageError(
                f"open cases name people, so they do not lie in {inside.name}/.", "Name a folder elsewhere in --to."
            )


def count_open(desk: Desk) -> dict[str, int]:
    """Return how many cases of a programme are open, by team."""
    counts: dict[str, int] = {}
    for referral in _find_open(desk):
        counts[referral.team] = counts.get(referral.team, 0) + 1
    return counts


def export_open_cases(desk: Desk, identity: Identity, closure: Closure, folder: Path) -> int:
    """Write the open cases of a programme, and say in the log who took them; return how many there were.

    Done once for a closure: where the log says so already, nothing is written. Where the folder is there and the log
    does not, a kill came between, and what is there is what was written.
    """
    programme, place = desk.programme, folder / desk.programme
    subject = f"{programme}/{closure.asked_at}"
    handovers = [entry for entry in desk.store.done(EXPORTED) if entry.subject == subject]
    if handovers:
        return len(handovers[-1].detail.get("referrals", ()))
    cases = _read_cases(desk, identity, _find_open(desk))
    if not cases:
        return 0
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with new_folder(place) as beside:
        beside.chmod(0o700)
        write_json(beside / "cases.json", {"programme": programme, "cases": [case.fields for case in cases]})
        for team in sorted({case.referral.team for case in cases}):
            team_cases = [case for case in cases if case.referral.team == team]
            write_text(beside / f"{team}.md", _write_page(desk, team, team_cases, closure))
    written = read_json(place / "cases.json")["cases"]
    detail = {
        "referrals": sorted(case["case"] for case in written),
        "bundles": sorted({case.referral.bundle for case in cases}),
        "snapshots": sorted({case.referral.snapshot for case in cases}),
        "holder": closure.holder,
        "files": {path.name: file_digest(path) for path in sorted(place.iterdir())},
    }
    desk.store.log(identity, EXPORTED, subject=subject, purpose="display", detail=detail)
    return len(written)


def _find_open(desk: Desk) -> list[Referral]:
    """Return the newest open case of each household, by team and reference."""
    newest: dict[str, Referral] = {}
    for referral in sorted(desk.store.touched(programme=desk.programme), key=lambda referral: referral.list):
        is_open = referral.status in _OPEN and not referral.removed
        if is_open and desk.store.help_answer(referral.id) is None:
            newest[referral.entity] = referral
    return sorted(newest.values(), key=lambda referral: (referral.team, referral.id))


def _read_cases(desk: Desk, identity: Identity, referrals: Sequence[Referral]) -> list[_OpenCase]:
    records = {referral.id: desk.record(referral) for referral in referrals}
    persons = desk.people(identity, records, "open cases at the end of the programme") if records else {}
    cases = []
    for referral in referrals:
        people = [persons[person] for person in records[referral.id].person_ids if person in persons]
        agreement = desk.store.agreement(referral.id)
        fields = {
            "case": referral.id,
            "reference": make_reference(referral),
            "team": referral.team,
            "status": STATUS[referral.status],
            "people": [
                {"name": write_name(each.name), "born": each.birth_date.isoformat() if each.birth_date else None,
                 "address": each.address, "safe_contact": each.safe_contact}
                for each in people
            ],
            "decisions": [
                {"day": desk.day(each.decided_at).isoformat(), "decision": STATUS[each.disposition],
                 "by": each.actor, "note": each.note, "until": each.until, "reference": each.reference}
                for each in desk.store.decisions(referral.id)
            ],
            "agreed": {"with": agreement.recipient, "until": agreement.until} if agreement else None,
        }  # fmt: skip
        cases.append(_OpenCase(referral, fields))
    return cases


def _write_page(desk: Desk, team: str, cases: Sequence[_OpenCase], closure: Closure) -> str:
    row = desk.team(team)
    lines = [
        f"# Open cases of {row.title if row else team}",
        "",
        f"Handed on because {closure.title} was closed on {closure.confirmed_at[:10]}: {closure.reason}",
        "",
        f"{len(cases)} cases, taken by {closure.holder}. Keep this as you keep case files, and destroy it with them.",
    ]
    for case in cases:
        fields = case.fields
        lines += ["", f"## {fields['reference']}: {fields['status']}", ""]
        for each in fields["people"]:
            parts = (
                each["name"],
                f"born {each['born']}" if each["born"] else "",
                each["address"],
                each["safe_contact"],
            )
            lines.append(f"- {'; '.join(part for part in parts if part)}")
        lines += [] if fields["people"] else ["- Nobody's name is held here: the team knows the case by its reference."]
        lines.append("")
        for each in fields["decisions"]:
            until = f", until {each['until']}" if each["until"] else ""
            lines.append(f"- {each['day']}: {each['decision']}{until}, by {each['by']}. {each['note']}".rstrip())
        if fields["agreed"]:
            agreed = fields["agreed"]
            lines.append(f"- The family agreed to share with {agreed['with']}, until {agreed['until']}.")
    # A name or a note may hold whatever somebody typed: it moves no cursor and makes no heading.
    return "\n".join(clean_line(line) for line in lines) + "\n"
