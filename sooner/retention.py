"""Retention's verbs: what the register promises to keep no longer is found, told, and removed in a role.

retain [plan]   what is past its date, and what was made of it; changes nothing
retain run      remove it, with a certificate
retain hold     a legal hold: what it names stays, whatever its date
retain release  the hold ends
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from charter.errors import UsageError
from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from features.rights.retaining import RetentionPlan

__all__ = ["verbs"]

verbs = Verbs("What is kept, and until when.")
retain = Verbs(
    "See what is past the date until which the register lets it be kept, and remove it.",
    default="plan",
    example="sooner retain",
)
verbs.add_verbs("retain", retain, under="look after")

RoleName = Annotated[
    str, typer.Option("--role", help="The role that acts, as the charter names it; by default the first that may.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the log.")]
_ACT = "retention.carry_out"
_UNSTATED = "Cases stay: council.toml does not say for how long ([keeping] case_years)."
_FORMS_UNSTATED = "Forms that residents sent stay: council.toml does not say for how long ([keeping] form_years)."
_MADE = {
    "cases": "Cases that were over long ago, with their sealed records, notes and messages",
    "lists": "Lists of which no case is left",
    "files_of_lists": "Files and folders written of such lists",
    "forms": "Forms that residents sent, and that were answered long ago",
    "replaced_by_restores": "Workspaces that a restore replaced",
}
_WORDS = {
    "people": "names",
    "permission": "choices",
    "protected": "characteristics",
    "coverage": "times in view",
    "residence": "addresses",
}


@retain.add("plan", under="look after", example="sooner retain plan --at 2027-04-01")
def plan(
    invocation: Invocation,
    at: Annotated[
        datetime | None, typer.Option("--at", formats=["%Y-%m-%d"], help="As of another day, to see what is coming.")
    ] = None,
) -> None:
    """Say what is past its date, by service, and what was made of it; change nothing."""
    from features.rights.retaining import choose_moment, plan_retention
    from sooner.erasure import list_forgetting_rooms

    moment = choose_moment(invocation, invocation.council.midnight(at.date()) if at else None)
    planned = plan_retention(invocation, moment, list_forgetting_rooms(invocation).count_made(moment))
    invocation.report(planned.document(), _in_words(invocation, planned, "past its date"))


@retain.add("run", under="look after", example="sooner retain run --role ROLE", locks=True)
def run(invocation: Invocation, role: RoleName = "", reason: Reason = "the register's retention") -> None:
    """Remove what is past its date: records, what was made of them, cases; leave a certificate."""
    from features.rights.retaining import choose_moment, retain_records
    from serving.forget import note_retention
    from sooner.erasure import find_log_key, list_forgetting_rooms

    able = invocation.roles.choose(role, _ACT).id
    _log(invocation, able, "retention run", reason)
    moment = choose_moment(invocation)
    done, certificate = retain_records(invocation, moment, able, list_forgetting_rooms(invocation))
    note_retention(invocation.workspace, key=find_log_key(invocation))
    words = _in_words(invocation, done, "removed")
    invocation.report(
        {**done.document(), "certificate": str(certificate)}, f"{words}\nThe certificate is {certificate}."
    )


@retain.add(
    "hold", under="look after", example="sooner retain hold --service housing --reason 'claim 2026/14'", locks=True
)
def hold(
    invocation: Invocation,
    service: Annotated[str, typer.Option("--service", help="The service whose records stay; * for all.")] = "*",
    reference: Annotated[
        str, typer.Option("--reference", help="Of one person alone: that service's reference of them.")
    ] = "",
    role: RoleName = "",
    reason: Reason = "",
) -> None:
    """Keep records whatever their date, because the law asks for them; ends with `sooner retain release`."""
    from charter.vault.key import Key
    from charter.vault.rights_ledger import Request, append_request
    from features.rights.asking import find_reference, find_references

    able = invocation.roles.choose(role, _ACT).id
    if not reason.strip():
        raise UsageError("a hold needs its reason.", "Add --reason 'claim 2026/14'.")
    if reference and service == "*":
        raise UsageError("a reference is one service's.", "Add --service, the service that knows the person by it.")
    if service != "*":
        invocation.register.source(service)
    refs: tuple[str, ...] = ()
    ref = ""
    if reference:
        key = Key.load(invocation.council, invocation.workspace)
        ref = find_reference(key, invocation.register, service, reference)
        refs = find_references(invocation.workspace, ref, "*")
    of = "*" if reference else service
    request = Request("hold", datetime.now(UTC).isoformat(), service, ref, refs, of, "*", decided_by=able)
    append_request(invocation.workspace, request)
    _log(invocation, able, "retention hold", reason, hold=request.id)
    what = "one person" if reference else "everything" if service == "*" else service
    invocation.report({"hold": request.id}, f"Hold {request.id}: records of {what} stay whatever their date.")


@retain.add("release", under="look after", example="sooner retain release 3f9c1a2b4c5d6e7f --reason over", locks=True)
def release(
    invocation: Invocation,
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="The hold's id.")],
    role: RoleName = "",
    reason: Reason = "",
) -> None:
    """End a hold: what is past its date goes with the next run."""
    from charter.vault.rights_ledger import Request, append_request, read_requests
    from features.intake.keeping.expiry import list_holds

    able = invocation.roles.choose(role, _ACT).id
    if not reason.strip():
        raise UsageError("the end of a hold needs its reason.", "Add --reason 'the claim is settled'.")
    standing = {standing.id for standing in list_holds(read_requests(invocation.workspace))}
    if hold_id not in standing:
        raise UsageError(f"there is no hold {hold_id}.", f"Holds that stand: {', '.join(sorted(standing)) or 'none'}.")
    filed = datetime.now(UTC).isoformat()
    append_request(
        invocation.workspace, Request("release", filed, "*", "", (), "*", "*", answers=hold_id, decided_by=able)
    )
    _log(invocation, able, "retention release", reason, hold=hold_id)
    invocation.report({"released": hold_id}, f"Hold {hold_id} has ended.")


def _log(invocation: Invocation, role: str, action: str, reason: str, **detail: str) -> None:
    from charter.vault.command_log import CommandLog
    from serving.identity import identify_command

    log = CommandLog.open(invocation.council, invocation.workspace)
    log.append(actor=identify_command().user, role=role, action=action, detail={"reason": reason, **detail})


def _in_words(invocation: Invocation, planned: RetentionPlan, what: str) -> str:
    years = {source.service: source.retention_years for source in invocation.register.sources}
    lines = [
        f"{service} ({years.get(service, 0)} years): "
        + ", ".join(f"{number:,} {_WORDS.get(of.removeprefix('canonical_'), of)}" for of, number in counts.items())
        for service, counts in planned.rows.items()
    ]
    day = planned.moment.astimezone(invocation.council.time_zone)
    keeping = invocation.council.keeping
    unstated = "" if keeping.case_years else f"\n{_UNSTATED}"
    unstated += "" if keeping.form_years else f"\n{_FORMS_UNSTATED}"
    if planned.is_nothing:
        return f"Nothing is {what} on {day:%d %B %Y}.{unstated}"
    lines = [f"On {day:%d %B %Y}, {what}:", *lines]
    lines.append(
        f"People of whom nothing is left: {len(planned.gone):,}. Snapshots: {len(planned.snapshots)}. Matrices that "
        f"could have counted such rows, and go with the scores made of them: {len(planned.matrices)}."
    )
    lines += [f"{_MADE[name]}: {number:,}." for name, number in planned.made.items() if number]
    return "\n".join(lines) + unstated
