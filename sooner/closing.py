"""The verbs by which a programme ends, or all of it: ask in one role, confirm in another.

close [plan]    what would end, be handed on and be destroyed; changes nothing
close ask       ask for it, with the reason that the public reads
close confirm   in another role: hand on open cases, end lists, destroy, certify; typed again it goes on after a kill
close cancel    take back what was asked and not confirmed
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charter.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from charter.invocation import Invocation
    from sooner.ending.closing import ClosingPlan

__all__ = ["verbs"]

verbs = Verbs("How a programme ends.")
close = Verbs(
    "End a programme, or all: hand on open cases, destroy the data with a certificate, tell the public why.",
    default="plan",
    example="sooner close",
)
verbs.add_verbs("close", close, under="look after")

RoleName = Annotated[str, typer.Option("--role", help="A role that the charter names.")]
Everything = Annotated[
    bool, typer.Option("--all", help="Every programme, and what they share: snapshots, names, deliveries.")
]


@close.add("plan", under="look after", example="sooner close plan --all")
def plan(invocation: Invocation, everything: Everything = False) -> None:
    """Say what would end, be handed on and be destroyed, and what must be done first; change nothing."""
    from sooner.ending.closing import choose_target, plan_closure

    planned = plan_closure(invocation, choose_target(invocation, everything=everything))
    invocation.report(planned.document(), _in_words(planned))


@close.add(
    "ask", under="look after", example="sooner close ask --role ROLE --reason 'the trial found no effect'", locks=True
)
def ask(
    invocation: Invocation,
    role: RoleName,
    reason: Annotated[str, typer.Option("--reason", help="Why: the public reads it.")] = "",
    everything: Everything = False,
) -> None:
    """Ask for the end, in a role that signs decisions; nothing changes until another role confirms it."""
    from charter.signing.closures import ask_closure
    from sooner.ending.closing import choose_target, plan_closure

    target = choose_target(invocation, everything=everything)
    closure = ask_closure(invocation.workspace, invocation.roles, target, role, reason)
    _log(invocation, closure.asked_by, "close.asked", target, {"reason": closure.reason})
    planned = plan_closure(invocation, target)
    confirm_line = "`sooner close confirm`, in a role that carries out retention, does this and can't be undone:"
    invocation.report(
        {**closure.document(), "plan": planned.document()}, f"Asked for.\n{confirm_line}\n{_in_words(planned)}"
    )


@close.add(
    "confirm",
    under="look after",
    example="sooner close confirm --role ROLE --to /srv/open-cases --holder WORKER",
    locks=True,
)
def confirm(
    invocation: Invocation,
    role: RoleName,
    to: Annotated[Path, typer.Option("--to", help="A folder outside the workspace for the open cases, by team.")],
    holder: Annotated[str, typer.Option("--holder", help="Who takes them, by the id that they sign in with.")] = "",
    everything: Everything = False,
) -> None:
    """Carry the end out, in another role than asked: it can't be undone. After a kill, type it again."""
    from serving.identity import identify_command, require_user_id
    from sooner.ending.closing import carry_out_closure, choose_target

    target = choose_target(invocation, everything=everything)
    taker = require_user_id(holder or identify_command().user)
    closure, certificate = carry_out_closure(invocation, target, role, to, taker)
    number = certificate.get("open_cases_handed_on", 0)
    handed_on = f"{number} open cases went to {to}/, held by {closure.holder}." if number else "No case was open."
    invocation.report(
        {"closure": closure.document(), "certificate": certificate},
        f"{closure.title} is closed. {handed_on} The certificate is "
        f"closed/{target}.certificate.json. Take a backup now and remove older ones: they hold what was destroyed, and "
        "none of them can be restored here. `sooner publish site` tells the public.",
    )


@close.add("cancel", under="look after", example="sooner close cancel --role ROLE", locks=True)
def cancel(invocation: Invocation, role: RoleName, everything: Everything = False) -> None:
    """Take back what was asked for and not confirmed."""
    from charter.signing.closures import cancel_closure
    from sooner.ending.closing import choose_target

    target = choose_target(invocation, everything=everything)
    cancel_closure(invocation.workspace, invocation.roles, target, role)
    _log(invocation, invocation.roles.find(role).id, "close.cancelled", target, {})
    invocation.report({"target": target}, "Nothing is closed.")


def _log(invocation: Invocation, role: str, action: str, target: str, detail: Mapping[str, Any]) -> None:
    from charter.vault.command_log import CommandLog
    from serving.identity import identify_command

    log = CommandLog.open(invocation.council, invocation.workspace)
    log.append(actor=identify_command().user, role=role, action=action, subject=target, detail=detail)


def _in_words(planned: ClosingPlan) -> str:
    lines = [f"{planned.lists} lists with {planned.cases} cases end: {', '.join(planned.programmes)}."]
    lines += [f"{number} open cases of {team} are handed on." for team, number in sorted(planned.open_cases.items())]
    lines += [
        f"Destroyed: {name} ({amount.files:,} files, {amount.bytes / 1e6:,.1f} MB)."
        for name, amount in sorted(planned.amounts.items())
    ]
    lines += [f"First: {clause}." for clause in planned.waiting]
    return "\n".join(lines)
