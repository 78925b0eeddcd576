"""The path from extracts to worklist: what `run`, `demo` and the single verbs put in order, room by room."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter.contracts.files import find_current, read_json
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.rules.assessments import require_assessments
from charter.signing.second_gate import in_shadow
from charter.signing.signoffs import find_today
from charter.vault.rights_ledger import count_withdrawn

if TYPE_CHECKING:
    from features.known_trouble import KnownTrouble
    from serving.ranking.standing_lists import RankResult

__all__ = [
    "board_pack",
    "build_rows",
    "issue_lists",
    "judge_model",
    "list_known_trouble",
    "prepare_snapshot",
    "promote_model",
    "rank_day",
    "reproduce_result",
    "require_own_feature",
    "snapshot_day",
    "start_without_model",
    "time_step",
]


@contextmanager
def time_step(invocation: Invocation, name: str) -> Iterator[None]:
    """Say which step ended, and how long it took."""
    began = time.perf_counter()
    yield
    invocation.say(f"  {name:<8} {time.perf_counter() - began:6.1f} s")


def prepare_snapshot(invocation: Invocation) -> None:
    """Pull what the services sent, and link it."""
    from features.linking.link import link_records
    from features.pull import pull_sources

    with time_step(invocation, "pull"):
        pull_sources(invocation)
    with time_step(invocation, "link"):
        link_records(invocation)


def build_rows(invocation: Invocation) -> None:
    """Build the matrix that a model learns from and is judged on."""
    from features.build import build_matrix

    with time_step(invocation, "build"):
        build_matrix(invocation)


def judge_model(invocation: Invocation) -> dict[str, Any]:
    """Train on the newest matrix, audit and decide; return the decision, whatever it is."""
    from charter.signing.decisions import decide_run
    from fairness_reports.unchanged_audit import find_unchanged_audit
    from training.run_inputs import find_unchanged_run

    with time_step(invocation, "train"):
        if find_unchanged_run(invocation) is None:
            from training.experiment import train_models

            train_models(invocation)
    with time_step(invocation, "audit"):
        if find_unchanged_audit(invocation) is None:
            from fairness_reports.whole_audit import audit_run

            audit_run(invocation)
    with time_step(invocation, "decide"):
        return decide_run(invocation)


def issue_lists(invocation: Invocation) -> RankResult:
    """Promote the audited model and rank the newest day that the snapshot can speak for."""
    with time_step(invocation, "promote"):
        promote_model(invocation)
    with time_step(invocation, "rank"):
        return rank_day(invocation)


def promote_model(invocation: Invocation, *, rollback: bool = False) -> Path:
    """Release the newest audited model, or with `rollback` the release before, and return its bundle's folder."""
    from serving.ranking.standing_bundle import digest_bundle_inputs, find_standing_bundle, keep_standing_bundle
    from training.keeping.release import release_model, roll_back_release

    release = roll_back_release(invocation) if rollback else release_model(invocation)
    inputs = digest_bundle_inputs(invocation, release)
    bundle = find_standing_bundle(invocation.workspace, inputs)
    if bundle is None:
        bundle = _make_bundles(invocation, release)
        if inputs == digest_bundle_inputs(invocation, release):  # else a file changed meanwhile: make it anew next time
            keep_standing_bundle(invocation.workspace, inputs)
    return bundle


def _make_bundles(invocation: Invocation, release: Path) -> Path:
    """Make a release's bundle and what stands in for it; return the bundle's folder."""
    from serving.ranking.bundle import make_bundle
    from serving.ranking.model_in_use import make_stand_in

    register = invocation.register
    services = {
        source.service: {
            "title": source.title,
            "contact": source.contact,
            "promised_lag_days": source.promised_lag_days,
            "display": source.display,
            "details_to": sorted(source.details_to),
            "confidential": source.confidential_from_household,
            "phone": source.phone,
            "signals": {signal.name: signal.title for signal in source.signals},
            "units": {signal.name: signal.unit for signal in source.signals if signal.unit},
            "weekly": [signal.name for signal in source.signals if signal.weekly],
            # What a service does for a family over a time: while it is open, somebody works with them.
            "work": [signal.name for signal in source.signals if signal.interval and signal.system_response],
        }
        for source in register.sources
    }
    bundle = make_bundle(invocation, release, services)
    make_stand_in(invocation, release, services, bundle.name)
    return bundle


def rank_day(
    invocation: Invocation,
    as_of: date | None = None,
    *,
    refresh: bool = False,
    engine: str = "engine",
    master: str = "local[*]",
    now: datetime | None = None,
) -> RankResult:
    """Build the matrix of one day (by default the newest snapshot's) and issue each team's worklist from it.

    Does nothing where lists of that day stand (serving.ranking.standing_lists), unless `now` is another moment.
    """
    from serving.ranking.standing_lists import digest_list_inputs, find_standing_lists, keep_standing_lists

    if rows := count_withdrawn(invocation.workspace):
        invocation.say(
            f"The model in use learned from {rows:,} rows that were withdrawn since: train and promote anew."
        )
    day = as_of or snapshot_day(invocation)
    _require_shadow_assessments(invocation)
    _say_hidden(invocation)
    inputs = digest_list_inputs(invocation, day)
    lists = None if refresh or now else find_standing_lists(invocation, day, inputs)
    if lists is not None:
        invocation.say(f"Nothing changed since the lists of {day} were made: they stand.")
        return lists
    result = _make_lists(invocation, day, refresh=refresh, engine=engine, master=master, now=now)
    keep_standing_lists(invocation, result, inputs)
    return result


