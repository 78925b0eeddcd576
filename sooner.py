"""The `sooner` command: mounts each room's verbs; `run`, `demo` and `doctor` only put them in order.

Exit codes: 0 done, 2 usage, 10 definition, 11 data, 12 charter or permission, 13 blocked, 14 sign-off missing or
expired, 15 referred to the board.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

import borough.commands
import charter.commands
import fairness_reports.commands
import features.commands
import residents
import serving.commands
import training.commands
from charter.contracts.files import pointed, read_json, writer_lock
from charter.council.register import Register
from charter.errors import BlockedError, DataError, SoonerError, UsageError
from charter.invocation import AsJson, CouncilDir, Invocation, ProgrammeName, Quiet, WorkspaceDir
from charter.machine.disk import is_full
from charter.rules.assessments import require_assessments
from charter.rules.policy import Policy
from charter.signing.acceptance import sign_as
from charter.signing.second_gate import in_shadow
from charter.signing.signoffs import today
from charter.vault.rights_ledger import withdrawn_since

__all__ = ["app", "main"]

# Quiet, offline and pickle-free, whoever runs it and however.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "BENTOML_DO_NOT_TRACK": "True",
}

app = typer.Typer(
    name="sooner",
    help="Spot problems sooner: permitted, explained, charter-approved referrals for early help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (borough, features, training, fairness_reports, charter, serving):
    app.registered_commands += room.commands.verbs.registered_commands
app.registered_commands += residents.verbs.registered_commands

_STOPPED = 130
"""The exit code of a command that was stopped by Ctrl-C, as in every shell."""

COUNCIL = Path("council")
WORKSPACE = Path("workspace")
AsOf = Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The list's date (YYYY-MM-DD).")]


@app.command()
def promote(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    rollback: Annotated[bool, typer.Option("--rollback", help="Serve the release before this one again.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Through the second gate: let its lists be seen.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make the newest audited model the champion and bundle it for serving; refuse without decision and sign-offs."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    if live:
        with writer_lock(invocation.workspace.root):
            release, until = charter.commands.go_live(invocation)
        told = f"Lists of {release} may be seen until {until}; before then the next decision is due."
        invocation.report({"release": release, "until": until.isoformat()}, told)
        return
    with writer_lock(invocation.workspace.root):
        made = _promote(invocation, rollback=rollback)
    invocation.report(
        {"bundle": made.name, "folder": str(made)},
        f"{made} is what lists are made with now; nobody is shown one before `sooner promote --live`.",
    )


def _promote(invocation: Invocation, *, rollback: bool = False) -> Path:
    from serving.ranking.bundle import bundle
    from training.keeping.release import release_model, roll_back_release

    made = roll_back_release(invocation) if rollback else release_model(invocation)
    register = Register.load(invocation.council.folder / "register.toml")
    services = {
        source.service: {
            "title": source.title,
            "contact": source.contact,
            "promised_lag_days": source.promised_lag_days,
            "display": source.display,
            "details_to": sorted(source.details_to),
            "confidential": source.confidential_from_household,
            "signals": {signal.name: signal.title for signal in source.signals},
        }
        for source in register.sources
    }
    return bundle(invocation, made, services)


@app.command()
def rank(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_of: AsOf = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="A manager asks for a new list before this one ends.")] = (
        False
    ),
    team: Annotated[str, typer.Option("--print", help="Print this team's list on paper, numbered and logged.")] = "",
    engine: Annotated[str, typer.Option("--engine", help="engine, or spark: many machines, the same list.")] = "engine",
    master: Annotated[
        str, typer.Option("--master", help="Where Spark runs: local[*] or a cluster's URL.")
    ] = "local[*]",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Build the matrix of one date and issue each team's worklist from it, within its capacity and offer of help."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    if team:
        from serving.casework.printing import printed

        print(printed(invocation, team))
        return
    with writer_lock(invocation.workspace.root):
        day = as_of.date() if as_of else None
        result = _rank(invocation, day, refresh=refresh, engine=engine, master=master)
    invocation.report(result.document(), result.sentence())


def _rank(
    invocation: Invocation,
    as_of: date | None = None,
    *,
    refresh: bool = False,
    engine: str = "engine",
    master: str = "local[*]",
    now: datetime | None = None,
) -> Any:
    from features.build import build
    from features.departures import departures
    from features.timeline import timelines
    from serving.ranking.worklist import rank as issue

    if gone := withdrawn_since(invocation.workspace):
        invocation.say(
            f"The model in use learned from {gone:,} rows that were withdrawn since: train and promote anew."
        )
    day = as_of or _taken_on(invocation)
    _may_shadow(invocation)
    matrix = build(invocation, purpose="rank", as_of=[day], engine=engine, master=master)
    made = partial(
        issue, invocation, matrix, day, refresh=refresh, now=now, timeline=partial(timelines, invocation),
        departures=partial(departures, invocation),
    )  # fmt: skip
    return made(score=_scored_on(master)) if engine == "spark" else made()


def _may_shadow(invocation: Invocation) -> None:
    """Refuse to make lists in shadow of real data before the assessments that the charter asks for."""
    release = pointed(invocation.workspace.release)
    if release is None or not in_shadow(invocation.workspace, release.name, today(invocation)):
        return
    policy = Policy.load(invocation.council.folder / "charter.toml", today(invocation))
    synthetic = bool(read_json(release / "manifest.json")["synthetic"])
    require_assessments(policy.assessments, "shadow", synthetic=synthetic)


def _scored_on(master: str) -> Any:
    """Return what scores one date of a matrix on a Spark cluster: the same bundle, the same numbers."""
    from features.engines.spark import map_rows, session
    from serving.ranking.places import check_fits, margins_of

    def score(bundle: Any, matrix: Any, at: Any) -> Any:
        check_fits(bundle, matrix)
        rows = matrix.folder / f"as_of={at.as_of.isoformat()}" / "features.npy"
        return map_rows(session(master), rows, partial(margins_of, str(bundle.folder.resolve())))

    return score


def _taken_on(invocation: Invocation) -> date:
    """Return the local date on which the newest linked snapshot was taken: the newest date it can speak for."""
    manifest = read_json(invocation.workspace.snapshot() / "manifest.json")
    return datetime.fromisoformat(manifest["taken_at"]).astimezone(invocation.council.time_zone).date()


@app.command()
def reproduce(
    referral: Annotated[str, typer.Argument(help="A referral's id, or a training run's.")],
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a past referral or model again: the same bytes, or exit 12 naming what was withdrawn since."""
    from features.build import build
    from features.timeline import timelines
    from serving.ranking.sealed_record import origin
    from serving.ranking.sealed_record import reproduce as again

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        if (invocation.workspace.scores / referral).is_dir():
            from training.keeping.reproduce import retrain_model
            from training.run import Run

            model = retrain_model(invocation, Run.open(invocation.workspace, referral))
            told = f"{referral}: the same model, {len(model):,} bytes."
            invocation.report({"run": referral, "same": True, "bytes": len(model)}, told)
            return
        snapshot, day = origin(invocation, referral)
        matrix = build(invocation, purpose="rank", snapshot=snapshot, as_of=[day])
        record = again(invocation, referral, matrix, partial(timelines, invocation))
    if as_json:
        print(record.decode())
    else:
        invocation.report({}, f"{referral}: the same {len(record):,} bytes, from snapshot {snapshot}.")


