"""The public record of an end: that a programme was closed, when, why, by which roles, and what became of the data.

published/PROGRAMME/closed.md, closed.json    what `sooner publish site` reads for the programme's page too
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charter.contracts.files import write_json, write_text
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation
from charter.rules.gate_sentences import say_day
from charter.signing.closures import Closure, find_day

__all__ = ["write_notice"]


def write_notice(invocation: Invocation, closure: Closure, certificate: Mapping[str, Any]) -> None:
    """Write the notice of each programme that was closed; it names nobody, and no case."""
    roles = invocation.roles
    day = say_day(find_day(closure, invocation.council.time_zone))
    destroyed = ", ".join(sorted(certificate["destroyed"])) or "nothing: there was nothing"
    data = (
        "All that it held of people is destroyed, in the vault too."
        if closure.of_all
        else "What was made for it is destroyed. Records that other programmes use stay for those alone."
    )
    text = [
        "",
        f"{invocation.council.name} closed this use of data on {day}.",
        "",
        f"Why: {closure.reason}",
        "",
        f"Asked for by: {roles.title(closure.asked_by)}. Confirmed by: {roles.title(closure.confirmed_by)}.",
        "",
        f"{certificate['lists']} lists ended. {data} Destroyed: {destroyed}.",
        "",
        "Families whom a team was helping are helped on: their open cases went to their teams. What services hold of",
        "anybody is theirs, and stays as long as they say. The log of who did what stays, without a name in it, so",
        f"that questions can be answered: {invocation.council.contact}",
        "",
    ]
    for programme in certificate["programmes"]:
        folder = Workspace(invocation.workspace.root, programme).published
        heading = f"# {programme.replace('_', ' ').capitalize()} has ended"
        write_text(folder / "closed.md", "\n".join([heading, *text]))
        write_json(folder / "closed.json", {"programme": programme, "reason": closure.reason, "day": day})
