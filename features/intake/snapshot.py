"""`read_deliveries`: every source of the register becomes one dated, immutable snapshot.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import new_folder, write_json
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from charter.invocation import Invocation
from charter.vault.key import Key
from charter.vault.made_up import confirm_snapshot, is_confirmed, is_made_up
from charter.vault.vault import Vault
from features.intake.column_drift import refuse_drift
from features.intake.database import open_database
from features.intake.feeds.profile import PROFILE, carry_profile
from features.intake.inputs import Input
from features.intake.keeping.expiry import leave_out_past
from features.intake.quarantine import Quarantine
from features.intake.snapshot_files import (
    count_known_dates,
    gather_feeds,
    list_sources,
    load_sets,
    make_sets,
    write_records,
)
from features.intake.source_reader import SourceReader
from features.pull_plan import PullPlan, PullResult

__all__ = ["read_deliveries", "refuse_full_disk"]


def read_deliveries(invocation: Invocation, pull: PullPlan, threads: int | None = None) -> PullResult:
    """Read the deliveries of a plan into a snapshot and return what was made.

    The writer lock is the caller's. Raises DataError (11) for data that breaks a rule; nothing is left behind then but
    the list of refused rows in `quarantine/`.
    """
    council, workspace, register = invocation.council, invocation.workspace, invocation.register
    plans, inputs, last, key, name = pull.plans, pull.inputs, pull.last, pull.key, pull.name
    vault = Vault.open(workspace.vault, key)
    with open_database(key, threads) as database, refuse_full_disk():
        quarantine = Quarantine(database, workspace.quarantine / "refused.parquet")
        refuse_drift(database, plans)
        load_sets(database, vault, last)
        with invocation.progress("Reading the extracts", sum(len(entry.digests) for entry in inputs)) as advance:
            before = None if last is None else last / "records"
            reader = SourceReader(database, register, council, quarantine, before, pull.confirmed, advance)
            counts = reader.read(plans)
        gather_feeds(database, plans, last)
        past_date = leave_out_past(invocation, database, pull.moment)
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "snapshot": name,
            "taken_at": pull.moment.isoformat(),
            "synthetic": pull.synthetic,
            "sources": list_sources(plans, counts),
            "deliveries": [row for plan in plans for row in plan.pulled],
            "known_dates": count_known_dates(database),
            "previous": None if last is None else last.name,
            "tables": {},
            "register_sha256": register.sha256,
            "key_id": key.id,
            "inputs": pull.digest,
        }
        check_document("snapshot", manifest)
        vault.put_sets(name, make_sets(database))
        quarantine.write(workspace.quarantine / f"{name}.parquet")
        with new_folder(workspace.store / name) as folder:
            write_records(database, folder / "records", plans)
            write_json(folder / PROFILE, carry_profile(last, reader.profile))
            write_json(folder / "manifest.json", manifest)
        if pull.synthetic and _is_made_up(workspace, key, inputs, last):
            confirm_snapshot(workspace, key, name)
        return PullResult(
            name,
            True,
            pull.synthetic,
            pull.moment,
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
