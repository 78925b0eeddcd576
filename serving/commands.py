"""Serving's verbs: serve, trace, upgrade, verify-log. `sooner` puts `rank`, `promote` and `reproduce` in order."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from charter.errors import UsageError
from charter.invocation import AsJson, CouncilDir, Invocation, ProgrammeName, Quiet, WorkspaceDir

__all__ = ["serve", "trace", "upgrade", "verbs", "verify_log"]

verbs = typer.Typer(help="Who to visit first, and why: the service, its log, and whom a fault touched.")

COUNCIL = Path("council")
WORKSPACE = Path("workspace")


@verbs.command("serve")
def serve(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 3000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes answer.")] = 1,
) -> None:
    """Serve the casework pages and the API until stopped."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    from serving.web.serve import command, environment

    settings = environment(invocation, workers=workers)
    address = f"http://{host}:{port}/"
    invocation.report(
        {"address": address, "demo_sign_in": settings["SOONER_DEMO_SIGN_IN"] == "1"},
        f"The worklists are at {address} (stop with Ctrl-C).",
    )
    sys.stdout.flush()
    os.execve(sys.executable, command(host, port, workers), {**os.environ, **settings})  # noqa: S606  # no shell; our own interpreter


@verbs.command("check-residence")
def check_residence(
    says: Annotated[
        Path, typer.Option("--says", help="The question as a JSON file; - for standard input. Never in options.")
    ],
    role: Annotated[str, typer.Option("--role", help="The role that asks.")] = "resident_desk",
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say whether a person is resident at an address: yes, no or can't tell, and nothing else; logged.

    The question: {"forename": ..., "surname": ..., "birth_date": "1980-02-01", "uprn": ..., "asked_by": a service}.
    """
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    from charter.vault.residence_check import Question
    from serving.desk import Desk
    from serving.identity import Identity
    from serving.web.residence_answer import check

    try:
        said = json.loads(sys.stdin.read() if str(says) == "-" else says.read_text(encoding="utf-8"))
    except ValueError:
        said = None
    question = Question.read(said if isinstance(said, dict) else {})
    desk = Desk.open(invocation, demo=False, chain="command")
    try:
        answered = check(desk, Identity("command", role, frozenset()), question)
    finally:
        desk.store.close()
    invocation.report({"answer": answered}, answered)


@verbs.command("trace")
def trace(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    feed: Annotated[str, typer.Option(help="A service whose data was at fault.")] = "",
    feature: Annotated[str, typer.Option(help="A feature that was at fault.")] = "",
    bundle: Annotated[str, typer.Option(help="A bundle that was at fault.")] = "",
    snapshot: Annotated[str, typer.Option(help="A snapshot that was at fault.")] = "",
) -> None:
    """Say whom a fault touched: the referrals that a feed, feature, bundle or snapshot had a part in."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    given = {"feed": feed, "feature": feature, "bundle": bundle, "snapshot": snapshot}
    if not any(given.values()):
        raise UsageError("a trace needs something to follow.", "Add --feed, --feature, --bundle or --snapshot.")
    from serving.trace import traced

    touched = traced(invocation, **given)
    invocation.report(
        {"touched": [one.document() for one in touched], "count": len(touched)},
        "\n".join([*(one.sentence for one in touched), f"{len(touched)} referrals were touched."]),
    )


@verbs.command("upgrade")
def upgrade(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would change.")] = False,
) -> None:
    """Bring the casework database to the newest form, after copies; check that all the rest still reads and serves."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    from serving.upgrade import planned, upgraded

    steps = planned(invocation)
    backup = None if plan else upgraded(invocation)
    lines = [step.sentence for step in steps]
    if backup is not None:
        lines.append(f"What was there before is kept in {backup}.")
    invocation.report(
        {"steps": [step.document() for step in steps], "backup": str(backup) if backup else None}, "\n".join(lines)
    )


@verbs.command("verify-log")
def verify_log(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check that no entry of the audit logs was edited, removed or moved; exit 11 names the first that was."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    from serving.trace import verified

    counts = verified(invocation)
    total = sum(counts.values())
    invocation.report(
        {"entries": total, "chains": dict(counts)}, f"The audit log is whole: {total} entries in {len(counts)} chains."
    )
