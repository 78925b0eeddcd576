"""Serving's verbs: serve, trace, upgrade, verify-log. `sooner` puts `rank`, `promote` and `reproduce` in order."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charter.errors import UsageError
from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation

__all__ = ["serve", "verbs"]

verbs = Verbs("Who to visit first, and why: the service, its log, and whom a fault touched.")


@verbs.add("serve", under="run", example="sooner serve --port 3000")
def serve(
    invocation: Invocation,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 3000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes answer.")] = 1,
) -> None:
    """Serve the casework pages and the API until stopped."""
    # Before anything loads NumPy: its threads would be there before the workers are forked.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from serving.web.serve import make_environment

    settings = make_environment(invocation, workers=workers)
    address = f"http://{host}:{port}/"
    invocation.report(
        {"address": address, "demo_sign_in": settings["SOONER_DEMO_SIGN_IN"] == "1"},
        f"The worklists are at {address} (stop with Ctrl-C).",
    )
    sys.stdout.flush()
    os.environ.update(settings)
    # In this process, which has loaded half of it: another would load all of it again, and staff wait for that.
    from serving.web.supervisor import run_supervisor

    run_supervisor(host, port, workers)


RoleName = Annotated[
    str, typer.Option("--role", help="The role that asks, as the charter names it; by default the first that may.")
]


@verbs.add("print-list", under="look", example="sooner print-list north --holder WORKER", way="paper")
def print_list(
    invocation: Invocation,
    team: Annotated[str, typer.Argument(help="The team, by its id.")],
    holder: Annotated[
        str,
        typer.Option("--holder", help="Who takes the copy, by the id that they sign in with; by default $SOONER_USER."),
    ] = "",
    role: RoleName = "",
) -> None:
    """Print a live list on paper for the day the network is down: numbered, logged, without families its holder knows.

    Nothing is printed of a list that is in shadow, suspended or ended.
    """
    from serving.casework.printing import print_worklist

    paper = print_worklist(invocation, team, holder=holder, role=role)
    invocation.report({"paper": paper}, paper)


@verbs.add("check-once", under="rights", example="sooner check-once --says question.json")
def check_once(
    invocation: Invocation,
    says: Annotated[
        Path, typer.Option("--says", help="The question as a JSON file; - for standard input. Never in options.")
    ],
    role: RoleName = "",
) -> None:
    """Answer what other services may check once: residence, age, school roll, entitlement. One word, and logged.

    The question: {"purpose": "age_check", "forename": ..., "surname": ..., "uprn": ..., "age": 18}; of the others
    "birth_date" instead of "age", and of a residence_check "uprn" too.
    """
    _answer_typed(invocation, says, role)


@verbs.add("check-residence", under="rights", example="sooner check-residence --says question.json")
def check_residence(
    invocation: Invocation,
    says: Annotated[
        Path, typer.Option("--says", help="The question as a JSON file; - for standard input. Never in options.")
    ],
    role: RoleName = "",
) -> None:
    """Say whether a person is resident at an address: yes, no or can't tell, and nothing else; logged.

    The question: {"forename": ..., "surname": ..., "birth_date": "1980-02-01", "uprn": ..., "asked_by": a service}.
    """
    _answer_typed(invocation, says, role)


def _answer_typed(invocation: Invocation, says: Path, role: str) -> None:
    """Report the answer of a question in a file, asked by whoever types this in their role."""
    from charter.vault.check_once import Asker, Question
    from serving.check_answers import answer_check
    from serving.desk import Desk
    from serving.identity import identify_command

    try:
        words = json.loads(sys.stdin.read() if str(says) == "-" else says.read_text(encoding="utf-8"))
    except ValueError:
        words = None
    question = Question.read(words if isinstance(words, dict) else {})
    desk = Desk.open(invocation, demo=False, chain="command")
    try:
        identity = identify_command(desk.roles.choose(role, "residence.check"))
        answer = answer_check(desk, identity, question, Asker(role=identity.role))
    finally:
        desk.store.close()
    invocation.report({"answer": answer}, answer)


@verbs.add("directory", under="look after", example="sooner directory")
def directory(invocation: Invocation) -> None:
    """Read the directory of help on offer (Open Referral UK) that receivers.toml names, for the case pages."""
    from serving.help_directory import harvest_directory

    place = invocation.receivers.directory
    if place is None or place.example:
        raise UsageError("the council names no directory of help.", "Write [directory] into receivers.toml.")
    harvest = harvest_directory(place, invocation.council.folder, invocation.workspace.root)
    counts = f"{len(harvest.offers)} services can be offered; {harvest.closed} are closed now"
    invocation.report(
        {"offers": len(harvest.offers), "closed": harvest.closed, "left_out": list(harvest.left_out)},
        "\n".join([f"{counts}; {len(harvest.left_out)} break a rule and are left out.", *harvest.left_out]),
    )


@verbs.add("outbox", under="look after", example="sooner outbox --send")
def outbox(
    invocation: Invocation,
    send: Annotated[bool, typer.Option("--send", help="Deliver what is due now, as a running service does.")] = False,
) -> None:
    """Say what waits to leave the council, what did not arrive and why; no case and no person is named."""
    from serving.desk import Desk
    from serving.sending.deliverer import deliver_due

    desk = Desk.open(invocation, demo=False, chain="command")
    try:
        taken = deliver_due(desk.store, desk.receivers, invocation.council.name) if send else 0
        standing = [each for each in desk.store.messages() if each.state not in ("delivered", "cancelled")]
    finally:
        desk.store.close()
    rows = [
        {"message": each.name, "receiver": each.receiver, "kind": each.kind, "state": each.state, "at": each.at,
         "attempts": each.attempts, "trouble": each.trouble}
        for each in standing
    ]  # fmt: skip
    lines = [
        f"{row['message']}  {row['kind']} to {row['receiver']}: {row['state']}, tried {row['attempts']} times"
        + (f", {row['trouble']}" if row["trouble"] else "")
        for row in rows
    ]
    sent = [f"{taken} delivered."] if send else []
    invocation.report(
        {"delivered": taken, "standing": rows},
        "\n".join([*sent, *lines, f"{len(rows)} wait or did not arrive."]),
    )


@verbs.add("watch", under="look after", example="sooner watch")
def watch(
    invocation: Invocation,
    tell: Annotated[bool, typer.Option("--tell/--no-tell", help="Tell who gets alerts, once a day each.")] = True,
) -> None:
    """Look for what somebody must hear of (no list, late data, drift, a broken log, a backup due), and tell them.

    Who is told, and by when a list must be there, stands in receivers.toml. For a timer: it ends with 0 whatever it
    finds, and with another code where it could not look or tell.
    """
    from serving.alarms import list_alarms, look_at_log, tell_receivers
    from serving.desk import Desk
    from serving.sending.deliverer import deliver_due

    desk = Desk.open(invocation, demo=False, chain="command")
    try:
        alarms = [*list_alarms(desk), *look_at_log(desk)]
        new = tell_receivers(desk, alarms) if tell else 0
        if tell:
            deliver_due(desk.store, desk.receivers, invocation.council.name)
        listeners = [receiver.id for receiver in desk.receivers.sent("alert")]
    finally:
        desk.close()
    told = f"{new} messages are new, to {', '.join(listeners)}." if listeners else "Nobody gets alerts: receivers.toml."
    invocation.report(
        {"alarms": [alarm.document() for alarm in alarms], "new": new, "told": listeners},
        "\n".join([*(f"{alarm.sentence} {alarm.next_step}" for alarm in alarms), f"{len(alarms)} alarms. {told}"]),
    )


@verbs.add(
    "open-emergency",
    under="look after",
    example='sooner open-emergency u-1001 --role ROLE --team north --reason "The provider is down"',
)
def open_emergency(
    invocation: Invocation,
    user: Annotated[str, typer.Argument(help="Whom to let in, by the id that they sign in with.")],
    role: Annotated[str, typer.Option("--role", help="The role, one of [emergency] in sign_in.toml.")],
    reason: Annotated[str, typer.Option("--reason", help="Why: it is sealed, and reviewed the next day.")],
    team: Annotated[list[str] | None, typer.Option("--team", help="A team that they act for; again for more.")] = None,
    minutes: Annotated[int, typer.Option("--minutes", min=1, help="For how many minutes.")] = 60,
) -> None:
    """Let somebody in while the council's sign-in is down: a code for one session, until its end, reviewed next day."""
    from serving.access.emergency import open_emergency as open_for
    from serving.desk import Desk

    desk = Desk.open(invocation, demo=False, chain="command")
    try:
        ends_at, code = open_for(desk, user, role, team or [], reason, minutes)
        until = f"{ends_at.astimezone(invocation.council.time_zone):%H:%M}"
    finally:
        desk.store.close()
    invocation.report(
        {"code": code, "until": ends_at.isoformat()},
        f"The code is {code}. It signs {user} in once, at /sign-in/emergency, until {until}.",
    )


