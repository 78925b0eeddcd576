"""The audit's verbs: audit (run, table, plan, compare, live), publish, trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from charter.voice import Voice

__all__ = ["verbs"]

verbs = Verbs("Who it treats how: audits, board packs, public records, trials.")
audits = Verbs(
    "Measure how a run, a scored table or what was issued treats each group: findings.json and the board pack.",
    default="run",
    example="sooner audit",
)
verbs.add_verbs("audit", audits, under="run")

Run = Annotated[str, typer.Option("--run", help="The training run; the newest by default.")]


@audits.add("run", example="sooner audit", locks=True)
def audit_training_run(invocation: Invocation, run: Run = "") -> None:
    """Measure how a training run (the newest by default) treats each group: what `sooner audit` alone does."""
    from fairness_reports.publish.summary import summarise_findings
    from fairness_reports.whole_audit import audit_run

    folder, document = audit_run(invocation, run or None)
    invocation.report(document, f"{summarise_findings(document)}\nThe board pack is {folder / 'report.html'}.")


@audits.add(
    "table",
    example="sooner audit table scored.csv --score likelihood --label happened --group sex --capacity 200",
    opens=False,
)
def audit_scored_table(
    voice: Voice,
    scores: Annotated[Path, typer.Argument(help="The scored table: CSV with a header, or Parquet.")],
    score: Annotated[str | None, typer.Option("--score", help="Its column of scores.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="Its column of outcomes, 0 or 1.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A column of groups; may be repeated.")] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Selected: scores of this and more.")] = None,
    capacity: Annotated[int | None, typer.Option("--capacity", help="Selected: so many of the largest.")] = None,
    selected: Annotated[str | None, typer.Option("--selected", help="Selected: where this column is 1.")] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Rows with the same value are one draw.")] = None,
    charter: Annotated[
        Path | None, typer.Option("--charter", help="A charter whose questions are asked of it.")
    ] = None,
    into: Annotated[Path | None, typer.Option("--into", help="The folder for findings, verdict and report.")] = None,
) -> None:
    """Measure how any scored table treats each group, with none of our files; with a charter, give a verdict too."""
    from fairness_reports.audit.scored_table import TableQuestion, audit_table
    from fairness_reports.publish.summary import summarise_findings
    from fairness_reports.publish.table_page import leave_table_audit, refuse_decision

    question = TableQuestion(scores, tuple(group or ()), score, label, cluster, threshold, capacity, selected)
    document = audit_table(question)
    if charter is None and into is None:
        voice.report(document, summarise_findings(document))
        return
    folder = into or scores.with_name(f"{scores.stem}-audit")
    decision = leave_table_audit(folder, document, charter)
    sentence = decision["sentence"] if decision else summarise_findings(document)
    voice.report(decision or document, f"{sentence}\nThe report is {folder / 'report.html'}.")
    refuse_decision(decision, folder)


@audits.add("plan", example="sooner audit plan")
def plan_audit(invocation: Invocation) -> None:
    """Say before anything is signed which questions could be answered, with what power, and the best there could be."""
    from fairness_reports.audit.audit_plan import describe_plan, plan_questions

    rows = plan_questions(invocation)
    invocation.report({"plan": rows}, describe_plan(rows))


@audits.add("compare", example="sooner audit compare ethnicity", locks=True)
def compare_mitigations(
    invocation: Invocation,
    characteristic: Annotated[str, typer.Argument(help="Whose gaps are to be smaller.")],
    run: Run = "",
) -> None:
    """Compare ways to make a characteristic's gaps smaller, with what each costs."""
    from fairness_reports.publish.comparison import write_comparison

    page, document = write_comparison(invocation, characteristic, run or None)
    invocation.report(document, f"The comparison is {page}; to use one of them is the board's recorded decision.")


@audits.add("live", example="sooner audit live", locks=True)
def audit_issued(invocation: Invocation) -> None:
    """Measure what the current release issued, and what came of it."""
    from fairness_reports.publish.live_page import write_live_page

    page, document = write_live_page(invocation)
    invocation.report(document, f"What was issued is audited: {page}. Next: `sooner decide --live`.")


@verbs.add("publish", under="look", example="sooner publish", locks=True)
def publish(invocation: Invocation, run: Run = "") -> None:
    """Write the public record of an audited run: what it is, how it treats each group, what cannot be seen."""
    from fairness_reports.publish.record import publish_record

    folder, document = publish_record(invocation, run)
    prompts = len(document["left_to_write"])
    invocation.report(
        document, f"{folder / 'record.md'} is written; {prompts} of {len(document['fields'])} fields are yours."
    )


@verbs.add("trial", under="look", example="sooner trial --json")
def trial(invocation: Invocation) -> None:
    """Compare later need between the arms of what was issued; or say that there is too little to tell."""
    from fairness_reports.impact.trial import measure_trial

    result = measure_trial(invocation)
    invocation.report(result, result["sentence"])
