"""`sooner status`: which results stand as things are now, which are older than what they were made from, and why.

    snapshot 2026-09-28-5043e6ed   the register changed since
    └─ matrix ea902e6bb54c7453     older than its snapshot

A result is compared with what its own manifest says went into it; nothing is computed and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from charter.contracts.files import file_digest, find_current, read_json
from charter.errors import SoonerError
from charter.invocation import Invocation
from charter.machine.code_version import digest_code
from charter.signing.signoffs import list_missing, read_signoffs
from fairness_reports.unchanged_audit import digest_audit_inputs, read_inputs
from features.build import read_as_of_dates
from features.grammar import Definition
from training.run_inputs import ROOMS

__all__ = ["Stage", "draw_stages", "list_stages", "say_looks_of_the_year"]


_OF_A_DAY = ("day", "other audits", "advice")
"""What an audit is made of that changes without making its findings old."""


@dataclass(frozen=True)
class Stage:
    """A result of the path: its id (empty: not there yet), what changed since, and the verb that makes it anew."""

    kind: str
    verb: str
    id: str
    stale: tuple[str, ...] = ()


def list_stages(invocation: Invocation) -> tuple[Stage, ...]:
    """Return the programme's newest results from snapshot to list, each after the one that it rests on."""
    stages = [_look_at_snapshot(invocation)]
    for look in (_look_at_matrix, _look_at_run, _look_at_decision, _look_at_release, _look_at_list):
        before = stages[-1]
        stage = look(invocation, before.id)
        if stage.id and before.stale:
            stage = Stage(stage.kind, stage.verb, stage.id, (f"older than its {before.kind}", *stage.stale))
        stages.append(stage)
    return tuple(stages)


def draw_stages(stages: Sequence[Stage]) -> str:
    """Return the results as a small tree, with the first verb to run where anything is stale or missing."""
    width = max(len(f"{'   ' * depth}{stage.kind} {stage.id}") for depth, stage in enumerate(stages)) + 2
    lines = []
    for depth, stage in enumerate(stages):
        name = f"{'   ' * (depth - 1)}{'└─ ' if depth else ''}{stage.kind} {stage.id or '-'}"
        words = "; ".join(stage.stale) if stage.id else "not there yet"
        lines.append(f"{name:{width}}{words or 'as things are now'}".rstrip())
    first = next((stage for stage in stages if stage.stale or not stage.id), None)
    return "\n".join([*lines, f"Next: `sooner {first.verb}`." if first else "Nothing is stale."])


def say_looks_of_the_year(invocation: Invocation) -> str:
    """Return how many households below the line lots put on lists in twelve months, of the charter's most.

    Empty where the charter lets no lot draw, or no list was made. Reads the casework database.
    """
    policy = invocation.charter
    if not policy.largest_lot or find_current(invocation.workspace.worklist) is None:
        return ""
    # A database is opened only where there is something to count.
    from serving.ranking.year_of_looks import count_in_a_year
    from serving.store.store import open_store

    with open_store(invocation.workspace) as store:
        days = [date.fromisoformat(day) for day in store.days_of_looks(invocation.programme)]
    looks = count_in_a_year(days, max([*days, invocation.today]))
    most = policy.most_looks_a_year
    words = "no most is named" if most is None else f"at most {most}"
    purpose = "" if policy.looks_purpose else " The charter names no purpose for them: [exploration] purpose."
    return f"Looks below the line by lot in the last twelve months: {looks} ({words}).{purpose}"


def _look_at_snapshot(invocation: Invocation) -> Stage:
    try:
        folder = invocation.workspace.snapshot()
    except SoonerError:
        return Stage("snapshot", "pull", "")
    manifest = read_json(folder / "manifest.json")
    changed = _compare({"register_sha256": "register.toml"}, manifest, {"register_sha256": invocation.register.sha256})
    return Stage("snapshot", "pull", folder.name, changed)