@verbs.add("trace", under="look", example="sooner trace --feed housing", way="trace")
def trace(
    invocation: Invocation,
    feed: Annotated[str, typer.Option(help="A service whose data was at fault.")] = "",
    feature: Annotated[str, typer.Option(help="A feature that was at fault.")] = "",
    bundle: Annotated[str, typer.Option(help="A bundle that was at fault.")] = "",
    snapshot: Annotated[str, typer.Option(help="A snapshot that was at fault.")] = "",
    role: RoleName = "",
) -> None:
    """Say whom a fault touched, and who holds a print or export: referrals of a feed, feature, bundle or snapshot."""
    faults = {"feed": feed, "feature": feature, "bundle": bundle, "snapshot": snapshot}
    if not any(faults.values()):
        raise UsageError("a trace needs something to follow.", "Add --feed, --feature, --bundle or --snapshot.")
    from serving.trace import trace_fault

    touched, copies = trace_fault(invocation, role=role, **faults)
    lines = [*(referral.sentence for referral in touched), f"{len(touched)} referrals were touched."]
    invocation.report(
        {
            "touched": [referral.document() for referral in touched],
            "count": len(touched),
            "copies": [copy.document() for copy in copies],
        },
        "\n".join([*lines, *(copy.sentence for copy in copies)]),
    )