def _make_lists(
    invocation: Invocation, day: date, *, refresh: bool, engine: str, master: str, now: datetime | None
) -> RankResult:
    from features.build import build_matrix
    from features.departures import find_departures
    from features.no_looks import find_no_looks
    from features.timeline import list_timelines
    from serving.ranking.worklist import rank_households

    matrix = build_matrix(invocation, purpose="rank", as_of=[day], engine=engine, master=master)
    issue = partial(
        rank_households, invocation, matrix, day, refresh=refresh, now=now,
        timelines=partial(list_timelines, invocation), departures=partial(find_departures, invocation),
        no_looks=partial(find_no_looks, invocation),
    )  # fmt: skip
    return issue(score=_scorer_on(master)) if engine == "spark" else issue()


def list_known_trouble(invocation: Invocation, as_of: date | None = None) -> list[KnownTrouble]:
    """Leave the lists of known trouble of a day, by default the newest snapshot's.

    Raises BlockedError while lists are suspended.
    """
    from features.known_trouble import write_known_trouble
    from serving.suspension import require_running

    require_running(invocation.workspace)
    return write_known_trouble(invocation, as_of or snapshot_day(invocation))


def _require_shadow_assessments(invocation: Invocation) -> None:
    """Refuse to make lists in shadow of real data before the assessments that the charter asks for."""
    release = find_current(invocation.workspace.release)
    if release is None or not in_shadow(invocation.workspace, release.name, find_today(invocation)):
        return
    policy = invocation.policy
    synthetic = bool(read_json(release / "manifest.json")["synthetic"])
    require_assessments(policy.assessments, "shadow", synthetic=synthetic)


def _say_hidden(invocation: Invocation) -> None:
    """Say what the model in use reads though nobody may be told of it: the next one is refused it, lists go on."""
    from features.grammar import Definition
    from features.permission import find_hidden

    definition = Definition.load(invocation.programme_folder / "definition.py")
    for hidden in find_hidden(definition, invocation.policy, invocation.register):
        invocation.say(f"The model in use stays; the next is refused: {hidden.sentence}")


def _scorer_on(master: str) -> Any:
    """Return what scores one date of a matrix on a Spark cluster: the same bundle, the same numbers."""
    from features.engines.spark import map_rows, open_session
    from serving.ranking.places import check_fits, score_in_folder

    def score(bundle: Any, matrix: Any, at: Any) -> Any:
        check_fits(bundle, matrix)
        rows = matrix.folder / f"as_of={at.as_of.isoformat()}" / "features.npy"
        return map_rows(open_session(master), rows, partial(score_in_folder, str(bundle.folder.resolve())))

    return score


def snapshot_day(invocation: Invocation) -> date:
    """Return the local date on which the newest linked snapshot was taken: the newest date it can speak for."""
    manifest = read_json(invocation.workspace.snapshot() / "manifest.json")
    return datetime.fromisoformat(manifest["taken_at"]).astimezone(invocation.council.time_zone).date()


def require_own_feature(invocation: Invocation, feature: str) -> None:
    """Raise UsageError for a feature that is another programme's, and not this one's."""
    from features.grammar import Definition

    def is_of(programme: str) -> bool:
        definition = Definition.load(invocation.council.folder / programme / "definition.py")
        return feature in {each.name for each in definition.features}

    if is_of(invocation.programme):
        return
    other = next((name for name in invocation.council.programmes if is_of(name)), None)
    if other is not None:
        raise UsageError(
            f"{feature} is a feature of {other}, not of {invocation.programme}.", f"Add --programme {other}."
        )


def reproduce_result(invocation: Invocation, name: str) -> tuple[bytes, str]:
    """Make a referral's sealed record or a run's model again; return its bytes, and the snapshot of a record.

    Raises WithdrawnError, naming what was withdrawn since, where the same bytes can't be made any more.
    """
    from features.build import build_matrix
    from features.timeline import list_timelines
    from serving.ranking.reproduction import find_origin, reproduce_record

    if (invocation.workspace.scores / name).is_dir():
        from training.keeping.reproduce import retrain_model
        from training.run import Run

        return retrain_model(invocation, Run.open(invocation.workspace, name)), ""
    snapshot, day = find_origin(invocation, name)
    matrix = build_matrix(invocation, purpose="rank", snapshot=snapshot, as_of=[day])
    return reproduce_record(invocation, name, matrix, partial(list_timelines, invocation)), snapshot


def start_without_model(invocation: Invocation) -> Path:
    """Leave the single view, the points list and the need map of the newest snapshot; return their folder."""
    from fairness_reports.publish.start import write_start
    from features.build import build_matrix
    from features.grammar import Definition
    from features.permission import refuse_hidden

    definition = Definition.load(invocation.programme_folder / "definition.py")
    refuse_hidden(definition, invocation.policy, invocation.register)
    day = snapshot_day(invocation)
    with time_step(invocation, "build"):
        matrix = build_matrix(invocation, purpose="rank", as_of=[day])
    with time_step(invocation, "start"):
        return write_start(invocation, matrix, day)


def board_pack(invocation: Invocation) -> Path:
    """Return where the newest audit's board pack is, or would be."""
    return (find_current(invocation.workspace.audit) or invocation.workspace.audit) / "report.html"
