"""The pack of an incident: what the commissioner is told within 72 hours, as far as the service knows it by itself.

Source: UK GDPR, article 33: (1) without undue delay and, where feasible, within 72 hours of having become aware;
(3) what a notification holds; (5) that every breach is documented. Nothing of it names a resident: counts, lists, who
holds a copy on paper. What only people know is a line to be filled in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from charter.contracts.files import new_folder, write_text
from charter.errors import SoonerError, UsageError
from charter.invocation import Invocation
from charter.law import cite_law
from serving.desk import Desk
from serving.trace import Copy, Touched, trace_fault
from serving.verification import verify_logs

__all__ = ["HOURS", "Incident", "write_incident"]

HOURS = 72
_FILL = "…………"


@dataclass(frozen=True)
class Incident:
    """What is known: when somebody became aware, what was at fault, what it touched, and whether the log is whole."""

    aware: datetime
    fault: Mapping[str, str]
    touched: Sequence[Touched]
    people: int
    copies: Sequence[Copy]
    log: str

    @property
    def until(self) -> datetime:
        """The end of the 72 hours."""
        return self.aware + timedelta(hours=HOURS)


def write_incident(
    invocation: Invocation, folder: Path, aware: datetime, fault: Mapping[str, str], role: str = ""
) -> tuple[Path, Incident]:
    """Write `incident.md` into a new folder, and return both. Raises as `trace_fault` does, UsageError for the future.

    Without a fault to follow nothing is traced: a lost paper has touched who stands on it (its number is in the log).
    """
    if aware > datetime.now(UTC):
        raise UsageError("nobody is aware of it yet at that time.", "Give the moment at which somebody knew of it.")
    if folder.exists():
        raise UsageError(f"{folder.name} is there already.", "Name a new folder.")
    given = {name: value for name, value in fault.items() if value}
    touched, copies = trace_fault(invocation, role=role, **given) if given else ([], [])
    try:
        entries = sum(verify_logs(invocation).chains.values())
        log = f"The audit log is whole ({entries} entries)."
    except SoonerError:
        log = "The audit log is NOT whole: keep a copy of everything, and run `sooner verify-log`."
    incident = Incident(aware, given, touched, _count_people(invocation, touched), copies, log)
    with new_folder(folder) as beside:
        beside.chmod(0o700)
        write_text(beside / "incident.md", _write_words(invocation, incident))
    return folder, incident


def _count_people(invocation: Invocation, touched: Sequence[Touched]) -> int:
    desk = Desk.open(invocation, demo=False, chain="incident")
    try:
        return len({person for referral in touched for person in desk.store.members(referral.referral)})
    finally:
        desk.store.close()


def _write_words(invocation: Invocation, incident: Incident) -> str:
    council = invocation.council
    zone = council.time_zone
    lists = Counter(referral.list for referral in incident.touched)
    fault = ", ".join(f"{name} {value}" for name, value in incident.fault.items()) or "nothing that could be traced"
    rows = [f"| {name} | {count} |" for name, count in sorted(lists.items())] or ["| none | 0 |"]
    copies = [f"- {copy.sentence}" for copy in incident.copies] or ["- None was printed."]
    return "\n".join([
        f"# Incident at {council.name}", "",
        f"Aware since {incident.aware.astimezone(zone):%d %B %Y %H:%M}. The 72 hours end on "
        f"**{incident.until.astimezone(zone):%d %B %Y %H:%M}** ({cite_law('breach_told')}).", "",
        "Pseudonyms and counts alone: no resident is named here. Keep it with the record of breaches (article 33(5)).",
        "", "## What happened (33(3)(a))", "", f"Followed: {fault}.", "", f"In words: {_FILL}", "",
        "| list | households |", "|---|--:|", *rows, "",
        f"{len(incident.touched)} households with {incident.people} people are concerned, about. {incident.log}",
        "", "## Who holds a copy", "", *copies, "",
        "## Whom to ask (33(3)(b))", "", f"Data protection officer: {_FILL}. The council: {council.contact}", "",
        "## What may follow (33(3)(c))", "", _FILL, "",
        "## What was done, and will be (33(3)(d))", "",
        "- [ ] Lists stopped (`sooner suspend`), or why not", "- [ ] Copies on paper called back from each holder",
        "- [ ] What was sent called back (`sooner outbox`, Going out)", "- [ ] Services that sent the data told",
        "- [ ] The commissioner told, or why harm to people is unlikely (33(1))",
        "- [ ] People told where much harm may come to them "
        f"({cite_law('breach_told_to_people')}), by whom, in which words", "",
    ])  # fmt: skip