@verbs.add("incident", under="look after", example="sooner incident incident-1 --feed housing")
def incident(
    invocation: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for the pack.")],
    aware: Annotated[
        datetime | None,
        typer.Option("--aware", formats=["%Y-%m-%dT%H:%M"], help="When somebody knew of it, local; now if left out."),
    ] = None,
    feed: Annotated[str, typer.Option(help="A service whose data was at fault.")] = "",
    feature: Annotated[str, typer.Option(help="A feature that was at fault.")] = "",
    bundle: Annotated[str, typer.Option(help="A bundle that was at fault.")] = "",
    snapshot: Annotated[str, typer.Option(help="A snapshot that was at fault.")] = "",
    role: RoleName = "",
) -> None:
    """Write what the commissioner is told of a breach within 72 hours, as far as it is known; no resident is named."""
    from datetime import UTC

    from serving.incident import write_incident

    moment = aware.replace(tzinfo=invocation.council.time_zone) if aware else datetime.now(UTC)
    faults = {"feed": feed, "feature": feature, "bundle": bundle, "snapshot": snapshot}
    place, pack = write_incident(invocation, folder, moment, faults, role)
    until = f"{pack.until.astimezone(invocation.council.time_zone):%H:%M on %d %B}"
    invocation.report(
        {"folder": str(place), "households": len(pack.touched), "people": pack.people, "copies": len(pack.copies),
         "until": pack.until.isoformat()},
        f"{place}/incident.md: {len(pack.touched)} households with {pack.people} people. The 72 hours end at {until}.",
    )  # fmt: skip


@verbs.add("upgrade", under="look after", example="sooner upgrade --plan")
def upgrade(
    invocation: Invocation, plan: Annotated[bool, typer.Option("--plan", help="Only say what would change.")] = False
) -> None:
    """Bring the casework database to the newest form, after copies; check that all the rest still reads and serves."""
    from serving.upgrade import plan_upgrade, run_upgrade

    steps = plan_upgrade(invocation)
    backup = None if plan else run_upgrade(invocation)
    lines = [step.sentence for step in steps]
    if backup is not None:
        lines.append(f"What was there before is kept in {backup}.")
    invocation.report(
        {"steps": [step.document() for step in steps], "backup": str(backup) if backup else None}, "\n".join(lines)
    )


@verbs.add("verify-log", under="look after", example="sooner verify-log")
def verify_log(invocation: Invocation) -> None:
    """Check logs, anchors, database and parts: exit 11 names all that was edited, removed, moved, replaced or emptied.

    That the log was read is an entry of the log.
    """
    from serving.verification import verify_logs

    verification = verify_logs(invocation)
    total, chains = sum(verification.chains.values()), len(verification.chains)
    sentence = f"The audit log is whole: {total} entries in {chains} chains, {verification.anchors} anchors outside."
    invocation.report(
        {
            "entries": total,
            "chains": dict(verification.chains),
            "anchors": verification.anchors,
            "notes": list(verification.notes),
        },
        "\n".join([sentence, *(f"Note: {note}." for note in verification.notes)]),
    )
