"""What a pull is to read, and whether the newest snapshot holds just that: decided before anything heavy is started.

Delivered files are told apart by their digests, so finding out is reading them once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from charter.contracts.files import content_id, read_json
from charter.council.council import Council
from charter.council.engagement_file import EngagementFile
from charter.council.practice import Practice
from charter.council.reading import File
from charter.council.receivers import Receivers
from charter.council.register import Register, Source
from charter.council.sign_in import SignIn
from charter.council.trial_design import TrialFile
from charter.errors import CharterError
from charter.invocation import Invocation
from charter.rules.policy import Policy
from charter.rules.scenarios import Scenarios
from charter.vault.key import Key
from features.charter_words import refuse_unknown_to_charter
from features.intake.inputs import Arrivals, Input, SourcePlan, find_inputs, plan_source

__all__ = ["PullPlan", "PullResult", "find_newest_snapshot", "plan_pull", "report_earlier"]

_NAMES_OF_FILE = ("service", "file", "sha256")


@dataclass(frozen=True)
class PullResult:
    """What a pull made; counts only."""

    snapshot: str
    made: bool
    synthetic: bool
    taken_at: datetime
    rows: int
    quarantined: int
    by_rule: Mapping[str, int]
    by_file: Mapping[str, Mapping[str, Any]]
    past_date: int = 0
    """Records that are past the date until which the register lets them be kept."""


@dataclass(frozen=True)
class PullPlan:
    """The deliveries that a snapshot will hold, and all that names it; `last` is the newest one there is.

    `confirmed` are services whose delivery may have lost more rows than the register tolerates: somebody asked them.
    """

    plans: Sequence[SourcePlan]
    last: Path | None
    key: Key
    synthetic: bool
    moment: datetime
    digest: str
    confirmed: frozenset[str]

    @property
    def inputs(self) -> Sequence[Input]:
        """Every delivery that is read."""
        return [entry for plan in self.plans for entry in plan.inputs]

    @property
    def name(self) -> str:
        """The snapshot's id: the day it was taken, and a hash of what goes in."""
        parts = [self.digest, self.moment.isoformat(), self.last.name if self.last else None]
        return f"{self.moment:%Y-%m-%d}-{content_id(parts)}"

    @property
    def earlier(self) -> Path | None:
        """The newest snapshot, where it holds all this already."""
        if self.last is None or read_json(self.last / "manifest.json").get("inputs") != self.digest:
            return None
        return self.last


def find_newest_snapshot(store: Path) -> Path | None:
    """Return the folder of the newest pulled snapshot, the one that no other followed; None where there is none."""
    folders = {path.parent.name: path.parent for path in store.glob("*/manifest.json")}
    before = {read_json(folder / "manifest.json").get("previous") for folder in folders.values()}
    heads = sorted(name for name in folders if name not in before)
    return folders[heads[-1]] if heads else None


def plan_pull(
    invocation: Invocation,
    *,
    taken_at: datetime | None = None,
    extracts: Path | None = None,
    confirmed: frozenset[str] = frozenset(),
) -> PullPlan:
    """Find every delivery of the register's sources and say what is read of each.

    `taken_at` is by default the largest received_at for synthetic deliveries, else now. Raises DataError (11) for a
    delivery that can't be read, and CharterError (12) for data that may not be held or another key.
    """
    council, workspace = invocation.council, invocation.workspace
    register = invocation.register
    policy = invocation.policy
    refuse_unknown_to_charter(register, policy)
    _refuse_unreviewed(register, invocation.today)
    now = datetime.now(UTC)
    key = Key.load(council, workspace)
    last = find_newest_snapshot(workspace.store)
    pulled = _list_pulled(last)
    arrivals = Arrivals(council, extracts or workspace.extracts, now)
    plans = [_plan(source, arrivals, pulled.get(source.service, [])) for source in register.enabled]
    inputs = [entry for plan in plans for entry in plan.inputs]
    asks = any(source.is_asked for source in register.enabled)
    synthetic = not asks and all(entry.delivery.synthetic for entry in inputs)
    if not synthetic:
        _refuse_examples(council, register, policy)
    moment = taken_at or (max(entry.delivery.received_at for entry in inputs) if synthetic and inputs else now)
    plan = PullPlan(plans, last, key, synthetic, moment, _digest_inputs(register, key, plans), confirmed)
    if plan.earlier is None:
        _refuse_other_key(last, key)
    return plan


