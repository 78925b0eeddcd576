"""The verbs of this room: what was known, when, about whom the council may know it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from charter.contracts.files import read_json, writer_lock
from charter.invocation import AsJson, CouncilDir, Invocation, ProgrammeName, Quiet, WorkspaceDir
from charter.vault.log import FileLog

__all__ = ["verbs"]

verbs = typer.Typer(no_args_is_help=True, add_completion=False)

_COUNCIL, _WORKSPACE = Path("council"), Path("workspace")
Extracts = Annotated[
    Path | None, typer.Option("--extracts", help="Where the services' deliveries lie; by default in the workspace.")
]
AsOfDates = Annotated[
    list[datetime] | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="An as-of date; may be given again.")
]

EngineName = Annotated[
    str, typer.Option("--engine", help="engine; reference: slow, and the same; or spark: many machines, and the same.")
]
SparkMaster = Annotated[str, typer.Option("--master", help="Where Spark runs: local[*] or a cluster's URL.")]


@verbs.command()
def pull(
    council: CouncilDir = _COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = _WORKSPACE,
    extracts: Extracts = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read every source of the register into a dated snapshot; set bad rows apart with the rule they break."""
    from features.pull import pull as pull_snapshot

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        result = pull_snapshot(invocation, extracts=extracts)
    made = "Pulled" if result.made else "Nothing new since"
    invocation.report(
        {
            "snapshot": result.snapshot,
            "made": result.made,
            "synthetic": result.synthetic,
            "taken_at": result.taken_at,
            "rows": result.rows,
            "quarantined": result.quarantined,
            "by_rule": result.by_rule,
            "by_file": result.by_file,
        },
        f"{made} snapshot {result.snapshot}: {result.rows:,} rows of {len(result.by_file)} files, "
        f"{result.quarantined:,} set apart (quarantine/{result.snapshot}.parquet).",
    )


