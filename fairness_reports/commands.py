"""The audit's verbs: audit, publish, trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from charter.contracts.files import writer_lock
from charter.invocation import AsJson, CouncilDir, Invocation, ProgrammeName, Quiet, WorkspaceDir

__all__ = ["audit", "publish", "trial", "verbs"]

verbs = typer.Typer(help="Who it treats how: audits, board packs, public records, trials.")

COUNCIL = Path("council")
WORKSPACE = Path("workspace")
Run = Annotated[str, typer.Option("--run", help="The training run; the newest by default.")]


@verbs.command("audit")
def audit(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    run: Run = "",
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Any scored table instead: CSV with a header, or Parquet.")
    ] = None,
    score: Annotated[str | None, typer.Option("--score", help="Its column of scores.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="Its column of outcomes, 0 or 1.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A column of groups; may be repeated.")] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Selected: scores of this and more.")] = None,
    capacity: Annotated[int | None, typer.Option("--capacity", help="Selected: so many of the largest.")] = None,
    selected: Annotated[str | None, typer.Option("--selected", help="Selected: where this column is 1.")] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Rows with the same value are one draw.")] = None,
    live: Annotated[bool, typer.Option("--live", help="What the current release issued, and what came of it.")] = False,
    compare: Annotated[
        str, typer.Option("--compare", help="Ways to make gaps smaller, by this characteristic, with their cost.")
    ] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Before training: the gaps that an audit could see.")] = False,
) -> None:
    """Measure how a run, or any scored table, treats each group: findings.json and the board pack."""
    if scores is not None:
        from fairness_reports.audit.scored_table import TableQuestion, audit_table
        from fairness_reports.publish.summary import told

        question = TableQuestion(scores, tuple(group or ()), score, label, cluster, threshold, capacity, selected)
        document = audit_table(question)
        if as_json:
            print(json.dumps(document, indent=1))
        elif not quiet:
            print(told(document))
        return
    if plan:
        from fairness_reports.audit import audit_plan as planning

        invocation = Invocation.open(council, programme, workspace, as_json, quiet)
        rows = planning.plan(invocation)
        invocation.report({"plan": rows}, planning.told(rows))
        return
    if compare:
        from fairness_reports.publish.comparison import compared

        invocation = Invocation.open(council, programme, workspace, as_json, quiet)
        with writer_lock(invocation.workspace.root):
            page, document = compared(invocation, compare, run or None)
        invocation.report(document, f"The comparison is {page}; to use one of them is the board's recorded decision.")
        return
    if live:
        from fairness_reports.publish.live_page import audit_live

        invocation = Invocation.open(council, programme, workspace, as_json, quiet)
        with writer_lock(invocation.workspace.root):
            page, document = audit_live(invocation)
        invocation.report(document, f"What was issued is audited: {page}. Next: `sooner decide --live`.")
        return
    from fairness_reports.publish.summary import told
    from fairness_reports.whole_audit import audit as audit_run

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        folder, document = audit_run(invocation, run or None)
    invocation.report(document, f"{told(document)}\nThe board pack is {folder / 'report.html'}.")


@verbs.command("publish")
def publish(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    run: Run = "",
) -> None:
    """Write the public record of an audited run: what it is, how it treats each group, what cannot be seen."""
    from fairness_reports.publish.record import publish as publish_record

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        folder, record = publish_record(invocation, run)
    left = len(record["left_to_write"])
    invocation.report(record, f"{folder / 'record.md'} is written; {left} of {len(record['fields'])} fields are yours.")


@verbs.command("trial")
def trial(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare later need between the arms of what was issued; or say that there is too little to tell."""
    from fairness_reports.impact.trial import trial as compare

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    found = compare(invocation)
    invocation.report(found, found["sentence"])