def _list_pulled(last: Path | None) -> Mapping[str, list[Mapping[str, Any]]]:
    """Return the deliveries that the last snapshot holds, by service, as its manifest names them.

    One made by an earlier version does not name them: its feeds do, without the digest of what they held.
    """
    pulled: dict[str, list[Mapping[str, Any]]] = {}
    if last is None:
        return pulled
    manifest = read_json(last / "manifest.json")
    if "deliveries" in manifest:
        for row in manifest["deliveries"]:
            pulled.setdefault(row["service"], []).append(row)
        return pulled
    from features.intake.snapshot_files import read_feed_moments

    for service, received_at in read_feed_moments(last):
        moment = received_at.replace(tzinfo=UTC).isoformat()
        pulled.setdefault(service, []).append({"service": service, "received_at": moment, "sha256": None})
    return pulled


def _refuse_unreviewed(register: Register, today: date) -> None:
    for source in register.enabled:
        if source.review_by is not None and str(source.review_by)[:10] < today.isoformat():
            raise CharterError(
                f"the row of {source.service!r} was agreed until {source.review_by:%d %B %Y}, and nobody has reviewed "
                "it since: nothing is pulled.",
                "Let whoever answers for the source review it, and move `review_by` in register.toml.",
            )


def _refuse_examples(council: Council, register: Register, policy: Policy) -> None:
    """Rows written for the fictional borough decide nothing about real people, nor teach anybody about them."""
    files: list[File] = [council, policy, register, Scenarios.load(council.folder / "scenarios.toml", policy)]
    if (council.folder / "practice.toml").exists():
        files.append(Practice.load(council.folder))
    files.append(Receivers.load(council.folder))
    trial = TrialFile.find(council)
    engagements = EngagementFile.find(council.folder)
    files += [file for file in (trial, engagements) if file is not None]
    files.append(SignIn.load(council.folder, policy.acting.ids, [team.id for team in council.teams]))
    marked = [f"{file.path.name} ({file.marked[0]})" for file in files if file.marked]
    if marked:
        raise CharterError(
            f"these deliveries are not marked synthetic, and {marked[0]} still carries `example = true`.",
            "Copy the council folder, let those who answer for each row edit it, remove the mark, and name the copy "
            "with --council.",
        )


def _plan(source: Source, arrivals: Arrivals, pulled: Sequence[Mapping[str, Any]]) -> SourcePlan:
    return plan_source(source, find_inputs(source, arrivals, pulled), pulled)


def _digest_inputs(register: Register, key: Key, plans: Sequence[SourcePlan]) -> str:
    """One hash of everything that the snapshot will hold."""
    digests = {plan.source.service: [row["sha256"] for row in plan.pulled] for plan in plans}
    return content_id([register.sha256, key.id, digests])


def report_earlier(last: Path) -> PullResult:
    """Return what the newest snapshot was made with."""
    manifest = read_json(last / "manifest.json")
    rows = {
        f"{row['service']}/{row['file']}": {name: value for name, value in row.items() if name not in _NAMES_OF_FILE}
        for row in manifest["sources"]
    }
    return PullResult(
        manifest["snapshot"],
        False,
        manifest["synthetic"],
        datetime.fromisoformat(manifest["taken_at"]),
        sum(row["rows"] for row in rows.values()),
        sum(row["quarantined"] for row in rows.values()),
        {},
        rows,
    )


def _refuse_other_key(last: Path | None, key: Key) -> None:
    if last is not None and read_json(last / "manifest.json").get("key_id") != key.id:
        raise CharterError(
            f"the snapshot {last.name} was made with another key: pseudonyms would not match.",
            "Give the same key in $SOONER_KEY or $SOONER_KEY_FILE, or begin a new workspace with --workspace.",
        )