@verbs.command()
def build(
    council: CouncilDir = _COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = _WORKSPACE,
    snapshot: Annotated[str, typer.Option("--snapshot", help="The snapshot; by default the newest.")] = "",
    as_of: AsOfDates = None,
    purpose: Annotated[str, typer.Option("--purpose", help="What the matrix is for.", show_default=True)] = "train",
    engine: EngineName = "engine",
    master: SparkMaster = "local[*]",
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be made, and make nothing.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Build the matrix: every feature of every household in the cohort, as known at each date, as permitted now."""
    from features.build import build as build_matrix

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    days = [moment.date() for moment in as_of] if as_of else None
    if plan:
        from features.build import Snapshot, question_of
        from features.estimate import estimate

        opened = Snapshot.open(invocation.workspace.snapshot(snapshot or None))
        question, _ = question_of(invocation, opened, purpose, days)
        found = estimate(question, opened.tables)
        invocation.report(found.document(), found.text())
        return
    with writer_lock(invocation.workspace.root):
        folder = build_matrix(
            invocation, purpose=purpose, snapshot=snapshot or None, as_of=days, engine=engine, master=master
        )
    manifest = read_json(folder / "manifest.json")
    rows = sum(day["rows"] for day in manifest["as_of"].values())
    cannot_tell = sum(day["cannot_tell"] for day in manifest["as_of"].values())
    invocation.report(
        {
            "matrix": manifest["id"],
            "folder": str(folder),
            "rows": rows,
            "columns": len(manifest["features"]),
            "dates": len(manifest["as_of"]),
            "cannot_tell": cannot_tell,
            "reporting_lag_days": manifest["reporting_lag_days"],
        },
        f"Matrix {manifest['id']}: {rows:,} rows at {len(manifest['as_of'])} dates, "
        f"{len(manifest['features'])} columns. "
        f"A cohort rule could not be evaluated {cannot_tell:,} times. Next: `sooner train`.",
    )


@verbs.command()
def link(
    council: CouncilDir = _COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = _WORKSPACE,
    review: Annotated[
        bool, typer.Option("--review", help="List pairs too close to call, and take what a role says of them.")
    ] = False,
    of: Annotated[str, typer.Option("--of", help="Review the links of this person instead (a pseudonym).")] = "",
    say: Annotated[
        list[str] | None,
        typer.Option("--decide", help="PAIR=same, PAIR=different or PAIR=cannot_tell; may be given again."),
    ] = None,
    role: Annotated[str, typer.Option("--role", help="The role that reviews: names are shown to it, and logged.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why it reviews, for the log.")] = "",
    top: Annotated[int, typer.Option("--top", help="How many pairs to list, the likeliest first.")] = 20,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find which records are one person, and who lived where; leave the canonical tables."""
    from dataclasses import asdict

    from features.linking.link import link as link_snapshot

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    if (review or of) and not say and not _review(invocation, of, role, reason, top):
        return
    with writer_lock(invocation.workspace.root):
        if say:
            _decide(invocation, say, role, reason)
        result = link_snapshot(invocation)
    made = "Linked" if result.made else "Already linked"
    invocation.report(
        asdict(result),
        f"{made} snapshot {result.snapshot}: {result.references:,} references are {result.people:,} people in "
        f"{result.households:,} homes; {result.left_out:,} were left out because they may not be linked. "
        f"{result.for_review:,} pairs are too close to call: `sooner link --review`.",
    )


def _log(invocation: Invocation, role: str) -> Callable[[Mapping[str, object]], object]:
    log = FileLog(invocation.workspace.log)
    return lambda entry: log.append(actor="command", role=role, action=str(entry["action"]), detail={**entry})


def _decide(invocation: Invocation, said: Sequence[str], role: str, reason: str) -> None:
    """File what a role says of pairs. The writer lock is the caller's."""
    from features.linking.review import decide

    decide(invocation, said, role=role, reason=reason, log=_log(invocation, role))


def _review(invocation: Invocation, of: str, role: str, reason: str, top: int) -> bool:
    """Print pairs side by side: without a role no more than why they are close; as JSON never who they are.

    A role at a terminal is asked about each pair as it is shown. Return whether anything was said of one.
    """
    from features.linking.review import pairs_of, shown, undecided

    found = pairs_of(invocation.workspace, of) if of else undecided(invocation.workspace)
    listed = found[:top]
    if invocation.as_json:
        invocation.report({"pairs": len(found), "listed": [one.document() for one in listed]}, "")
        return False
    sides = shown(invocation, listed, role=role, reason=reason, log=_log(invocation, role)) if role and listed else None
    asks, said = sides is not None and sys.stdin.isatty(), 0
    for place, one in enumerate(listed):
        weight = "" if one.weight is None else f" ({one.weight:.1f} bits)"
        lines = [f"{one.name}{weight}: {one.evidence}"]
        for side, services in enumerate(one.services):
            lines += [f"  {'AB'[side]}  {line}" for line in (sides[place][side] if sides else [", ".join(services)])]
        invocation.report({}, "\n".join(lines))
        answer = _answer() if asks else ""
        if answer == _STOP:
            break
        if answer:
            with writer_lock(invocation.workspace.root):
                _decide(invocation, [f"{one.name}={answer}"], role, reason)
            said += 1
    if asks:
        invocation.report({}, f"{len(found):,} pairs, {said:,} decided." + (" Linking again." if said else ""))
        return said > 0
    invocation.report(
        {},
        f"{len(found):,} pairs, {len(listed):,} listed. "
        "Say of each: `sooner link --decide PAIR=same` (or different, cannot_tell) `--role ROLE --reason WHY`.",
    )
    return False


_STOP = "stop"
_ANSWERS: Mapping[str, str] = {"s": "same", "d": "different", "c": "cannot_tell", "n": "", "q": _STOP}


def _answer() -> str:
    """Ask what the reviewer says of the pair on the screen: a saying, nothing for the next pair, or to stop."""
    asked = "One person? s same, d different, c cannot tell; n next pair, q stop"
    while (key := typer.prompt(asked, default="n", show_default=False).strip().lower()[:1]) not in _ANSWERS:
        typer.echo("Type one of s, d, c, n or q, then Enter.")
    return _ANSWERS[key]


@verbs.command()
def explain(
    entity: Annotated[str, typer.Argument(help="The household's or person's pseudonym.")],
    feature: Annotated[str, typer.Argument(help="The feature's name.")],
    as_of: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The as-of date.")],
    council: CouncilDir = _COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = _WORKSPACE,
    snapshot: Annotated[str, typer.Option("--snapshot", help="The snapshot; by default the newest.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="What the matrix is for.", show_default=True)] = "train",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print the very rows behind one value, and those that were not used with why."""
    from features.build import Snapshot, question_of
    from features.engines.explanation import explain as explain_value

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    opened = Snapshot.open(invocation.workspace.snapshot(snapshot or None))
    question, _ = question_of(invocation, opened, purpose, [as_of.date()])
    found = explain_value(question, opened.tables, entity, feature)
    lines = [f"{found.feature.reason.format(value=found.text)} ({found.feature.name}, as of {found.as_of})"]
    lines.append(f"Members: {len(found.members)}. " + "; ".join(f"{s} saw {n} of them" for s, n in found.seen.items()))
    for line in found.lines:
        event, day = line.event, question.day_of(line.event.valid_at)
        amount = "" if event.amount is None else f", {event.amount / 10_000:g}"
        detail = f", {event.detail}" if event.detail else ""
        lines.append(
            f"  {'+' if line.used else '-'} {day} {event.signal}{detail}{amount} "
            f"(known {question.day_of(event.known_at)}, person {event.person_id}): {line.why}"
        )
    invocation.report(found.document(), "\n".join(lines))


@verbs.command()
def clean(
    keep: Annotated[int, typer.Option("--keep", help="How many of the newest snapshots stay.")] = 3,
    council: CouncilDir = _COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = _WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Remove old snapshots, with what the vault and the quarantine hold of them."""
    from dataclasses import asdict

    from features.intake.clean import clean as clean_store

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        cleaned = clean_store(invocation, keep=keep)
    invocation.report(
        asdict(cleaned),
        f"{len(cleaned.removed)} snapshots removed, {len(cleaned.kept)} kept: {', '.join(cleaned.kept)}.",
    )
