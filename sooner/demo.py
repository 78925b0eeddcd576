"""The demo: a fictional borough from extracts to worklist, with sign-offs marked `demo`, through both gates."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from charter.contracts.files import find_current, read_json, writer_lock
from charter.council.register import Register
from charter.errors import BlockedError, UsageError
from charter.invocation import Invocation
from charter.signing.acceptance import Signable, sign_as
from charter.signing.decisions import decide_run, go_live
from charter.vault.command_log import CommandLog
from charter.vault.key import make_key_file
from charter.vault.log import FileLog
from sooner.path import (
    board_pack,
    build_rows,
    judge_model,
    prepare_snapshot,
    promote_model,
    rank_day,
    snapshot_day,
    time_step,
)
from sooner.planted import describe_planted

if TYPE_CHECKING:
    from serving.ranking.standing_lists import RankResult

__all__ = ["play_demo"]


def play_demo(invocation: Invocation, *, households: int, seed: int, unfair: str, variant: str) -> Invocation:
    """Make a borough and take it to today's worklist, then say where everything is; return what it was played with.

    The council is made for so many homes, unless it is somebody's own: then homes lie in its areas and its own teams
    get the lists. Takes the writer lock itself, and lets it go before anything is served. Raises UsageError where the
    workspace holds real data or the council reads what nobody makes up, BlockedError where a gate says block.
    """
    from borough.sized_council import size_council
    from borough.synth import SMALLEST, count_steps, make_borough

    _refuse_real_data(invocation)
    _refuse_other_register(invocation)
    began = time.perf_counter()
    invocation.say(
        f"{invocation.council.name}, made up: {households:,} homes, seed {seed}, in {invocation.workspace.root}/"
    )
    with writer_lock(invocation.workspace.root):
        if "SOONER_KEY" not in os.environ:
            invocation.say(f"Its key is kept in {make_key_file(invocation.council, invocation.workspace)}.")
        _refuse_lost_casework(invocation)
        invocation = size_council(invocation, max(households, SMALLEST))
        with time_step(invocation, "synth"), invocation.progress("Making a borough", count_steps()) as progress:
            heard = [source.service for source in invocation.register.sources]
            extracts = invocation.workspace.extracts
            make_borough(extracts, invocation.council, households, seed, unfair, variant, progress, heard)
        _sign_as_all(invocation, "charter")
        prepare_snapshot(invocation)
        build_rows(invocation)
        if unfair:
            _say_planted(invocation, unfair)
        decision = judge_model(invocation)
        invocation.say(f"The gate: {decision['decision']}. {decision['sentence']}")
        if decision["decision"] == "block":
            raise BlockedError(decision["sentence"], f"Read {board_pack(invocation)}.")
        _sign_as_all(invocation, "decision")
        with time_step(invocation, "promote"):
            promote_model(invocation)
        with time_step(invocation, "shadow"):
            result = _live_through_shadow(invocation)
    places = _list_places(invocation)
    seconds = time.perf_counter() - began
    lines = "\n".join(f"  {what:<11} {where}" for what, where in places.items())
    invocation.report(
        {"seconds": round(seconds, 1), "decision": decision["decision"], **places, **result.document()},
        f"{result.sentence()}\nDone in {seconds:.0f} s.\n{lines}",
    )
    return invocation


def _say_planted(invocation: Invocation, unfair: str) -> None:
    from borough.rates import Rates
    from fairness_reports.audit.audit_plan import plan_questions

    invocation.say(describe_planted(plan_questions(invocation), unfair, Rates.load().unfair_group))


def _live_through_shadow(invocation: Invocation) -> RankResult:
    """Play the shadow weeks up to today: lists that nobody sees, the second gate, `demo` sign-offs; then today's.

    A demo's lists are few: of the first day, the middle and the last before today's, rather than all of them.
    """
    from fairness_reports.publish.live_page import write_live_page

    policy = invocation.policy
    last = snapshot_day(invocation)
    days = invocation.settings.worklist.list.days
    lists = -(-7 * policy.live.shadow_weeks // days)
    for before in dict.fromkeys((lists, lists // 2, 0)):
        day = last - timedelta(days=days * (before + 1))
        rank_day(invocation, day, now=invocation.council.midnight(day))
    write_live_page(invocation)
    decision = decide_run(invocation, live=True)
    invocation.say(f"The second gate: {decision['decision']}. {decision['sentence']}")
    if decision["decision"] == "block":
        raise BlockedError(decision["sentence"], "Nobody is shown a list. Read findings.json in the audit's live/.")
    _sign_as_all(invocation, "decision", live=True)
    go_live(invocation)
    return rank_day(invocation)


def _refuse_real_data(invocation: Invocation) -> None:
    newest = find_current(invocation.workspace.store)
    if newest is not None and not read_json(newest / "manifest.json")["synthetic"]:
        raise UsageError(
            f"{invocation.workspace.root} holds a snapshot of real data.", "Name another folder with --workspace."
        )


def _refuse_lost_casework(invocation: Invocation) -> None:
    """Refuse, before the work, what opening the casework database would refuse after it: it was there, and is gone."""
    if "SOONER_DATABASE" in os.environ or invocation.workspace.casework.exists():
        return
    anchors = CommandLog.open(invocation.council, invocation.workspace).anchors
    if anchors.chains() - {FileLog.chain}:
        raise UsageError(
            f"{anchors.path} says that {invocation.workspace.root} had a casework database, and it is gone.",
            "If that was a demonstration, remove this file too and run this again; if not, bring the database back "
            "from its backup. Or name another folder with --workspace.",
        )


def _refuse_other_register(invocation: Invocation) -> None:
    """Refuse, before anything is made, a register or programme that asks for what the made-up services do not send."""
    from borough.post import read_declarations
    from features.grammar.definition import Definition

    sent = {(file.service, file.file): {name for name, _ in file.columns} for file in read_declarations().values()}
    register = Register.load(invocation.council.folder / "register.toml")
    wanting = [
        f"the file {source.service}/{file.name}{' with other columns' if (source.service, file.name) in sent else ''}"
        for source in register.sources
        for file in source.files
        if not file.optional and set(file.columns) != sent.get((source.service, file.name))
    ]
    wanting += [f"the source {source.service}" for source in register.sources if source.format == "canonical"]
    definition = Definition.load(invocation.programme_folder / "definition.py")
    signals = {signal.name for signal in register.signals}
    wanting += [f"the signal {name}" for name in sorted(definition.signals) if name not in signals]
    if wanting:
        raise UsageError(
            f"the demo makes up what Sooner's own register reads, and {invocation.council.name} asks for {wanting[0]}"
            f"{f' and {len(wanting) - 1} more' if wanting[1:] else ''}, which nobody makes up.",
            "Put your council.toml into a copy of Sooner's own `council/` and name that with --council: then areas and "
            "teams are yours.",
        )


def _sign_as_all(invocation: Invocation, what: str, *, live: bool = False) -> None:
    """Sign `what` as each role that must, marked `demo`: that opens synthetic data and nothing else."""
    policy = invocation.policy
    for role in policy.signers(what):
        sign_as(invocation, role.id, Signable(what, live=live), demo=True)


def _list_places(invocation: Invocation) -> dict[str, str]:
    tracking = os.environ.get("MLFLOW_TRACKING_URI", invocation.workspace.tracking_uri)
    worklist = find_current(invocation.workspace.worklist) or invocation.workspace.worklist
    return {
        "worklist": f"{worklist}/ and, while serving, http://127.0.0.1:3000/",
        "board pack": str(board_pack(invocation)),
        "MLflow": f"make ui WORKSPACE={invocation.workspace.root} (or: mlflow ui --workers 1 --backend-store-uri"
        f" {tracking})",
    }
