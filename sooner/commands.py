"""The verbs that put the rooms in order: init, check, run, demo, promote, rank, explain, reproduce, doctor."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from charter.voice import Voice

__all__ = ["verbs"]

verbs = Verbs("The whole path, and what is missing here.")

RoleName = Annotated[
    str, typer.Option("--role", help="The role that asks, as the charter names it; by default the first that may.")
]
AsOf = Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The list's date (YYYY-MM-DD).")]


@verbs.add("demo", under="start", example="sooner demo --households 3000 --seed 2 --no-serve")
def demo(
    invocation: Invocation,
    households: Annotated[int, typer.Option(help="How many homes the borough has.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same borough.")] = 1,
    unfair: Annotated[str, typer.Option(help="Record less of one group at equal need: signals, labels or both.")] = "",
    variant: Annotated[str, typer.Option(help="standard, or points: a points list is as good as any model.")] = (
        "standard"
    ),
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop before serving.")] = False,
) -> None:
    """Make a fictional borough, take it from extracts to worklist with sign-offs marked `demo`, and serve it.

    Its teams, places and lists are those of a council of so many homes; a council named with --council keeps its own.
    """
    from serving.commands import serve
    from sooner.demo import play_demo

    played = play_demo(invocation, households=households, seed=seed, unfair=unfair, variant=variant)
    if not no_serve:
        serve(played)


@verbs.add(
    "init",
    under="start",
    example="sooner init mycouncil --name 'Borough of Smallford' --extracts deliveries --team 'Family help'",
    opens=False,
)
def init(
    voice: Voice,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new council's folder; not there yet, or empty.")],
    name: Annotated[str, typer.Option(help="What the council is called.")] = "",
    time_zone: Annotated[str, typer.Option(help="Where its days begin; Europe/London by default.")] = "",
    contact: Annotated[str, typer.Option(help="Where residents reach it.")] = "",
    extracts: Annotated[
        Path | None, typer.Option(help="What services sent: a sub-folder for each, with CSV or Parquet files.")
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option(help="A column that says whom a row is about, if its name doesn't.")
    ] = None,
    permit: Annotated[
        list[str] | None,
        typer.Option(help="A [[prohibited]] row of the example charter that yours does without, if the board agrees."),
    ] = None,
    team: Annotated[list[str] | None, typer.Option(help="What a team is called; once for each team.")] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(help="Without extracts: a service of the example council that yours has too, as a row to edit."),
    ] = None,
    programme: Annotated[str, typer.Option(help="What the programme's folder is called.")] = "early_help",
) -> None:
    """Write a new council's folder, with the register guessed from its extracts, for people to confirm row by row.

    At a terminal what is left out is asked for. No value of any row is written or shown: names of files and columns.
    """
    from sooner.init import Questions, start_council

    told = (tuple(reference or ()), tuple(permit or ()), tuple(service or ()))
    questions = Questions(name, time_zone, contact, extracts, tuple(team or ()), programme, *told)
    start_council(voice, folder, questions)


@verbs.add("check", under="start", example="sooner check mycouncil", opens=False)
def check(
    voice: Voice,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The council's folder.")] = Path("council"),
    through: Annotated[str, typer.Option(help="`rank`: also say all that is missing for a list.")] = "",
    extracts: Annotated[Path, typer.Option(help="Where services put their files.")] = Path("workspace/extracts"),
    workspace: Annotated[Path, typer.Option(help="Where a demo's sign-offs lie.")] = Path("workspace"),
) -> None:
    """Read a whole council folder, run nothing, and say everything that is wrong with it at once."""
    from datetime import UTC

    from charter.errors import UsageError

    if through not in ("", "rank"):
        raise UsageError(f"nothing can be checked through {through!r}.", "Write --through rank.")

    from sooner.check import check_council, list_notes

    faults = check_council(folder, datetime.now(UTC).date())
    if faults:
        worst = faults[0]
        lines = [f"{error.message} {error.next_step}".rstrip() for error in faults]
        raise type(worst)("\n".join([f"{folder} can't be used as it is:", *lines]), "Mend these and check again.")
    if through:
        _report_missing(voice, folder, extracts, workspace)
        return
    notes = list_notes(folder)
    document: dict[str, list[str]] = {"faults": [], "notes": [*notes]}
    whole = f"{folder}: every file can be read, and names nothing that is not there."
    voice.report(document, "\n".join([whole, *notes]))


def _report_missing(voice: Voice, folder: Path, extracts: Path, workspace: Path) -> None:
    from dataclasses import asdict
    from datetime import UTC

    from charter.errors import SignOffError
    from sooner.readiness import list_missing_steps

    missing = list_missing_steps(folder, extracts, workspace / "signoffs.toml", datetime.now(UTC).date())
    if missing and not voice.as_json:
        lines = [f"before `{step.verb}`: {step.sentence}\n    {step.next_step}" for step in missing]
        raise SignOffError("\n".join([f"{folder} is not ready for a list:", *lines]), "Then check again.")
    nothing = f"{folder}: nothing is missing for a list that can be told before the data is read."
    voice.report({"missing": [asdict(step) for step in missing]}, nothing)


@verbs.add("doctor", under="start", example="sooner doctor --workspace workspace")
def doctor(invocation: Invocation) -> None:
    """Say what is missing here and the exact command that brings it."""
    from charter.machine.doctor import Check, examine_machine
    from sooner.check import check_council, list_slips

    checks = examine_machine(invocation)
    faults = check_council(invocation.council.folder, invocation.today)
    slips = [slip for error in faults for slip in list_slips(error)]
    checks = (*checks, *(Check("the council's folder", found=False, note=slip) for slip in slips))
    if not faults:
        checks = (*checks, Check("the council's folder", found=True, note="every file can be read"))
    lines = [f"{'ok     ' if check.found else 'MISSING'}  {check.title:<34} {check.note}" for check in checks]
    invocation.report({"checks": [check.document() for check in checks]}, "\n".join(lines))


@verbs.add("run", under="run", example="sooner run --council council --workspace workspace", locks=True)
def run(
    invocation: Invocation,
    no_model: Annotated[
        bool, typer.Option("--no-model", help="The single view, the points list and the need map; where to start.")
    ] = False,
) -> None:
    """Pull, link, build, train, audit, decide; where the gate passes and sign-offs are there, promote and rank."""
    from charter.errors import BlockedError
    from sooner.path import (
        board_pack,
        build_rows,
        issue_lists,
        judge_model,
        prepare_snapshot,
        start_without_model,
    )

    prepare_snapshot(invocation)
    if no_model:
        folder = start_without_model(invocation)
        invocation.report({"folder": str(folder)}, f"{folder}/ has the single view, the points list and the need map.")
        return
    build_rows(invocation)
    decision = judge_model(invocation)
    if decision["decision"] == "block":
        raise BlockedError(decision["sentence"], f"Read {board_pack(invocation)}.")
    result = issue_lists(invocation)
    invocation.report(result.document(), result.sentence())


promoting = Verbs(
    "Make the newest audited model the champion and bundle it for serving; refuse without decision and sign-offs.",
    default="candidate",
    example="sooner promote",
)
verbs.add_verbs("promote", promoting, under="decide")


@promoting.add("candidate", example="sooner promote", locks=True)
def promote_candidate(invocation: Invocation) -> None:
    """Make the newest audited model the champion and bundle it for serving: what `sooner promote` alone does."""
    _promote(invocation, rollback=False)


@promoting.add("rollback", example="sooner promote rollback", locks=True)
def promote_rollback(invocation: Invocation) -> None:
    """Serve the release before this one again."""
    _promote(invocation, rollback=True)


def _promote(invocation: Invocation, *, rollback: bool) -> None:
    from sooner.path import promote_model

    bundle = promote_model(invocation, rollback=rollback)
    invocation.report(
        {"bundle": bundle.name, "folder": str(bundle)},
        f"{bundle} is what lists are made with now; nobody is shown one before `sooner promote live`.",
    )


@promoting.add("live", example="sooner promote live", locks=True)
def promote_live(invocation: Invocation) -> None:
    """Take the release through the second gate: let its lists be seen."""
    from charter.signing.decisions import go_live

    release, until = go_live(invocation)
    invocation.report(
        {"release": release, "until": until.isoformat()},
        f"Lists of {release} may be seen until {until}; before then the next decision is due.",
    )


@verbs.add("rank", under="run", example="sooner rank --as-of 2026-03-02", locks=True)
def rank(
    invocation: Invocation,
    as_of: AsOf = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="A manager asks for a new list before this one ends.")] = (
        False
    ),
    engine: Annotated[str, typer.Option("--engine", help="engine, or spark: many machines, the same list.")] = "engine",
    master: Annotated[
        str, typer.Option("--master", help="Where Spark runs: local[*] or a cluster's URL.")
    ] = "local[*]",
) -> None:
    """Build the matrix of one date and issue each team's worklist from it, within its capacity and offer of help."""
    from sooner.path import rank_day

    day = as_of.date() if as_of else None
    result = rank_day(invocation, day, refresh=refresh, engine=engine, master=master)
    invocation.report(result.document(), result.sentence())


