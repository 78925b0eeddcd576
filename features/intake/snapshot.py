"""`read_sources`: every source of the register becomes one dated, immutable snapshot.

    store/2026-09-28-0123456789abcdef/
      manifest.json       contract `snapshot`: every input with its sha256, rows and quarantined rows
      records/            what the services said, with pseudonyms for people and homes
        events.parquet addresses.parquet coverage.parquet permission.parquet protected.parquet places.parquet
        feeds.parquet     one row per delivery, earlier ones included
        canonical_*.parquet   tables of sources that are canonical already

Names, dates of birth, addresses and identifiers go to the vault and nowhere else. The id is the day it was taken and
a hash of what went in, so the same inputs make the same snapshot; unchanged inputs make none. Everything is written
beside and renamed: a kill leaves the last snapshot as it was.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id, new_folder, read_json, write_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.council.practice import Practice
from charter.council.reading import File
from charter.council.receivers import Receivers
from charter.council.register import Register, Source
from charter.council.sign_in import SignIn
from charter.council.trial_design import TrialFile
from charter.errors import CharterError, DataError
from charter.invocation import Invocation
from charter.rules.policy import Policy
from charter.rules.scenarios import Scenarios
from charter.vault.key import Key
from charter.vault.made_up import confirm_snapshot, is_confirmed, is_made_up
from charter.vault.vault import Vault
from features.intake.column_drift import refuse_drift
from features.intake.database import open_database
from features.intake.feeds.profile import PROFILE, carry_profile
from features.intake.inputs import Arrivals, Input, SourcePlan, find_inputs, plan_source
from features.intake.keeping.expiry import leave_out_past
from features.intake.quarantine import Quarantine
from features.intake.snapshot_files import gather_feeds, list_pulled, list_sources, load_sets, make_sets, write_records
from features.intake.source_reader import SourceReader

__all__ = ["PullResult", "find_newest_snapshot", "read_sources", "refuse_full_disk"]

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


def find_newest_snapshot(store: Path) -> Path | None:
    """Return the folder of the newest pulled snapshot, the one that no other followed; None where there is none."""
    folders = {path.parent.name: path.parent for path in store.glob("*/manifest.json")}
    before = {read_json(folder / "manifest.json").get("previous") for folder in folders.values()}
    heads = sorted(name for name in folders if name not in before)
    return folders[heads[-1]] if heads else None


def read_sources(
    invocation: Invocation,
    *,
    taken_at: datetime | None = None,
    extracts: Path | None = None,
    threads: int | None = None,
    confirmed: frozenset[str] = frozenset(),
) -> PullResult:
    """Read every source into a snapshot and return what was made.

    `confirmed` are services whose delivery may have lost more rows than the register tolerates: somebody asked them.

    `taken_at` is by default the largest received_at for synthetic deliveries, else now. The writer lock is the
    caller's. Raises DataError (11) for data that breaks a rule and CharterError (12) for data that may not be held;
    nothing is left behind then but the list of refused rows in `quarantine/`.
    """
    council, workspace = invocation.council, invocation.workspace
    register = invocation.register
    policy = invocation.policy
    _refuse_unknown_to_charter(register, policy)
    _refuse_unreviewed(register, invocation.today)
    now = datetime.now(UTC)
    key = Key.load(council, workspace)
    last = find_newest_snapshot(workspace.store)
    pulled = list_pulled(last)
    arrivals = Arrivals(council, extracts or workspace.extracts, now)
    plans = [_plan(source, arrivals, pulled.get(source.service, [])) for source in register.enabled]
    inputs = [entry for plan in plans for entry in plan.inputs]
    asks = any(source.is_asked for source in register.enabled)
    synthetic = not asks and all(entry.delivery.synthetic for entry in inputs)
    if not synthetic:
        _refuse_examples(council, register, policy)
    moment = taken_at or (max(entry.delivery.received_at for entry in inputs) if synthetic and inputs else now)
    digest = _digest_inputs(register, key, plans)
    if last is not None and _is_unchanged(last, digest):
        return _report_earlier(last)
    _refuse_other_key(last, key)
    name = f"{moment:%Y-%m-%d}-{content_id([digest, moment.isoformat(), last.name if last else None])}"
    vault = Vault.open(workspace.vault, key)
    with open_database(key, threads) as database, refuse_full_disk():
        quarantine = Quarantine(database, workspace.quarantine / "refused.parquet")
        refuse_drift(database, plans)
        load_sets(database, vault, last)
        with invocation.progress("Reading the extracts", sum(len(entry.digests) for entry in inputs)) as advance:
            before = None if last is None else last / "records"
            reader = SourceReader(database, register, council, quarantine, before, confirmed, advance)
            counts = reader.read(plans)
        gather_feeds(database, plans, last)
        past_date = leave_out_past(invocation, database, moment)
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "snapshot": name,
            "taken_at": moment.isoformat(),
            "synthetic": synthetic,
            "sources": list_sources(plans, counts),
            "deliveries": [row for plan in plans for row in plan.pulled],
            "previous": None if last is None else last.name,
            "tables": {},
            "register_sha256": register.sha256,
            "key_id": key.id,
            "inputs": digest,
        }
        check_document("snapshot", manifest)
        vault.put_sets(name, make_sets(database))
        quarantine.write(workspace.quarantine / f"{name}.parquet")
        with new_folder(workspace.store / name) as folder:
            write_records(database, folder / "records", plans)
            write_json(folder / PROFILE, carry_profile(last, reader.profile))
            write_json(folder / "manifest.json", manifest)
        if synthetic and _is_made_up(workspace, key, inputs, last):
            confirm_snapshot(workspace, key, name)
        return PullResult(
            name,
            True,
            synthetic,
            moment,
            sum(count.rows for count in counts.values()),
            sum(count.quarantined for count in counts.values()),
            quarantine.by_rule(),
            {where: count.document() for where, count in counts.items()},
            past_date,
        )


def _is_made_up(workspace: Workspace, key: Key, inputs: Sequence[Input], last: Path | None) -> bool:
    """Whether a snapshot holds what synth made alone: its files, and the snapshot that it goes on from."""
    digests = [digest for entry in inputs for digest in entry.digests.values()]
    return is_made_up(workspace, digests) and (last is None or is_confirmed(workspace, key, [last.name]))


def _refuse_unknown_to_charter(register: Register, policy: Policy) -> None:
    for source in register.enabled:
        for signal in source.signals:
            if not any(policy.allows(signal.name, purpose) for purpose in source.purposes):
                raise CharterError(
                    f"the charter does not know {signal.name!r}: it allows it for no purpose that the register gives.",
                    "Ask the board to add it to an [[allow]] row of charter.toml, or remove it from register.toml.",
                )


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
    files += [trial] if trial else []
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


def _is_unchanged(last: Path, said: str) -> bool:
    return bool(read_json(last / "manifest.json").get("inputs") == said)


def _report_earlier(last: Path) -> PullResult:
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


@contextmanager
def refuse_full_disk() -> Iterator[None]:
    """Say plainly that a disk or the memory is full; what was begun beside has been removed by then."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise _no_room("disk") from None
    except duckdb.IOException:
        raise _no_room("disk") from None
    except duckdb.OutOfMemoryException:
        raise _no_room("memory") from None


def _no_room(what: str) -> DataError:
    return DataError(f"there is no room left in {what}.", "Make room and try again: nothing was lost or changed.")