@contextmanager
def _step(invocation: Invocation, name: str) -> Iterator[None]:
    """Say which step begins, and how long it took."""
    began = time.perf_counter()
    yield
    invocation.say(f"  {name:<8} {time.perf_counter() - began:6.1f} s")


def _prepare(invocation: Invocation) -> None:
    from features.linking.link import link
    from features.pull import pull

    with _step(invocation, "pull"):
        pull(invocation)
    with _step(invocation, "link"):
        link(invocation)


def _judge(invocation: Invocation) -> dict[str, Any]:
    """Build, train, audit and decide; return the decision, whatever it is."""
    from fairness_reports.whole_audit import audit
    from features.build import build
    from training.experiment import train_models

    with _step(invocation, "build"):
        build(invocation)
    with _step(invocation, "train"):
        train_models(invocation)
    with _step(invocation, "audit"):
        audit(invocation)
    with _step(invocation, "decide"):
        return charter.commands.decide_run(invocation)


def _issue(invocation: Invocation) -> Any:
    with _step(invocation, "promote"):
        _promote(invocation)
    with _step(invocation, "rank"):
        return _rank(invocation)


@app.command()
def run(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    no_model: Annotated[
        bool, typer.Option("--no-model", help="The single view, the points list and the need map; where to start.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Pull, link, build, train, audit, decide; where the gate passes and sign-offs are there, promote and rank."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        _prepare(invocation)
        if no_model:
            _without_model(invocation)
            return
        decision = _judge(invocation)
        if decision["decision"] == "block":
            raise BlockedError(decision["sentence"], f"Read {_pack(invocation)}.")
        result = _issue(invocation)
    invocation.report(result.document(), result.sentence())


def _without_model(invocation: Invocation) -> None:
    from fairness_reports.publish.start import start
    from features.build import build

    day = _taken_on(invocation)
    with _step(invocation, "build"):
        matrix = build(invocation, purpose="rank", as_of=[day])
    with _step(invocation, "start"):
        made = start(invocation, matrix, day)
    invocation.report({"folder": str(made)}, f"{made}/ has the single view, the points list and the need map.")


@app.command()
def demo(
    households: Annotated[int, typer.Option(help="How many homes the borough has.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same borough.")] = 1,
    unfair: Annotated[str, typer.Option(help="Record less of one group at equal need: signals, labels or both.")] = "",
    variant: Annotated[str, typer.Option(help="standard, or points: a points list is as good as any model.")] = (
        "standard"
    ),
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop before serving.")] = False,
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a fictional borough, take it from extracts to worklist with sign-offs marked `demo`, and serve it."""
    from borough.synth import make, steps

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    _refuse_real_data(invocation)
    began = time.perf_counter()
    invocation.say(f"A borough of {households:,} homes, seed {seed}, in {workspace}/")
    with writer_lock(invocation.workspace.root):
        with _step(invocation, "synth"), invocation.progress("Making a borough", steps()) as progress:
            make(invocation.workspace.extracts, invocation.council, households, seed, unfair, variant, progress)
        _sign(invocation, "charter")
        _prepare(invocation)
        decision = _judge(invocation)
        invocation.say(f"The gate: {decision['decision']}. {decision['sentence']}")
        if decision["decision"] == "block":
            raise BlockedError(decision["sentence"], f"Read {_pack(invocation)}.")
        _sign(invocation, "decision")
        with _step(invocation, "promote"):
            _promote(invocation)
        with _step(invocation, "shadow"):
            result = _live_through_shadow(invocation)
    places = _places(invocation)
    seconds = time.perf_counter() - began
    told = "\n".join(f"  {what:<11} {where}" for what, where in places.items())
    invocation.report(
        {"seconds": round(seconds, 1), "decision": decision["decision"], **places, **result.document()},
        f"{result.sentence()}\nDone in {seconds:.0f} s.\n{told}",
    )
    if not no_serve:
        serving.commands.serve(council=council, programme=programme, workspace=workspace)


def _live_through_shadow(invocation: Invocation) -> Any:
    """Play the shadow weeks up to today: lists that nobody sees, the second gate, `demo` sign-offs; then today's.

    A demo's lists are few: of the first day, the middle and the end, a week ago, rather than of each week.
    """
    from fairness_reports.publish.live_page import audit_live

    policy = Policy.load(invocation.council.folder / "charter.toml", today(invocation))
    last = _taken_on(invocation)
    weeks = policy.live.shadow_weeks
    for before in (weeks, weeks // 2, 0):
        day = last - timedelta(weeks=before + 1)
        _rank(invocation, day, now=invocation.council.midnight(day))
    audit_live(invocation)
    decision = charter.commands.decide_run(invocation, live=True)
    invocation.say(f"The second gate: {decision['decision']}. {decision['sentence']}")
    if decision["decision"] == "block":
        raise BlockedError(decision["sentence"], "Nobody is shown a list. Read findings.json in the audit's live/.")
    _sign(invocation, "decision", live=True)
    charter.commands.go_live(invocation)
    return _rank(invocation)


def _refuse_real_data(invocation: Invocation) -> None:
    newest = pointed(invocation.workspace.store)
    if newest is not None and not read_json(newest / "manifest.json")["synthetic"]:
        raise UsageError(
            f"{invocation.workspace.root} holds a snapshot of real data.", "Name another folder with --workspace."
        )


def _sign(invocation: Invocation, what: str, *, live: bool = False) -> None:
    """Sign `what` as each role that must, marked `demo`: that opens synthetic data and nothing else."""
    policy = Policy.load(invocation.council.folder / "charter.toml", today(invocation))
    for role in policy.signers(what):
        sign_as(invocation, role.id, what, demo=True, live=live)


def _pack(invocation: Invocation) -> Path:
    return (pointed(invocation.workspace.audit) or invocation.workspace.audit) / "report.html"


def _places(invocation: Invocation) -> dict[str, str]:
    tracking = os.environ.get("MLFLOW_TRACKING_URI", invocation.workspace.tracking_uri)
    listed = pointed(invocation.workspace.worklist) or invocation.workspace.worklist
    return {
        "worklist": f"{listed}/ and, while serving, http://127.0.0.1:3000/",
        "board pack": str(_pack(invocation)),
        "MLflow": f"make ui WORKSPACE={invocation.workspace.root} (or: mlflow ui --backend-store-uri {tracking})",
    }


@app.command()
def doctor(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what is missing here and the exact command that brings it."""
    from charter.machine.doctor import examine

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    checks = examine(invocation)
    lines = [f"{'ok     ' if check.found else 'MISSING'}  {check.title:<34} {check.note}" for check in checks]
    invocation.report({"checks": [check.document() for check in checks]}, "\n".join(lines))


def main() -> None:
    """Run the command line; print one clear sentence and leave with its exit code when something is refused."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    stops: list[int] = []

    def stop(number: int, _: object) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    try:
        code = _answer()
    except Exception as error:
        # A library may turn Ctrl-C into an error of its own, as DuckDB does; each says its own way that a disk is full.
        if stops:
            code = _STOPPED
        elif is_full(error):
            sentence = "there is no room left on the disk; what was there before is unchanged."
            code = _refuse(sentence, "Make room, then run it again.", DataError.exit_code)
        else:
            raise
    # What is done is done: a Ctrl-C while Python tidies up changes nothing any more.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if code == _STOPPED:
        _refuse("stopped before the end; what was there before is unchanged.", "Run it again.", code)
        # Where the interrupt came through an exec of text (a library being imported), Python remembers it and dies of
        # the signal instead of leaving with our code; so leave at once.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _answer() -> int:
    """Run the command line and return its exit code; what is refused on purpose has been said by then."""
    try:
        code = app(standalone_mode=False)
    except SoonerError as error:
        return _refuse(error.message, error.next_step, error.exit_code)
    except typer.TyperException as error:
        return _refuse(error.format_message(), "See `sooner --help`, or `sooner VERB --help`.", UsageError.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _STOPPED
    except OSError as error:
        what = f" ({Path(error.filename).name})" if error.filename else ""
        sentence = f"the machine could not do it: {error.strerror or error}{what}; what was there before is unchanged."
        return _refuse(sentence, "Make room or mend the permissions, then run it again.", 11)
    return code if isinstance(code, int) else 0


def _refuse(sentence: str, next_step: str, code: int) -> int:
    print(f"sooner: {sentence}", file=sys.stderr)
    if next_step:
        print(f"  next: {next_step}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