@verbs.add("explain", under="look", example="sooner explain 5f1c0e7a9b3d absences_6m 2026-03-02", way="rows")
def explain(
    invocation: Invocation,
    entity: Annotated[str, typer.Argument(help="The household's or person's pseudonym.")],
    feature: Annotated[str, typer.Argument(help="The feature's name.")],
    as_of: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The as-of date.")],
    snapshot: Annotated[str, typer.Option("--snapshot", help="The snapshot; by default the newest.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="What the matrix is for.", show_default=True)] = "train",
    role: RoleName = "",
) -> None:
    """Print the very rows behind one value, and those that were not used with why."""
    from features.build import Snapshot, make_question
    from features.engines import explanation
    from serving.asking_to_show import require_rows
    from sooner.path import require_own_feature

    require_rows(invocation, entity, role)
    require_own_feature(invocation, feature)
    opened = Snapshot.open(invocation.workspace.snapshot(snapshot or None))
    question, _ = make_question(invocation, opened, purpose, [as_of.date()])
    value = explanation.explain_value(question, opened.tables, entity, feature)
    lines = [f"{value.feature.reason.format(value=value.text)} ({value.feature.name}, as of {value.as_of})"]
    lines.append(f"Members: {len(value.members)}. " + "; ".join(f"{s} saw {n} of them" for s, n in value.seen.items()))
    for line in value.lines:
        event, day = line.event, question.day_of(line.event.valid_at)
        amount = "" if event.amount is None else f", {event.amount / 10_000:g}"
        detail = f", {event.detail}" if event.detail else ""
        lines.append(
            f"  {'+' if line.used else '-'} {day} {event.signal}{detail}{amount} "
            f"(known {question.day_of(event.known_at)}, person {event.person_id}): {line.why}"
        )
    invocation.report(value.document(), "\n".join(lines))


@verbs.add("status", under="look", example="sooner status")
def status(invocation: Invocation) -> None:
    """Say which results stand as things are now, which are stale and why, and what to run next."""
    from dataclasses import asdict

    from sooner.status import draw_stages, list_stages, say_looks_of_the_year

    stages, looks = list_stages(invocation), say_looks_of_the_year(invocation)
    words = "\n".join(filter(None, (draw_stages(stages), looks)))
    invocation.report({"stages": [asdict(stage) for stage in stages], "looks": looks}, words)


@verbs.add("known", under="run", example="sooner known --as-of 2026-03-02", locks=True)
def known(invocation: Invocation, as_of: AsOf = None) -> None:
    """List households with a need that a service recorded already and with whom nobody works, for that service.

    No model says who they are or in which order; each service gets as many as it has places for in worklist.toml.
    """
    from sooner.path import list_known_trouble

    lists = list_known_trouble(invocation, as_of.date() if as_of else None)
    rows = [
        {"need": one.need, "households": one.households, "listed": one.listed, "file": str(one.file)} for one in lists
    ]
    lines = [f"{row['need']}: {row['households']} households, {row['listed']} of them in {row['file']}" for row in rows]
    invocation.report({"lists": rows}, "\n".join(lines))


@verbs.add("reproduce", under="look", example="sooner reproduce pr4b1f8e2a9c07d35", locks=True, way="sealed")
def reproduce(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(metavar="REFERRAL", help="A referral's id, or a training run's.")],
    role: RoleName = "",
) -> None:
    """Make a past referral or model again: the same bytes, or exit 12 naming what was withdrawn since."""
    from serving.asking_to_show import require_sealed
    from sooner.path import reproduce_result

    require_sealed(invocation, name, role)
    result, snapshot = reproduce_result(invocation, name)
    if not snapshot:
        invocation.report(
            {"run": name, "same": True, "bytes": len(result)}, f"{name}: the same model, {len(result):,} bytes."
        )
    elif invocation.as_json:
        print(result.decode())
    else:
        invocation.report({}, f"{name}: the same {len(result):,} bytes, from snapshot {snapshot}.")