def _look_at_matrix(invocation: Invocation, snapshot: str) -> Stage:
    manifest = _read_newest(invocation.workspace.matrix)
    if not manifest:
        return Stage("matrix", "build", "")
    dates, _ = read_as_of_dates(invocation.settings.training.as_of)
    now = {
        "snapshot": snapshot,
        "definition": Definition.load(invocation.programme_folder / "definition.py").hash,
        "as_of": sorted(day.isoformat() for day in dates),
        "charter.toml": invocation.policy.sha256,
    }
    then = {**manifest, "as_of": sorted(manifest["as_of"]), "charter.toml": manifest["inputs"]["charter.toml"]}
    words = {"snapshot": "snapshot", "definition": "definition.py", "as_of": "[as_of]", "charter.toml": "charter.toml"}
    return Stage("matrix", "build", manifest["id"], _compare(words, then, now))


def _look_at_run(invocation: Invocation, matrix: str) -> Stage:
    manifest = _read_newest(invocation.workspace.scores)
    if not manifest:
        return Stage("run", "train", "")
    folder = invocation.programme_folder
    now = {
        "matrix": matrix,
        "training.toml": file_digest(folder / "training.toml"),
        "worklist.toml": file_digest(folder / "worklist.toml"),
        "council.toml": file_digest(invocation.council.folder / "council.toml"),
        "code": digest_code(ROOMS),
    }
    words = {name: name for name in now} | {"code": "Sooner's own code"}
    return Stage("run", "train", manifest["id"], _compare(words, {**manifest, **manifest["inputs"]}, now))


def _look_at_decision(invocation: Invocation, run: str) -> Stage:
    folder = find_current(invocation.workspace.audit)
    if folder is None or not (folder / "decision.json").exists():
        return Stage("decision", "audit" if folder is None else "decide", "")
    decision = read_json(folder / "decision.json")
    now = {
        "run": run,
        "charter_sha256": invocation.policy.sha256,
        "findings_sha256": file_digest(folder / "findings.json"),
    }
    words = {"run": "run", "charter_sha256": "charter.toml", "findings_sha256": "findings"}
    changed = _compare(words, decision, now)
    if folder.name == run:
        changed = tuple(dict.fromkeys((*changed, *_look_at_audit(invocation, folder))))
    return Stage("decision", "audit", folder.name, changed)


def _look_at_audit(invocation: Invocation, folder: Path) -> tuple[str, ...]:
    """Return what of a run's audit changed since: its rows, tables, settings, requests, or Sooner's own code."""
    then = read_inputs(folder)
    if not then:
        return ()
    now = digest_audit_inputs(invocation, invocation.workspace.scores / folder.name)
    titles = {"code": "Sooner's own code", "versions": "a library", "rights": "what residents asked"}
    words = {name: titles.get(name, name.removeprefix("council/")) for name in now if name not in _OF_A_DAY}
    return _compare(words, then, now)


def _look_at_release(invocation: Invocation, run: str) -> Stage:
    manifest = _read_newest(invocation.workspace.release)
    verb = _find_release_verb(invocation)
    if not manifest:
        return Stage("release", verb, "")
    return Stage("release", verb, manifest["id"], _compare({"run": "decision"}, manifest, {"run": run}))


def _find_release_verb(invocation: Invocation) -> str:
    """Return what comes before a release: the first sign-off that its decision lacks, then `promote`."""
    folder = find_current(invocation.workspace.audit)
    if folder is None or not (folder / "decision.json").exists():
        return "promote"
    path = folder / "decision.json"
    decision = read_json(path)
    if decision["decision"] == "block":
        return "promote"
    lacking = list_missing(
        "decision",
        file_digest(path),
        invocation.policy,
        read_signoffs(folder / "signoffs.toml"),
        invocation.today,
        synthetic=bool(decision.get("synthetic", False)),
    )
    return f"sign --what decision --role {lacking[0].id}" if lacking else "promote"


def _look_at_list(invocation: Invocation, _release: str) -> Stage:
    folder = find_current(invocation.workspace.worklist)
    if folder is None:
        return Stage("list", "rank", "")
    snapshot = _look_at_snapshot(invocation).id
    document = read_json(folder / "list.json")
    return Stage("list", "rank", folder.name, _compare({"snapshot": "snapshot"}, document, {"snapshot": snapshot}))


def _read_newest(kind: Path) -> dict[str, Any]:
    folder = find_current(kind)
    return read_json(folder / "manifest.json") if folder is not None else {}


def _compare(words: Mapping[str, str], then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{title} changed since" for name, title in words.items() if then.get(name) != now[name])
